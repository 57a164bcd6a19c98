"""Which rule fits a message: exact phrases by a table, the others by the rarest word of each phrase. Made once per set of rules, then only
read, by any number of threads.

A message is compared with the rules of its language and with those for every language, all with the endings of that language. When
nobody knows its language it is compared with all rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot import ReplyRule
from plugins.auto_reply.words import cut, language_of, tokens, whole

_KINDS = ("exact", "partial", "keyword")
LANGUAGES = 16
"""Languages whose endings are kept ready for the rules for every language."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that fits, and the phrase by which it does."""

    rule: ReplyRule
    phrase: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message was taken for, and all rules that fit, the one that answers first."""

    language: str
    words: int
    hits: tuple[Hit, ...]


@dataclass(slots=True)
class _Entry:
    rank: int
    rule: ReplyRule
    phrase: str
    units: tuple[tuple[str, ...], ...]
    """Parts of which each must stand in the message, its words in a row. A partial phrase is one part, a keyword phrase one per word."""


class _Index:
    """Partial and keyword phrases under their rarest word."""

    def __init__(self, found: Sequence[tuple[int, ReplyRule, str]], language: str) -> None:
        entries = [_Entry(rank, rule, phrase, _units(rule, phrase, language)) for rank, rule, phrase in found]
        counts = Counter(word for entry in entries for unit in entry.units for word in unit)
        self.anchors: dict[str, list[_Entry]] = {}
        for entry in sorted(entries, key=lambda one: one.rank):
            rarest = min((word for unit in entry.units for word in unit), key=lambda word: counts[word], default="")
            if rarest:
                self.anchors.setdefault(rarest, []).append(entry)

    def fitting(self, message: Sequence[str], site: str, keywords: bool) -> Iterator[_Entry]:
        """Entries of a site that fit. ``keywords``: those too."""
        there: dict[str, list[int]] = {}
        for place, word in enumerate(message):
            there.setdefault(word, []).append(place)
        for word in there.keys() & self.anchors.keys():
            for entry in self.anchors[word]:
                rule = entry.rule
                if (rule.site_id in ("", site) and (keywords or rule.match == "partial")) and all(
                    _stands(unit, message, there) for unit in entry.units
                ):
                    yield entry


def _units(rule: ReplyRule, phrase: str, language: str) -> tuple[tuple[str, ...], ...]:
    if rule.match == "partial":
        return (tuple(tokens(cut(phrase), language)),)
    # A word in a script without blanks is a row of characters.
    return tuple(unit for part in phrase.split() if (unit := tuple(tokens(cut(part), language))))


def _stands(unit: tuple[str, ...], message: Sequence[str], there: dict[str, list[int]]) -> bool:
    places = there.get(unit[0])
    if places is None:
        return False
    size = len(unit)
    return size == 1 or any(tuple(message[place : place + size]) == unit for place in places)


class Matcher:
    """A set of rules, ready to be asked."""

    def __init__(self, rules: Sequence[ReplyRule], default: str = "en", ready: Sequence[str] = ()) -> None:
        """``default``: language whose endings count where nobody knows the language. ``ready``: others to prepare now."""
        self.default = default
        self.count = 0
        phrases = []
        for rule in rules:
            if rule.enabled:
                self.count += 1
                phrases += [(rule, phrase) for phrase in rule.phrases]
        phrases.sort(key=_order)
        self._exact: dict[str, list[tuple[int, ReplyRule, str]]] = {}
        self._others: dict[str, list[tuple[int, ReplyRule, str]]] = {}
        for rank, (rule, phrase) in enumerate(phrases):
            if rule.match == "exact":
                self._exact.setdefault(whole(phrase), []).append((rank, rule, phrase))
            else:
                self._others.setdefault(rule.language, []).append((rank, rule, phrase))
        self._own = {language: _Index(found, language) for language, found in self._others.items() if language}
        self._common: dict[str, _Index] = {}
        for language in dict.fromkeys((default, *ready)):
            self._for_every(language)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages for which the rules for every language are ready."""
        return tuple(self._common)

    def _for_every(self, language: str) -> _Index:
        ready = self._common.get(language)
        if ready is None:
            ready = _Index(self._others.get("", ()), language)
            if len(self._common) < LANGUAGES:
                self._common[language] = ready
        return ready

    def best(self, text: str, *, site: str, language: str = "", short: int = 0) -> Hit | None:
        """The rule that answers. ``site`` is a site's id; ``short``: words of the longest message for keyword rules, 0 for any."""
        words = cut(text)
        best: tuple[int, ReplyRule, str] | None = None
        for found in self._fitting(text, words, language_of(words, language), site, short):
            if best is None or found[0] < best[0]:
                best = found
        return None if best is None else Hit(best[1], best[2])

    def hear(self, text: str, *, site: str, language: str = "", short: int = 0) -> Heard:
        """As :meth:`best`, with all rules that fit, each once by its best phrase."""
        words = cut(text)
        spoken = language_of(words, language)
        first: dict[str, tuple[int, ReplyRule, str]] = {}
        for found in self._fitting(text, words, spoken, site, short):
            before = first.get(found[1].name)
            if before is None or found[0] < before[0]:
                first[found[1].name] = found
        hits = tuple(Hit(rule, phrase) for _, rule, phrase in sorted(first.values(), key=lambda one: one[0]))
        return Heard(spoken, len(words), hits)

    def _fitting(
        self, text: str, words: list[str], language: str, site: str, short: int
    ) -> Iterator[tuple[int, ReplyRule, str]]:
        for found in self._exact.get(whole(text), ()):
            rule = found[1]
            if rule.site_id in ("", site) and (not language or rule.language in ("", language)):
                yield found
        keywords = not short or len(words) <= short
        for index, stems in self._indexes(language):
            for entry in index.fitting(tokens(words, stems), site, keywords):
                yield entry.rank, entry.rule, entry.phrase

    def _indexes(self, language: str) -> Iterator[tuple[_Index, str]]:
        if "" in self._others:
            stems = language or self.default
            yield self._for_every(stems), stems
        for own, index in self._own.items():
            if not language or own == language:
                yield index, own


def _order(one: tuple[ReplyRule, str]) -> tuple[object, ...]:
    """The higher priority first, then exact before partial before keyword, the longer phrase, one site before all, one language before
    all, at last by name, so that equal rules are not a matter of luck."""
    rule, phrase = one
    return (
        -rule.priority, _KINDS.index(rule.match), -len(cut(phrase)), not rule.site_id, not rule.language, rule.name, phrase
    )  # fmt: skip
