"""The two clocks of a ticket: until its first reply, and until it is resolved. Counted in opening hours. All inside writes.

They start when a ticket is opened or opened again. The clock of the solution stands while the ticket is snoozed; the one of the
first reply does not: the customer waits for a word, whoever hid the ticket. Every change moves the due times by open time from
where they are, so nothing must be known of hours long past. What happens at a due time is looked up when it comes
(:mod:`bot.service_levels`); the job row that wakes somebody for it is void when the due time has moved.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot import changed_hours, clock, due_days, hours, jobs
from bot.events import OpeningHours
from bot.opening import after, before, between
from bot.service_targets import KINDS, Kind, policy, remind_before, target
from bot.store import sql

LOOK = "targets.look"
"""The job that looks whether a ticket is due for something. Its ref is the conversation, its occasion the time."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of an open ticket. ``due`` is ``None`` while it stands, when it has ended, or when nothing is promised."""

    kind: Kind
    due: float | None
    target: float | None
    left: float | None
    reminded: float | None
    breached_at: float | None

    @property
    def overdue(self) -> bool:
        """Whether its due time has passed, as far as somebody has looked."""
        return self.breached_at is not None and self.due is not None and self.due <= clock.now()


@dataclass(frozen=True, slots=True)
class Clocks:
    """How a ticket stands. ``state`` is the ticket's."""

    ticket_id: str
    number: int
    state: str
    site_id: str
    priority: str
    assignee: str
    """Who has it now. A ticket that was opened again keeps its last agent's name, and waits for anybody all the same."""
    opened_at: float
    first_reply: Clock
    resolve: Clock


_COLUMNS = (
    "t.id, t.number, t.state, v.site_id, t.priority, CASE WHEN v.state = 'human' THEN v.assignee ELSE '' END,"
    " coalesce(t.opened_at, t.created_at),"
    " t.first_reply_due, t.first_reply_target, NULL, t.first_reply_reminded, t.first_reply_breached_at,"
    " t.resolve_due, t.resolve_target, t.resolve_left, t.resolve_reminded, t.resolve_breached_at"
)


def _hours(conversation_id: str, now: Clocks) -> OpeningHours | None:
    """The hours that a ticket's due times are made of: those of its site, or the ones before while it has not followed a change."""
    for change in changed_hours.waiting(now.site_id):
        if change.awaits(conversation_id, now.opened_at):
            return change.before
    return hours.counted(now.site_id)


def of(conversation_id: str) -> Clocks | None:
    """The clocks of a conversation's ticket; ``None``: there is none. Also inside a read."""
    row = sql(
        f"SELECT {_COLUMNS} FROM ticket t JOIN conversation v ON v.id = t.conversation_id WHERE v.id = ?",  # noqa: S608
        (conversation_id,),
    ).fetchone()
    if row is None:
        return None
    ticket_id, number, state, site_id, priority, assignee, opened = row[:7]
    return Clocks(
        ticket_id=ticket_id, number=number, state=state, site_id=site_id, priority=priority, assignee=assignee, opened_at=opened,
        first_reply=Clock("first_reply", *row[7:12]), resolve=Clock("resolve", *row[12:17]),
    )  # fmt: skip


def start(conversation_id: str, opened: float) -> None:
    """The ticket was opened, or opened again: both clocks begin anew."""
    sql(
        "UPDATE ticket SET opened_at = ?, first_reply_at = NULL, first_reply_due = NULL, resolve_due = NULL, first_reply_target = NULL,"
        " resolve_target = NULL, resolve_left = NULL, first_reply_reminded = NULL, resolve_reminded = NULL,"
        " first_reply_breached_at = NULL, resolve_breached_at = NULL WHERE conversation_id = ?",
        (opened, conversation_id),
    )
    now = of(conversation_id)
    if now is None:
        return
    known = _hours(conversation_id, now)
    for kind in KINDS:
        seconds = target(now.site_id, now.priority, kind).seconds
        if seconds is not None:
            _set(conversation_id, kind, after(known, opened, seconds), seconds)
    promised = _promised(conversation_id, now.site_id)
    if promised is not None and promised > opened:
        sql("UPDATE ticket SET resolve_due = ? WHERE conversation_id = ?", (promised, conversation_id))
    elif promised is not None:  # opened again after that day: nobody has named another one
        sql("UPDATE ticket SET due_day = '' WHERE conversation_id = ?", (conversation_id,))
    arm(conversation_id)


