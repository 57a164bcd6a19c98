"""What agents do with a conversation: claim, release, transfer, snooze, resolve, reopen, return, block. Inside a write.

Every step is one conditional UPDATE with its ticket, its words to the customer and its cards in the same transaction: of two
agents who claim at once one finds no row, and is told who was faster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot import (
    agents,
    clock,
    desk_posts,
    drafting,
    follow_up,
    handoff,
    marks,
    notifications,
    service_clocks,
    states,
    tickets,
    waiting,
)
from bot.agents import AgentView
from bot.desk_actions import Action
from bot.events import Reason
from bot.pages import Page
from bot.store import sql

MAX_SNOOZE = 30 * 24 * 60
"""Minutes."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of it, and a sentence for the agent where one is needed."""

    code: str
    aside: str = ""
    offer: tuple[Action, ...] = ()
    value: str = ""
    page: Page | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    """With ``invalid``: by the name of the field."""
    after: Callable[[], Done] | None = None
    """What is looked up and said once all of this is on disk, instead of this: inside a read, so that no writer waits for it."""


def act(conversation_id: str, agent: AgentView, desk: str, action: Action, value: str) -> Done:
    """Take an action for an agent who may act."""
    step = _STEPS.get(action)
    if step is None:
        return Done("cannot", f"{action} is not possible here.")
    try:
        return step(conversation_id, agent, desk, value)
    except states.NotAllowed:
        return _stale(conversation_id, agent)


