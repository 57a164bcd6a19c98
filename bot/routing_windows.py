"""Windows of the week, as people write them: ``mon-fri 18:00-09:00, sat 10:00-14:00``. No I/O.

An end at or before its start is on the next day. Nine o'clock is nine o'clock on every day, also when the clocks change.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bot.opening import zone_named

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLE = "mon-fri 18:00-22:00, sat 10:00-14:00"
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
DAY = 24 * 60

Window = tuple[int, int, int]
"""Day (Monday is 0), first minute, and the minute at which it ends; beyond a day's minutes: on the next day."""


def windows(text: str) -> tuple[Window, ...]:
    """Read them. Raises :class:`ValueError` with a sentence."""
    found: list[Window] = []
    for part in filter(None, (piece.strip() for piece in text.lower().replace(";", ",").split(","))):
        days, *spans = part.split()
        if not spans:
            raise ValueError(f"{part[:40]!r} has no times. Write: {EXAMPLE}")
        for day in _days(days):
            found += [(day, *_span(span)) for span in spans]
    return tuple(sorted(found))


def _days(text: str) -> list[int]:
    first, _, last = text.partition("-")
    if first not in DAYS or (last and last not in DAYS):
        raise ValueError(f"{text[:40]!r} is no day. There are: {', '.join(DAYS)}; several as mon-fri.")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(start, (end if end >= start else end + 7) + 1)]


def _span(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text)
    hours = [int(part) for part in match.groups()] if match else []
    if not hours or hours[0] > 23 or hours[1] > 59 or hours[3] > 59 or (hours[2], hours[3]) > (24, 0):
        raise ValueError(f"{text[:40]!r} is no span of a day. Write it as 18:00-22:00.")
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    return start, end if end > start else end + DAY


def inside(found: tuple[Window, ...], at: float, zone: str) -> bool:
    """Whether ``at`` (Unix seconds) lies in one of them on the clocks of ``zone``."""
    local = datetime.fromtimestamp(at, zone_named(zone) or UTC)
    minute, today = local.hour * 60 + local.minute, local.weekday()
    return any(
        (day == today and start <= minute < end) or (day == (today - 1) % 7 and minute + DAY < end)
        for day, start, end in found
    )
