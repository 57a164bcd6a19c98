"""The way in from desks: who did it, in which thread, and what it means now. What comes back is on disk, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import structlog
from peewee import IntegrityError

from bot import (
    agent_reactions,
    agents,
    amendments,
    claims,
    clock,
    departures,
    desk_messages,
    desk_posts,
    early_reactions,
    files,
    notifications,
    open_threads,
    replies,
    reply_edits,
)
from bot.agents import AgentView
from bot.bus import bus
from bot.claims import Done
from bot.desk import DeskAnswer, DeskEvent
from bot.desk_actions import Action
from bot.failpoints import failpoint
from bot.files import Kept
from bot.receive import clean
from bot.store import StoreUnavailable, read, sql, write
from bot.workplace import rooms
from bot.workplace.deeds import Deed

log = structlog.get_logger("desk")

STRANGER = (
    "Nothing was sent: you are not linked as an agent yet. Ask an admin to run, within 15 minutes:\n"
    "deskhand agents link {code} NAME"
)
MOVED = (
    "Nothing was sent: this ticket goes on in another thread, because the head of this one was deleted. Write there."
)
TRIES = 2
"""Attempts to store one event: two that make the same row at once both find it the second time."""
ERASED = "The customer has deleted this conversation, so nothing was sent or changed. There is nothing left to do here."
OUTSIDER = "Nothing was sent: guests and people of other companies cannot answer customers."


def receive_desk(events: Sequence[DeskEvent]) -> list[DeskAnswer]:
    """Commit what people did at a desk, then wake who must act; answers in the same order. Blocks.

    A redelivery, whatever its transport says of itself, changes nothing and is answered ``duplicate``. Raises
    :class:`StoreUnavailable` when nothing can be stored: do not acknowledge.
    """
    answers = []
    touched: dict[str, str] = {}
    for event in events:
        answer, moved = _receive_one(event)
        answers.append(answer)
        touched |= moved
    topics: list[tuple[str, bytes]] = []
    for conversation_id, channel in touched.items():
        topics += [
            ("changed", conversation_id.encode()),
            ("turns", conversation_id.encode()),
            ("out", channel.encode()),
        ]
    if topics:
        bus().publish([*topics, ("out", b"")])
    return answers


def _receive_one(event: DeskEvent) -> tuple[DeskAnswer, dict[str, str]]:
    kept = _files(event)
    try:
        tries = 0
        while True:
            tries += 1
            try:
                done, touched = write(lambda: _store(event, kept))
                failpoint("desk.after_commit")
                return _answer(event, read(done.after) if done.after else done), touched
            except IntegrityError as error:
                # Nothing of it was stored. A twin that was faster, the same message under another key, or a row that two made at once.
                if read(lambda: _is_known(event)):
                    return DeskAnswer(key=event.key, code="duplicate"), {}
                if tries == TRIES:
                    raise StoreUnavailable("This could not be stored. It is taken when it comes again.") from error
    finally:
        files.settle(kept)


def _is_known(event: DeskEvent) -> bool:
    if sql("SELECT 1 FROM ledger WHERE key = ?", (event.key,)).fetchone():
        return True
    found = sql("SELECT 1 FROM reply WHERE desk = ? AND origin = ?", (event.desk, replies.origin(event))).fetchone()
    return event.kind in {"reply", "note"} and found is not None


def _files(event: DeskEvent) -> tuple[Kept, ...]:
    """Bring an agent's files to disk before the transaction, unless the event is here already or its person is no agent."""
    if not event.files:
        return ()

    def wanted() -> bool:
        if sql("SELECT 1 FROM ledger WHERE key = ?", (event.key,)).fetchone():
            return False
        agent = agents.agent_at(event.desk, event.who) if event.trusted else None
        return agent is not None and agent.may_act

    return files.keep(event.files) if read(wanted) else ()


