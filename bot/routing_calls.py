"""When routing looks again: somebody waits, somebody has room, or somebody comes or goes. Inside writes.

Whoever moves a conversation or an agent calls here, and pays one look at the settings and one at the rules while nothing is ever
offered to anybody.
"""

from __future__ import annotations

from bot import clock, jobs
from bot.routing_settings import assigning, settings
from bot.store import sql

LOOK = "routing.look"
"""The job that ends what is over and offers what can be offered."""
AWAY = "routing.away"
"""The job that gives back what an agent has who stays away."""
_QUIET = frozenset({"expire", "customer_writes"})


def moved(conversation_id: str, event: str, assignee: str | None) -> None:
    """A conversation took a step: what was offered of it is settled. ``assignee``: who has it now, ``None`` if that stays."""
    named = assignee or ""
    if named and sql("SELECT 1 FROM agent WHERE name = ? AND (NOT available OR NOT active)", (named,)).fetchone():
        _watch(named)  # nobody waits longer because it was given to somebody who had gone before
    if event in _QUIET or not assigning():
        return
    row = sql(
        "UPDATE agent_offer SET state = CASE WHEN agent_id IN (SELECT id FROM agent WHERE name = ?) THEN 'taken' ELSE 'withdrawn' END,"
        " ended_at = ? WHERE conversation_id = ? AND state = 'open' RETURNING state",
        (named, clock.now(), conversation_id),
    ).fetchone()
    if named and (row is None or row[0] != "taken"):
        took_turn(named)
    look()


def took_turn(name: str) -> None:
    """An agent has just had their turn."""
    sql(
        "INSERT INTO agent_turn (agent_id, turn_at) SELECT id, ? FROM agent WHERE name = ?"
        " ON CONFLICT (agent_id) DO UPDATE SET turn_at = excluded.turn_at",
        (clock.now(), name),
    )


def look_if_assigning() -> None:
    """There may be room, or something to offer."""
    if assigning():
        look()


def look() -> None:
    """Have a worker look at what waits and who is there."""
    jobs.enqueue(LOOK, "", clock.new_id())


def gone(name: str) -> None:
    """An agent is away, switched off, or not linked any more: what they were offered goes on, what they have perhaps goes back."""
    look_if_assigning()
    _watch(name)


def _watch(name: str) -> None:
    minutes = settings().away
    if minutes:
        jobs.enqueue(AWAY, name, clock.new_id(), at=clock.now() + minutes * 60)


def settings_changed() -> None:
    """Who is away already counts from now on; everything is looked at."""
    look()
    for (name,) in sql("SELECT name FROM agent WHERE NOT available OR NOT active ORDER BY name").fetchall():
        _watch(name)


def back(name: str) -> None:
    """An agent is there again, and may be asked once more for what they let pass."""
    sql(
        "UPDATE agent_offer SET state = 'withdrawn' WHERE state = 'lapsed' AND agent_id IN (SELECT id FROM agent WHERE name = ?)"
        " AND conversation_id IN (SELECT id FROM conversation WHERE state = 'waiting')",
        (name,),
    )
    look_if_assigning()
