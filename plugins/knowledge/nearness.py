"""How near a question is to another one: lines of an article that are like questions, compared by words, pairs of words and letters.

A line is what stands above a passage (title and heading) or a whole passage of few words: a question in a sheet of questions and
answers, an entry of a list. Of such lines small words count as well ("how long", "why not"), because there is little else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern

from bot import Passage
from plugins.knowledge.words import SMALL, spoken_words

LABEL, BODY = 24, 80
"""Words that a title with its heading, and a passage, may have to be a line."""
ASKED = 60
"""Words of a question that is compared with lines: a long message is a story, and no line is like it."""
_WINDOW = 3  # words between which a pair is made
QUESTION, ENTRY, NAME = "?", "*", "-"
SEPARATOR = " › "
_MARKS = ("?", "？", "؟", ";")
UNIT = 1_024
"""Weights are whole numbers of this part, so that a sum is the same in whichever order it is made."""
_K1, _B = 1.2, 0.6
_WORDS, _GRAMS, _PAIRS = 10.0, 45.0, 9.0  # of a line of common length


@dataclass(frozen=True, slots=True)
class Line:
    """One line, ready to be compared."""

    words: frozenset[str]
    grams: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    question: bool
    """True for what is like a question itself, False for the name of a subject."""
    listed: bool
    """True for an entry of a list of questions."""
    shares: tuple[float, float, float]
    """What a match is worth in a line of this length, for each of the three."""


@dataclass(slots=True)
class Likeness:
    """How like a question a line is, by words, letters and pairs; 1 is as like as itself, each."""

    words: float = 0.0
    grams: float = 0.0
    pairs: float = 0.0

    @property
    def sum(self) -> float:
        return self.words + self.grams + self.pairs


_NONE = Likeness()


@dataclass(slots=True)
class Sought:
    """A question, ready to be compared with lines: what each word, triple of letters and pair of words is worth."""

    words: dict[str, int] = field(default_factory=dict)
    grams: dict[str, int] = field(default_factory=dict)
    pairs: dict[tuple[str, str], int] = field(default_factory=dict)
    said: frozenset[str] = frozenset()
    letters: frozenset[str] = frozenset()
    whole: tuple[int, int, int] = (0, 0, 0)
    rarest: tuple[float, float] = (1.0, 1.0)
    """What a word and three letters are worth that a single passage has."""

    @property
    def strength(self) -> tuple[float, float]:
        """How much it says, in words and in triples of letters as rare as can be."""
        return self.whole[0] / UNIT / self.rarest[0], self.whole[1] / UNIT / self.rarest[1]

    def likeness(self, line: Line) -> Likeness:
        """Compare with a line."""
        all_words, all_grams, all_pairs = self.whole
        if not all_words:
            return _NONE
        of_words, of_grams, of_pairs = line.shares
        same = line.words & self.said
        grams = sum(map(self.grams.__getitem__, line.grams & self.letters))
        pairs = sum(map(self.pairs.__getitem__, line.pairs & self.pairs.keys())) if len(same) > 1 else 0
        return Likeness(
            sum(map(self.words.__getitem__, same)) * of_words / all_words,
            grams * of_grams / all_grams,
            pairs * of_pairs / all_pairs if pairs else 0.0,
        )


def lines_of(passage: Passage, language: str, listed: bool) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield the lines of a passage: its kind (``QUESTION``, ``ENTRY`` or ``NAME``), its stems and its folded words."""
    heading = passage.heading.rpartition(SEPARATOR)[2]
    label = spoken_words(f"{passage.title}\n{heading}"[:1_000], language)
    if 2 <= len(label[0]) <= LABEL:
        yield (QUESTION if (heading or passage.title).rstrip().endswith(_MARKS) else NAME), *label
    if listed and not passage.heading and len(passage.text) <= BODY * 12:
        body = spoken_words(passage.text, language)
        if 1 <= len(body[0]) <= BODY:
            yield ENTRY, *body


def packed(lines: Iterable[tuple[str, list[str], list[str]]]) -> str:
    """Lines as one text, for a column of the index."""
    return "\n".join(f"{kind}\t{' '.join(stems)}\t{' '.join(folded)}" for kind, stems, folded in lines)


def unpacked(text: str) -> tuple[Line, ...]:
    """Undo :func:`packed`."""
    return tuple(_line(*line.split("\t")) for line in text.split("\n")) if text else ()


def packed_parts(text: str) -> tuple[set[str], set[str]]:
    """Return the small words and the triples of letters of all lines."""
    small: set[str] = set()
    grams: set[str] = set()
    for line in text.split("\n") if text else ():
        _, stems, folded = line.split("\t")
        small.update(word for word in stems.split() if word.startswith(SMALL))
        grams |= grams_of(folded.split())
    return small, grams


def _line(kind: str, stems: str, folded: str) -> Line:
    words = stems.split()
    grams = grams_of(folded.split())
    pairs = pairs_of(words)
    return Line(
        frozenset(map(intern, words)),
        frozenset(map(intern, grams)),
        frozenset(pairs),
        kind != NAME,
        kind == ENTRY,
        (
            _share(len(words), _WORDS),
            _share(len(grams), _GRAMS),
            _share(len(pairs), _PAIRS),
        ),
    )


def _share(length: int, usual: float) -> float:
    return (_K1 + 1) / (1 + _K1 * (1 - _B + _B * length / usual))


def grams_of(words: Iterable[str]) -> set[str]:
    """Every three letters that follow each other, with the borders of words as blanks."""
    out: set[str] = set()
    for word in words:
        framed = f" {word} "
        out.update(framed[at : at + 3] for at in range(len(framed) - 2))
    return out


def pairs_of(words: Iterable[str]) -> set[tuple[str, str]]:
    """Pairs of words near each other, in either order; small words are passed over."""
    said = [word for word in words if not word.startswith(SMALL)]
    return {
        (one, other) if one < other else (other, one)
        for at, one in enumerate(said)
        for other in said[at + 1 : at + 1 + _WINDOW]
        if one != other
    }


def seek(
    words: list[str],
    rarity_of_words: Mapping[str, float],
    rarity_of_grams: Mapping[str, float],
    rarest: tuple[float, float],
) -> Sought:
    """Make a question comparable. ``words``: its stems in order."""
    sought = Sought(rarest=rarest)
    sought.words = {intern(word): int(rarity_of_words[word] * UNIT) for word in words}
    sought.grams = {intern(gram): int(rarity * UNIT) for gram, rarity in rarity_of_grams.items()}
    sought.pairs = {pair: sought.words[pair[0]] + sought.words[pair[1]] for pair in pairs_of(words)}
    sought.said, sought.letters = frozenset(sought.words), frozenset(sought.grams)
    sought.whole = (sum(sought.words.values()), sum(sought.grams.values()), sum(sought.pairs.values()))
    return sought
