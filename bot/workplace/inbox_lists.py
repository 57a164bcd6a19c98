"""Which tickets stand in which part of an inbox, in which order, and what is told of each. Inside a read.

The database chooses the tickets of one page; what is told of them is fetched for those alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot import clock
from bot.crypto import CryptoError
from bot.desk_messages import shown_name
from bot.file_words import with_files
from bot.store import sql
from bot.store.statements import COLUMNS, view
from bot.tags import of_tickets
from bot.workplace.entries import UNREADABLE, subject_of

PAGE = 30
"""Tickets on a page."""
COUNTED = 10_000
"""Open tickets are counted up to here, and resolved ones up to :data:`RECENT`: what lies farther back is searched for."""
RECENT = 1_000
TAGS = 90
"""Tags that can be chosen from: a choice has 100 entries at most."""
LISTS = ("mine", "unassigned", "resolved")

_WHERE = {
    "mine": "t.assignee = ? AND t.state = 'in_progress'",
    "unassigned": "t.state = 'open'",
    "resolved": "t.state = 'resolved'",
}
_SNOOZED = "CASE WHEN t.snoozed_until > ? THEN 1 ELSE 0 END"
_DUE = "coalesce(t.first_reply_due, t.resolve_due)"
_RANK = "CASE t.priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'low' THEN 3 ELSE 2 END"
_ORDER = {
    "mine": f"{_SNOOZED}, CASE WHEN {_DUE} IS NULL THEN 1 ELSE 0 END, {_DUE}, t.number",
    "unassigned": f"{_SNOOZED}, {_RANK}, coalesce(t.waiting_since, t.created_at), t.number",
    "resolved": "t.resolved_at DESC, t.number DESC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is told of a ticket. Times are Unix seconds; ``customer``, ``subject`` and ``line`` are foreign text."""

    conversation_id: str
    number: int
    state: str
    """Of the ticket: open, in_progress, resolved."""
    with_ai: bool
    deferred: bool
    """The customer does not wait in the chat: it is answered later."""
    customer: str
    subject: str
    priority: str
    since: float
    """Since when it waits, is in hand, or is done."""
    snoozed_until: float | None
    due: float | None
    due_for: str
    """reply or solution"""
    by: str
    """Who resolved it, as customers know them."""
    offered: str
    """Whose turn it is to take it: a name, or ``you``."""
    tags: tuple[str, ...]
    speaker: str
    line: str
    link: str
    """Opens the thread; empty: not known."""
    site: str


def count(which: str, agent: str, tag: str) -> int:
    """How many tickets are in a list; one more than is counted to where there are more."""
    source, values = _source(which, agent, tag)
    most = RECENT if which == "resolved" else COUNTED
    row = sql(f"SELECT count(*) FROM (SELECT 1 FROM {source} LIMIT ?) found", (*values, most + 1)).fetchone()  # noqa: S608
    return int(row[0])


def entries(which: str, agent: str, tag: str, page: int, desk: str) -> list[Entry]:
    """The tickets of one page (the first is 1), with their threads at ``desk``."""
    source, values = _source(which, agent, tag)
    moment = () if which == "resolved" else (clock.now(),)
    rows = sql(
        f"SELECT t.id FROM {source} ORDER BY {_ORDER[which]} LIMIT ? OFFSET ?",  # noqa: S608  fixed texts
        (*values, *moment, PAGE, (page - 1) * PAGE),
    ).fetchall()
    return _told([row[0] for row in rows], desk, agent)


def _source(which: str, agent: str, tag: str) -> tuple[str, tuple[str, ...]]:
    """What stands behind FROM, with its values."""
    own = (agent,) if which == "mine" else ()
    if not tag:
        return f"ticket t WHERE {_WHERE[which]}", own
    return f"ticket_tag g JOIN ticket t ON t.id = g.ticket_id WHERE g.tag = ? AND {_WHERE[which]}", (tag, *own)


