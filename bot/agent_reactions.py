"""Emoji that agents put on the customer's messages at a desk: one of each agent is shown, and the customer's channel follows."""

from __future__ import annotations

from bot import amendments, deliver, desk_messages
from bot.agents import AgentView
from bot.claims import Done
from bot.declarations import declaration
from bot.desk import DeskEvent
from bot.store import sql
from bot.store.statements import COLUMNS, view

ELSEWHERE = "The customer wrote this on another channel before, so they do not see this reaction."
CANNOT = "The customer's channel cannot show reactions, so they do not see this one."


def react(event: DeskEvent, agent: AgentView, conversation_id: str) -> Done:
    """Show the emoji ``event.text`` on the customer's message that ``event.message`` is a copy of, or take it back. Inside a write.

    Reactions on anything else (cards, colleagues' messages) are the desk's own business and ignored.
    """
    amendments.hold(conversation_id)
    row = sql(
        "SELECT message FROM delivery WHERE channel = ? AND place = ? AND platform_id = ? AND op = 'send'",
        (desk_messages.PREFIX + event.desk, conversation_id, event.message),
    ).fetchone()
    found = sql(f"SELECT {COLUMNS} FROM message WHERE id = ?", (row[0],)).fetchone() if row else None  # noqa: S608
    message = view(found) if found else None
    emoji = event.text.strip()
    if message is None or message.author != "customer" or message.deleted or not 0 < len(emoji) <= amendments.MAX_EMOJI:
        return Done("ignored")
    now = [one.emoji for one in message.reactions if one.author == "agent" and one.name == agent.public_name]
    if event.gone and now != [emoji]:
        return Done("ignored")  # a newer one is shown in its place
    if not event.gone and now == [emoji]:
        return Done("done")
    route = deliver.route_of(conversation_id)
    declared = declaration(route[0]) if route else None
    if declared is None or not (declared.pull or "react" in declared.follows):
        return Done("ignored") if event.gone else Done("cannot", CANNOT)
    if route and not declared.pull and not _is_there(conversation_id, message.id, route[0]):
        return Done("ignored") if event.gone else Done("cannot", ELSEWHERE)
    rev = amendments.next_rev(conversation_id)
    amendments.set_reactions(message.id, "agent", agent.public_name, [] if event.gone else [emoji], rev)
    deliver.follow(conversation_id, message.id, "", op="react", version=rev)
    return Done("done")


def _is_there(conversation_id: str, message_id: str, channel: str) -> bool:
    """Whether the customer's message came in by the channel where they are now: a conversation may have moved."""
    row = sql(
        "SELECT 1 FROM ledger WHERE conversation = ? AND message = ? AND channel = ?",
        (conversation_id, message_id, channel),
    ).fetchone()
    return row is not None
