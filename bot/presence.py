"""Which agents are at a desk now, as the desk tells it. Inside nothing: each function has its own read or write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from bot import clock
from bot.desk import Presence
from bot.store import read, sql, write


def known_people(desk: str) -> Sequence[str]:
    """The desk's ids of the agents who may act: only about them a desk tells whether they are there. Blocks."""
    query = (
        "SELECT i.external_id FROM agent_identity i JOIN agent a ON a.id = i.agent_id WHERE i.desk = ? AND a.active = ?"
        " AND a.role <> 'viewer' ORDER BY i.external_id"
    )
    return read(lambda: [str(row[0]) for row in sql(query, (desk, True)).fetchall()])


def told(desk: str, states: Mapping[str, Presence]) -> None:
    """Keep what a desk says of its people, by their id there. Blocks."""
    value = orjson.dumps({"at": clock.now(), "people": dict(states)}).decode()
    query = (
        "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at"
    )
    write(lambda: sql(query, (f"presence.{desk}", value, clock.now())), durable=False)
