"""When people are there: weekly hours and holidays in a time zone, for all sites or single ones.

Hours are written as people say them: ``mon-fri 09:00-12:30 13:30-18:00, sat 10:00-14:00``. An end at or before its start is on
the next day. Days when the clocks change are as long as they are: nine o'clock is nine o'clock on every day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot import OpeningHours, PluginInfo, Settings, hookimpl, setting

PLUGIN = PluginInfo(
    title="Business hours", summary="Opening hours and holidays: customers are told when somebody is there.", on=True
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Week = tuple[tuple[tuple[time, time], ...], ...]
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_HOLIDAY = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2})")


def week(text: str) -> Week:
    """The spans of each day, Monday first. Raises :class:`ValueError` with a sentence."""
    found: list[list[tuple[time, time]]] = [[] for _ in DAYS]
    for part in filter(None, (piece.strip() for piece in text.lower().replace(";", ",").split(","))):
        days, *spans = part.split()
        if not spans:
            raise ValueError(f"{part!r} has no times. Write: mon-fri 09:00-17:00, sat 10:00-14:00")
        for day in _days(days):
            found[day] += [_span(span) for span in spans]
    for spans_of_day in found:
        spans_of_day.sort()
    return tuple(tuple(spans_of_day) for spans_of_day in found)


def _days(text: str) -> Iterator[int]:
    first, _, last = text.partition("-")
    if first not in DAYS or (last and last not in DAYS):
        raise ValueError(f"{text!r} is no day. There are: {', '.join(DAYS)}; several as mon-fri.")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return (day % 7 for day in range(start, end + 1 if end >= start else end + 8))


def _span(text: str) -> tuple[time, time]:
    match = _SPAN.fullmatch(text)
    hours = [int(part) for part in match.groups()] if match else []
    if not hours or hours[0] > 23 or hours[1] > 59 or hours[3] > 59 or (hours[2], hours[3]) > (24, 0):
        raise ValueError(f"{text!r} is no span of a day. Write it as 09:00-17:00.")
    return time(hours[0], hours[1]), time(hours[2] % 24, hours[3])


def _checked_week(text: str) -> str:
    week(text)
    return text.strip()


def _checked_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except Exception:
        raise ValueError(f"There is no time zone {name!r}. Write it as Europe/Berlin.") from None
    return name


def _checked_holidays(days: list[str]) -> list[str]:
    for day in days:
        match = _HOLIDAY.fullmatch(day)
        try:
            if match is None:
                raise ValueError
            date(int(match[1] or 2024), int(match[2]), int(match[3]))
        except ValueError:
            raise ValueError(f"{day!r} is no day. Write 2026-12-24, or 12-25 for every year.") from None
    return days


Hours = Annotated[str, AfterValidator(_checked_week)]
Zone = Annotated[str, AfterValidator(_checked_zone)]
Holidays = Annotated[list[str], AfterValidator(_checked_holidays)]


class SiteHours(BaseModel):
    """Hours of one site. Empty values are those of all sites."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    hours: Hours = ""
    zone: Zone | None = None
    holidays: Holidays = Field(default_factory=list)


class HoursSettings(Settings):
    """Without hours everything is always open."""

    hours: Hours = setting(
        "",
        env="DESKHAND_HOURS",
        label="Hours",
        help="Such as mon-fri 09:00-17:00, sat 10:00-14:00. Empty: always open.",
    )
    zone: Zone = setting("UTC", env="DESKHAND_ZONE", label="Time zone", help="Such as Europe/Berlin.")
    holidays: Holidays = setting(
        [], label="Holidays", help="Days without hours: 2026-12-24, or 12-25 for every year, with commas."
    )
    sites: dict[str, SiteHours] = setting(
        {},
        label="Sites",
        help='Sites with hours of their own, by key, as JSON: {"shop": {"hours": "sat 10:00-14:00"}}.',
    )


@hookimpl
def settings_schema() -> type[Settings]:
    return HoursSettings


@hookimpl
def opening_hours(settings: HoursSettings, site: str, start: float, end: float) -> OpeningHours | None:
    own = settings.sites.get(site, SiteHours())
    hours = own.hours or settings.hours
    if not hours:
        return None
    zone = own.zone or settings.zone
    return OpeningHours(zone=zone, open=spans(week(hours), zone, [*settings.holidays, *own.holidays], start, end))


def spans(days: Week, zone: str, holidays: list[str], start: float, end: float) -> tuple[tuple[float, float], ...]:
    """When it is open between two moments: joined where spans touch, without the holidays."""
    there = ZoneInfo(zone)
    free = frozenset(holidays)
    day = datetime.fromtimestamp(start, there).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end, there).date()
    found: list[tuple[float, float]] = []
    while day <= last:
        if day.isoformat() not in free and f"{day:%m-%d}" not in free:
            for opens, closes in days[day.weekday()]:
                until = day if closes > opens else day + timedelta(days=1)
                found.append((_moment(day, opens, there), _moment(until, closes, there)))
        day += timedelta(days=1)
    joined: list[tuple[float, float]] = []
    for opened, closed in sorted(found):
        if closed <= start or opened >= end or opened >= closed:
            continue
        if joined and opened <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closed))
        else:
            joined.append((opened, closed))
    return tuple(joined)


def _moment(day: date, at: time, zone: ZoneInfo) -> float:
    # By way of UTC: a time that the clocks leave out then becomes the moment they jump to, and one that comes twice is the first.
    return datetime.combine(day, at, zone).astimezone(UTC).timestamp()