def promise(conversation_id: str, due: float | None) -> None:
    """An agent named the day by which it is to be done, or takes it back (``None``): then the target counts again. A day stays where
    it is, whatever the priority, and while the ticket is snoozed."""
    now = of(conversation_id)
    if now is None or now.state == "resolved":
        return
    if due is None and now.resolve.target is not None:
        due = after(_hours(conversation_id, now), now.opened_at, now.resolve.target)
    sql(
        "UPDATE ticket SET resolve_due = ?, resolve_left = NULL, resolve_reminded = NULL, resolve_breached_at = NULL"
        " WHERE conversation_id = ?",
        (due, conversation_id),
    )
    _stand_if_hidden(conversation_id)
    arm(conversation_id)


def _promised(conversation_id: str, site_id: str) -> float | None:
    """The end of the day that an agent named, if one did."""
    row = sql("SELECT due_day FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    return due_days.end_of_day(row[0], site_id) if row is not None and row[0] else None


def _set(conversation_id: str, kind: Kind, due: float | None, seconds: float | None) -> None:
    sql(
        f"UPDATE ticket SET {kind}_due = ?, {kind}_target = ? WHERE conversation_id = ?",  # noqa: S608  of two names
        (due, seconds, conversation_id),
    )


def retarget(conversation_id: str) -> bool:
    """Priority or targets are others: move what is still due. Whether anything moved."""
    now = of(conversation_id)
    if now is None or now.state == "resolved":
        return False
    known, moved = _hours(conversation_id, now), False
    replied = sql("SELECT first_reply_at FROM ticket WHERE id = ?", (now.ticket_id,)).fetchone()[0]
    for one in (now.first_reply, now.resolve):
        seconds = target(now.site_id, now.priority, one.kind).seconds
        if seconds == one.target or (one.kind == "first_reply" and replied is not None):
            continue
        moved = True
        if one.kind == "resolve" and one.due is not None and _promised(conversation_id, now.site_id) is not None:
            _set(conversation_id, one.kind, one.due, seconds)
        elif one.left is not None:  # it stands: what is left changes, and nothing is due
            _set(conversation_id, one.kind, None, seconds)
            more = seconds - (one.target or 0.0) if seconds is not None else 0.0
            left = max(0.0, one.left + more) if seconds is not None else None
            sql("UPDATE ticket SET resolve_left = ? WHERE conversation_id = ?", (left, conversation_id))
        else:
            _set(conversation_id, one.kind, _moved(known, now.opened_at, one, seconds), seconds)
    if moved:
        _stand_if_hidden(conversation_id)
        arm(conversation_id)
    return moved


def follow(conversation_id: str, change: changed_hours.Change) -> bool:
    """The site's hours have changed: what was left then is left in the hours that came with it. What was late by then stays
    late, and a day that an agent named stays where it is. Whether anything moved."""
    now = of(conversation_id)
    if now is None or now.state == "resolved" or not change.awaits(conversation_id, now.opened_at):
        return False
    change.came_to(conversation_id)
    moved = False
    for one in (now.first_reply, now.resolve):
        if one.due is None or one.due <= change.at:
            continue
        if one.kind == "resolve" and _promised(conversation_id, now.site_id) is not None:
            continue
        due = after(change.after, change.at, between(change.before, change.at, one.due))
        if abs(due - one.due) >= 1.0:  # less is what adding up leaves over
            _set(conversation_id, one.kind, due, one.target)
            moved = True
    if moved:
        arm(conversation_id)
    return moved


def moves_soon(conversation_id: str) -> bool:
    """Whether its due times are about to be moved by other opening hours. Inside a read or write."""
    now = of(conversation_id)
    if now is None or now.state == "resolved" or not changed_hours.under_way(now.site_id):
        return False
    return any(change.awaits(conversation_id, now.opened_at) for change in changed_hours.waiting(now.site_id))


def _moved(known: OpeningHours | None, opened: float, one: Clock, seconds: float | None) -> float | None:
    if seconds is None:
        return None
    if one.due is None or one.target is None:
        return after(known, opened, seconds)
    more = seconds - one.target
    return after(known, one.due, more) if more > 0 else before(known, one.due, -more)


def pause(conversation_id: str) -> None:
    """The ticket is hidden: the clock of the solution stands, unless its time has passed already."""
    now = of(conversation_id)
    at = clock.now()
    if (
        now is None
        or now.resolve.due is None
        or now.resolve.due <= at
        or _promised(conversation_id, now.site_id) is not None
    ):
        return
    left = between(_hours(conversation_id, now), at, now.resolve.due)
    sql(
        "UPDATE ticket SET resolve_left = ?, resolve_due = NULL WHERE conversation_id = ?",
        (left, conversation_id),
    )
    arm(conversation_id)


def _stand_if_hidden(conversation_id: str) -> None:
    """A clock of the solution that has just begun stands at once while the ticket is snoozed."""
    row = sql("SELECT snoozed_until FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    if row[0] is not None and row[0] > clock.now():
        pause(conversation_id)


def resume(conversation_id: str, at: float | None = None) -> None:
    """It is hidden no longer, since ``at``: the clock of the solution goes on."""
    now = of(conversation_id)
    if now is None or now.resolve.left is None:
        return
    due = after(_hours(conversation_id, now), clock.now() if at is None else at, now.resolve.left)
    sql("UPDATE ticket SET resolve_left = NULL, resolve_due = ? WHERE conversation_id = ?", (due, conversation_id))
    arm(conversation_id)


@dataclass(frozen=True, slots=True)
class Ended:
    """A clock has stopped. ``late``: those whose time had passed, and nobody had noted that; ``assignee``: who has the ticket."""

    first: bool = False
    late: tuple[Kind, ...] = ()
    assignee: str = ""


def replied(conversation_id: str) -> Ended:
    """An agent's reply is on its way to the customer. ``first``: it is the first since the ticket was opened."""
    at = clock.now()
    now = of(conversation_id)
    first = sql(
        "UPDATE ticket SET first_reply_at = ? WHERE conversation_id = ? AND first_reply_at IS NULL",
        (at, conversation_id),
    ).rowcount
    if not first or now is None:
        return Ended()
    late = breached(conversation_id, now.first_reply, at)
    sql("UPDATE ticket SET first_reply_due = NULL WHERE conversation_id = ?", (conversation_id,))
    return Ended(True, ("first_reply",) if late else (), now.assignee)


def closed(conversation_id: str) -> Ended:
    """It is resolved, one way or another: the clocks stop."""
    now = of(conversation_id)
    if now is None:
        return Ended()
    late = tuple(one.kind for one in (now.first_reply, now.resolve) if breached(conversation_id, one, clock.now()))
    sql(
        "UPDATE ticket SET first_reply_due = NULL, resolve_due = NULL, resolve_left = NULL WHERE conversation_id = ?",
        (conversation_id,),
    )
    return Ended(True, late)


def breached(conversation_id: str, one: Clock, at: float) -> bool:
    """Note that a due time has passed, if it has: once since the ticket was opened. Whether that is news."""
    if one.due is None or one.due > at:
        return False
    return bool(
        sql(
            f"UPDATE ticket SET {one.kind}_breached_at = ? WHERE conversation_id = ? AND {one.kind}_breached_at IS NULL",  # noqa: S608
            (one.due, conversation_id),
        ).rowcount
    )


def remind_at(one: Clock, site_id: str) -> float | None:
    """When somebody is to be reminded of it; ``None``: not (any more)."""
    if one.due is None or one.target is None or one.breached_at is not None or one.reminded == one.due:
        return None
    ahead = remind_before(policy(), one.target)
    return None if ahead is None else before(hours.counted(site_id), one.due, ahead)


def arm(conversation_id: str) -> None:
    """See to it that somebody looks at the ticket when the next thing is due. Without a change nothing is armed twice."""
    now = of(conversation_id)
    if now is None or now.state == "resolved":
        return
    times = []
    for one in (now.first_reply, now.resolve):
        if one.due is not None and (one.breached_at is None or (one.breached_at < one.due and one.reminded != one.due)):
            times.append(one.due)
        reminder = remind_at(one, now.site_id)
        if reminder is not None:
            times.append(reminder)
    if times:
        at = min(times)
        if at <= clock.now():  # it was looked at this moment before, when there was nothing to see
            jobs.enqueue_again(LOOK, conversation_id, f"{at:.6f}")
        else:
            jobs.enqueue(LOOK, conversation_id, f"{at:.6f}", at=at)
