"""Choosing what to quote: whole sentences, whole lists, at most three places, at most 90 words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bot import Passage

from .words import count_words, stems

MAX_QUOTES = 3
MAX_WORDS = 90
MAX_LIST_WORDS = 140
"""Steps are useless by halves, so a list alone may be longer; beyond that it ends with an ellipsis after a whole step."""

_ITEM = re.compile(r"\s*(?:[-*•+]|\d{1,2}[.)])\s+\S")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[^\W_a-zà-öø-ÿ])|(?<=[。！？])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|approx|incl|etc|nr|ca|bzw|z\.\s?b|d\.\s?h|vs|dr|mr|mrs|ms)|\b[A-Za-z])\.$", re.I
)
_HOW_MUCH = re.compile(
    r"\b(?:how (?:long|many|much|soon|fast|often|late|early|old|far|big|heavy)|when|until when"
    r"|wie (?:lange|viel|viele|oft|schnell|weit|schwer)"
    r"|wann|bis wann|combien|quand|jusqu'à quand|cu[áa]nt[oa]s?|cu[áa]ndo|quant[oa]s?|quando)\b|いくら|いつ|何[日円時個]|多少|多久|几天",
    re.I,
)
_NUMBER = re.compile(r"(?m)\d(?<!^\d)(?!\d*[.)]\s)")
"""A digit that does not only count the items of a list."""
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s.*$", re.M)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest thing that is quoted: a sentence, or a list with the line that leads to it."""

    passage: int
    """Number of its passage, from 1."""
    block: int
    place: int
    text: str
    kind: Literal["sentence", "list", "row"]
    """A ``row`` is one line of a table, which is also there as a whole, as a ``list``."""
    words: int
    stems: frozenset[str]


@dataclass(frozen=True, slots=True)
class Quote:
    """Neighbouring units of one passage."""

    passage: int
    text: str


def units_of(passage: Passage, number: int, language: str) -> Iterator[Unit]:
    """Cut a passage into sentences and lists."""
    language = passage.language.partition("-")[0].lower() or language
    text = _IMAGE.sub("", _HEADING.sub("", passage.text))
    blocks = [b.strip("\n") for b in re.split(r"\n\s*\n", text) if b.strip()]
    place = 0
    for index, block in enumerate(_joined(blocks)):
        for kind, part, more in _parts(block):
            place += 1
            yield Unit(number, index, place, part, kind, count_words(part), frozenset(stems(part + more, language)))


def _joined(blocks: Sequence[str]) -> list[str]:
    """Put a list back behind the line that announces it, and steps that blank lines have torn apart together."""
    joined: list[str] = []
    for block in blocks:
        listed = _ITEM.match(block) or _is_table(block.split("\n"))
        announced = joined and joined[-1].rstrip().endswith((":", "："))
        torn = joined and _ITEM.match(block) and _ITEM.match(joined[-1].rsplit("\n", 1)[-1])
        if (listed and announced) or torn:
            joined[-1] += "\n" + block
        else:
            joined.append(block)
    return joined


Part = tuple[Literal["sentence", "list", "row"], str, str]
"""Kind, text, and further words that it answers to."""


def _parts(block: str) -> Iterator[Part]:
    lines = [line.rstrip() for line in block.split("\n")]
    first = next((i for i, line in enumerate(lines) if _ITEM.match(line) or _is_table(lines[i:])), len(lines))
    before = _sentences(" ".join(line.strip() for line in lines[:first]))
    lead = before.pop() + "\n" if first < len(lines) and before and before[-1].endswith((":", "：")) else ""
    yield from (("sentence", sentence, "") for sentence in before)
    if first == len(lines):
        return
    if _is_table(lines[first:]):
        head, rows = _table(lines[first:])
        yield "list", lead + "\n".join(f"- {row}" for row in rows), head
        yield from (("row", row, f" {head} {lead}") for row in rows)
    else:
        yield "list", lead + "\n".join(lines[first:]), ""


def _is_table(lines: Sequence[str]) -> bool:
    return len(lines) > 1 and all(" | " in line or line.startswith("|") for line in lines[:2])


