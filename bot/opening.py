"""Whether a house is open at a moment, when it opens next, and how one says so. Pure: hours and a time in, words out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.customer_words import in_language
from bot.events import OpeningHours


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How it is at one moment. Times are Unix seconds."""

    open: bool
    until: float | None = None
    """When it closes, while it is open and closes at all."""
    next: float | None = None
    """When it opens, while it is closed and this is known."""
    zone: str = "UTC"


def opening(hours: OpeningHours | None, at: float) -> Opening:
    """How it is at ``at``. Without hours it is always open."""
    if hours is None:
        return Opening(open=True)
    for start, end in hours.open:
        if at < start:
            return Opening(open=False, next=start, zone=hours.zone)
        if at < end:
            return Opening(open=True, until=end, zone=hours.zone)
    return Opening(open=False, zone=hours.zone)


def after(hours: OpeningHours | None, at: float, seconds: float) -> float:
    """The moment at which the house has been open for ``seconds`` from ``at`` on. Where the hours that are known end, time
    goes on as on a wall clock."""
    if hours is None:
        return at + seconds
    for start, end in hours.open:
        begins = max(start, at)
        if begins < end:
            if begins + seconds <= end:
                return begins + seconds
            seconds -= end - begins
            at = end
    return at + seconds


def before(hours: OpeningHours | None, at: float, seconds: float) -> float:
    """The moment from which the house is open for ``seconds`` until ``at``: :func:`after` backwards. Before the hours that are known
    time goes on as on a wall clock."""
    if hours is None or not hours.open:
        return at - seconds
    last = hours.open[-1][1]
    if at > last:
        if at - seconds >= last:
            return at - seconds
        seconds -= at - last
    for start, end in reversed(hours.open):
        ends = min(end, at)
        if ends > start:
            if ends - seconds > start:
                return ends - seconds
            seconds -= ends - start
    return min(hours.open[0][0], at) - seconds


def between(hours: OpeningHours | None, start: float, end: float) -> float:
    """For how many seconds the house is open from ``start`` to ``end``, 0 if ``end`` is earlier. Fits :func:`after`."""
    if end <= start:
        return 0.0
    if hours is None or not hours.open:
        return end - start
    inside = sum(max(0.0, min(end, closes) - max(start, opens)) for opens, closes in hours.open)
    return inside + max(0.0, end - max(start, hours.open[-1][1]))


def zone_named(name: str) -> tzinfo | None:
    """The time zone, ``None`` if there is none of this name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def in_words(at: float, now: float, *, zone: str, visitor: str = "", language: str = "") -> str:
    """A coming moment for a customer: ``tomorrow at 09:00 (your time)``, or with the name of the house's zone where the
    visitor's is not known."""
    theirs = zone_named(visitor)
    there = theirs or zone_named(zone) or UTC
    then, today = datetime.fromtimestamp(at, there), datetime.fromtimestamp(now, there).date()
    days = (then.date() - today).days
    whose = in_language(language, "your time") if theirs else in_language(language, "{zone} time", zone=zone)
    said = {"time": f"{then:%H:%M}", "whose": whose, "weekday": in_language(language, f"{then:%A}")}
    if days <= 1:
        day = ("today", "tomorrow")[max(0, days)]
        return in_language(language, f"{day} at {{time}} ({{whose}})", **said)
    if days < 7:
        return in_language(language, "on {weekday} at {time} ({whose})", **said)
    date = in_language(language, "{day} {month}", day=then.day, month=in_language(language, f"{then:%B}"))
    return in_language(language, "on {weekday}, {date} at {time} ({whose})", date=date, **said)


def duration(seconds: float, language: str = "") -> str:
    """A length of time in words, rounded up so that it rather promises too little: ``about 4 minutes``."""
    for size, name in ((60.0, "minute"), (3_600.0, "hour"), (86_400.0, "day")):
        limit = {"minute": 90, "hour": 36, "day": 10**6}[name]
        count = max(1, -int(-seconds // size))
        if count <= limit:
            return in_language(language, f"about {{n}} {name}{'' if count == 1 else 's'}", n=count)
    return in_language(language, "long")
