"""Numbers, in digits and in words, with what they count: "1,400 rpm", "zwei bis drei Werktagen", "half an hour"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from plugins.grounding.fact import Fact
from plugins.grounding.quantities import (
    AMBIGUOUS,
    BETWEEN,
    CAPITAL,
    HALF,
    HIGH,
    LOW,
    MONEY,
    NUMBERS,
    ONE,
    SURE_ONE,
    UNITS,
)

_NUMERAL = re.compile(r"(?<![\w.,])[-−]?\d+(?:[.,'’ \u00a0\u202f]\d{3}(?!\d))*(?:[.,]\d+)?(?:[.,][-–]+)?(?!\d)")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|[€$£¥%°]|°[CF]")
_SIGN = re.compile(r"(€|\$|£|¥|EUR|USD|GBP|CHF)\s?$")
_TO = re.compile(
    r"\s*(?:[-–—]|\b(?:to|bis|until|through|till|à|a|al|au|or|oder|ou|o|and|und|et|y|and from|und von)\b)"
    r"\s*(?:the |den |zum |le |el |las |la |at )?"
)


@dataclass(frozen=True, slots=True)
class _Numeral:
    values: frozenset[float]
    start: int
    end: int
    word: bool = False
    weak: bool = False


def _values(said: str) -> frozenset[float]:
    said = re.sub(r"[.,][-–]+$", "", said.replace("−", "-"))
    plain = re.sub(r"['’ \u00a0\u202f]", "", said)
    separators = re.findall(r"[.,]", plain)
    if not separators:
        return frozenset({float(plain)})
    last = separators[-1]
    whole, _, fraction = plain.rpartition(last)
    as_fraction = float(f"{re.sub(r'[.,]', '', whole)}.{fraction}")
    as_thousands = float(re.sub(r"[.,]", "", plain))
    if len(set(separators)) == 2:
        return frozenset({as_fraction})
    if len(separators) > 1:
        return frozenset({as_thousands})
    return (
        frozenset({as_fraction, as_thousands})
        if len(fraction) == 3 and whole.strip("-") != "0"
        else frozenset({as_fraction})
    )


def _numerals(text: str) -> Iterator[_Numeral]:
    for found in _NUMERAL.finditer(text):
        # A minus behind a blank is one; in "2-3" it stands for "to".
        yield _Numeral(_values(found.group().lstrip("-−")), found.end() - len(found.group().lstrip("-−")), found.end())
    words = list(_WORD.finditer(text))
    for at, found in enumerate(words):
        word = found.group().lower()
        following = words[at + 1].group().lower() if at + 1 < len(words) else ""
        head, _, tail = word.rpartition("-")
        if word in NUMBERS:
            yield _Numeral(frozenset({NUMBERS[word]}), found.start(), found.end(), word=True)
        elif head in NUMBERS and tail in UNITS:  # "a five-year warranty"
            yield _Numeral(frozenset({NUMBERS[head]}), found.start(), found.start() + len(head), word=True)
        elif head in SURE_ONE and tail in UNITS:
            yield _Numeral(frozenset({1.0}), found.start(), found.start() + len(head), word=True)
        elif (
            word in ONE
            and following in UNITS
            and following not in AMBIGUOUS
            and not text[found.end() : words[at + 1].start()].strip()
        ):
            yield _Numeral(frozenset({1.0}), found.start(), found.end(), word=True, weak=word not in SURE_ONE)
        elif (
            word in HALF
            and re.match(r"\s+(?:an?|une?)\s", text[found.end() :])
            and at + 2 < len(words)
            and words[at + 2].group().lower() in UNITS
        ):
            yield _Numeral(frozenset({0.5}), found.start(), words[at + 1].end(), word=True)
        elif (word in HALF and following in UNITS and following not in AMBIGUOUS) or word.startswith("demi-"):
            yield _Numeral(
                frozenset({0.5}), found.start(), found.end() if word in HALF else found.start() + 4, word=True
            )


def numbers(text: str) -> Iterator[Fact]:
    """All numbers with their units; a unit that is said once for two numbers counts for both."""
    made: list[Fact] = []
    for numeral in sorted(_numerals(text), key=lambda one: one.start):
        if not made or numeral.start >= made[-1].end:  # "34 Cent" is no hundred
            made.append(_counted(text, numeral))
    for at in range(len(made) - 2, -1, -1):  # "2 to 3 days", "€10–20": the unit is said once
        first, second = made[at], made[at + 1]
        between = text[first.end : second.start]
        if not _TO.fullmatch(between):
            continue
        if first.kind == "number" and (second.kind != "number" or second.noun):
            made[at] = _as(first, second.kind, second.noun)
        elif second.kind == "number" and not second.noun and first.kind != "number":
            made[at + 1] = _as(second, first.kind, first.noun)
    yield from (fact for fact in made if not _says_nothing(text, fact))


def _as(fact: Fact, kind: str, noun: str) -> Fact:
    size = next((size for dimension, size in UNITS.values() if dimension == kind), 1.0)
    if kind in {"number", "percent"} or kind in MONEY:
        size = 1.0
    elif kind == "hours":
        size = 24.0
    return replace(
        fact, kind=kind, noun=noun, readings=frozenset((kind, round(value * size, 6)) for value in fact.bare)
    )


def _counted(text: str, numeral: _Numeral) -> Fact:
    limit = _limit(text[max(0, numeral.start - 40) : numeral.start])
    bare = frozenset(round(value, 6) for value in numeral.values)
    sign = _SIGN.search(text[: numeral.start])
    if sign:
        kind = UNITS[sign[1].lower()][0]
        readings = frozenset((kind, value) for value in bare)
        return Fact(kind, readings, sign.start(), numeral.end, bare, limit=limit, per=_per(text, numeral.end))
    behind = [found for found in (_WORD.match(text, at) for at in _next_words(text, numeral.end)) if found]
    for number, found in enumerate(behind):
        word = found.group().lower()
        near = found.start() - numeral.end <= 1
        if word in CAPITAL and not found.group()[0].isupper():
            break
        if word in UNITS and (word not in AMBIGUOUS or (near and not numeral.word)):
            kind, size = UNITS[word]
            readings = frozenset((kind, round(value * size, 6)) for value in numeral.values)
            per = _per(text, found.end()) if kind in MONEY else 0.0
            return Fact(kind, readings, numeral.start, found.end(), bare, limit=limit, weak=numeral.weak, per=per)
        if number == 0 and word not in BETWEEN:
            break
    noun = behind[0].group().lower() if behind and len(behind[0].group()) > 2 else ""
    idle = numeral.word and (not noun or noun in NUMBERS)  # "one, two, three": nothing is counted
    return Fact(
        "number",
        frozenset(("number", value) for value in bare),
        numeral.start,
        numeral.end,
        bare,
        noun=noun,
        limit=limit,
        weak=idle,
    )


_RATE = re.compile(
    r"\s*(?:/|(?:an?|per|each|every|pro|je|im|in der|par|por|al|à la|la|le|el)\s)\s*([^\W\d_]+)", re.IGNORECASE
)


def _per(text: str, at: int) -> float:
    """The hours of "per day" right behind a price; 0 without."""
    found = _RATE.match(text, at)
    kind, size = UNITS.get(found[1].lower(), ("", 0.0)) if found else ("", 0.0)
    return round({"hours": 1.0, "months": 730.0}.get(kind, 0.0) * size, 3)


def _next_words(text: str, at: int) -> Iterator[int]:
    """Where the next words on this side of a comma begin, two of them."""
    for _ in range(3):
        gap = re.compile(r"[ \t\u00a0\u202f-]*").match(text, at)
        start = gap.end() if gap else at
        word = _WORD.match(text, start)
        if word is None:
            return
        yield start
        at = word.end()


def _limit(before: str) -> str:
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", re.split(r"[,;:.(]", before)[-1].lower())[-2:]
    lows, highs = [w in LOW for w in words], [w in HIGH for w in words]
    if any(word in {"no", "not", "nicht", "pas", "kein", "keine"} for word in words) and any(lows):
        return "high"
    return "low" if any(lows) and not any(highs) else "high" if any(highs) and not any(lows) else ""


_COUNTS = re.compile(
    r"ways?|options?|things?|steps?|possibilit|methods?|möglichkeit|schritt|optionen|wege|arten|façons|étapes|moyens"
    r"|formas|opciones|pasos|maneras",
    re.IGNORECASE,
)


_STEP = re.compile(r"\b(?:steps?|schritte?|étapes?|pasos?)\s*$", re.IGNORECASE)


def _says_nothing(text: str, fact: Fact) -> bool:
    """ "There are two ways": a count of what the answer itself goes on to tell. "Step 2:" is the place of an item in it."""
    if fact.kind == "number" and not fact.noun and _STEP.search(text[max(0, fact.start - 12) : fact.start]):
        return text[fact.end : fact.end + 1] in {":", ".", ")", ""}
    return fact.kind == "number" and bool(_COUNTS.match(fact.noun)) and all(value <= 5 for value in fact.bare)
