"""The state table of a conversation, as data, and the one way to take a step: a conditional UPDATE."""

from __future__ import annotations

from dataclasses import dataclass

from bot import clock, routing_calls
from bot.messages import State
from bot.store import sql

ANY: frozenset[State] = frozenset({"ai", "waiting", "human", "resolved"})
OPEN: frozenset[State] = frozenset({"ai", "waiting", "human"})


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table: from where an event may happen, where it leads (``None``: no change) and the ticket's state."""

    sources: frozenset[State]
    target: State | None
    ticket: str | None = None


TABLE: dict[str, Step] = {
    "customer_writes": Step(OPEN, None),
    "reopen_for_ai": Step(frozenset({"resolved"}), "ai"),
    "reopen_for_people": Step(frozenset({"resolved"}), "waiting", "open"),
    "handoff": Step(frozenset({"ai"}), "waiting", "open"),
    "claim": Step(frozenset({"waiting", "ai"}), "human", "in_progress"),
    "handoff_cancelled": Step(frozenset({"waiting"}), "ai", "resolved"),
    "release": Step(frozenset({"human"}), "waiting", "open"),
    "transfer": Step(frozenset({"human"}), "human", "in_progress"),
    "snooze": Step(OPEN, None),
    "return_to_ai": Step(frozenset({"waiting", "human"}), "ai", "resolved"),
    "resolve": Step(OPEN, "resolved", "resolved"),
    "expire": Step(frozenset({"ai"}), "resolved"),
    "delete": Step(ANY, "gone"),
}


class NotAllowed(Exception):
    """The conversation is in a state in which this cannot happen (any more). Nothing was stored."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The step as taken. ``seq`` is the place kept for the system message, 0 without one."""

    state: State
    rev: int
    seq: int


def take(conversation_id: str, event: str, *, message: bool = False, assignee: str | None = None) -> Moved:
    """Take one step, inside a write. With ``message`` a place (``seq``) is kept for a system message that shares its ``rev``.
    Raises :class:`NotAllowed`.
    """
    step = TABLE[event]
    sources = sorted(step.sources)
    sets = ["rev = rev + 1", "state_rev = rev + 1"]
    values: list[object] = []
    if step.target is not None:
        sets.append("state = ?")
        values.append(step.target)
        sets.append("resolved_at = ?")
        values.append(clock.now() if step.target == "resolved" else None)
        if step.target in {"waiting", "human"}:
            sets.append("had_people = ?")
            values.append(True)
        if step.target == "ai":
            sets.append("turns_from = ?")
            values.append(clock.now())
        else:
            # The AI is silent: whatever was asked is for people now.
            sets.extend(("needs = ?", "answered = seq"))
            values.append(False)
    if message:
        sets.append("seq = seq + 1")
        if step.target is not None and step.target != "ai":
            sets.remove("answered = seq")
            sets.append("answered = seq + 1")
    if assignee is not None:
        sets.append("assignee = ?")
        values.append(assignee)
    row = sql(
        f"UPDATE conversation SET {', '.join(sets)} WHERE id = ? AND state IN ({','.join('?' * len(sources))})"  # noqa: S608
        " RETURNING state, rev, seq",
        (*values, conversation_id, *sources),
    ).fetchone()
    if row is None:
        raise NotAllowed(event)
    routing_calls.moved(conversation_id, event, assignee)
    return Moved(row[0], row[1], row[2] if message else 0)
