"""Dates, times and days of the week in their many spellings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from plugins.grounding.fact import Fact, Reading
from plugins.grounding.quantities import DAYS, MONTHS, NOT_MONTHS, SHORT_DAYS

_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_SLASHED = re.compile(
    r"(?<![\d.,/])(\d{1,2})([./])(\d{1,2})(?:\2(\d{4}|\d{2})\b|\.(?!\d)|(?<=/\d\d)(?!\d)|(?<=/\d)(?!\d))"
)
_M = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY_MONTH = re.compile(
    rf"(?<![\w.,])(\d{{1,2}})(?:\.|st|nd|rd|th|er|º)?\s+(?:of\s+|de\s+)?({_M})\b\.?(?:,?\s+(?:de\s+|del\s+)?(\d{{4}}))?",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    rf"\b({_M})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*(?:[%€$£:]|[ap]m\b))(?:,?\s+(\d{{4}}))?", re.IGNORECASE
)
_MONTH = re.compile(rf"\b({_M})\b(?:\s+(?:de\s+)?(\d{{4}}))?", re.IGNORECASE)
_HALF_DAY = r"Uhr|[ap]\.?\s?m\b\.?|o'clock"
_TIME = re.compile(
    rf"(?<![\w.,:])(?:(\d{{1,2}})(?::|\.(?=\d\d\s?(?:{_HALF_DAY})))(\d{{2}})(?:\s?({_HALF_DAY}|h\b))?"
    rf"|(\d{{1,2}})\s?(?:({_HALF_DAY})|h(?:\s?(\d{{2}}))?(?!\w|\.\w)))",
    re.IGNORECASE,
)
_NOON = {
    **dict.fromkeys(("noon", "midday", "mittags", "midi", "mediodía"), 720),
    **dict.fromkeys(("midnight", "mitternacht", "minuit", "medianoche"), 0),
}
_DAY = re.compile(rf"(?<!\w)({'|'.join(sorted(DAYS, key=len, reverse=True))})(?!\w)\.?", re.IGNORECASE)


def _date(month: int, day: int, year: str | None, found: re.Match[str], *more: tuple[int, int]) -> Fact | None:
    both = [(m, d) for m, d in ((month, day), *more) if 1 <= m <= 12 and 1 <= d <= 31]
    if not both:
        return None
    said = int(year) if year else 0
    readings = frozenset(("date", m * 100.0 + d) for m, d in both)
    return Fact("date", readings, found.start(), found.end(), year=said + 2000 if 0 < said < 100 else said)


def dates(text: str) -> Iterator[Fact]:
    """Days of the year, with the year when it is said, and months that stand alone."""
    spans: list[tuple[int, int]] = []

    def new(fact: Fact | None) -> Iterator[Fact]:
        if fact is not None and not any(fact.start < end and start < fact.end for start, end in spans):
            spans.append((fact.start, fact.end))
            yield fact

    for found in _ISO.finditer(text):
        yield from new(_date(int(found[2]), int(found[3]), found[1], found))
    for found in _DAY_MONTH.finditer(text):
        yield from new(_date(MONTHS[found[2].lower()], int(found[1]), found[3], found))
    for found in _MONTH_DAY.finditer(text):
        yield from new(_date(MONTHS[found[1].lower()], int(found[2]), found[3], found))
    for found in _SLASHED.finditer(text):
        day, month = int(found[1]), int(found[3])
        if found[2] == "." and (month > 12 or day > 31):
            continue
        more = ((day, month),) if found[2] == "/" else ()
        yield from new(_date(month, day, found[4], found, *more))
    for found in _MONTH.finditer(text):
        word = found[1].lower()
        if found[2] or (
            word not in NOT_MONTHS and len(word) > 3 and (text[found.start()].isupper() or word not in SHORT_DAYS)
        ):
            readings: frozenset[Reading] = frozenset({("month", float(MONTHS[word]))})
            yield from new(Fact("month", readings, found.start(), found.end(), year=int(found[2] or 0)))


def times(text: str) -> Iterator[Fact]:
    """Times of the day; of "from 9 to 18:00" both."""
    found_at: list[Fact] = []
    for found in _TIME.finditer(text):
        hour, minute = int(found[1] or found[4]), int(found[2] or found[6] or 0)
        mark = (found[3] or found[5] or "").lower().replace(".", "").replace(" ", "")
        if hour > 24 or minute > 59:
            continue
        hours = hour % 12 + (12 if mark == "pm" else 0) if mark in {"am", "pm"} else hour % 24
        readings: set[Reading] = {("time", hours * 60.0 + minute)}
        if found[4] and not mark:  # "10 h" are ten hours as well
            readings.add(("hours", float(hour) + minute / 60))
        found_at.append(Fact("time", frozenset(readings), found.start(), found.end(), frozenset({float(hour)})))
    for word in re.finditer(r"[^\W\d_]+", text):
        if word.group().lower() in _NOON:
            found_at.append(
                Fact("time", frozenset({("time", float(_NOON[word.group().lower()]))}), word.start(), word.end())
            )
    yield from found_at
    for time in found_at:  # "from 9 to 18:00": the first one is a time by the second
        before = re.search(
            r"(?<![\w.,:])(\d{1,2})(\s*(?:[-–—]|to|bis|until|till|à|a|and|und|et|y)\s*(?:las |the )?)$",
            text[: time.start],
        )
        if before and int(before[1]) <= 24:
            hour = float(before[1])
            said = {("time", hour % 24 * 60.0)}
            late = next((r[1] for r in time.readings if r[0] == "time"), 0.0)
            if "m" in text[time.start : time.end].lower() and isinstance(late, float) and late >= 720 and hour < 12:
                said.add(("time", (hour + 12) * 60.0))
            yield Fact("time", frozenset(said), before.start(1), before.end(1), frozenset({hour}))


def days(text: str) -> Iterator[Fact]:
    """Days of the week; the first one of "Monday to Friday" stands for all five."""
    said = [found for found in _DAY.finditer(text) if _is_day(text, found)]
    for number, found in enumerate(said):
        first = DAYS[found[1].lower()]
        named = {first}
        if number + 1 < len(said) and re.fullmatch(
            r"\s*(?:[-–—]|to|through|bis|à|au|a|al|until)\s*(?:le )?", text[found.end() : said[number + 1].start()]
        ):
            last = DAYS[said[number + 1][1].lower()]
            named |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
        yield Fact("weekday", frozenset(("weekday", float(day)) for day in named), found.start(), found.end())


def _is_day(text: str, found: re.Match[str]) -> bool:
    word = found[1].lower()
    if word not in SHORT_DAYS:
        return True
    if not text[found.start()].isupper():
        return False
    around = text[max(0, found.start() - 2) : found.start()] + "|" + text[found.end() : found.end() + 2]
    return bool(re.search(r"[-–—]", around)) or found.group().endswith(".")
