"""Threads of a desk that may have news: after an outage those of open tickets, and of tickets that were resolved meanwhile; and those
in which somebody wrote before it was known whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot import clock
from bot.crypto import unseal
from bot.desk import OpenThread
from bot.desk_messages import PREFIX, PRESSED
from bot.store import sql

log = structlog.get_logger("desk")

MOST = 500
"""Threads of one look: at Slack's 20 a minute they take 25 minutes."""
MARGIN = 600.0
"""Seconds before an outage was noticed that belong to it, too. Slack gives up on an event after about six minutes."""
KEPT = 3_600.0
"""Seconds in which the last outage may still be caught up with."""


@dataclass(slots=True)
class Outage:
    """When the desk could not be reached the last time, as one process knows it. Unix seconds."""

    since: float = 0.0
    over: float = 0.0

    def ended(self, last_seen: float) -> None:
        """It is connected again, and was seen so the last time at ``last_seen``. Outages in a row are one."""
        at = clock.now()
        self.since = min(self.since, last_seen) if at - self.over < KEPT else last_seen
        self.over = at

    def begins(self) -> float:
        """What happened since then may not be known."""
        at = clock.now()
        return (self.since if at - self.over < KEPT else at) - MARGIN


def seen(desk: str) -> float:
    """When the desk was connected the last time, now if it never was. Inside a read or write."""
    row = sql("SELECT value FROM cursor WHERE name = ?", (_name(desk),)).fetchone()
    return float(row[0]) if row else clock.now()


def see(desk: str) -> None:
    """It is connected. Inside a write, every few seconds while it is."""
    sql(
        "INSERT INTO cursor (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_name(desk), f"{clock.now():.3f}"),
    )


def _name(desk: str) -> str:
    return f"desk.seen:{desk}"


def open_now(desk: str, since: float) -> list[OpenThread]:
    """Threads of open tickets and of those resolved after ``since``, with what we know of the agents' messages there. Inside a read."""
    rows = sql(
        "SELECT t.conversation_id, t.place, t.thread FROM desk_thread t JOIN ticket k ON k.conversation_id = t.conversation_id"
        " WHERE t.desk = ? AND t.thread IS NOT NULL AND (k.state <> 'resolved' OR k.resolved_at >= ?)"
        " ORDER BY CASE WHEN k.state = 'resolved' THEN 1 ELSE 0 END, k.changed_at DESC LIMIT ?",
        (desk, since, MOST + 1),
    ).fetchall()
    if len(rows) > MOST:
        log.warning(
            "threads_not_looked_at",
            desk=desk,
            looked_at=MOST,
            next="what was written in the oldest others is not known here",
        )
    return _with_known(desk, rows[:MOST])


def missed(desk: str, place: str = "") -> None:
    """What is said now under a card whose post is uncertain cannot be placed: remember to read its thread once it is known. Only what
    was tried to be posted can be written under. ``place``: only there. Inside a write; waits for whoever records such a post."""
    sql(
        "UPDATE desk_thread SET unread = ? WHERE desk = ? AND thread IS NULL AND NOT unread AND (? = '' OR place = ?)"
        " AND EXISTS (SELECT 1 FROM delivery d WHERE d.channel = ? AND d.place = desk_thread.conversation_id AND d.op = 'card'"
        " AND d.first_sent_at IS NOT NULL)",
        (True, desk, place, place, PREFIX + desk),
    )


def late(desk: str) -> list[OpenThread]:
    """Threads that are known by now and are still to be read, because somebody wrote before that. Inside a read."""
    rows = sql(
        "SELECT conversation_id, place, thread FROM desk_thread WHERE desk = ? AND unread AND thread IS NOT NULL"
        " ORDER BY created_at LIMIT ?",
        (desk, MOST),
    ).fetchall()
    return _with_known(desk, rows)


def caught_up(desk: str, place: str, thread: str) -> None:
    """It was read. Inside a write."""
    sql(
        "UPDATE desk_thread SET unread = ? WHERE desk = ? AND place = ? AND thread = ?",
        (False, desk, place, thread),
    )


def _with_known(desk: str, rows: Sequence[tuple[str, str, str]]) -> list[OpenThread]:
    """With what we know of the agents' messages there."""
    found = []
    for conversation_id, place, thread in rows:
        known = sql(
            "SELECT id, origin, body, sealed FROM reply WHERE conversation_id = ? AND desk = ? AND state <> 'undone'"
            " AND origin NOT LIKE ?",
            (conversation_id, desk, f"%/{PRESSED}%"),
        ).fetchall()  # what was written on a page is not missing in the thread
        texts = {
            origin.rpartition("/")[2]: unseal("message", body, f"reply|body|{reply_id}") if sealed else body
            for reply_id, origin, body, sealed in known
        }
        found.append(OpenThread(place=place, thread=thread, conversation_id=conversation_id, known=texts))
    return found