def _store(event: DeskEvent, kept: Sequence[Kept]) -> tuple[Done, dict[str, str]]:
    """What became of it, and the channels of the conversations that changed, by id."""
    taken = sql(
        "INSERT INTO ledger (key, channel, kind, conversation, message, seq, rev, body_hash, received_at, error, payload)"
        " VALUES (?, ?, ?, '', '', 0, 0, '', ?, '', '') ON CONFLICT (key) DO NOTHING",
        (event.key, desk_messages.PREFIX + event.desk, event.kind, clock.now()),
    ).rowcount
    if not taken:
        return Done("duplicate"), {}
    failpoint("desk.before_commit")
    if event.kind == "left":
        return Done("done"), departures.left(event.desk, event.who)
    row = _conversation(event)
    if row is not None:
        # What is read from here on is true until the commit. A ticket that the words name is held as well, and both in one order: said
        # crosswise in two threads, two would wait for each other.
        for one in sorted({row[0], rooms.named(event) or row[0]}):
            amendments.hold(one)
    done = _do(event, row[0] if row else "", kept)
    if done.code in {"invalid", "unknown_thread"}:
        # Nothing was done, and told once more it is judged anew. The form stays open, and is sent again with the same words or others.
        # The thread may turn out to be ours, and is read then; people's own threads leave no trace.
        sql("DELETE FROM ledger WHERE key = ?", (event.key,))
        return done, {}
    if row is None:
        return done, {}
    sql("UPDATE ledger SET conversation = ? WHERE key = ?", (row[0], event.key))
    return done, {row[0]: row[1]}


def _answer(event: DeskEvent, done: Done) -> DeskAnswer:
    return DeskAnswer(
        key=event.key, code=cast("Any", done.code), aside=done.aside, offer=done.offer, value=done.value, page=done.page,
        errors=done.errors,
    )  # fmt: skip


def _conversation(event: DeskEvent) -> tuple[str, str] | None:
    if event.thread:
        row = _in_thread(event) or _opened_by(event) or _not_known_yet(event)
    elif event.conversation_id or event.kind != "reaction":
        row = sql("SELECT id, channel FROM conversation WHERE id = ?", (event.conversation_id,)).fetchone()
    else:  # some desks tell only which message an emoji is on
        row = _with_post(event) or _recorded_now(event)
    return (row[0], row[1]) if row else None


def _with_post(event: DeskEvent) -> tuple[str, str] | None:
    row = sql(
        "SELECT c.id, c.channel FROM delivery d JOIN desk_thread t ON t.conversation_id = d.conversation_id AND t.desk = ?"
        " JOIN conversation c ON c.id = d.conversation_id WHERE d.channel = ? AND d.platform_id = ? AND d.op = 'send'"
        " AND t.place = ?",
        (event.desk, desk_messages.PREFIX + event.desk, event.message, event.place),
    ).fetchone()
    return (row[0], row[1]) if row else None


def _recorded_now(event: DeskEvent) -> tuple[str, str] | None:
    """An emoji on a post that nobody knows: it may be recorded at this very moment, and is found once that is over."""
    if _who_may_act(event) is None:
        return None  # of no use to anybody, so nobody waits for it
    early_reactions.wait(event.desk, event.place)
    return _with_post(event)


def _in_thread(event: DeskEvent) -> tuple[str, str] | None:
    row = sql(
        "SELECT c.id, c.channel FROM desk_thread t JOIN conversation c ON c.id = t.conversation_id"
        " WHERE t.desk = ? AND t.place = ? AND t.thread = ?",
        (event.desk, event.place, event.thread),
    ).fetchone()
    return (row[0], row[1]) if row else None


def _opened_by(event: DeskEvent) -> tuple[str, str] | None:
    """A button of a card whose post we do not know of yet: people are faster than its answer, which may be lost. It tells the thread."""
    if not event.conversation_id or desk_posts.was_thread(event.desk, event.place, event.thread):
        return None
    row = sql(
        "SELECT c.id, c.channel FROM desk_thread t JOIN conversation c ON c.id = t.conversation_id"
        " WHERE c.id = ? AND t.desk = ? AND t.place = ? AND (t.thread IS NULL OR t.thread = ?)",
        (event.conversation_id, event.desk, event.place, event.thread),
    ).fetchone()
    if row is None:
        return None
    amendments.hold(row[0])
    desk_posts.opened(row[0], event.desk, event.thread)
    return row[0], row[1]


def _not_known_yet(event: DeskEvent) -> tuple[str, str] | None:
    """Words in a thread that nobody knows, perhaps under a card whose post is uncertain: then they are read once that is settled."""
    if event.conversation_id:
        return None  # a button tells whose it is
    open_threads.missed(event.desk, event.place)
    # Once more: it may have been settled at this very moment, by whoever we have just waited for.
    return _in_thread(event)


