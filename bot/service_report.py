"""How soon customers heard from people, worked out of the history of tickets. Inside a read.

A ticket that was opened three times is three cases: each has a first reply, an end, and what was late. Times are as on a wall
clock: that is what customers waited. Whether something was late is what the clocks said, in opening hours.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bot import clock
from bot.service_targets import PRIORITIES
from bot.store import sql
from bot.tickets import FIRST_REPLY, OVERDUE

NOBODY = "nobody"


@dataclass(slots=True)
class Case:
    """One time that people had a ticket. Lengths in seconds."""

    site: str
    priority: str
    opened: float
    replied: float | None = None
    replied_by: str = ""
    resolved: float | None = None
    resolved_by: str = ""
    late: dict[str, str] = field(default_factory=dict)
    """What was late, and who had it then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Cases of one kind together."""

    name: str
    cases: int
    reply: tuple[float, float] | None
    """Median and the time within which nine of ten came."""
    solution: tuple[float, float] | None
    late_replies: int
    late_solutions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    days: int
    all: Line
    resolved: int
    priorities: tuple[Line, ...]
    sites: tuple[Line, ...]
    agents: tuple[Line, ...]


def report(days: int) -> Report:
    """Of cases that were opened in the last ``days`` days."""
    found = _cases(clock.now() - days * 86_400.0)
    agents = {name for one in found for name in (one.replied_by, one.resolved_by, *one.late.values()) if name}
    return Report(
        days=days,
        all=_line("all", found),
        resolved=sum(one.resolved is not None for one in found),
        priorities=tuple(
            _line(name, some)
            for name in reversed(PRIORITIES)
            if (some := [one for one in found if one.priority == name])
        ),
        sites=tuple(
            _line(name, [one for one in found if one.site == name]) for name in sorted({one.site for one in found})
        ),
        agents=tuple(_of_agent(name, found) for name in sorted(agents)),
    )


def _cases(since: float) -> list[Case]:
    rows = sql(
        "SELECT e.ticket_id, e.at, e.actor, e.event, e.detail, s.key, t.priority FROM ticket_event e JOIN ticket t ON t.id = e.ticket_id"
        " JOIN conversation v ON v.id = t.conversation_id JOIN site s ON s.id = v.site_id WHERE e.at > ?"
        " AND e.event IN ('opened', 'reopened', 'resolved', ?, ?, ?) ORDER BY e.ticket_id, e.at, e.id",
        (since, FIRST_REPLY, *OVERDUE.values()),
    ).fetchall()
    found: list[Case] = []
    ticket, now = "", None
    kinds = {words: kind for kind, words in OVERDUE.items()}
    for ticket_id, at, actor, event, detail, site, priority in rows:
        if ticket_id != ticket:
            ticket, now = ticket_id, None
        if event in {"opened", "reopened"}:
            now = Case(site, priority, at)
            found.append(now)
        elif now is None:
            continue  # it was opened before that time
        elif event == FIRST_REPLY:
            now.replied, now.replied_by = at - now.opened, actor
        elif event == "resolved":
            now.resolved, now.resolved_by = at - now.opened, actor
        else:
            now.late[kinds[event]] = detail or NOBODY
    return found


def _line(name: str, cases: Sequence[Case]) -> Line:
    return Line(
        name=name, cases=len(cases), reply=_spread(one.replied for one in cases), solution=_spread(one.resolved for one in cases),
        late_replies=sum("first_reply" in one.late for one in cases), late_solutions=sum("resolve" in one.late for one in cases),
    )  # fmt: skip


def _of_agent(name: str, cases: Sequence[Case]) -> Line:
    """What they replied to first and resolved, and what was late while it was theirs."""

    def of(which: Callable[[Case], bool]) -> list[Case]:
        return [one for one in cases if which(one)]

    return Line(
        name=name,
        cases=len(of(lambda one: name in {one.replied_by, one.resolved_by, *one.late.values()})),
        reply=_spread(one.replied for one in of(lambda one: one.replied_by == name)),
        solution=_spread(one.resolved for one in of(lambda one: one.resolved_by == name)),
        late_replies=len(of(lambda one: one.late.get("first_reply") == name)),
        late_solutions=len(of(lambda one: one.late.get("resolve") == name)),
    )


def _spread(values: Iterable[float | None]) -> tuple[float, float] | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    return statistics.median(known), known[math.ceil(0.9 * len(known)) - 1]
