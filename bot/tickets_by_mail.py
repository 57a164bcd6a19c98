"""Tickets for people who did not write to us: an agent writes one for them (after a call, a letter), and answers go by mail.

Such a conversation is on a channel of its own that sends nothing: what an agent answers goes the way of every answer to a customer
who left an address and is not there. Inside writes.
"""

from __future__ import annotations

from bot import clock, desk_posts, follow_up, notifications, states, ticket_details, tickets
from bot.agents import AgentView
from bot.answer_mails import ANSWERED_BY_MAIL
from bot.bus import bus
from bot.events import Priority, Reason
from bot.store import db, sql
from bot.store.statements import Place, insert_message

CHANNEL = "mail"


def is_blocked(site_id: str, email: str) -> bool:
    """Whether this person may not write any more. Also inside a read."""
    row = sql(
        "SELECT 1 FROM contact k JOIN identity i ON i.contact_id = k.id AND i.channel = ? WHERE k.site_id = ?"
        " AND lower(k.email) = lower(?) AND k.blocked",
        (CHANNEL, site_id, email),
    ).fetchone()
    return row is not None


def make(
    site_id: str,
    agent: AgentView,
    *,
    name: str,
    email: str,
    subject: str,
    description: str,
    priority: Priority,
    due_day: str,
) -> tuple[str, int]:
    """Make a conversation with its ticket for who is reached at ``email``; returns both: its id, and the ticket's number. It has a
    thread at every desk, and nobody has claimed it."""
    _declare()
    at, conversation_id = clock.now(), clock.new_id()
    sql(
        "INSERT INTO conversation (id, site_id, contact_id, channel, state, seq, rev, state_rev, answered, needs, due_at, lease_owner,"
        " lease_until, fence, assignee, language, title, created_at, active_at, had_people)"
        " VALUES (?, ?, ?, ?, 'ai', 0, 0, 0, 0, ?, 0, '', 0, 0, '', '', '', ?, ?, ?)",
        (conversation_id, site_id, _contact(site_id, name, email, at), CHANNEL, False, at, at, False),
    )
    sql(
        "INSERT INTO route (id, conversation_id, channel, place, current, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (clock.new_id(), conversation_id, CHANNEL, conversation_id, True, at),
    )
    states.take(conversation_id, "handoff")
    number = tickets.open_ticket(
        conversation_id, Reason.TICKET, Reason.TICKET.words, actor=agent.name, deferred=True, priority=priority
    )
    sql(
        "UPDATE ticket SET name = ?, email = ?, waiting_since = ? WHERE conversation_id = ?",
        (name, email, at, conversation_id),
    )
    ticket_details.describe(
        conversation_id, subject=subject, description=description, due_day=due_day, actor=agent.name
    )
    follow_up.ticket_opened(conversation_id, summarised=True)
    desk_posts.open_threads(conversation_id)
    _note(conversation_id, agent, description)
    notifications.requested(conversation_id, by=agent.name)
    db.after_commit(lambda: bus().wake("out", ""))
    return conversation_id, number


def _declare() -> None:
    """Make the channel known: it pulls, that is, nothing is ever sent through it."""
    sql(
        "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
        (f"channel.{CHANNEL}", f'{{"pull": true, "can": ["{ANSWERED_BY_MAIL}"]}}', clock.now()),
    )


def _contact(site_id: str, name: str, email: str, at: float) -> str:
    """Who had a ticket by this address before is the same person; who left it elsewhere may be somebody else, and stays apart."""
    row = sql(
        "SELECT k.id FROM contact k JOIN identity i ON i.contact_id = k.id AND i.channel = ? WHERE k.site_id = ?"
        " AND lower(k.email) = lower(?) ORDER BY k.created_at LIMIT 1",
        (CHANNEL, site_id, email),
    ).fetchone()
    if row is not None:
        sql("UPDATE contact SET name = CASE WHEN name = '' THEN ? ELSE name END WHERE id = ?", (name, row[0]))
        return str(row[0])
    contact_id = clock.new_id()
    sql(
        "INSERT INTO contact (id, site_id, name, email, language, created_at) VALUES (?, ?, ?, ?, '', ?)",
        (contact_id, site_id, name, email, at),
    )
    sql(  # no address in here: with the last conversation it must be gone
        "INSERT INTO identity (id, contact_id, channel, external_id, created_at) VALUES (?, ?, ?, ?, ?)",
        (clock.new_id(), contact_id, CHANNEL, contact_id, at),
    )
    return contact_id


def _note(conversation_id: str, agent: AgentView, text: str) -> None:
    """What the agent wrote stands at the beginning of the conversation, between colleagues: the customer knows it."""
    if not text:
        return
    at, message_id = clock.now(), clock.new_id()
    row = sql(
        "UPDATE conversation SET seq = seq + 1, rev = rev + 1, active_at = ? WHERE id = ? RETURNING seq, rev",
        (at, conversation_id),
    ).fetchone()
    insert_message(
        message_id, conversation_id, Place(*row), author="note", author_name=agent.public_name, body=text, created_at=at
    )
    desk_posts.show(conversation_id, message_id)
