"""Opening hours that were others until now. A change is a row until every ticket that was open before it has followed.

Until a ticket is moved, its clocks count by the hours that their due times were made of: so a change that comes while no worker
runs, or a second one behind it, moves every ticket by what was really left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from bot import clock, jobs
from bot.events import OpeningHours
from bot.store import sql
from bot.store.json_columns import decoded_object

FOLLOW = "targets.hours"
"""The job that moves the due times of a site's open tickets. Its ref is the site, its occasion the change."""
SETTLED = 5.0
"""Seconds after a change: by then no transaction is under way that has read the hours before it."""
_ROWS = "changed-hours."


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a site's hours. ``at``: since when, Unix seconds; ``before``: what counted until then, ``after``: from then on."""

    id: str
    site_id: str
    at: float
    before: OpeningHours | None
    after: OpeningHours | None

    def awaits(self, conversation_id: str, opened: float) -> bool:
        """Whether it has yet to come to a ticket that was opened at ``opened``. Inside a read or write."""
        # One statement: another worker may end the change between two.
        query = (
            "SELECT 1 FROM setting WHERE key = ? AND NOT EXISTS (SELECT 1 FROM cursor WHERE name = ? AND value >= ?)"
        )
        return opened < self.at and bool(sql(query, (self._row, _ROWS + self.id, conversation_id)).fetchone())

    def came_to(self, conversation_id: str) -> None:
        """It has come to this ticket, and to all with a lesser id. Inside a write."""
        sql(
            "INSERT INTO cursor (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_ROWS + self.id, conversation_id),
        )

    def over(self) -> None:
        """Every ticket has followed. Inside a write."""
        sql("DELETE FROM setting WHERE key = ?", (self._row,))
        sql("DELETE FROM cursor WHERE name = ?", (_ROWS + self.id,))

    @property
    def _row(self) -> str:
        return f"{_ROWS}{self.site_id}.{self.id}"


def remember(site_id: str, before: OpeningHours | None, after: OpeningHours | None) -> None:
    """A site's hours are others from now on; nothing, if they are the same as far as both are known. Inside a write."""
    at = clock.now()
    if _same(before, after, at):
        return
    change_id = clock.new_id()
    value = orjson.dumps({"at": at, "before": packed(before), "after": packed(after)}).decode()
    sql("INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)", (f"{_ROWS}{site_id}.{change_id}", value, at))
    jobs.enqueue(FOLLOW, site_id, change_id, at=at + SETTLED)


def waiting(site_id: str) -> list[Change]:
    """What open tickets of a site may have to follow yet, oldest first. Inside a read or write."""
    rows = sql(
        "SELECT key, value FROM setting WHERE key LIKE ? ORDER BY changed_at, key", (f"{_ROWS}{site_id}.%",)
    ).fetchall()
    return [_change(key.rpartition(".")[2], site_id, value) for key, value in rows]


def under_way(site_id: str) -> bool:
    """Whether a job has yet to move tickets of this site. Inside a read or write."""
    query = "SELECT 1 FROM job WHERE kind = ? AND ref = ? AND state IN ('queued', 'running') LIMIT 1"
    return sql(query, (FOLLOW, site_id)).fetchone() is not None


def _change(change_id: str, site_id: str, value: Any) -> Change:
    said = decoded_object(value)
    return Change(change_id, site_id, said["at"], hours_of(said["before"]), hours_of(said["after"]))


def _same(before: OpeningHours | None, after: OpeningHours | None, at: float) -> bool:
    """Whether due times would be the same. Hours without an opening count like none: by the wall clock."""
    if before is None or after is None or not before.open or not after.open:
        return (before is None or not before.open) and (after is None or not after.open)
    end = min(before.open[-1][1], after.open[-1][1])
    return _part(before, at, end) == _part(after, at, end)


def _part(hours: OpeningHours, start: float, end: float) -> list[tuple[float, float]]:
    return [(max(a, start), min(b, end)) for a, b in hours.open if b > start and a < end]


def packed(hours: OpeningHours | None) -> dict[str, Any] | None:
    """As a row keeps them."""
    return None if hours is None else {"zone": hours.zone, "open": hours.open}


def hours_of(value: dict[str, Any] | None) -> OpeningHours | None:
    """From what a row kept."""
    if value is None:
        return None
    return OpeningHours(zone=value["zone"], open=tuple((start, end) for start, end in value["open"]))
