"""A ticket as a line of an inbox: who, what state in words, what is due, the last words, and what can be done about it. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.desk_actions import Action
from bot.opening import zone_named
from bot.pages import Press, Row
from bot.workplace.inbox_lists import Entry

NAME, SUBJECT, LINE = 60, 80, 140
"""Characters that are shown of a name, a subject and the last words."""
_STEERS = dict.fromkeys(map(ord, "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
"""Marks that turn the order of what stands behind them."""


def row(entry: Entry, now: float, zone: str, *, may_act: bool) -> Row:
    """The line. ``zone``: in which times are told. Who may only look gets no deeds."""
    customer = one_line(entry.customer, NAME)
    title = " · ".join(filter(None, (f"#{entry.number}", customer, one_line(entry.subject, SUBJECT))))
    said = one_line(entry.line, LINE)
    return Row(
        title=title,
        text=f"{one_line(entry.speaker, NAME)}: {said}" if said else "",
        quiet=" · ".join(filter(None, _about(entry, now, zone))),
        presses=_presses(entry, may_act),
        menu=_menu(entry) if may_act else (),
    )


def _about(entry: Entry, now: float, zone: str) -> tuple[str, ...]:
    return (
        _state(entry, now, zone),
        f"{entry.priority} priority" if entry.state != "resolved" else "",
        _due(entry, now, zone),
        f"offered to {one_line(entry.offered, NAME)}" if entry.offered else "",
        f"tags: {', '.join(entry.tags)}" if entry.tags else "",
        one_line(entry.site, NAME),
    )


def _state(entry: Entry, now: float, zone: str) -> str:
    since = moment(entry.since, now, zone)
    if entry.snoozed_until:
        return f"Snoozed until {moment(entry.snoozed_until, now, zone)}"
    if entry.state == "open":
        return f"{'To be answered later, since' if entry.deferred else 'Waiting since'} {since}"
    if entry.state == "in_progress":
        return f"In progress since {since}"
    if entry.with_ai:
        return f"Back with the AI since {since}"
    return f"Resolved {since}{f' by {one_line(entry.by, NAME)}' if entry.by else ''}"


def _due(entry: Entry, now: float, zone: str) -> str:
    if entry.due is None:
        return ""
    what = "First reply" if entry.due_for == "reply" else "Solution"
    when = moment(entry.due, now, zone)
    return f"{what} due {when}" if entry.due > now else f"Overdue: {what.lower()} was due {when}"


def _presses(entry: Entry, may_act: bool) -> tuple[Press, ...]:
    about, where = f"#{entry.number}", entry.conversation_id
    found = [Press(label="Open thread", url=entry.link, spoken=f"Open the thread of {about}")] if entry.link else []
    if may_act and (entry.state == "open" or entry.with_ai):
        found.append(Press(label="Claim", action=Action.CLAIM, conversation_id=where, spoken=f"Claim {about}"))
    elif may_act and entry.state == "in_progress":
        found.append(
            Press(label="AI draft", action=Action.DRAFT, conversation_id=where, spoken=f"AI draft for {about}")
        )
    elif may_act and entry.state == "resolved":
        found.append(Press(label="Reopen", action=Action.REOPEN, conversation_id=where, spoken=f"Open {about} again"))
    return tuple(found)


def _menu(entry: Entry) -> tuple[Press, ...]:
    where = entry.conversation_id
    tags = Press(label="Tags…", opens="inbox.tags", conversation_id=where)
    if entry.state == "resolved":
        return (tags,)
    return (
        Press(label="Canned reply…", opens="canned.choose", conversation_id=where),
        Press(label="Assign…", opens="inbox.assign", conversation_id=where),
        Press(label="Snooze…", opens="inbox.snooze", conversation_id=where),
        Press(label="Resolve", action=Action.RESOLVE, conversation_id=where),
        tags,
    )


def one_line(text: str, longest: int) -> str:
    """Foreign text as a part of a line: nothing in it breaks the line or turns what follows, and it is cut with a sign of that."""
    clean = " ".join(text.translate(_STEERS).split())
    clean = "".join(one for one in clean if one >= " " and one != "\x7f")
    return clean if len(clean) <= longest else f"{clean[: longest - 1].rstrip()}…"


def moment(at: float, now: float, zone: str) -> str:
    """``14:02``, or ``21 Nov 14:02`` of another day; with ``UTC`` where the person's zone is not known. It does not change by itself,
    as an age would: a page is only sent again when something on it did."""
    known = zone_named(zone)
    there = known or UTC
    then = datetime.fromtimestamp(at, there)
    today = datetime.fromtimestamp(now, there)
    day = "" if then.date() == today.date() else f"{then.day} {then:%b} "
    year = f"{then.year} " if then.year != today.year else ""
    return f"{day}{year}{then:%H:%M}{'' if known else ' UTC'}"