def tags_in(which: str, agent: str) -> list[tuple[str, int]]:
    """The tags of a list's tickets with how many have them, the most used first."""
    source, values = _source(which, agent, "")
    order = "ORDER BY t.resolved_at DESC" if which == "resolved" else ""
    most = RECENT if which == "resolved" else COUNTED
    rows = sql(
        f"SELECT g.tag, count(*) FROM (SELECT t.id FROM {source} {order} LIMIT ?) found JOIN ticket_tag g ON g.ticket_id = found.id"  # noqa: S608
        " GROUP BY g.tag ORDER BY count(*) DESC, g.tag LIMIT ?",
        (*values, most, TAGS),
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


_ABOUT = (
    "SELECT t.id, t.number, t.conversation_id, t.state, v.state, t.name, k.name, k.id, t.subject, t.priority,"
    " coalesce(t.waiting_since, t.created_at), t.resolved_at, t.snoozed_until, t.first_reply_due, t.resolve_due, t.last_agent,"
    " t.deferred, d.link,"
    " s.name, a.name, a.public_name,"
    " (SELECT max(e.at) FROM ticket_event e WHERE e.ticket_id = t.id AND e.event IN ('claimed', 'transferred', 'assigned'))"
    " FROM ticket t JOIN conversation v ON v.id = t.conversation_id JOIN contact k ON k.id = v.contact_id"
    " JOIN site s ON s.id = v.site_id LEFT JOIN desk_thread d ON d.conversation_id = v.id AND d.desk = ?"
    " LEFT JOIN agent_offer o ON o.conversation_id = v.id AND o.state = 'open' LEFT JOIN agent a ON a.id = o.agent_id"
    " WHERE t.id IN ({})"
)
_LAST = (
    f"SELECT {COLUMNS} FROM message WHERE id IN (SELECT (SELECT m.id FROM message m WHERE m.conversation_id = v.id"  # noqa: S608
    " AND m.author IN ('customer', 'agent', 'ai') AND NOT m.deleted ORDER BY m.seq DESC LIMIT 1)"
    " FROM conversation v WHERE v.id IN ({}))"
)


def _told(ids: Sequence[str], desk: str, agent: str) -> list[Entry]:
    """What is told of these tickets, in this order."""
    if not ids:
        return []
    at, marks = clock.now(), ",".join("?" * len(ids))
    rows = {row[0]: row for row in sql(_ABOUT.format(marks), (desk, *ids)).fetchall()}
    lines = _last_lines([row[2] for row in rows.values()])
    tags = of_tickets(ids)
    names = dict(sql("SELECT name, public_name FROM agent").fetchall())
    several = sql("SELECT count(*) FROM site").fetchone()[0] > 1
    return [
        _entry(
            rows[one], lines.get(rows[one][2], ("", "")), tags.get(one, ()), names, agent=agent, several=several, at=at
        )
        for one in ids
        if one in rows
    ]


def _entry(
    row: Any, said: tuple[str, str], tags: tuple[str, ...], names: dict[str, str], *, agent: str, several: bool, at: float
) -> Entry:  # fmt: skip
    (
        ticket_id, number, conversation_id, state, where, name, known_name, contact_id, subject, priority, waiting, resolved, snoozed,
        reply_due, solution_due, last_agent, deferred, link, site, asked, asked_name, taken,
    ) = row  # fmt: skip
    since = {"open": waiting, "in_progress": taken or waiting}.get(state, resolved or waiting)
    return Entry(
        conversation_id=conversation_id,
        number=number,
        state=state,
        with_ai=where == "ai",
        deferred=bool(deferred),
        customer=shown_name(name, known_name, contact_id),
        subject=subject_of(ticket_id, subject),
        priority=priority,
        since=since,
        snoozed_until=snoozed if snoozed and snoozed > at and state != "resolved" else None,
        due=None if state == "resolved" else reply_due or solution_due,
        due_for="reply" if reply_due else "solution",
        by=names.get(last_agent, last_agent) if state == "resolved" else "",
        offered=("you" if asked == agent else asked_name) if asked and state == "open" else "",
        tags=tags,
        speaker=said[0],
        line=said[1],
        link=link or "",
        site=site if several else "",
    )


def _last_lines(conversation_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Who said the last words, and which, by conversation."""
    found: dict[str, tuple[str, str]] = {}
    for row in sql(_LAST.format(",".join("?" * len(conversation_ids))), tuple(conversation_ids)).fetchall():
        try:
            said = with_files(view(row))
        except CryptoError:  # one that cannot be opened takes no other line along
            found[row[-1]] = ("Last words", UNREADABLE)
            continue
        speaker = {"customer": "Customer", "ai": "AI assistant"}.get(said.author) or said.author_name or "Agent"
        found[row[-1]] = (speaker, said.text)
    return found
