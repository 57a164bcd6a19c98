"""Which agents are really at their desks. A desk tells it every minute or so; what is old counts as unknown, and unknown as there.

An agent could come if they may act, have not said that they are away (``!away``), and no desk says that they are: of an agent
whom several desks know it is enough that one sees them. A desk that tells nothing (a console) says nothing against them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from bot import clock, lease
from bot.desk import Presence
from bot.store import read, sql, write

STATES: tuple[str, ...] = get_args(Presence)
FRESH = 300.0
"""Seconds for which a state is believed."""
KEPT = 86_400.0
"""What is older goes: who is linked no more is told of no more."""


@dataclass(frozen=True, slots=True)
class Staff:
    """Who there is. ``available`` have not said that they are away; ``there`` could come, by name."""

    all: int
    available: int
    there: tuple[str, ...]


def known_people(desk: str) -> Sequence[str]:
    """The desk's ids of the agents who may act: only about them a desk tells whether they are there. Blocks."""
    return read(lambda: _people(desk))


def told(desk: str, states: Mapping[str, Presence]) -> None:
    """Keep what a desk says of its people, by their id there; ids of nobody who is linked are passed over. Raises ValueError for a
    state that there is not, and then nothing is kept. Blocks."""
    wrong = sorted(set(states.values()) - set(STATES))
    if wrong:
        raise ValueError(f"There is no state {wrong[0]!r}. There are: {', '.join(STATES)}.")
    write(lambda: _keep(desk, states), durable=False)


def _keep(desk: str, states: Mapping[str, Presence]) -> None:
    at = clock.now()
    sql("DELETE FROM agent_presence WHERE desk = ? AND told_at < ?", (desk, at - KEPT))
    # One order everywhere: two processes that tell the same people at once must not wait for each other.
    for who in sorted(set(_people(desk)) & states.keys()):
        sql(
            "INSERT INTO agent_presence (id, desk, external_id, state, told_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (desk, external_id) DO UPDATE SET state = excluded.state, told_at = excluded.told_at",
            (clock.new_id(), desk, who, states[who], at),
        )


def _people(desk: str) -> list[str]:
    query = (
        "SELECT i.external_id FROM agent_identity i JOIN agent a ON a.id = i.agent_id WHERE i.desk = ? AND a.active"
        " AND a.role <> 'viewer' ORDER BY i.external_id"
    )
    return [str(row[0]) for row in sql(query, (desk,)).fetchall()]


def states(desk: str) -> dict[str, str]:
    """What is believed of the people of a desk now, by id: the others are unknown. Inside a read or write."""
    query = "SELECT external_id, state FROM agent_presence WHERE desk = ? AND told_at > ?"
    return {row[0]: row[1] for row in sql(query, (desk, clock.now() - FRESH)).fetchall()}


_STAFF = (
    "SELECT a.name, a.available, sum(CASE WHEN p.state IS NULL THEN 0 ELSE 1 END), sum(CASE WHEN p.state = 'here' THEN 1 ELSE 0 END)"
    " FROM agent a LEFT JOIN agent_identity i ON i.agent_id = a.id"
    " LEFT JOIN agent_presence p ON p.desk = i.desk AND p.external_id = i.external_id AND p.told_at > ?"
    " WHERE a.active AND a.role <> 'viewer' GROUP BY a.id, a.name, a.available ORDER BY a.name"
)


def staff() -> Staff:
    """Everybody who may act, and who of them is there now. Inside a read or write."""
    rows = sql(_STAFF, (clock.now() - FRESH,)).fetchall()
    there = tuple(str(name) for name, available, seen, here in rows if available and (here or not seen))
    return Staff(len(rows), sum(1 for row in rows if row[1]), there)


def reachable() -> frozenset[str]:
    """Names of those who may act and are linked at a desk that is connected now: only they see a request. Inside a read or write."""
    query = (
        "SELECT DISTINCT a.name FROM agent a JOIN agent_identity i ON i.agent_id = a.id JOIN leader l ON l.name = 'desk:' || i.desk"
        " WHERE a.active AND a.role <> 'viewer' AND l.until > ?"
    )
    return frozenset(str(name) for (name,) in sql(query, (lease.now(),)).fetchall())


def is_there(name: str) -> bool:
    """Whether an agent could come now. Inside a read or write."""
    return name in staff().there
