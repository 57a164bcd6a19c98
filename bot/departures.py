"""Who was an agent at a desk and is no more: they are switched off, what they had waits for others, and the admins are told once.

Inside a write.
"""

from __future__ import annotations

from bot import agents, audit, claims, notices, routing_calls
from bot.agents import AgentView
from bot.desk_actions import Action
from bot.store import sql


def left(desk: str, external_id: str) -> dict[str, str]:
    """The account ``external_id`` of a desk was ended. Returns the channels of the conversations that were given back, by id.

    An agent who has another account keeps what is theirs and may go on: they can still be reached.
    """
    agent = agents.agent_at(desk, external_id)
    sql("DELETE FROM link_code WHERE desk = ? AND external_id = ?", (desk, external_id))
    sql("DELETE FROM inbox_view WHERE desk = ? AND person = ?", (desk, external_id))
    if agent is None:
        return {}
    (link,) = sql(
        "DELETE FROM agent_identity WHERE desk = ? AND external_id = ? RETURNING id", (desk, external_id)
    ).fetchone()
    audit.record(f"desk:{desk}", "agent.left", f"agent:{agent.name}", {"desk": desk, "id": external_id})
    routing_calls.look_if_assigning()
    if sql("SELECT 1 FROM agent_identity WHERE agent_id = ?", (agent.id,)).fetchone():
        return {}
    rows = sql(
        "SELECT id, channel FROM conversation WHERE state = 'human' AND assignee = ? ORDER BY id", (agent.name,)
    ).fetchall()
    for conversation_id, _ in rows:
        claims.act(conversation_id, agent, desk, Action.RELEASE, "")
    if agent.active:
        _switch_off(agent, desk, f"agent.left/{link}", len(rows))
    return {row[0]: row[1] for row in rows}


def _switch_off(agent: AgentView, desk: str, occasion: str, given_back: int) -> None:
    """Somebody who has left is asked for nothing, counts as nobody who could come, and gets no more mails about customers."""
    sql("UPDATE agent SET active = ? WHERE id = ?", (False, agent.id))
    audit.record(f"desk:{desk}", "agent.off", f"agent:{agent.name}")
    routing_calls.gone(agent.name)
    waits = {0: "", 1: " One conversation of theirs waits for somebody again."}.get(
        given_back, f" {given_back} conversations of theirs wait for somebody again."
    )
    words = (
        f"The account of the agent {agent.name} at {desk} was ended, so {agent.name} is switched off.{waits}"
        f" If they come back: deskhand agents on {agent.name}, and link the account they have then."
    )
    notices.tell(occasion, f"The agent {agent.name} is switched off", words)
