"""Notifications as they are now: what a list, a message or a digest says. What is read or moot is looked up, never remembered.

Inside reads or writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot import clock, notification_preferences
from bot.desk_messages import customer_name
from bot.notification_preferences import Preferences
from bot.store import sql

SHOWN = 15
"""Notifications that one message names; of the others it says how many they are."""
MOOT = (
    "(EXISTS (SELECT 1 FROM conversation v LEFT JOIN ticket t ON t.conversation_id = v.id WHERE v.id = notification.conversation_id"
    " AND ((notification.kind <> 'mention' AND t.resolved_at > notification.created_at)"
    " OR (notification.kind = 'request' AND v.state <> 'waiting')"
    " OR (notification.occasion LIKE 'breach/%/first_reply/%' AND t.first_reply_at > notification.created_at)"
    " OR (notification.kind = 'assignment' AND v.state = 'human' AND v.assignee <>"
    " (SELECT a.name FROM agent a WHERE a.id = notification.agent_id))"
    " OR (notification.occasion LIKE 'given/%' AND v.state <> 'human')))"
    " OR (notification.occasion LIKE 'offer/%' AND NOT EXISTS"
    " (SELECT 1 FROM agent_offer o WHERE o.id = substr(notification.occasion, 7) AND o.state = 'open')))"
)
"""Nobody needs to be told any more: it is resolved or answered since, it is not theirs any more, or the offer is over. What a
colleague has to say to them is not over with the ticket."""
_ACTS = "SELECT 1 FROM agent a WHERE a.id = ? AND a.active AND a.role <> 'viewer'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One notification as it is shown."""

    id: str
    kind: str
    conversation_id: str
    ticket: int
    customer: str
    """Foreign text."""
    words: str
    link: str
    at: float
    read_at: float | None = None
    direct_at: float | None = None
    mail_at: float | None = None
    problem: str = ""
    moot: bool = False


_COLUMNS = "id, kind, conversation_id, words, changed_at, read_at, direct_at, mail_at, problem, state"


def find(condition: str, values: Sequence[Any], limit: int = 100) -> list[Told]:
    """Notifications, the newest last. Inside a read or write."""
    rows = sql(
        f"SELECT {_COLUMNS}, CASE WHEN {MOOT} THEN 1 ELSE 0 END FROM notification WHERE folded = '' AND {condition}"  # noqa: S608
        " ORDER BY changed_at DESC, id DESC LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [_told(row) for row in reversed(rows)]


def _told(row: Sequence[Any]) -> Told:
    conversation_id = row[2]
    number = sql("SELECT number FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    return Told(
        id=row[0], kind=row[1], conversation_id=conversation_id, ticket=number[0] if number else 0,
        customer=customer_name(conversation_id), words=row[3], link=thread_link(conversation_id), at=row[4], read_at=row[5],
        direct_at=row[6], mail_at=row[7], problem=row[8], moot=row[9] == "moot" or bool(row[10]),
    )  # fmt: skip


def thread_link(conversation_id: str) -> str:
    """The address of a thread of the conversation; empty: none is known."""
    row = sql(
        "SELECT link FROM desk_thread WHERE conversation_id = ? AND link <> '' ORDER BY desk LIMIT 1",
        (conversation_id,),
    ).fetchone()
    return row[0] if row else ""


def drop_moot(agent_id: str) -> None:
    """What is not told yet and need not be told any more: nothing of it need be told to who may not act any more. Inside a write."""
    sql(
        f"UPDATE notification SET state = 'moot' WHERE agent_id = ? AND state IN ('waiting', 'posted') AND direct_at IS NULL"  # noqa: S608
        f" AND mail_at IS NULL AND (read_at IS NOT NULL OR {MOOT} OR NOT EXISTS ({_ACTS}))",
        (agent_id, agent_id),
    )


def agent_name(agent_id: str) -> str:
    row = sql("SELECT name FROM agent WHERE id = ?", (agent_id,)).fetchone()
    return row[0] if row else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as it would be now."""

    id: str
    agent_id: str
    title: str
    told: tuple[Told, ...]
    more: int = 0
    remarks: tuple[str, ...] = ()
    preferences: Preferences


def message(post_id: str) -> Message | None:
    """What a message says now; ``None``: nothing any more, and it is written down. Inside a write."""
    row = sql("SELECT agent_id, kind, state, occasion FROM notification_post WHERE id = ?", (post_id,)).fetchone()
    if row is None or row[2] not in {"out", "erased"}:
        return None
    agent_id, kind, day = row[0], row[1], row[3]
    drop_moot(agent_id)
    if kind == "digest":
        made = digest(agent_id, post_id, day)
    else:
        told = find("told_in = ? AND state = 'posted' AND read_at IS NULL", (post_id,), 1_000)
        made = Message(
            id=post_id, agent_id=agent_id, title=_title(told), told=tuple(told[-SHOWN:]), more=max(0, len(told) - SHOWN),
            preferences=notification_preferences.of(agent_id),
        ) if told else None  # fmt: skip
    if made is None:
        sql("UPDATE notification_post SET state = 'moot' WHERE id = ? AND state IN ('out', 'erased')", (post_id,))
    return made


def _title(told: Sequence[Told]) -> str:
    return f"Ticket #{told[0].ticket}" if len(told) == 1 else f"{len(told)} notifications"


_MINE = (
    "SELECT count(*), coalesce(sum(CASE WHEN t.first_reply_due < ? OR t.resolve_due < ? THEN 1 ELSE 0 END), 0) FROM ticket t"
    " JOIN conversation v ON v.id = t.conversation_id WHERE v.state = 'human' AND v.assignee = ?"
)


def digest(agent_id: str, post_id: str, day: str) -> Message | None:
    """The day in one message: what is unread, what is theirs, what waits; ``None``: nothing of all that. Inside a read or write."""
    at = clock.now()
    if sql(_ACTS, (agent_id,)).fetchone() is None:
        return None
    unread = find(f"agent_id = ? AND read_at IS NULL AND state <> 'moot' AND NOT ({MOOT})", (agent_id,), 1_000)
    mine, late = sql(_MINE, (at, at, agent_name(agent_id))).fetchone()
    waiting = sql("SELECT count(*) FROM conversation WHERE state = 'waiting'").fetchone()[0]
    if not (unread or mine or waiting):
        return None
    remarks = [
        f"Open and yours: {mine}{f', overdue: {late}' if late else ''}" if mine else "",
        f"Waiting for somebody: {waiting}" if waiting else "",
        f"Unread notifications: {len(unread)}" if unread else "",
    ]
    return Message(
        id=post_id, agent_id=agent_id, title=f"Your day in Deskhand, {day.partition('/')[0]}", told=tuple(unread[-SHOWN:]),
        more=max(0, len(unread) - SHOWN), remarks=tuple(filter(None, remarks)), preferences=notification_preferences.of(agent_id),
    )  # fmt: skip