def _do(event: DeskEvent, conversation_id: str, kept: Sequence[Kept]) -> Done:
    if event.kind == "command" and event.thread and not conversation_id:
        return _without_conversation(event)  # "!wow" in somebody's thread is no word to us
    if event.kind in {"press", "command"}:
        return _in_a_room(event, conversation_id)
    if event.kind == "reaction":
        return _reacted(event, conversation_id)
    if not conversation_id:
        if event.kind in {"reply", "note", "action"}:
            return _without_conversation(event)
        return Done("unknown_thread")  # people talk in other threads, too: that is none of our business
    if event.kind == "delete":
        # Whoever did it: the message is gone. Perhaps nobody can say who (after an outage), or its author is no agent any more.
        return reply_edits.delete(event)
    agent = agents.agent_at(event.desk, event.who) if event.trusted else None
    refused = _may_not(event, agent)
    if refused is not None or agent is None:
        return refused or Done("not_allowed", OUTSIDER)
    notifications.seen(agent.id, conversation_id)
    done = _by_agent(event, agent, conversation_id, kept)
    if done.code in {"sent", "held", "note"} or (event.kind == "edit" and done.code == "done"):
        # In words to a customer an @ means what it means there; a colleague is whom the desk says it is.
        text = event.text if done.code == "note" else ""
        notifications.mentioned(
            conversation_id, agent, event.desk, replies.origin(event), text=text, people=event.mentions
        )
    return done


def _reacted(event: DeskEvent, conversation_id: str) -> Done:
    """Anybody may put an emoji anywhere; only those of agents are ours, and nobody needs to be told of the others."""
    agent = _who_may_act(event)
    if agent is None:
        return Done("ignored" if conversation_id else "unknown_thread")
    if early_reactions.keep(event, conversation_id):
        return Done("done")  # as soon as it is known on what
    return agent_reactions.react(event, agent, conversation_id) if conversation_id else Done("unknown_thread")


def _who_may_act(event: DeskEvent) -> AgentView | None:
    agent = agents.agent_at(event.desk, event.who) if event.trusted else None
    return agent if agent is not None and agent.may_act else None


def _in_a_room(event: DeskEvent, conversation_id: str) -> Done:
    """A press on a page, or words to Deskhand: also where there is no conversation."""
    agent = agents.agent_at(event.desk, event.who) if event.trusted else None
    refused = _may_not(event, agent)
    looks = agent is not None and agent.active and rooms.only_looks(event)
    if agent is None or (refused is not None and not looks):
        return refused or Done("not_allowed", OUTSIDER)
    if event.conversation_id and not conversation_id:
        return Done("stale", ERASED)
    return rooms.take(Deed(agent=agent, event=event, conversation_id=conversation_id))


def _may_not(event: DeskEvent, agent: AgentView | None) -> Done | None:
    """Why this person may do nothing here; ``None``: they may."""
    if not event.trusted:
        return Done("not_allowed", OUTSIDER)
    if agent is None:
        code = agents.new_link_code(event.desk, event.who, event.who_name)
        return Done("not_linked", STRANGER.format(code=code))
    if not agent.may_act:
        return Done("not_allowed", "Nothing was sent: your account here may read but not act. Ask an admin.")
    return None


def _without_conversation(event: DeskEvent) -> Done:
    """Said where a conversation of ours was: under the card of one that is deleted or has moved, or by a button that names one."""
    if desk_posts.was_erased(event.desk, event.place, event.thread):
        return Done("stale", ERASED)
    if desk_posts.was_thread(event.desk, event.place, event.thread):
        return Done("cannot", MOVED)
    return Done("stale", ERASED) if event.conversation_id else Done("unknown_thread")


def _by_agent(event: DeskEvent, agent: AgentView, conversation_id: str, kept: Sequence[Kept]) -> Done:
    if event.kind == "reply":
        return replies.reply(event, agent, conversation_id, kept)
    if event.kind == "note":
        return replies.note(event, agent, conversation_id, clean(event.text), kept)
    if event.kind == "edit":
        return reply_edits.edit(event, agent)
    if event.action is Action.UNDO:
        return replies.undo(conversation_id, agent, event.value)
    if event.action is Action.RETRY:
        return _retry(conversation_id, event.value)
    if event.action is None:
        return Done("cannot", "This button is not known any more. Use one of the card at the head of the thread.")
    return claims.act(conversation_id, agent, event.desk, event.action, event.value)


def _retry(conversation_id: str, key: str) -> Done:
    moved = sql(
        "UPDATE delivery SET state = 'pending', next_at = 0, attempts = 0, crashes = 0, created_at = ? WHERE conversation_id = ?"
        " AND (? = '' OR message = (SELECT d.message FROM delivery d WHERE d.key = ?)) AND state IN ('dead', 'held')",
        (clock.now(), conversation_id, key, key),
    ).rowcount
    return Done("done", "Sending again.") if moved else Done("stale", "There is nothing to send again.")
