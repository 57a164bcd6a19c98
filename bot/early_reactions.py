"""Agents' emoji on a post whose id is not known yet: people are faster than the platform's answer, which may be late or lost.

They are kept while such a post is under way, and whoever records its id puts them where they belong. Inside writes. Both hold the
conversation before they look: of a post that is recorded at this very moment and an emoji on it, the second sees the first.
"""

from __future__ import annotations

from bot import agent_reactions, agents, amendments, clock
from bot.agents import AgentView
from bot.bus import bus
from bot.desk import DeskEvent
from bot.desk_messages import PREFIX
from bot.store import db, is_sqlite, sql

KEPT = 86_400.0
"""Seconds after which nobody claims one any more: a post is given up a day after it was to be made."""

# What was tried and has no id yet. "pending" is there again only by what the platform told, and one more answer may still tell otherwise;
# what is held, dead or superseded gets no id any more. A card's emoji are nobody's, and no message is under way before its card is known.
_UNDER_WAY = (
    "SELECT d.conversation_id FROM delivery d JOIN desk_thread t ON t.conversation_id = d.conversation_id AND t.desk = ?"
    " AND t.place = ? WHERE d.channel = ? AND d.op = 'send' AND d.state IN ('pending', 'sending', 'uncertain')"
    " AND d.platform_id IS NULL AND d.first_sent_at IS NOT NULL"
)


def wait(desk: str, place: str) -> None:
    """Wait for whoever records a post there right now: then look once more. What is found then may be held out of order: should two
    wait for each other, PostgreSQL ends one, and its event comes again."""
    if not is_sqlite():
        sql(
            f"SELECT 1 FROM conversation WHERE id IN ({_UNDER_WAY}) ORDER BY id FOR NO KEY UPDATE",  # noqa: S608
            (desk, place, PREFIX + desk),
        )


def keep(event: DeskEvent, conversation_id: str = "") -> bool:
    """Keep it if the post it is on may be under way: one of the conversation, or any in the place. False: there is none, or it is
    known. Only what the person may do is to be kept; whether it means anything is found out later."""
    channel, place = PREFIX + event.desk, event.place
    if conversation_id:
        row = sql(
            "SELECT t.place FROM desk_thread t WHERE t.conversation_id = ? AND t.desk = ? AND NOT EXISTS (SELECT 1 FROM delivery d"
            " WHERE d.channel = ? AND d.place = t.conversation_id AND d.platform_id = ? AND d.op = 'send')",
            (conversation_id, event.desk, channel, event.message),
        ).fetchone()
        if row is None:
            return False
        place = row[0]
    emoji = event.text.strip()
    if not event.message or not 0 < len(emoji) <= amendments.MAX_EMOJI:
        return False
    kept = sql(
        "INSERT INTO early_reaction (key, channel, place, message, who, emoji, gone, at)"
        f" SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS ({_UNDER_WAY} AND (? = '' OR d.conversation_id = ?))",
        (event.key, channel, place, event.message, event.who, emoji, event.gone, clock.now(),
         event.desk, place, channel, conversation_id, conversation_id),
    ).rowcount  # fmt: skip
    return bool(kept)


def settle(desk: str, conversation_id: str, place: str, message: str) -> None:
    """The post ``message`` is recorded: do what was kept for it, in the order in which it came. The caller holds the conversation since
    before it touched the delivery."""
    rows = sql(
        "DELETE FROM early_reaction WHERE channel = ? AND place = ? AND message = ? RETURNING id, key, who, emoji, gone",
        (PREFIX + desk, place, message),
    ).fetchall()
    not_shown: dict[str, DeskEvent] = {}
    for _, key, who, emoji, gone in sorted(rows):
        agent = agents.agent_at(desk, who)
        if agent is not None and agent.may_act:
            event = DeskEvent(
                desk=desk, key=key, kind="reaction", who=who, place=place, message=message, text=emoji, gone=bool(gone)
            )
            not_shown.pop(who, None)  # what was said of an earlier one is over
            if _do(event, agent, conversation_id) == "cannot":
                not_shown[who] = event
    for event in not_shown.values():
        agent_reactions.tell(event, conversation_id)
    if rows:
        db.after_commit(lambda: _wake(conversation_id))


def _do(event: DeskEvent, agent: AgentView, conversation_id: str) -> str:
    done = agent_reactions.react(event, agent, conversation_id)
    if done.code == "done":
        sql("UPDATE ledger SET conversation = ? WHERE key = ?", (conversation_id, event.key))
    return done.code


def _wake(conversation_id: str) -> None:
    bus().publish([("changed", conversation_id.encode()), ("out", b"")])


def forget(conversation_id: str) -> None:
    """The conversation is being deleted, its deliveries are gone: what waited for them alone goes, too."""
    for desk, place in sql(
        "SELECT desk, place FROM desk_thread WHERE conversation_id = ?", (conversation_id,)
    ).fetchall():
        sql(
            f"DELETE FROM early_reaction WHERE channel = ? AND place = ? AND NOT EXISTS ({_UNDER_WAY})",  # noqa: S608
            (PREFIX + desk, place, desk, place, PREFIX + desk),
        )
