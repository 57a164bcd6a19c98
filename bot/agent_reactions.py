"""Emoji that agents put on the customer's messages at a desk: one of each agent is shown, and the customer's channel follows."""

from __future__ import annotations

from bot import amendments, deliver, desk_messages, personal_posts
from bot.agents import AgentView
from bot.claims import Done
from bot.declarations import declaration
from bot.desk import DeskEvent
from bot.store import sql
from bot.store.statements import COLUMNS, view

ELSEWHERE = "The customer wrote this on another channel before, so they do not see this reaction."
CANNOT = "The customer's channel cannot show reactions, so they do not see this one."
NOT_SHOWN = "notify.emoji"
"""The kind of a personal post that says one of the two to who is not answered any more."""


def react(event: DeskEvent, agent: AgentView, conversation_id: str) -> Done:
    """Show the emoji ``event.text`` on the customer's message that ``event.message`` is a copy of, or take it back. Inside a write.

    Reactions on anything else (cards, colleagues' messages) are the desk's own business and ignored.
    """
    amendments.hold(conversation_id)
    message_id = _copied(event, conversation_id)
    found = sql(f"SELECT {COLUMNS} FROM message WHERE id = ?", (message_id,)).fetchone() if message_id else None  # noqa: S608
    message = view(found) if found else None
    emoji = event.text.strip()
    if message is None or message.author != "customer" or message.deleted or not 0 < len(emoji) <= amendments.MAX_EMOJI:
        return Done("ignored")
    now = [one.emoji for one in message.reactions if one.author == "agent" and one.name == agent.public_name]
    if event.gone and now != [emoji]:
        return Done("ignored")  # a newer one is shown in its place
    if not event.gone and now == [emoji]:
        return Done("done")
    why_not = _why_not(conversation_id, message.id)
    if why_not:
        return Done("ignored") if event.gone else Done("cannot", why_not)
    rev = amendments.next_rev(conversation_id)
    amendments.set_reactions(message.id, "agent", agent.public_name, [] if event.gone else [emoji], rev)
    deliver.follow(conversation_id, message.id, "", op="react", version=rev)
    return Done("done")


def tell(event: DeskEvent, conversation_id: str) -> None:
    """Say to the agent alone, in the thread, that the customer does not see it. Inside a write."""
    message_id = _copied(event, conversation_id)
    personal_posts.put(event.desk, event.who, NOT_SHOWN, message_id, op="aside", conversation_id=conversation_id)


def not_shown(message_id: str) -> str:
    """Why no emoji of agents is shown on this message; empty: it would be, or the message is gone. Inside a write."""
    row = sql("SELECT conversation_id FROM message WHERE id = ?", (message_id,)).fetchone()
    return _why_not(row[0], message_id) if row else ""


def _copied(event: DeskEvent, conversation_id: str) -> str:
    """Of which message ``event.message`` is a copy; empty: of none that is known."""
    row = sql(
        "SELECT message FROM delivery WHERE channel = ? AND place = ? AND platform_id = ? AND op = 'send'",
        (desk_messages.PREFIX + event.desk, conversation_id, event.message),
    ).fetchone()
    return str(row[0]) if row else ""


def _why_not(conversation_id: str, message_id: str) -> str:
    route = deliver.route_of(conversation_id)
    declared = declaration(route[0]) if route else None
    if route is None or declared is None or not (declared.pull or "react" in declared.follows):
        return CANNOT
    return "" if declared.pull or _is_there(conversation_id, message_id, route[0]) else ELSEWHERE


def _is_there(conversation_id: str, message_id: str, channel: str) -> bool:
    """Whether the customer's message came in by the channel where they are now: a conversation may have moved."""
    row = sql(
        "SELECT 1 FROM ledger WHERE conversation = ? AND message = ? AND channel = ?",
        (conversation_id, message_id, channel),
    ).fetchone()
    return row is not None
