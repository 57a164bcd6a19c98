"""The card of a conversation as it is now, and what may be done with it. Inside a read or write."""

from __future__ import annotations

from typing import Literal

from bot import clock, confirmations, profiles
from bot.crypto import reveal
from bot.desk import Card, Line
from bot.desk_actions import Action
from bot.desk_messages import customer_name
from bot.file_words import with_files
from bot.store import sql
from bot.store.statements import last_messages
from bot.tags import tags_of

Dates = tuple[float | None, float | None]
"""When something is due, and the due time that passed first."""


def card(conversation_id: str) -> Card:
    """The card as it is now."""
    row = sql(
        "SELECT t.number, t.version, v.state, t.email, v.language, s.name, v.channel, t.reason, t.summary, t.summary_by, t.confidence,"
        " coalesce(t.waiting_since, t.created_at), t.assignee, t.last_agent, t.outcome,"
        " t.snoozed_until, t.priority, t.rating, t.id,"
        " t.first_reply_due, t.resolve_due, t.first_reply_breached_at, t.resolve_breached_at, v.contact_id"
        " FROM ticket t JOIN conversation v ON v.id = t.conversation_id JOIN site s ON s.id = v.site_id WHERE v.id = ?",
        (conversation_id,),
    ).fetchone()
    (
        number, version, state, email, language, site, channel, reason, summary, by, confidence, opened, assignee, last, outcome,
        snoozed, priority, rating, ticket_id, reply_due, resolve_due, reply_breached, resolve_breached, contact_id,
    ) = row  # fmt: skip
    due, overdue, since = _due(state, (reply_due, reply_breached), (resolve_due, resolve_breached))
    shown = last_messages(conversation_id, 2**31 - 1, 4)
    return Card(
        conversation_id=conversation_id,
        ticket=number,
        version=version,
        state=state,
        customer=customer_name(conversation_id),
        email=email,
        page_url=profiles.page_of(conversation_id),
        verified=bool(email) and confirmations.is_confirmed(contact_id, email),
        language=language,
        site=site,
        channel=channel,
        reason=reveal("ticket", "reason", ticket_id, reason),
        summary=reveal("ticket", "summary", ticket_id, summary),
        summary_by=by,
        subject=_subject(ticket_id),
        confidence=confidence,
        waiting_since=opened if state == "waiting" else None,
        due=due,
        overdue=overdue,
        overdue_since=since,
        assignee=_public(assignee),
        last_agent=_public(last),
        offered=_offered(conversation_id) if state == "waiting" else "",
        resolved_by=_public(last) if state == "resolved" else "",
        outcome=outcome,
        snoozed_until=snoozed if snoozed and snoozed > clock.now() else None,
        priority=priority,
        rating=rating,
        tags=tags_of(conversation_id),
        actions=actions(state),
        lines=tuple(
            Line(author=m.author, name=m.author_name, text=m.text[:300], at=m.created_at)
            for m in map(with_files, shown)
            if m.author in {"customer", "ai", "agent"} and m.text
        )[-3:],
    )


def _offered(conversation_id: str) -> str:
    row = sql(
        "SELECT a.public_name FROM agent_offer o JOIN agent a ON a.id = o.agent_id WHERE o.conversation_id = ? AND o.state = 'open'",
        (conversation_id,),
    ).fetchone()
    return str(row[0]) if row else ""


def _due(
    state: str, reply: Dates, solution: Dates
) -> tuple[float | None, Literal["", "reply", "solution"], float | None]:
    """What is due next, and what is overdue: the reply before the solution, because the customer has heard nothing at all. Each with
    when it is due and since when it is known to be late."""
    if state not in {"waiting", "human"}:
        return None, "", None
    at = clock.now()
    late = [one for one in (reply, solution) if one[0] is not None and one[1] is not None and one[0] <= at]
    ahead = [one[0] for one in (reply, solution) if one[0] is not None and one not in late]
    due = min(ahead) if ahead else None
    if not late:
        return due, "", None
    # A priority that was raised since makes it due earlier: it became late when that was seen.
    since = max(date for date in late[0] if date is not None)
    return due, "reply" if late[0] is reply else "solution", since


def _subject(ticket_id: str) -> str:
    row = sql("SELECT subject FROM ticket WHERE id = ?", (ticket_id,)).fetchone()
    return reveal("ticket", "subject", ticket_id, row[0])


def _public(name: str) -> str:
    if not name:
        return ""
    row = sql("SELECT public_name FROM agent WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else name


def actions(state: str) -> tuple[Action, ...]:
    """What may be done in a state, the most obvious first."""
    return {
        "waiting": (
            Action.CLAIM,
            Action.RESOLVE,
            Action.DRAFT,
            Action.TRANSFER,
            Action.RETURN,
            Action.SNOOZE,
            Action.PRIORITY,
            Action.BLOCK,
        ),
        "human": (
            Action.RESOLVE,
            Action.RELEASE,
            Action.DRAFT,
            Action.TRANSFER,
            Action.RETURN,
            Action.SNOOZE,
            Action.PRIORITY,
            Action.BLOCK,
        ),
        "ai": (Action.CLAIM, Action.BLOCK),
        "resolved": (Action.REOPEN,),
    }.get(state, ())
