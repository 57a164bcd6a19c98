"""What an agent may ask Deskhand anywhere: the queue, a ticket, what was said where, who is there, and how they are there themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bot import agents, claims, clock, presence, routing_settings, ticket_details, tickets
from bot.claims import Done
from bot.desk_actions import Action
from bot.desk_card import actions
from bot.desk_messages import customer_name
from bot.pages import Heading, Part, Press, Presses, Row, Words
from bot.receive import clean
from bot.store import sql
from bot.workplace import entries, finding, house
from bot.workplace import ticket as ticket_form
from bot.workplace.deeds import Command, Deed
from bot.workplace.entries import AWAKE, STATES, UNREADABLE
from bot.workplace.saying import aside, counted, since

SHOWN = 8
"""Entries of each part of the queue."""
HISTORY = 12
"""Newest lines of a ticket's history."""
MINE = f"v.state = 'human' AND v.assignee = ? AND {AWAKE}"
WAITING = f"v.state = 'waiting' AND {AWAKE}"
_NUMBER = re.compile(r"#?(\d{1,15})")
_BUTTONS = {
    Action.CLAIM: "Claim",
    Action.RELEASE: "Release",
    Action.RESOLVE: "Resolve",
    Action.REOPEN: "Reopen",
    Action.RETURN: "Return to AI",
}


def queue(deed: Deed) -> Done:
    """What is mine, and what waits."""
    return Done("done", after=lambda: aside("desk_words.queue", "Your queue", *queue_parts(deed)))


def queue_parts(deed: Deed) -> list[Part]:
    """The parts of it: mine, what waits, and how many more there are. Inside a read or write."""
    at, me, desk = clock.now(), deed.agent.name, deed.event.desk
    parts: list[Part] = []
    for title, where, values, none in (
        ("Mine", MINE, (me, at), "You have no conversation now."),
        ("Waiting for somebody", WAITING, (at,), "Nobody waits."),
    ):
        total = entries.count(where, values)
        parts.append(Heading(f"{title} ({total:,})"))
        parts += [entries.row(one) for one in entries.entries(desk, where, values, limit=SHOWN)]
        if not total:
            parts.append(Words(none, "quiet"))
        elif total > SHOWN:
            parts.append(Words(f"… and {total - SHOWN:,} more. The inbox of Deskhand shows all of them.", "quiet"))
    return parts


def search(deed: Deed) -> Done:
    """Tickets and conversations by what is known of them."""
    words = " ".join(clean(deed.words[: finding.LONGEST]).split())
    if len(words.lstrip("#")) < finding.SHORTEST:
        return Done("cannot", "Say what to look for, such as: /desk search anna@example.com or /desk search #1042")
    return Done("done", after=lambda: finding.answer(deed.event.desk, words))


def status(deed: Deed) -> Done:
    """How the agent is there; for admins also how the house is."""
    word = deed.words.lower()
    action = {"available": Action.BACK, "back": Action.BACK, "away": Action.AWAY}.get(word)
    if action is not None:
        return claims.act("", deed.agent, deed.event.desk, action, "")
    if word:
        return Done(
            "cannot",
            f"There is no status {word[:40]}. Nothing was changed. Say: /desk status available, or: /desk status away",
        )
    return Done("done", after=lambda: _status(deed))


def _status(deed: Deed) -> Done:
    at, me = clock.now(), agents.agent_named(deed.agent.name) or deed.agent
    mine, waiting = entries.count(MINE, (me.name, at)), entries.count(WAITING, (at,))
    there = "You are available." if me.available else "You are away."
    press = Press(label="Go away", what="desk_words.status", value="away") if me.available else Press(
        label="I am back", what="desk_words.status", value="available"
    )  # fmt: skip
    words = f"{there} You have {counted(mine, 'conversation')}; {counted(waiting, 'waits', 'wait')} for somebody."
    return aside("desk_words.status", "Status", Words(words), Presses((press,)), *(house.parts() if deed.admin else ()))


def ticket(deed: Deed) -> Done:
    """One ticket: how it stands, its history, and what can be done."""
    if deed.words.lower() == "new":
        return ticket_form.new(deed)
    found = _NUMBER.fullmatch(deed.words)
    if found is None:
        return Done(
            "cannot", "Say which one by its number, such as: /desk ticket #1042. For a new one say: /desk ticket new"
        )
    number = int(found[1])
    row = sql("SELECT conversation_id FROM ticket WHERE number = ?", (number,)).fetchone()
    if row is None:
        return Done("cannot", f"There is no ticket #{number}. Look for it: /desk search NAME, or e-mail address")
    return Done("done", after=lambda: _ticket(deed.event.desk, row[0], number))


