"""Conversations as lines of a list: what an agent must know to choose one. Inside a read or write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot import clock
from bot.crypto import CryptoError, reveal
from bot.desk_actions import Action
from bot.desk_messages import customer_name
from bot.events import Reason
from bot.pages import Press, Row
from bot.store import sql
from bot.workplace.saying import since

UNREADABLE = "(cannot be opened; tell an admin)"
STATES = {"ai": "with the AI", "waiting": "waiting", "human": "in progress", "resolved": "resolved"}
LOUD = {"high": "High", "urgent": "Urgent"}
BY_HASTE = (
    "CASE t.priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END,"
    " coalesce(t.waiting_since, t.created_at), v.id"
)
AWAKE = "(t.snoozed_until IS NULL OR t.snoozed_until <= ?)"
_FIELDS = (
    "v.id, v.state, v.assignee, v.active_at, t.id, t.number, t.priority, coalesce(t.waiting_since, t.created_at), t.subject,"
    " t.reason_code, t.deferred, t.snoozed_until, coalesce(t.email, k.email), k.email, h.link"
)
_FROM = " FROM conversation v JOIN contact k ON k.id = v.contact_id LEFT JOIN ticket t ON t.conversation_id = v.id"
_THREAD = " LEFT JOIN desk_thread h ON h.conversation_id = v.id AND h.desk = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One conversation. ``number`` is 0 where there is no ticket; ``since`` is when the wait or the ticket began, Unix seconds."""

    conversation_id: str
    state: str
    number: int
    customer: str
    """Foreign text, like ``email`` and ``subject``."""
    email: str
    subject: str
    priority: str
    reason: str
    assignee: str
    since: float
    deferred: bool
    snoozed: bool
    link: str


def entries(desk: str, where: str, values: Sequence[Any], *, order: str = BY_HASTE, limit: int) -> list[Entry]:
    """Those for which ``where`` (fixed text, about ``v``, ``k`` and ``t``) is true, with links to their threads at ``desk``."""
    # Chosen first and looked at then: of thousands that wait only those that are shown are brought with everything.
    chosen = f"SELECT v.id{_FROM} WHERE {where} ORDER BY {order} LIMIT ?"
    rows = sql(
        f"SELECT {_FIELDS}{_FROM}{_THREAD} WHERE v.id IN ({chosen}) ORDER BY {order}", (desk, *values, limit)
    ).fetchall()
    return [_entry(row) for row in rows]


def count(where: str, values: Sequence[Any]) -> int:
    """How many there are."""
    return int(sql(f"SELECT count(*){_FROM} WHERE {where}", values).fetchone()[0])


def _entry(row: Any) -> Entry:
    (
        conversation_id, state, assignee, active_at, ticket_id, number, priority, began, subject, reason, deferred, snoozed, email,
        contact_email, link,
    ) = row  # fmt: skip
    return Entry(
        conversation_id=conversation_id,
        state=state,
        number=number or 0,
        customer=customer_name(conversation_id),
        email=email or contact_email or "",
        subject=subject_of(ticket_id, subject),
        priority=priority or "normal",
        reason=reason_words(reason or ""),
        assignee=assignee,
        since=began or active_at,
        deferred=bool(deferred),
        snoozed=bool(snoozed and snoozed > clock.now()),
        link=link or "",
    )


def subject_of(ticket_id: str, stored: str | None) -> str:
    """What it is about. One that cannot be opened takes no other line along."""
    try:
        return reveal("ticket", "subject", ticket_id, stored) if stored else ""
    except CryptoError:
        return UNREADABLE


def reason_words(code: str) -> str:
    """Why people have it, for people; empty where nobody said."""
    try:
        return Reason(code).words
    except ValueError:
        return ""


def row(entry: Entry, *, why: str = "") -> Row:
    """As a line with its buttons. ``why`` says how it was found."""
    number = f"#{entry.number}" if entry.number else "no ticket"
    title = " · ".join(filter(None, (LOUD.get(entry.priority, ""), number, entry.customer)))
    about = entry.subject or entry.reason
    stands = "snoozed" if entry.snoozed else STATES.get(entry.state, entry.state)
    if entry.state == "human" and entry.assignee:
        stands = f"{stands}, {entry.assignee} has it"
    if entry.state == "waiting":
        stands = (
            "answered later, nobody has it" if entry.deferred else f"waiting for {since(clock.now() - entry.since)}"
        )
    quiet = " · ".join(
        filter(None, (stands, "" if entry.state == "waiting" else f"since {since(clock.now() - entry.since)}", why))
    )
    return Row(title=title, text=about, quiet=quiet, presses=presses(entry))


def presses(entry: Entry) -> tuple[Press, ...]:
    """Claim what can be claimed, open what can be opened."""
    about = f"#{entry.number}" if entry.number else "this conversation"
    found = []
    if entry.state in {"waiting", "ai"}:
        found.append(
            Press(label="Claim", action=Action.CLAIM, conversation_id=entry.conversation_id, spoken=f"Claim {about}")
        )
    if entry.link:
        found.append(Press(label="Open", url=entry.link, spoken=f"Open the thread of {about}"))
    if entry.number:
        found.append(
            Press(
                label="Details", what="desk_words.ticket", value=str(entry.number), spoken=f"What is known of {about}"
            )
        )
    return tuple(found)