def _stale(conversation_id: str, agent: AgentView) -> Done:
    """Why the state did not allow it, from the database and never from the button."""
    row = sql("SELECT state, assignee FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is None or row[0] == "gone":
        return Done("stale", "The customer has deleted this conversation. There is nothing left to do.")
    state, assignee = row
    if state == "resolved":
        return Done("resolved", "This is resolved already. Nothing was changed.", (Action.REOPEN,), conversation_id)
    if state == "human" and assignee == agent.name:
        return Done("done", "You have it already.")
    if state == "human":
        return Done("stale", f"{_public(assignee)} has it. Nothing was changed.")
    if state == "ai":
        return Done(
            "stale", "The AI has this conversation again. Claim it to take over.", (Action.CLAIM,), conversation_id
        )
    return Done(
        "stale",
        "Somebody was faster: it waits for an agent again. Nothing was changed.",
        (Action.CLAIM,),
        conversation_id,
    )


def _public(name: str) -> str:
    found = agents.agent_named(name)
    return found.public_name if found else name or "Somebody"


def _shown(agent: AgentView) -> dict[str, str]:
    """What customers see of an agent."""
    return {"name": agent.public_name, "picture": agent.picture}


def claim(conversation_id: str, agent: AgentView, desk: str = "", value: str = "") -> Done:
    """Take it. Exactly one agent wins. Raises :class:`bot.states.NotAllowed`."""
    handoff.ensure_ticket(conversation_id, Reason.AGENT)
    moved = states.take(conversation_id, "claim", message=True, assignee=agent.name)
    waiting.end(conversation_id, claimed=True)
    _ticket(conversation_id, "in_progress", "claimed", agent.name, assignee=agent.name)
    handoff.say(conversation_id, moved, "joined", "{name} is here now.", _shown(agent), name=agent.public_name)
    desk_posts.open_threads(conversation_id)
    desk_posts.refresh_card(conversation_id)
    return Done("done")


def _release(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    moved = states.take(conversation_id, "release", message=True, assignee="")
    _ticket(conversation_id, "open", "released", agent.name)
    waiting.begin(conversation_id, handoff.situation(conversation_id).people)
    handoff.say(conversation_id, moved, "released", "I am looking for a colleague who can go on with this.", {})
    desk_posts.refresh_card(conversation_id)
    notifications.requested(conversation_id, by=agent.name)
    return Done("done")


def claimed_by(reply_id: str) -> None:
    """The claim that was just taken came with this reply."""
    sql(
        "UPDATE reply SET claim_rev = (SELECT v.state_rev FROM conversation v WHERE v.id = reply.conversation_id) WHERE id = ?",
        (reply_id,),
    )


def give_back(conversation_id: str, agent: AgentView, reply_id: str) -> bool:
    """The reply that claimed the conversation is taken back, and so is its claim, if nothing else happened since: no other step and
    no other reply. The customer stands where they stood in the queue."""
    row = sql(
        "SELECT 1 FROM reply r JOIN conversation v ON v.id = r.conversation_id WHERE r.id = ? AND r.claim_rev > 0"
        " AND r.claim_rev = v.state_rev AND v.state = 'human' AND v.assignee = ? AND NOT EXISTS (SELECT 1 FROM reply o"
        " WHERE o.conversation_id = v.id AND o.id > r.id AND o.state IN ('held', 'sent'))",
        (reply_id, agent.name),
    ).fetchone()
    if row is None:
        return False
    stood = sql(
        "SELECT max(e.at) FROM ticket_event e JOIN ticket t ON t.id = e.ticket_id WHERE t.conversation_id = ?"
        " AND e.event IN ('opened', 'reopened', 'released')",
        (conversation_id,),
    ).fetchone()[0]
    _release(conversation_id, agent, "", "")
    sql(
        "UPDATE ticket SET waiting_since = coalesce(?, waiting_since) WHERE conversation_id = ?",
        (stood, conversation_id),
    )
    return True


def _transfer(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    other = agents.agent_at(desk, value) or agents.agent_named(value.lstrip("@"))
    if other is None or not other.may_act:
        return Done("cannot", "There is no agent of that name here. Nothing was changed. See: deskhand agents list")
    return assign(conversation_id, other, by=agent.name)


def assign(conversation_id: str, other: AgentView, *, by: str) -> Done:
    """Give it to an agent, whoever has it now. Raises :class:`bot.states.NotAllowed`."""
    row = sql("SELECT state, assignee FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is not None and row[0] != "human":
        done = claim(conversation_id, other)
        if by != other.name:
            tickets.note(conversation_id, by, "assigned", other.name)
            notifications.assigned(other, conversation_id, by=by)
        return done
    if row is not None and row[1] == other.name:
        return Done("done", f"{other.public_name} has it already.")
    moved = states.take(conversation_id, "transfer", message=True, assignee=other.name)
    _ticket(conversation_id, "in_progress", "transferred", by, assignee=other.name, detail=other.name)
    handoff.say(conversation_id, moved, "joined", "{name} goes on from here.", _shown(other), name=other.public_name)
    desk_posts.refresh_card(conversation_id)
    notifications.assigned(other, conversation_id, by=by)
    return Done("done")


def _snooze(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    if not value.isdecimal() or not 0 < int(value) <= MAX_SNOOZE:
        return Done("cannot", "Say for how many minutes, from 1 to 43200, such as: !snooze 60")
    states.take(conversation_id, "snooze")
    tickets.snooze(conversation_id, int(value), actor=agent.name)
    desk_posts.refresh_card(conversation_id)
    return Done("done")


def _resolve(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    said = handoff.resolve(conversation_id, by=agent.name)
    if not said.message_id:
        raise states.NotAllowed("resolve")
    sql("UPDATE ticket SET last_agent = ? WHERE conversation_id = ?", (agent.name, conversation_id))
    return Done("done")


def _reopen(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    return reopen(conversation_id, by=agent.name)


def reopen(conversation_id: str, *, by: str) -> Done:
    """Open it again: it waits for an agent. Raises :class:`bot.states.NotAllowed`."""
    moved = states.take(conversation_id, "reopen_for_people", message=True)
    handoff.reopen_ticket(conversation_id, by=by)
    handoff.say(conversation_id, moved, "reopened", "This conversation is open again.", {})
    desk_posts.refresh_card(conversation_id)
    return Done("done")


def _return(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    handoff.send_held(conversation_id)
    moved = states.take(conversation_id, "return_to_ai", message=True, assignee="")
    waiting.end(conversation_id)
    tickets.close(conversation_id, "returned to the AI", actor=agent.name, event="returned")
    sql("UPDATE ticket SET assignee = '' WHERE conversation_id = ?", (conversation_id,))
    handoff.say(conversation_id, moved, "returned", "The AI assistant answers again from here.", {})
    desk_posts.refresh_card(conversation_id)
    return Done("done")


def _block(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    sql(
        "UPDATE contact SET blocked = ? WHERE id = (SELECT contact_id FROM conversation WHERE id = ?)",
        (True, conversation_id),
    )
    handoff.resolve(conversation_id, by=agent.name)
    tickets.note(conversation_id, agent.name, "blocked")
    desk_posts.refresh_card(conversation_id)
    return Done("done", "Blocked: what this visitor sends now is refused. deskhand agents unblock takes it back.")


def _priority(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    wanted = value.strip().lower()
    if wanted not in tickets.PRIORITIES:
        return Done("cannot", f"Say how much it presses: {', '.join(tickets.PRIORITIES)}. Nothing was changed.")
    if not tickets.set_priority(conversation_id, wanted, actor=agent.name):
        return Done("done", f"It is {wanted} already.")
    desk_posts.refresh_card(conversation_id)
    return Done("done")


def _make_ticket(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    said = handoff.make_ticket(conversation_id, by=agent.name)
    if not said.message_id:
        return Done("stale", "It is a ticket already, or resolved. Nothing was changed.")
    return Done("done", "The customer knows that this is answered later.")


def _away(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    agents.set_available(agent.name, False, actor=agent.name)
    return Done("done", "You are away. While everybody is, customers are told so.")


def _back(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    agents.set_available(agent.name, True, actor=agent.name)
    return Done("done", "You are back.")


def _summary(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    follow_up.summary_wanted(conversation_id)
    return Done("done", "The summary is being written anew; the card shows it in a moment.")


def _mark(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    """Judge the newest answer of the assistant: that is what an agent has before their eyes."""
    verdict, _, note = value.strip().partition(" ")
    if verdict not in marks.VERDICTS:
        return Done("cannot", f"Say what the answer was: {', '.join(marks.VERDICTS)}. Nothing was changed.")
    answer = marks.last_answer(conversation_id)
    if not answer:
        return Done("stale", "The assistant has not answered here, so there is nothing to mark.")
    changed = marks.by_person(answer, verdict, note, agent.name)
    words = f"The assistant's last answer is marked: {marks.VERDICTS[verdict]}."
    return Done("done", words if changed else "It is marked so already.")


def _draft(conversation_id: str, agent: AgentView, desk: str, value: str) -> Done:
    try:
        drafting.ask(conversation_id, agent, desk, value)
    except drafting.Refused as refused:
        return Done("cannot", str(refused))
    return Done("done", "A draft is being written. Only you see it: here in a moment, and in your inbox under Drafts.")


def _ticket(conversation_id: str, state: str, event: str, actor: str, *, assignee: str = "", detail: str = "") -> None:
    sql(
        "UPDATE ticket SET state = ?, assignee = ?, last_agent = CASE WHEN ? = '' THEN last_agent ELSE ? END, snoozed_until = NULL,"
        " changed_at = ? WHERE conversation_id = ?",
        (state, assignee, assignee, assignee, clock.now(), conversation_id),
    )
    service_clocks.resume(conversation_id)
    tickets.note(conversation_id, actor, event, detail)


_STEPS = {
    Action.CLAIM: claim,
    Action.RELEASE: _release,
    Action.TRANSFER: _transfer,
    Action.SNOOZE: _snooze,
    Action.RESOLVE: _resolve,
    Action.REOPEN: _reopen,
    Action.RETURN: _return,
    Action.BLOCK: _block,
    Action.PRIORITY: _priority,
    Action.TICKET: _make_ticket,
    Action.AWAY: _away,
    Action.BACK: _back,
    Action.SUMMARY: _summary,
    Action.MARK: _mark,
    Action.DRAFT: _draft,
}
