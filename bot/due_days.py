"""The day by which an agent wants a ticket done, on the site's own calendar. Inside a read or write."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

from bot import clock, hours
from bot.opening import zone_named

FARTHEST = 730
"""Days ahead."""
NO_DAY = "Choose a day, such as 2026-11-21."


def problem(day: str, site_id: str) -> str:
    """What is wrong with a day (``2026-11-21``, or nothing), as a sentence; empty when nothing is."""
    if not day:
        return ""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        return NO_DAY
    if wanted.isoformat() != day:  # 2026-W47-6 is a date to Python, and none to people
        return NO_DAY
    today = datetime.fromtimestamp(clock.now(), _zone(site_id)).date()
    if wanted < today:
        return "This day is over. Choose today or a later one."
    return "Choose a day within two years." if wanted > today + timedelta(days=FARTHEST) else ""


def end_of_day(day: str, site_id: str) -> float:
    """When it is over at the site, Unix seconds."""
    after = date.fromisoformat(day) + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=_zone(site_id)).timestamp()


def _zone(site_id: str) -> tzinfo:
    return zone_named(hours.zone_of(site_id)) or UTC
