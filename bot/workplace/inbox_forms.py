"""Forms about one ticket of an inbox: give it to somebody, hide it for a while. What they do goes the way of every claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from bot import claims, clock
from bot.canned_search import small_letters
from bot.claims import Done
from bot.desk_actions import Action
from bot.opening import zone_named
from bot.pages import Choice, Field, Option, Page, Part, Words
from bot.store import sql
from bot.workplace.deeds import Deed, Visit
from bot.workplace.inbox_rows import NAME, moment, one_line
from bot.workplace.inbox_views import view_of

ERASED = "The customer has deleted this conversation. There is nothing left to do."
LOOKS_ONLY = "Your account here may read but not act. Ask an admin."
MORNING = 9
"""The hour of the chosen day at which a snooze ends."""
SNOOZES = (
    ("60", "1 hour"), ("180", "3 hours"), ("480", "8 hours"), ("1440", "1 day"), ("4320", "3 days"), ("10080", "1 week"),
)  # fmt: skip


def refused(name: str, words: str) -> Page:
    """A form that is not to be filled in, with why."""
    return Page(name=name, kind="form", title="Not possible", parts=(Words(words),))


def ticket_of(visit: Visit) -> tuple[int, str, str]:
    """Number, state and assignee of the ticket that a form is about; 0: it is gone. Inside a read."""
    row = sql(
        "SELECT number, state, assignee FROM ticket WHERE conversation_id = ?", (visit.conversation_id,)
    ).fetchone()
    return (int(row[0]), row[1], row[2]) if row else (0, "", "")


def why_not(visit: Visit) -> str:
    """Why this person cannot fill in a form about this ticket; empty: they can. Inside a read."""
    if visit.agent is None or not visit.agent.may_act:
        return LOOKS_ONLY
    return "" if ticket_of(visit)[0] else ERASED


def assign(visit: Visit) -> Page:
    """Who is to have it."""
    number, state, assignee = ticket_of(visit)
    problem = why_not(visit) or ("This is resolved already. Open it again first." if state == "resolved" else "")
    if problem:
        return refused("inbox.assign", problem)
    now = _public(assignee) if state == "in_progress" else ""
    parts: tuple[Part, ...] = (
        Words(f"{now} has it now." if now else "Nobody has it now.", "quiet"),
        Choice(name="agent", label="Who is to have it", search=True, hint="The customer is told who is there."),
    )
    return Page(
        name="inbox.assign", kind="form", title=f"Assign #{number}", parts=parts, conversation_id=visit.conversation_id,
        submit="Assign", what="inbox.assign",
    )  # fmt: skip


def people(visit: Visit, query: str) -> Sequence[Option]:
    """Agents who may have it, those who are there first."""
    if visit.agent is None:
        return ()
    # Not by the database: SQLite knows small letters of English only.
    wanted = small_letters(query.strip())
    rows = sql(
        "SELECT name, public_name, available FROM agent WHERE active = ? AND role <> 'viewer'", (True,)
    ).fetchall()
    found = [row for row in rows if wanted in small_letters(row[0]) or wanted in small_letters(row[1])]
    return [
        Option(name, f"{one_line(shown, NAME)} ({name})", "" if available else "away")
        for name, shown, available in sorted(found, key=lambda row: (not row[2], small_letters(row[1]), row[0]))[:100]
    ]


def _public(name: str) -> str:
    row = sql("SELECT public_name FROM agent WHERE name = ?", (name,)).fetchone()
    return one_line(row[0] if row else name, NAME)


def give(deed: Deed) -> Done:
    """Give it to whom was chosen."""
    name = deed.event.fields.get("agent", "").strip()
    if not name:
        return Done("invalid", errors={"agent": "Choose who is to have it."})
    done = claims.act(deed.conversation_id, deed.agent, deed.event.desk, Action.TRANSFER, name)
    return Done("invalid", errors={"agent": done.aside}) if done.code == "cannot" else done


def snooze(visit: Visit) -> Page:
    """For how long it is to be hidden."""
    number, state, _ = ticket_of(visit)
    problem = why_not(visit) or (
        "This is resolved already, so there is nothing to hide." if state == "resolved" else ""
    )
    if problem:
        return refused("inbox.snooze", problem)
    parts: tuple[Part, ...] = (
        Words("It stands at the end of its list until then, or until the customer writes.", "quiet"),
        Choice(
            name="minutes", label="For how long", options=tuple(Option(*one) for one in SNOOZES), chosen=("60",), optional=True
        ),
        Field(
            name="day", label="Or until a day", kind="day", optional=True, hint=f"At {MORNING:02}:00 of that day."
        ),
    )  # fmt: skip
    return Page(
        name="inbox.snooze", kind="form", title=f"Snooze #{number}", parts=parts, conversation_id=visit.conversation_id,
        submit="Snooze", what="inbox.snooze",
    )  # fmt: skip


def hide(deed: Deed) -> Done:
    """Hide it: until the day, if one was chosen."""
    minutes, day = deed.event.fields.get("minutes", ""), deed.event.fields.get("day", "").strip()
    field, zone = "minutes", view_of(deed.event.desk, deed.event.who).zone
    if day:
        field = "day"
        try:
            chosen = date.fromisoformat(day)
        except ValueError:
            return Done("invalid", errors={field: "Choose a day, such as 2027-01-31."})
        until = datetime.combine(chosen, time(MORNING), zone_named(zone) or UTC).timestamp()
        minutes = str(max(0, math.ceil((until - clock.now()) / 60)))
    elif not minutes:
        return Done("invalid", errors={field: "Choose for how long, or until which day."})
    if not minutes.isdecimal() or not 0 < int(minutes) <= claims.MAX_SNOOZE:
        return Done("invalid", errors={field: "A snooze lasts from 1 minute to 30 days."})
    done = claims.act(deed.conversation_id, deed.agent, deed.event.desk, Action.SNOOZE, minutes)
    if done.code != "done":
        return done
    now = clock.now()
    return Done("done", f"Snoozed until {moment(now + int(minutes) * 60, now, zone)}.")
