"""The form of a ticket: in the thread of a conversation it is that one's; anywhere else a new one for somebody who is answered by mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from bot import agents, claims, desk_posts, due_days, handoff, mail, ticket_details, tickets, tickets_by_mail
from bot.addresses import one_line
from bot.agents import AgentView
from bot.claims import Done
from bot.desk_actions import Action
from bot.events import Priority
from bot.pages import Choice, Field, Option, Page, Part, Words
from bot.receive import clean
from bot.store import sql
from bot.ticket_details import LONGEST_DESCRIPTION, LONGEST_SUBJECT
from bot.workplace.deeds import Deed, Visit

NEW = "new"
STRANGER = "You are not linked as an agent yet. Write !link in a thread of Deskhand, and an admin links you with the code you get."
READER = "Your account here may read but not act. Ask an admin."
ERASED = "The customer has deleted this conversation, so there is nothing to make a ticket of."
MOVED = "This ticket goes on in another thread, because the head of this one was deleted. Make the ticket there."
RESOLVED = "This is resolved already. Reopen it first; nothing was changed."
NO_MAIL = (
    "Mail is not set up here (SMTP_URL), so the customer could not be answered and no ticket is made. What you typed stays in this form;"
    " ask an admin."
)
_LABELS = {"low": "Low", "normal": "Normal", "high": "High", "urgent": "Urgent"}
_TELL = Option("tell", "Tell the customer that this is answered later")


def make(visit: Visit) -> Page:
    """The form as it is to be filled in now, or why it cannot be."""
    if visit.agent is None:
        return _refused(STRANGER)
    if not visit.agent.may_act:
        return _refused(READER)
    wanted = visit.wanted
    if visit.conversation_id:
        return _of_conversation(visit)
    if desk_posts.was_erased(wanted.desk, wanted.place, wanted.thread):
        return _refused(ERASED)
    if desk_posts.was_thread(wanted.desk, wanted.place, wanted.thread):
        return _refused(MOVED)
    return _new(wanted.text)


def new(deed: Deed) -> Done:
    """The form of a new ticket, asked for by words."""
    if not deed.agent.may_act:
        return Done("not_allowed", READER)
    return Done("done", after=lambda: Done("done", page=_new("")))


def _refused(words: str) -> Page:
    return Page(name="ticket.make", kind="form", title="Ticket", parts=(Words(words),))


def _of_conversation(visit: Visit) -> Page:
    row = sql(
        "SELECT v.state, v.assignee, t.id, t.number, t.subject, t.summary, t.priority, t.due_day, t.deferred FROM conversation v"
        " LEFT JOIN ticket t ON t.conversation_id = v.id WHERE v.id = ?",
        (visit.conversation_id,),
    ).fetchone()
    if row is None:
        return _refused(ERASED)
    state, assignee, ticket_id, number, subject, summary, priority, due_day, deferred = row
    if state == "resolved":
        return _refused(RESOLVED)
    # What cannot be opened is asked for anew.
    shown = ticket_details.opened("subject", ticket_id, subject or "") or ""
    about = ticket_details.opened("summary", ticket_id, summary or "") or visit.wanted.text
    parts = [
        *_fields(shown, priority or "normal"),
        Field(
            name="assignee",
            label="Who has it",
            value=_person(visit.wanted.desk, assignee),
            kind="person",
            optional=True,
        ),
        _due(due_day or ""),
        _description(about),
    ]
    if not deferred and state != "ai":
        waits = ("tell",) if state == "waiting" else ()
        parts.append(
            Choice(name="tell", label="The customer", options=(_TELL,), chosen=waits, many=True, optional=True)
        )
    elif state == "ai":
        parts.append(Words("The customer is told that this is answered later by a person.", "quiet"))
    return Page(
        name="ticket.make", kind="form", title=f"Ticket #{number}" if number else "Make a ticket", parts=tuple(parts),
        conversation_id=visit.conversation_id, submit="Save", what="ticket.make",
    )  # fmt: skip


def _person(desk: str, name: str) -> str:
    row = sql(
        "SELECT i.external_id FROM agent_identity i JOIN agent a ON a.id = i.agent_id WHERE a.name = ? AND i.desk = ? LIMIT 1",
        (name, desk),
    ).fetchone()
    return str(row[0]) if row else ""


def _new(text: str) -> Page:
    sites = _sites()
    parts: list[Part] = [
        Words("A ticket for somebody who did not write here: your answers go to their address by mail.", "quiet")
    ]
    if mail.server() is None:
        parts.append(Words(NO_MAIL))
    if len(sites) > 1:
        options = tuple(Option(site_id, one_line(name, 75)) for site_id, name in sites.items())
        parts.append(Choice(name="site", label="Site", options=options[:100], chosen=(options[0].value,)))
    parts += [
        Field(name="name", label="Customer's name", longest=100, optional=True),
        Field(name="email", label="Customer's e-mail", longest=254),
        *_fields("", "normal"),
        _due(""),
        _description(text),
    ]
    return Page(
        name="ticket.make", kind="form", title="New ticket", parts=tuple(parts), value=NEW, submit="Make ticket", what="ticket.make"
    )  # fmt: skip


def _sites() -> dict[str, str]:
    return dict(sql("SELECT id, name FROM site ORDER BY created_at, id").fetchall())


def _fields(subject: str, priority: str) -> list[Part]:
    options = tuple(Option(one, _LABELS[one]) for one in tickets.PRIORITIES)
    return [
        Field(name="subject", label="Subject", value=subject, longest=LONGEST_SUBJECT),
        Choice(name="priority", label="Priority", options=options, chosen=(priority,)),
    ]


def _due(day: str) -> Field:
    return Field(name="due", label="To be done by", value=day, kind="day", optional=True)


def _description(text: str) -> Field:
    return Field(
        name="description", label="Description", value=text[:LONGEST_DESCRIPTION], kind="text", longest=LONGEST_DESCRIPTION, optional=True,
        hint="Only colleagues see it.",
    )  # fmt: skip


# When it is sent ---------------------------------------------------------------------------------------------------------


def sent(deed: Deed) -> Done:
    """The form was sent."""
    if (deed.event.page_value or deed.event.value) == NEW:
        return _made(deed)
    if not deed.conversation_id:
        return Done("stale", ERASED)
    return _saved(deed)


def _saved(deed: Deed) -> Done:
    conversation_id, fields = deed.conversation_id, deed.event.fields
    state, assignee, site_id = sql(
        "SELECT state, assignee, site_id FROM conversation WHERE id = ?", (conversation_id,)
    ).fetchone()
    if state == "resolved":
        return Done("resolved", RESOLVED, (Action.REOPEN,), conversation_id)
    errors = _errors(fields, site_id, _due_day(conversation_id))
    other = _assignee(deed, fields.get("assignee", ""))
    if fields.get("assignee") and other is None:
        errors["assignee"] = (
            "This person is no agent of Deskhand who may act. Choose somebody else, or ask an admin to link them."
        )
    if errors:
        return Done("invalid", errors=errors)
    told = False
    if state == "ai" or "tell" in fields.get("tell", "").split(","):
        told = bool(handoff.make_ticket(conversation_id, by=deed.agent.name).message_id)
    tickets.set_priority(conversation_id, fields["priority"], actor=deed.agent.name)
    ticket_details.describe(
        conversation_id, subject=fields["subject"], description=fields.get("description", ""), due_day=fields.get("due", ""),
        actor=deed.agent.name,
    )  # fmt: skip
    if other is not None and other.name != assignee:
        claims.assign(conversation_id, other, by=deed.agent.name)
    desk_posts.refresh_card(conversation_id)
    number = sql("SELECT number FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()[0]
    return Done(
        "done", f"Ticket #{number} is saved.{' The customer knows that this is answered later.' if told else ''}"
    )


def _assignee(deed: Deed, person: str) -> AgentView | None:
    found = agents.agent_at(deed.event.desk, person) if person else None
    return found if found is not None and found.may_act else None


def _due_day(conversation_id: str) -> str:
    row = sql("SELECT due_day FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    return str(row[0]) if row and row[0] else ""


def _errors(fields: Mapping[str, str], site_id: str, kept_day: str = "") -> dict[str, str]:
    """What is wrong, by the name of the field. A day that is over by now may stay as it is."""
    day = fields.get("due", "")
    problems = {
        "subject": ticket_details.subject_problem(fields.get("subject", "")),
        "priority": "" if fields.get("priority") in tickets.PRIORITIES else "Choose how much it presses.",
        "due": "" if day == kept_day else due_days.problem(day, site_id),
    }
    if len(clean(fields.get("description", ""))) > LONGEST_DESCRIPTION:
        problems["description"] = f"At most {LONGEST_DESCRIPTION:,} characters."
    return {name: problem for name, problem in problems.items() if problem}


def _made(deed: Deed) -> Done:
    fields, sites = deed.event.fields, _sites()
    site_id = fields.get("site") or next(iter(sites), "")
    name, email = one_line(clean(fields.get("name", "")), 100), clean(fields.get("email", ""))
    errors = _errors(fields, site_id)
    if site_id not in sites:
        errors["site"] = "This site is not there any more. Choose another one."
    problem = handoff.email_problem(email)
    if problem:
        errors["email"] = problem
    elif mail.server() is None:
        errors["email"] = NO_MAIL
    elif tickets_by_mail.is_blocked(site_id, email):
        errors["email"] = (
            "This person is blocked, so no ticket is made. An admin can take that back: deskhand agents unblock NUMBER"
        )
    if errors:
        return Done("invalid", errors=errors)
    _, number = tickets_by_mail.make(
        site_id, deed.agent, name=name, email=email, subject=fields["subject"], description=clean(fields.get("description", "")),
        priority=cast("Priority", fields["priority"]), due_day=fields.get("due", ""),
    )  # fmt: skip
    return Done(
        "done",
        f"Ticket #{number} is made. Its thread opens in a moment, nobody has claimed it, and answers go by mail.",
    )


PAGES = {"ticket.make": make}
PRESSES = {"ticket.make": sent}