def _table(lines: Sequence[str]) -> tuple[str, list[str]]:
    """The heads in one line, and the rows as ``first: head value, head value``: chats show no tables."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if "|" in line]
    heads, *rows = [row for row in cells if not all(re.fullmatch(r":?-*:?", cell) for cell in row)]
    return " ".join(heads), [_row(heads, row) for row in rows]


def _row(heads: Sequence[str], row: Sequence[str]) -> str:
    first, *values = row
    if len(values) < 2:
        return f"{first}: {values[0]}" if values else first
    named = [f"{head} {value}" for head, value in zip(heads[1:], values, strict=False) if value]
    return f"{first}: {', '.join(named)}"


def _sentences(text: str) -> list[str]:
    """Cut where a sentence surely begins: two that stay together are quoted together, half a one would be a wrong quote. The check of
    answers cuts finer, because it takes sentences out."""
    found: list[str] = []
    for part in filter(None, map(str.strip, _SENTENCE.split(text))):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] += " " + part
        else:
            found.append(part)
    return found


def choose(question: str, passages: Sequence[Passage], language: str) -> tuple[list[Quote], float]:
    """Return the quotes in reading order and the share of the question's words that they cover, from 0 to 1."""
    asked = stems(question, language)
    units = [unit for n, passage in enumerate(passages, 1) for unit in units_of(passage, n, language)]
    if not asked or not units:
        return [], 0.0
    weights = {word: math.log(1 + len(units) / (1 + sum(word in unit.stems for unit in units))) for word in asked}
    heads = [frozenset(stems(f"{p.title} {p.heading}", p.language.partition("-")[0] or language)) for p in passages]
    total = sum(weights.values()) or 1.0
    counted = bool(_HOW_MUCH.search(question))

    def score(unit: Unit, missing: set[str]) -> float:
        new = sum(weights[word] for word in unit.stems & missing)
        known = sum(weights[word] for word in unit.stems & asked) - new
        headed = sum(weights[word] for word in heads[unit.passage - 1] & asked)
        if not new and not known and not headed:
            return 0.0
        long = 1 + max(0, unit.words - 30) / 120  # a long unit matches more by chance
        # The search knows better than this which passage fits, so its order weighs as much as half of a full match.
        return (
            new
            + 0.3 * known
            + 0.4 * headed
            + 0.5 * total / unit.passage
            + 0.1 * (unit.kind == "list") * total
            # Who asks how long or how much wants a number.
            + 0.4 * (counted and bool(_NUMBER.search(unit.text))) * total / unit.passage
        ) / long

    chosen: list[Unit] = []
    missing, left, best = set(asked), MAX_WORDS, 0.0
    while len(chosen) < MAX_QUOTES:
        limit = left if chosen else MAX_LIST_WORDS
        fitting = [u for u in units if _may_join(u, chosen) and (u.words <= limit or (u.kind == "list" and not chosen))]
        if not fitting:
            break
        unit = max(fitting, key=lambda u: (score(u, missing) * _near(u, chosen), -u.passage, -u.place))
        value = score(unit, missing) * _near(unit, chosen)
        if value <= 0 or (chosen and value < 0.45 * best):
            break
        best = best or value
        chosen.append(unit)
        missing -= unit.stems
        left -= unit.words
        if left <= 0:
            break
    covered = set().union(*(u.stems | heads[u.passage - 1] for u in chosen)) & asked if chosen else set()
    return _quotes(chosen), sum(weights[word] for word in covered) / total


def _may_join(unit: Unit, chosen: Sequence[Unit]) -> bool:
    """A unit is quoted once: neither twice, nor a table and its rows."""
    for other in chosen:
        same = other.passage == unit.passage and other.block == unit.block
        if other is unit or (same and {other.kind, unit.kind} == {"list", "row"}):
            return False
    return True


def _near(unit: Unit, chosen: Sequence[Unit]) -> float:
    """Sentences that follow a chosen one complete it."""
    return (
        1.25
        if any(u.passage == unit.passage and u.block == unit.block and unit.place - u.place == 1 for u in chosen)
        else 1.0
    )


def _quotes(chosen: Sequence[Unit]) -> list[Quote]:
    order = {n: i for i, n in enumerate(dict.fromkeys(u.passage for u in chosen))}
    units = sorted(chosen, key=lambda u: (order[u.passage], u.place))
    quotes: list[Quote] = []
    for i, unit in enumerate(units):
        text = _shortened(unit) if unit.kind == "list" else unit.text
        before = units[i - 1] if i else None
        if before is not None and before.passage == unit.passage:
            sentences = unit.kind == before.kind == "sentence"
            follows = sentences and before.block == unit.block and unit.place - before.place == 1
            quotes[-1] = Quote(unit.passage, quotes[-1].text + (" " if follows else "\n\n") + text)
        else:
            quotes.append(Quote(unit.passage, text))
    return quotes


def _shortened(unit: Unit) -> str:
    if unit.words <= MAX_LIST_WORDS:
        return unit.text
    kept: list[str] = []
    for line in unit.text.split("\n"):
        if kept and count_words("\n".join([*kept, line])) > MAX_LIST_WORDS:
            break
        kept.append(line)
    return "\n".join([*kept, "…"])
