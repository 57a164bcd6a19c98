"""Turns that nobody runs any more after people had taken over: their process died, or was about to begin them again.

They end here, and what was set aside for them is free again. Whoever is slow and not dead finds its turn ended and stores nothing.
"""

from __future__ import annotations

import structlog

from bot import amendments, clock, lease, spending
from bot.store import read, sql, write

log = structlog.get_logger("turns")
MOST = 100
"""Turns that one look ends."""
_FORSAKEN = (
    "SELECT c.id FROM turn t JOIN conversation c ON c.id = t.conversation_id"
    " WHERE t.state = 'running' AND NOT c.needs AND c.lease_until < ?"
)


def end_forsaken() -> int:
    """End them; returns how many there were. Blocks."""
    found = read(lambda: sql(f"{_FORSAKEN} ORDER BY c.id LIMIT ?", (lease.now(), MOST)).fetchall())
    return sum(write(lambda one=row: _end(one[0])) for row in found)  # type: ignore[misc]


def leave(conversation_id: str, owner: str) -> None:
    """``owner`` has stopped its turn to begin it again, or has ended it to begin the next, and meanwhile people took the conversation:
    let go of it. Inside a write that holds the conversation; nothing happens while the AI still has it."""
    left = sql(
        "UPDATE conversation SET lease_until = 0, lease_owner = '' WHERE id = ? AND lease_owner = ? AND NOT needs",
        (conversation_id, owner),
    ).rowcount
    if left:
        _supersede(conversation_id)


def _end(conversation_id: str) -> bool:
    amendments.hold(conversation_id)
    if sql(f"{_FORSAKEN} AND c.id = ?", (lease.now(), conversation_id)).fetchone() is None:
        return False  # somebody has begun it again meanwhile
    sql("UPDATE conversation SET lease_owner = '' WHERE id = ?", (conversation_id,))
    _supersede(conversation_id)
    log.info("turn_forsaken", conversation=conversation_id, next="people have the conversation")
    return True


def _supersede(conversation_id: str) -> None:
    spending.give_back(conversation_id)
    sql(
        "UPDATE turn SET state = 'superseded', ended_at = ? WHERE conversation_id = ? AND state = 'running'",
        (clock.now(), conversation_id),
    )
