"""What an agent says of a ticket in a form: subject, description, and the day by which it should be done. Inside writes."""

from __future__ import annotations

from bot import clock, due_days, service_clocks, tickets
from bot.addresses import one_line
from bot.crypto import CryptoError, keep, reveal
from bot.receive import clean
from bot.store import sql

LONGEST_SUBJECT, LONGEST_DESCRIPTION = 150, 3_000


def subject_problem(text: str) -> str:
    """What is wrong with a subject, as a sentence; empty when nothing is."""
    if not clean(text):
        return "Say in a few words what it is about."
    return f"At most {LONGEST_SUBJECT} characters." if len(clean(text)) > LONGEST_SUBJECT else ""


def opened(name: str, ticket_id: str, stored: str) -> str | None:
    """``subject`` or ``summary`` as it was written, ``None`` if it cannot be opened. Also inside a read."""
    try:
        return reveal("ticket", name, ticket_id, stored) if stored else ""
    except CryptoError:
        return None


def describe(conversation_id: str, *, subject: str, description: str, due_day: str, actor: str) -> bool:
    """Keep what the form says; what is as it was stays. Its history says which of it is new, and no word of it. False: nothing is.

    A description is the ticket's summary, by an agent: the AI does not write over it until the ticket is resolved or somebody asks.
    """
    ticket_id, kept_subject, kept_summary, kept_day, site_id = sql(
        "SELECT t.id, t.subject, t.summary, t.due_day, v.site_id FROM ticket t JOIN conversation v ON v.id = t.conversation_id"
        " WHERE v.id = ?",
        (conversation_id,),
    ).fetchone()
    subject, description = one_line(clean(subject), LONGEST_SUBJECT), clean(description)[:LONGEST_DESCRIPTION]
    changed = []
    if subject != opened("subject", ticket_id, kept_subject):
        sql("UPDATE ticket SET subject = ? WHERE id = ?", (keep("ticket", "subject", ticket_id, subject), ticket_id))
        changed.append("subject")
    if description and description != opened("summary", ticket_id, kept_summary):
        sql(
            "UPDATE ticket SET summary = ?, summary_by = 'agent' WHERE id = ?",
            (keep("ticket", "summary", ticket_id, description), ticket_id),
        )
        changed.append("description")
    if due_day != kept_day:
        sql("UPDATE ticket SET due_day = ? WHERE id = ?", (due_day, ticket_id))
        service_clocks.promise(conversation_id, due_days.end_of_day(due_day, site_id) if due_day else None)
        changed.append(f"due {due_day}" if due_day else "due day taken off")
    if changed:
        sql("UPDATE ticket SET changed_at = ? WHERE id = ?", (clock.now(), ticket_id))
        tickets.note(conversation_id, actor, "edited", ", ".join(changed))
    return bool(changed)
