"""Knowledge as it is compared: passages cut into statements, each with its facts, its words and what stands around it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

from bot import Passage
from plugins.grounding.fact import Fact, named
from plugins.grounding.facts import facts
from plugins.grounding.sentences import sentences
from plugins.grounding.words import language_of, tokens

LONGEST = 6_000
"""Characters of a passage that are read."""
_WORDS = re.compile(r"[^\W_]+")
_CUT = re.compile(
    r"[,;](?=\s)|\s[–—-]\s|(?<=[a-zäöüßéèáíóú.] )\b(?:and|but|while|whereas|und|aber|während|et|mais|tandis|y|pero|mientras)\b(?= )"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, or the part of one that says one thing: "Express costs €9" out of "Standard costs €4, express costs €9"."""

    text: str
    facts: tuple[Fact, ...]
    words: frozenset[str]
    subject: frozenset[str] = frozenset()
    """Words that its sentence began with, of which it goes on to speak."""
    behind: frozenset[str] = frozenset()
    """Words that come later in its sentence, where it says another thing."""
    before: frozenset[str] = frozenset()
    """Words of the sentence before it, which it may speak of as "it"."""
    above: frozenset[str] = frozenset()
    """Words of the title, which stands above much else as well."""
    head: frozenset[str] = frozenset()
    """Words of the heading, and of the head of its table: they say what it is about."""
    spelled: frozenset[str] = frozenset()
    """Every word of it, folded: where names are looked for."""


@dataclass(frozen=True, slots=True)
class Read:
    """A passage that was read."""

    id: str
    language: str
    statements: tuple[Statement, ...]
    words: frozenset[str]


def read(passages: Iterable[Passage]) -> list[Read]:
    """Read passages. Each is read once and remembered for a while."""
    return [_read(one.id, one.title, one.heading, one.text[:LONGEST], one.url, one.language) for one in passages]


@lru_cache(maxsize=512)
def _read(id_: str, title: str, heading: str, text: str, url: str, told: str) -> Read:
    language = language_of(f"{title} {heading}\n{text}", told.partition("-")[0].lower())
    above = frozenset(word for word, _ in tokens(title, language))
    place = frozenset(word for word, _ in tokens(heading, language))
    found: list[Statement] = []
    before: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()  # what stands at the head of a table belongs to each of its rows
    head = " – ".join(filter(None, (title, heading)))
    for words in (head, *(one.bare for one in sentences(text)), url):
        if not words:
            continue
        row = words.startswith("|")
        columns = (columns or frozenset(word for word, _ in tokens(words, language))) if row else frozenset()
        parts, whole = statements(words, language)
        found += (
            replace(
                one,
                before=before,
                above=above,
                head=place | columns,
                spelled=frozenset(named(word) for word in _WORDS.findall(one.text)),
            )
            for one in parts
        )
        before = whole
    everything = frozenset(word for one in found for word in one.words) | above | place
    return Read(id_, language, tuple(found), everything)


def statements(sentence: str, language: str) -> tuple[list[Statement], frozenset[str]]:
    """Cut a sentence where it goes on to say the same sort of thing of something else; also all its words."""
    found = facts(sentence, language)
    pieces = [
        _Piece(start, end, [one for one in found if start <= one.start < end])
        for start, end in _pieces(sentence, found)
    ]
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and not _another(merged[-1], piece, sentence, language):
            merged[-1] = _Piece(merged[-1].start, piece.end, [*merged[-1].facts, *piece.facts])
        else:
            merged.append(piece)
    # What is a part of a number or a date is compared as such.
    hard = [fact for fact in found if fact.kind != "name"]
    said = [(word, at) for word, at in tokens(sentence, language) if not any(one.start <= at < one.end for one in hard)]

    def between(start: int, end: int) -> frozenset[str]:
        return frozenset(word for word, at in said if start <= at < end)

    return [
        Statement(
            sentence[one.start : one.end],
            tuple(one.facts),
            between(one.start, one.end),
            between(0, one.start),
            between(one.end, len(sentence)),
        )
        for one in merged
    ], between(0, len(sentence))


@dataclass(slots=True)
class _Piece:
    start: int
    end: int
    facts: list[Fact] = field(default_factory=list)


def _pieces(sentence: str, found: Sequence[Fact]) -> list[tuple[int, int]]:
    cuts = [
        one.start()
        for one in _CUT.finditer(sentence)
        if not any(fact.start <= one.start() < fact.end for fact in found)
    ]
    edges = [0, *cuts, len(sentence)]
    return [(start, end) for start, end in pairwise(edges) if end > start]


def _another(one: _Piece, other: _Piece, sentence: str, language: str) -> bool:
    """Whether the second piece begins to speak of something else: it has words of its own and a rival of the first one's facts."""
    kinds = {fact.kind for fact in one.facts if fact.kind != "name"}
    shared = {fact.kind for fact in other.facts if fact.kind in kinds}
    if not shared or len(shared) > 1:
        return bool(shared)
    first = min(fact.start for fact in other.facts if fact.kind in shared)
    free = [
        at
        for at in (other.start + at for _, at in tokens(sentence[other.start : other.end], language))
        if not any(fact.start <= at < fact.end for fact in other.facts if fact.kind != "name")
    ]
    # "Mondays, Tuesdays and Thursdays from 8 to 12" is one list of days.
    return any(at < first for at in free) if shared == {"weekday"} == kinds else bool(free)
