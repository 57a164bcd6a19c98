"""From the AI to people and back: tickets, and what the customer is told. All functions run inside a write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from bot import clock, deliver, desk_posts, follow_up, lease, states
from bot.addresses import Address, address_problem
from bot.crypto import keep
from bot.store import sql
from bot.store.statements import Place, insert_message

_EMAIL = re.compile(r"[^@\s<>\"'(),:;\[\]\\]{1,64}@[^@\s<>\"'(),:;\[\]\\]+\.[^@\s<>\"'(),:;\[\]\\.]{2,}")


@dataclass(frozen=True, slots=True)
class Said:
    """The system message that tells the customer; empty when nothing had to be said."""

    message_id: str = ""
    seq: int = 0
    rev: int = 0


def email_problem(address: str) -> str:
    """What is wrong with an e-mail address, as a sentence; empty when nothing is."""
    if not address:
        return "Leave an e-mail address, so that we can answer you."
    if not _EMAIL.fullmatch(address) or address_problem(Address(address)):
        return "This does not look like an e-mail address. It should be like anna@example.com."
    return ""


def hand_over(conversation_id: str, reason: str, *, summary: str = "", asked: bool = False) -> Said:
    """Pass the conversation to people: waiting, an open ticket, and honest words about what happens next.

    Safe to call twice: a conversation that people have already stays as it is and nothing is said again.
    """
    try:
        moved = states.take(conversation_id, "handoff", message=True)
    except states.NotAllowed:
        return Said()
    number = _open_ticket(conversation_id, reason, summary)
    follow_up.ticket_opened(conversation_id, summarised=bool(summary))
    desk_posts.open_threads(conversation_id)
    desk_posts.refresh_card(conversation_id)
    connected = lease.led("desk:")
    if connected:
        kind, text = "handoff", "I have passed this to my colleagues. One of them will answer here."
    else:
        kind = "handoff_no_desk"
        text = (
            f"Nobody from the team is connected here right now, so I have noted your request as ticket #{number}. "
            "Leave your e-mail address and they will answer you there."
        )
    if not asked and kind == "handoff_no_desk":
        text = "I would rather let a person answer this. " + text
    return say(conversation_id, moved, kind, text, {"ticket": number})


def ensure_ticket(conversation_id: str, reason: str) -> None:
    """See to it that there is a ticket; one that exists stays as it is."""
    if sql("SELECT 1 FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone() is None:
        _open_ticket(conversation_id, reason, "")


def leave_address(conversation_id: str, name: str, email: str, text: str) -> Said:
    """Note name and e-mail on the ticket (made if there is none) and confirm it. ``text`` is added as a customer's message."""
    hand_over(conversation_id, "left an address", asked=True)
    row = sql("SELECT number FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    number = row[0] if row else _open_ticket(conversation_id, "left an address", "")
    sql(
        "UPDATE ticket SET name = ?, email = ?, changed_at = ? WHERE conversation_id = ?",
        (name, email, clock.now(), conversation_id),
    )
    sql(
        "UPDATE contact SET name = CASE WHEN name = '' THEN ? ELSE name END, email = ?"
        " WHERE id = (SELECT contact_id FROM conversation WHERE id = ?)",
        (name, email, conversation_id),
    )
    if text:
        place, message_id = _next(conversation_id), clock.new_id()
        insert_message(
            message_id,
            conversation_id,
            place,
            author="customer",
            author_name=name,
            body=text,
            created_at=clock.now(),
        )
        desk_posts.show(conversation_id, message_id)
    desk_posts.refresh_card(conversation_id)
    place = _next(conversation_id)
    confirmation = f"Thank you. Your ticket is #{number}; we will answer to the address you left."
    if follow_up.address_left(conversation_id, number, email):
        confirmation += " Please confirm it by the link in the mail that is on its way."
    return _insert(conversation_id, place, "contact_saved", confirmation, {"ticket": number})


def resolve(conversation_id: str, *, by: str) -> Said:
    """Close the conversation and its ticket. Nothing happens when it is closed already."""
    try:
        moved = states.take(conversation_id, "resolve", message=True)
    except states.NotAllowed:
        return Said()
    at = clock.now()
    sql(
        "UPDATE ticket SET state = 'resolved', outcome = ?, resolved_at = ?, changed_at = ? WHERE conversation_id = ?",
        (f"resolved by {by}", at, at, conversation_id),
    )
    follow_up.conversation_resolved(conversation_id)
    said = say(conversation_id, moved, "resolved", "This conversation is closed. Write again to open it.", {})
    desk_posts.refresh_card(conversation_id)
    return said


def reopen_ticket(conversation_id: str) -> None:
    """The customer wrote again: the same ticket is open, and its last agent stays named."""
    sql(
        "UPDATE ticket SET state = 'open', outcome = '', resolved_at = NULL, changed_at = ? WHERE conversation_id = ?",
        (clock.now(), conversation_id),
    )
    follow_up.ticket_opened(conversation_id, summarised=True)
    desk_posts.refresh_card(conversation_id)


def _open_ticket(conversation_id: str, reason: str, summary: str) -> int:
    at = clock.now()
    known = sql("SELECT id, number FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    ticket_id = known[0] if known else clock.new_id()
    # What the AI wrote about the conversation is sealed like the conversation itself.
    by = "ai" if summary else ""
    words = (keep("ticket", "reason", ticket_id, reason), keep("ticket", "summary", ticket_id, summary))
    if known is not None:
        sql(
            "UPDATE ticket SET state = 'open', reason = ?, summary = ?, summary_by = ?, outcome = '', resolved_at = NULL, changed_at = ?"
            " WHERE id = ?",
            (*words, by, at, ticket_id),
        )
        return int(known[1])
    number = int(
        sql(
            "INSERT INTO cursor (name, value) VALUES ('ticket', '1001') ON CONFLICT (name) DO UPDATE"
            " SET value = CAST(CAST(cursor.value AS INTEGER) + 1 AS TEXT) RETURNING value"
        ).fetchone()[0]
    )
    history = orjson.dumps([{"at": at, "event": "opened"}]).decode()
    sql(
        "INSERT INTO ticket (id, number, conversation_id, state, reason, summary, summary_by, name, email, assignee, outcome, history,"
        " created_at, changed_at) VALUES (?, ?, ?, 'open', ?, ?, ?, '', '', '', '', ?, ?, ?)",
        (ticket_id, number, conversation_id, *words, by, history, at, at),
    )
    return number


def _next(conversation_id: str) -> Place:
    row = sql(
        "UPDATE conversation SET seq = seq + 1, rev = rev + 1, answered = seq + 1, active_at = ? WHERE id = ? RETURNING seq, rev",
        (clock.now(), conversation_id),
    ).fetchone()
    return Place(*row)


def say(conversation_id: str, moved: states.Moved, kind: str, text: str, extra: dict[str, Any]) -> Said:
    """Tell the customer what a step means, at the place the step kept."""
    return _insert(conversation_id, Place(moved.seq, moved.rev), kind, text, extra)


def _insert(conversation_id: str, place: Place, kind: str, text: str, extra: dict[str, Any]) -> Said:
    message_id = clock.new_id()
    insert_message(
        message_id, conversation_id, place, author="system", body=text, created_at=clock.now(), kind=kind, extra=extra
    )
    deliver.plan(conversation_id, message_id, text)
    return Said(message_id, place.seq, place.rev)
