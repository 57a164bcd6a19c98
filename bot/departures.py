"""Who was an agent at a desk and is no more: they may not act until they are linked again, and what they had waits for others.

Inside a write.
"""

from __future__ import annotations

from bot import agents, audit, claims, routing_calls
from bot.desk_actions import Action
from bot.store import sql


def left(desk: str, external_id: str) -> dict[str, str]:
    """The account ``external_id`` of a desk was ended. Returns the channels of the conversations that were given back, by id.

    An agent who has another account keeps what is theirs: they can still be reached.
    """
    agent = agents.agent_at(desk, external_id)
    sql("DELETE FROM link_code WHERE desk = ? AND external_id = ?", (desk, external_id))
    sql("DELETE FROM inbox_view WHERE desk = ? AND person = ?", (desk, external_id))
    if agent is None:
        return {}
    sql("DELETE FROM agent_identity WHERE desk = ? AND external_id = ?", (desk, external_id))
    audit.record(f"desk:{desk}", "agent.left", f"agent:{agent.name}", {"desk": desk, "id": external_id})
    routing_calls.look_if_assigning()
    if sql("SELECT 1 FROM agent_identity WHERE agent_id = ?", (agent.id,)).fetchone():
        return {}
    rows = sql(
        "SELECT id, channel FROM conversation WHERE state = 'human' AND assignee = ? ORDER BY id", (agent.name,)
    ).fetchall()
    for conversation_id, _ in rows:
        claims.act(conversation_id, agent, desk, Action.RELEASE, "")
    return {row[0]: row[1] for row in rows}
