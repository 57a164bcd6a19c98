"""The work itself: finding, naming and replacing, in a whole prompt or in one text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from bot import (
    Passage,
    PersonalData,
    Prompt,
    compile_patterns,
    escape_placeholders,
    mask_in_logs,
    placeholders_for,
    placeholders_of,
    plain_text,
    words_for,
)

NEVER_PUBLIC = frozenset({"CARD", "KEY"})
"""A card's number in an article is a mistake: it stays out all the same."""
Value = tuple[str, str]


@lru_cache(maxsize=8)
def shield_of(
    kinds: tuple[str, ...], regions: tuple[str, ...], patterns: tuple[tuple[str, str], ...], public: tuple[str, ...]
) -> Shield:
    """The shield for these settings, made once."""
    compiled = compile_patterns(dict(patterns))
    mask_in_logs(compiled)
    detector = PersonalData([kind.upper() for kind in kinds], regions=regions, patterns=compiled)
    detector.warm()  # in the first call, which may take longer than others
    return Shield(detector, public)


class Shield:
    """Used by many threads."""

    def __init__(self, detector: PersonalData, public: Iterable[str] = ()) -> None:
        self.detector = detector
        values = [value.strip().casefold() for value in public if value.strip()]
        self._domains = tuple(value for value in values if value.startswith("@"))
        self._public = frozenset(_bare(value) for value in values)

    def prompt(self, prompt: Prompt, conversation_id: str, *, articles: bool = False) -> Prompt:
        """The prompt with names in place of what was found, and with what they stand for."""
        house, added = _parted(prompt)
        passages = [part for passage in prompt.passages for part in _parts(passage)] if articles else []
        texts = [_clean(text) for text in (added, *(message.text for message in prompt.messages), *passages)]
        known = _Known(house, () if articles else prompt.passages)
        found = [self._found(text, known) for text in texts]
        values = [value for several in found for *_, value in several]
        names = placeholders_for(conversation_id, values)
        texts = [_named(text, several, names) for text, several in zip(texts, found, strict=True)]
        system, *texts = texts
        messages = tuple(
            message if message.text == text else replace(message, text=text)
            for message, text in zip(prompt.messages, texts, strict=False)
        )
        placeholders = dict(prompt.placeholders)
        for value in values:
            placeholders.setdefault(names[value], value[1])
        if values:
            # What stands in messages that the model no longer sees may still be spoken of: an agent's summary, an earlier answer.
            placeholders = {**placeholders_of(conversation_id), **placeholders}
        return replace(
            prompt,
            system=escape_placeholders(house) + system,
            messages=messages,
            passages=tuple(_passages(prompt.passages, texts[len(messages) :])),
            placeholders=placeholders,
        )

    def look(self, text: str) -> list[Value]:
        """What would be taken out, in order."""
        return [value for *_, value in self._found(plain_text(text), _Known("", ()))]

    def mask(self, text: str) -> str:
        """``text`` with plain words in place of what was found."""
        text = plain_text(text)
        found = self._found(text, _Known("", ()))
        return _named(text, found, {value: words_for(value[0]) for *_, value in found})

    def _found(self, text: str, known: _Known) -> list[tuple[int, int, Value]]:
        found = [(one.start, one.end, (one.kind, text[one.start : one.end])) for one in self.detector.find(text)]
        return [one for one in found if one[2][0] in NEVER_PUBLIC or not self._may_be_seen(one[2][1], known)]

    def _may_be_seen(self, value: str, known: _Known) -> bool:
        return self._is_public(value) or known.holds(value)

    def _is_public(self, value: str) -> bool:
        folded = value.casefold()
        return _bare(folded) in self._public or folded.endswith(self._domains)


class _Known:
    """What the provider is told anyway: the house's own words and the articles."""

    def __init__(self, house: str, passages: Sequence[Passage]) -> None:
        self._texts = (house, *(part for passage in passages for part in _parts(passage)))
        self._folded: list[str] | None = None

    def holds(self, value: str) -> bool:
        if self._folded is None:
            self._folded = [_clean(text).casefold() for text in self._texts if text]
        wanted = value.casefold()
        return any(_stands(wanted, text) for text in self._folded)


def _stands(value: str, text: str) -> bool:
    """Whether ``value`` stands in ``text`` as a whole: "info@shop.example" is not known by "anna-info@shop.example"."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        before, behind = text[max(0, at - 2) : at], text[end : end + 2]
        # Digits behind a blank are of the same number.
        longer = (value[0].isdigit() and re.fullmatch(r"\d[ /]", before)) or re.search(r"[\w.+-]$", before)
        longer = (
            longer or re.match(r"[\w@]|[.+-]\w", behind) or (value[-1].isdigit() and re.fullmatch(r"[ /]\d", behind))
        )
        if not longer:
            return True
        at = text.find(value, at + 1)
    return False


def _parted(prompt: Prompt) -> tuple[str, str]:
    """What admins wrote of the system prompt, and what plugins added."""
    own = prompt.house if prompt.house and prompt.system.startswith(prompt.house) else ""
    return own, prompt.system[len(own) :]


def _clean(text: str) -> str:
    return escape_placeholders(plain_text(text))


def _bare(value: str) -> str:
    """Numbers are the same however they are grouped."""
    return "".join(char for char in value if char.isalnum() or char in "@+._-") if "@" in value else _digits(value)


def _digits(value: str) -> str:
    return "".join(char for char in value if char.isalnum() or char == "+")


def _named(text: str, found: Sequence[tuple[int, int, Value]], names: dict[Value, str]) -> str:
    out: list[str] = []
    at = 0
    for start, end, value in found:
        out += (text[at:start], names[value])
        at = end
    return "".join((*out, text[at:])) if out else text


def _parts(passage: Passage) -> tuple[str, str, str, str]:
    return passage.title, passage.heading, passage.text, passage.url


def _passages(passages: Sequence[Passage], texts: Sequence[str]) -> Iterable[Passage]:
    """With the new texts of each, if there are any; else only with nothing in them that looks like a name of ours."""
    for n, passage in enumerate(passages):
        parts = texts[4 * n : 4 * n + 4] if texts else [escape_placeholders(part) for part in _parts(passage)]
        same = tuple(parts) == _parts(passage)
        yield passage if same else replace(passage, title=parts[0], heading=parts[1], text=parts[2], url=parts[3])
