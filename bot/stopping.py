"""Stop an answer: a row first, then a wake, so that a stop is kept whatever dies in between."""

from __future__ import annotations

from bot.bus import bus
from bot.commit import commit
from bot.store import sql


def request_stop(conversation_id: str, turn_id: str) -> bool:
    """Ask that the running turn ends with what was shown so far; False: there is no such running turn (any more).

    In web call it in a greenlet, without ``offload``.
    """

    def work() -> bool:
        row = sql(
            "UPDATE turn SET stop = ? WHERE id = ? AND conversation_id = ? AND state = 'running'",
            (True, turn_id, conversation_id),
        )
        return bool(row.rowcount)

    asked = commit(work)
    if asked:
        bus().wake("turns", conversation_id)
    return asked