def _ticket(desk: str, conversation_id: str, number: int) -> Done:
    found = entries.entries(desk, "t.number = ?", (number,), limit=1)
    if not found:
        return Done("stale", f"The customer has deleted the conversation of #{number}. There is nothing left to show.")
    entry = found[0]
    ticket_id, summary, email, outcome, due_day, reply_due, resolve_due, priority, assignee, site = sql(
        "SELECT t.id, t.summary, t.email, t.outcome, t.due_day, t.first_reply_due, t.resolve_due, t.priority, v.assignee, s.name"
        " FROM ticket t JOIN conversation v ON v.id = t.conversation_id JOIN site s ON s.id = v.site_id WHERE t.number = ?",
        (number,),
    ).fetchone()
    facts = [
        ("Subject", entry.subject), ("Customer", customer_name(conversation_id)), ("E-mail", email), ("Site", site),
        ("State", "snoozed" if entry.snoozed else STATES.get(entry.state, entry.state)), ("Priority", priority),
        ("With", assignee or ("nobody" if entry.state == "waiting" else "")), ("Why", entry.reason),
        ("Reply due", _moment(reply_due)), ("Solution due", due_day or _moment(resolve_due)), ("Outcome", outcome),
    ]  # fmt: skip
    parts: list[Part] = [Words("\n".join(f"{name}: {' '.join(value.split())}" for name, value in facts if value))]
    if summary:
        parts += [Heading("Summary"), Words(ticket_details.opened("summary", ticket_id, summary) or UNREADABLE)]
    told = tickets.history_of(conversation_id)
    parts.append(Heading("History"))
    if len(told) > HISTORY:
        parts.append(Words(f"… {len(told) - HISTORY} earlier", "quiet"))
    parts.append(Words("\n".join(_line(*one) for one in told[-HISTORY:]), "plain"))
    parts.append(Presses(_presses(entry)))
    return aside("desk_words.ticket", f"Ticket #{number}", *parts, conversation_id=conversation_id)


def _presses(entry: entries.Entry) -> tuple[Press, ...]:
    about, found = f"#{entry.number}", []
    for action in actions(entry.state):  # type: ignore[arg-type]
        if action in _BUTTONS:
            found.append(
                Press(
                    label=_BUTTONS[action],
                    action=action,
                    conversation_id=entry.conversation_id,
                    spoken=f"{_BUTTONS[action]} {about}",
                    style="primary" if action is Action.CLAIM else "",
                )
            )
    if entry.state != "resolved":
        found.append(
            Press(
                label="Edit ticket",
                opens="ticket.make",
                conversation_id=entry.conversation_id,
                spoken=f"Edit ticket {about}",
            )
        )
    if entry.link:
        found.append(Press(label="Open thread", url=entry.link, spoken=f"Open the thread of {about}"))
    return tuple(found)


def _line(at: float, who: str, event: str, detail: str) -> str:
    return " · ".join(filter(None, (_moment(at), " ".join(filter(None, (event, detail))), who)))


def _moment(at: float | None) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d %b %H:%M} UTC" if at else ""


def who(deed: Deed) -> Done:
    """Who is there, and how much everybody has."""
    return Done("done", after=_who)


def _who() -> Done:
    having = dict(sql("SELECT assignee, count(*) FROM conversation WHERE state = 'human' GROUP BY assignee").fetchall())
    wrote = "SELECT a.name, max(r.created_at) FROM reply r JOIN agent a ON a.id = r.agent_id GROUP BY a.name"
    seen = dict(sql(wrote).fetchall())
    own = dict(sql("SELECT a.name, t.capacity FROM agent_turn t JOIN agent a ON a.id = t.agent_id").fetchall())
    usual, there = routing_settings.settings().capacity, presence.staff().there
    known = [one for one in agents.all_agents() if one.may_act]
    rows: list[Part] = []
    for one in sorted(known, key=lambda agent: (agent.name not in there, not agent.available, agent.name)):
        most = usual if own.get(one.name) is None else own[one.name]
        has = counted(having.get(one.name, 0), "conversation") + (f" of {most} at most" if most else "")
        last = f"wrote {since(clock.now() - seen[one.name])} ago" if one.name in seen else ""
        how = "available" if one.name in there else "available, but not at their desk now" if one.available else "away"
        rows.append(Row(title=one.public_name, text=how, quiet=" · ".join(filter(None, (one.name, has, last)))))
    return aside("desk_words.who", f"{len(there)} of {counted(len(known), 'agent')} could come now", *rows)


def _pressed_status(deed: Deed) -> Done:
    action = {"available": Action.BACK, "away": Action.AWAY}.get(deed.event.value)
    return (
        claims.act("", deed.agent, deed.event.desk, action, "")
        if action
        else Done("stale", "This button is not known any more.")
    )


def _pressed_ticket(deed: Deed) -> Done:
    from dataclasses import replace

    return ticket(replace(deed, words=deed.event.value))


LOOKS = {"desk_words.ticket": _pressed_ticket}
PRESSES = {"desk_words.status": _pressed_status, "desk_words.ticket": _pressed_ticket}
COMMANDS = {
    "queue": Command(run=queue, usage="queue", about="what is yours, and what waits for somebody", looks=True),
    "ticket": Command(
        run=ticket,
        usage="ticket #1042|new",
        about="one ticket: how it stands, its history, what can be done; or a new one for somebody who did not write here",
        looks=True,
    ),
    "search": Command(
        run=search,
        usage="search WORDS",
        about="tickets and conversations by number, name, address or words",
        looks=True,
    ),
    "who": Command(run=who, usage="who", about="who is there, and how much everybody has", looks=True),
    "status": Command(
        run=status, usage="status [available|away]", about="say whether you are there, or see how things are"
    ),
}
