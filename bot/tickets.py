"""Ticket rows: made, opened again, pressed, and the history of everything that happened to them. All functions run inside a write."""

from __future__ import annotations

from typing import get_args

from bot import clock, jobs, routing_calls, service_clocks
from bot.crypto import keep
from bot.events import Priority, Reason
from bot.service_targets import Kind
from bot.store import sql

PRIORITIES: tuple[str, ...] = get_args(Priority)
OVERDUE: dict[Kind, str] = {"first_reply": "reply overdue", "resolve": "solution overdue"}
FIRST_REPLY = "first reply"
MOVED = "due times moved"
MAX_DETAIL = 200
AWAKE = "ticket.awake"
"""The job that shows a ticket again when its snooze is over."""
_EVER = 1e12


def open_ticket(
    conversation_id: str,
    reason: Reason,
    words: str,
    *,
    summary: str = "",
    priority: Priority | None = None,
    actor: str = "",
    deferred: bool = False,
) -> int:
    """Make the conversation's ticket, or open the one it has again; returns its number."""
    at = clock.now()
    known = sql("SELECT id, number FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    ticket_id = known[0] if known else clock.new_id()
    # What the AI wrote about the conversation is sealed like the conversation itself.
    by = "ai" if summary else ""
    sealed = (keep("ticket", "reason", ticket_id, words), keep("ticket", "summary", ticket_id, summary))
    if known is None:
        number = _next_number()
        sql(
            "INSERT INTO ticket (id, number, conversation_id, state, reason, summary, summary_by, name, email, assignee, outcome, history,"
            " reason_code, deferred, created_at, changed_at) VALUES (?, ?, ?, 'open', ?, ?, ?, '', '', '', '', '[]', ?, ?, ?, ?)",
            (ticket_id, number, conversation_id, *sealed, by, reason.value, deferred, at, at),
        )
    else:
        number = int(known[1])
        sql(
            "UPDATE ticket SET state = 'open', reason = ?, summary = ?, summary_by = ?, reason_code = ?, deferred = ?, outcome = '',"
            " resolved_at = NULL, snoozed_until = NULL, changed_at = ? WHERE id = ?",
            (*sealed, by, reason.value, deferred, at, ticket_id),
        )
    if priority is not None:
        sql("UPDATE ticket SET priority = ? WHERE id = ?", (priority, ticket_id))
    service_clocks.start(conversation_id, at)
    note(conversation_id, actor, "opened", reason.value)
    return number


def _next_number() -> int:
    return int(
        sql(
            "INSERT INTO cursor (name, value) VALUES ('ticket', '1001') ON CONFLICT (name) DO UPDATE"
            " SET value = CAST(CAST(cursor.value AS INTEGER) + 1 AS TEXT) RETURNING value"
        ).fetchone()[0]
    )


def reopen(conversation_id: str, *, actor: str) -> None:
    """The same ticket is open; its last agent stays named."""
    at = clock.now()
    row = sql(
        "UPDATE ticket SET state = 'open', outcome = '', resolved_at = NULL, deferred = ?, snoozed_until = NULL,"
        " changed_at = ? WHERE conversation_id = ? RETURNING id",
        (False, at, conversation_id),
    ).fetchone()
    if row is not None:
        service_clocks.start(conversation_id, at)
        note(conversation_id, actor, "reopened", "")


def close(conversation_id: str, outcome: str, *, actor: str, event: str) -> None:
    """It is done, one way or another."""
    at = clock.now()
    had = sql("SELECT assignee FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    # It is in nobody's hands any more: whoever closes what bears their name had it.
    note_late(
        conversation_id, service_clocks.closed(conversation_id), actor if had is not None and actor == had[0] else ""
    )
    done = sql(
        "UPDATE ticket SET state = 'resolved', outcome = ?, resolved_at = ?, changed_at = ?, deferred = ?, snoozed_until = NULL"
        " WHERE conversation_id = ?",
        (outcome, at, at, False, conversation_id),
    ).rowcount
    if done:
        note(conversation_id, actor, event, outcome if event == "resolved" else "")


def snooze(conversation_id: str, minutes: int, *, actor: str) -> None:
    """Hide it for so long, or until the customer writes."""
    until = clock.now() + minutes * 60
    sql("UPDATE ticket SET snoozed_until = ? WHERE conversation_id = ?", (until, conversation_id))
    service_clocks.pause(conversation_id)
    jobs.enqueue(AWAKE, conversation_id, f"{until:.6f}", at=until)
    note(conversation_id, actor, "snoozed", str(minutes))


def wake(conversation_id: str, *, actor: str = "") -> bool:
    """It is hidden no longer: the customer wrote (``actor``), or else only if its time is over. False: it was not hidden, or still is."""
    at = clock.now()
    row = sql("SELECT snoozed_until FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    woken = sql(
        "UPDATE ticket SET snoozed_until = NULL WHERE conversation_id = ? AND snoozed_until <= ?",
        (conversation_id, _EVER if actor else at),
    ).rowcount
    if woken:
        service_clocks.resume(conversation_id, min(at, row[0]))
        note(conversation_id, actor, "snooze ended")
        routing_calls.look_if_assigning()
    return bool(woken)


def set_priority(conversation_id: str, priority: str, *, actor: str) -> bool:
    """How much it presses; the due times move with it. False: it was so already."""
    row = sql(
        "UPDATE ticket SET priority = ?, changed_at = ? WHERE conversation_id = ? AND priority <> ? RETURNING id",
        (priority, clock.now(), conversation_id, priority),
    ).fetchone()
    if row is None:
        return False
    service_clocks.retarget(conversation_id)
    note(conversation_id, actor, "priority", priority)
    return True


def replied(conversation_id: str, agent: str) -> bool:
    """An agent's reply is on its way to the customer; whether it is the first since the ticket was opened."""
    ended = service_clocks.replied(conversation_id)
    note_late(conversation_id, ended, ended.assignee)
    if ended.first:
        note(conversation_id, agent, FIRST_REPLY)
    return ended.first


def note_late(conversation_id: str, ended: service_clocks.Ended, who: str) -> None:
    """A due time passed unseen (no worker ran): it is a fact all the same, and nobody is alerted of what is done by now. ``who`` had
    it; nobody: nobody did."""
    for kind in ended.late:
        note(conversation_id, "", OVERDUE[kind], who)


def note(conversation_id: str, actor: str, event: str, detail: str = "") -> None:
    """A line of the ticket's history: an agent's name, ``cli:NAME``, ``customer``, or nobody for what happens by itself.
    No text of the conversation."""
    # Two events of one transaction may have one time: the later one comes a microsecond later, so that their order stays.
    last = "(SELECT max(e.at) FROM ticket_event e WHERE e.ticket_id = t.id)"
    at = clock.now()
    sql(
        "INSERT INTO ticket_event (id, ticket_id, at, actor, event, detail)"  # noqa: S608  fixed text
        f" SELECT ?, t.id, CASE WHEN coalesce({last}, 0) >= ? THEN {last} + 0.000001 ELSE ? END, ?, ?, ?"
        " FROM ticket t WHERE t.conversation_id = ?",
        (clock.new_id(), at, at, actor, event, detail[:MAX_DETAIL], conversation_id),
    )


def history_of(conversation_id: str) -> list[tuple[float, str, str, str]]:
    """``(at, actor, event, detail)``, oldest first. Inside a read or write."""
    return [
        (row[0], row[1], row[2], row[3])
        for row in sql(
            "SELECT e.at, e.actor, e.event, e.detail FROM ticket_event e JOIN ticket t ON t.id = e.ticket_id"
            " WHERE t.conversation_id = ? ORDER BY e.at, e.id",
            (conversation_id,),
        ).fetchall()
    ]
