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
        # One that was put off (bot.pacing) ends now, not when its time has come. Conversation first, as where a turn begins.
        sql(
            "UPDATE conversation SET due_at = 0 WHERE id = ? AND due_at > 0 AND EXISTS (SELECT 1 FROM turn t WHERE t.id = ?"
            " AND t.conversation_id = conversation.id AND t.state = 'running')",
            (conversation_id, turn_id),
        )
        row = sql(
            "UPDATE turn SET stop = ? WHERE id = ? AND conversation_id = ? AND state = 'running'",
            (True, turn_id, conversation_id),
        )
        return bool(row.rowcount)

    asked = commit(work)
    if asked:
        bus().wake("turns", conversation_id)
    return asked
