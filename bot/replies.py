"""What agents write at a desk: notes stay inside, replies are held for five seconds with an undo and then go out once.

Which of the two a text is, is decided here and nowhere else. Inside a write unless said otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bot import (
    agents,
    amendments,
    answer_log,
    answer_mails,
    clock,
    deliver,
    desk_posts,
    file_keeping,
    files,
    outgoing,
    personal_posts,
    tickets,
)  # fmt: skip
from bot.agents import AgentView
from bot.claims import Done, act, claim, claimed_by, give_back
from bot.config import config
from bot.crypto import seal, unseal
from bot.declarations import declaration
from bot.desk import DeskEvent
from bot.desk_actions import Action
from bot.desk_messages import PRESSED
from bot.failpoints import failpoint
from bot.files import Kept
from bot.receive import clean
from bot.states import NotAllowed
from bot.store import read, sql, write
from bot.store.statements import Place, insert_message

HOLD = 5.0
"""Seconds in which a reply can be taken back."""
MODES = ("gated", "direct", "alerts-only")
NOT_RESOLVED = "canned.not_resolved"
"""The kind of the aside that says so."""
_NOTE = re.compile(r"^\s*(?:note:|🔒|//)\s*", re.IGNORECASE)


def mode(desk: str, place: str) -> str:
    """How replies from one place go out: ``gated`` (held), ``direct`` (at once) or ``alerts-only`` (never)."""
    row = sql("SELECT value FROM cursor WHERE name = ?", (f"gate:{desk}:{place}",)).fetchone()
    return row[0] if row else "gated"


def set_mode(desk: str, place: str, value: str) -> None:
    """Set it for one place."""
    sql(
        "INSERT INTO cursor (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (f"gate:{desk}:{place}", value),
    )


def reply(event: DeskEvent, agent: AgentView, conversation_id: str, kept: Sequence[Kept] = ()) -> Done:
    """Take what an agent wrote in a thread, with its files (``kept``: judged and on disk)."""
    text = clean(event.text)
    marked = marked_as_note(text)
    if marked:
        return note(event, agent, conversation_id, text[marked:], kept)
    return say(event, agent, conversation_id, text, kept)


def marked_as_note(text: str) -> int:
    """How many characters at its beginning say that it is for colleagues only; 0: it is for the customer."""
    found = _NOTE.match(text)
    return found.end() if found else 0


def say(
    event: DeskEvent, agent: AgentView, conversation_id: str, text: str, kept: Sequence[Kept] = (), *, canned: str = "",
    resolve: bool = False,
) -> Done:  # fmt: skip
    """Take a reply for the customer, whatever it begins with. Without a message at the desk (a page's button, a command) it is shown in
    the thread once it is sent. ``canned``: id of the canned reply it was made of, whose use is counted then. ``resolve``: the
    conversation is resolved after that, unless the customer has written or a colleague has taken it meanwhile."""
    good, refused = _sorted(kept)
    if not text and not good:
        if refused:
            return Done("cannot", f"Nothing was sent. {refused}")
        return Done("empty", "There is no text in this message, so nothing was sent. Write something first.")
    state, _assignee = sql("SELECT state, assignee FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if state == "resolved":
        return Done(
            "resolved", "Not sent: this is resolved. Reopen it, then write again.", (Action.REOPEN,), conversation_id
        )
    if state == "ai":
        return Done(
            "not_claimed",
            "Not sent: the AI has this conversation. Claim it, then write again.",
            (Action.CLAIM,),
            conversation_id,
        )
    how = mode(event.desk, event.place if is_written(event) else _place(event, conversation_id))
    if how == "alerts-only":
        return Done("cannot", "Not sent: this channel only shows alerts. Nothing was lost; answer from another desk.")
    claimed = ""
    if state == "waiting":
        try:
            claim(conversation_id, agent)
            claimed = "You claimed this. "
        except NotAllowed:
            pass  # somebody was faster; the reply still goes out under this agent's name
    hold = 0.0 if how == "direct" else HOLD
    reply_id = _hold(event, agent, conversation_id, text, hold)
    if canned or resolve:
        sql(
            "UPDATE reply SET canned = ?, resolve_before = CASE WHEN ? THEN (SELECT seq + 1 FROM conversation WHERE id = ?) ELSE 0 END"
            " WHERE id = ?",
            (canned, resolve, conversation_id, reply_id),
        )
    if claimed:
        claimed_by(reply_id)
    files.attach(good, conversation_id, reply=reply_id)
    trouble = " ".join(filter(None, [refused, *_unsendable(conversation_id, good)]))
    if not hold:
        send(reply_id)
        _then_resolve(reply_id)
        return Done("sent", f"{claimed}{trouble}".strip(), (Action.RELEASE,) if claimed else (), conversation_id)
    desk_posts.mark(reply_id, event.desk, conversation_id, 1)
    return Done("held", f"{claimed}Sent in {HOLD:.0f} seconds. {trouble}".strip(), (Action.UNDO,), reply_id)


def _sorted(kept: Sequence[Kept]) -> tuple[list[Kept], str]:
    """The files that can go on, and the sentences about those that were refused."""
    return [one for one in kept if one.path], " ".join(one.problem for one in kept if one.problem)


def _unsendable(conversation_id: str, kept: Sequence[Kept]) -> list[str]:
    """Sentences about files that cannot reach this customer, said at once and not when the delivery fails."""
    route = deliver.route_of(conversation_id)
    if route is None:
        return []
    declared = declaration(route[0])
    return [why for one in kept if (why := outgoing.why_not(one.view, declared))]


def _hold(event: DeskEvent, agent: AgentView, conversation_id: str, text: str, seconds: float) -> str:
    reply_id = clock.new_id()
    _insert(reply_id, event, agent, conversation_id, text, "held", clock.now() + seconds)
    return reply_id


def _insert(
    reply_id: str, event: DeskEvent, agent: AgentView, conversation_id: str, text: str, state: str, due: float, message: str = "",
) -> None:  # fmt: skip
    sealed = config().encrypt_messages
    body = seal("message", text, f"reply|body|{reply_id}") if sealed else text
    sql(
        "INSERT INTO reply (id, conversation_id, agent_id, desk, origin, body, sealed, state, due_at, message, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            reply_id,
            conversation_id,
            agent.id,
            event.desk,
            origin(event),
            body,
            sealed,
            state,
            due,
            message,
            clock.now(),
        ),
    )


def origin(event: DeskEvent) -> str:
    """The desk's id of the agent's message, with its place. What was written on a page has no message there."""
    return f"{event.place}/{event.message if is_written(event) else PRESSED + event.key}"


def is_written(event: DeskEvent) -> bool:
    """Whether the words stand in the thread as a message of the agent's own. A command stands there, and not what came of it."""
    return bool(event.message) and event.kind not in {"press", "command"}


def _place(event: DeskEvent, conversation_id: str) -> str:
    """Where the conversation's thread is: a form may have been opened anywhere."""
    row = sql(
        "SELECT place FROM desk_thread WHERE conversation_id = ? AND desk = ?", (conversation_id, event.desk)
    ).fetchone()
    return str(row[0]) if row else event.place


def note(event: DeskEvent, agent: AgentView, conversation_id: str, text: str, kept: Sequence[Kept] = ()) -> Done:
    """Keep a note between colleagues. Its files stay inside, too."""
    good, refused = _sorted(kept)
    if not text and not good:
        return Done("empty", refused or "This note is empty. Nothing was kept.")
    message_id = clock.new_id()
    place = next_place(conversation_id)
    insert_message(
        message_id,
        conversation_id,
        place,
        author="note",
        author_name=agent.public_name,
        body=text,
        created_at=clock.now(),
        extra={"files": files.attach(good, conversation_id, message=message_id)} if good else None,
    )
    _insert(clock.new_id(), event, agent, conversation_id, text, "note", 0.0, message_id)
    if not event.message:  # written in a form: colleagues see it nowhere yet
        desk_posts.show_at(event.desk, conversation_id, message_id)
    return Done("note", refused)


def next_place(conversation_id: str, *, answers: bool = False) -> Place:
    """The next place. ``answers``: what the customer asked before it is answered, unless the AI has the conversation: it answers
    what it was asked, whoever else speaks."""
    answered = "CASE WHEN state = 'ai' THEN answered ELSE seq + 1 END" if answers else "answered"
    row = sql(
        f"UPDATE conversation SET seq = seq + 1, rev = rev + 1, answered = {answered}, active_at = ? WHERE id = ?"  # noqa: S608
        " RETURNING seq, rev",
        (clock.now(), conversation_id),
    ).fetchone()
    return Place(*row)


def send(reply_id: str) -> bool:
    """Make a held reply a message and plan its deliveries; False: it was taken back or sent before."""
    # The conversation first, as everybody else takes them.
    mine = sql("SELECT conversation_id FROM reply WHERE id = ?", (reply_id,)).fetchone()
    if mine is not None:
        amendments.hold(mine[0])
    row = sql(
        "UPDATE reply SET state = 'sent' WHERE id = ? AND state = 'held'"
        " RETURNING conversation_id, agent_id, desk, body, sealed, origin, canned",
        (reply_id,),
    ).fetchone()
    if row is None:
        return False
    conversation_id, agent_id, desk, body, sealed, written_at, canned = row
    text = unseal("message", body, f"reply|body|{reply_id}") if sealed else body
    name, public_name, picture = sql(
        "SELECT name, public_name, picture FROM agent WHERE id = ?", (agent_id,)
    ).fetchone()
    message_id = clock.new_id()
    place = next_place(conversation_id, answers=True)
    sent = files.of_reply(reply_id)
    extra: dict[str, Any] = {"picture": picture} if picture else {}
    if sent:
        extra["files"] = [files.remembered(file) for file in sent]
        sql("UPDATE stored_file SET message = ?, reply = '' WHERE reply = ?", (message_id, reply_id))
    insert_message(
        message_id, conversation_id, place, author="agent", author_name=public_name, body=text, created_at=clock.now(), extra=extra,
    )  # fmt: skip
    answer_log.record_person(conversation_id, message_id, name)
    sql("UPDATE reply SET message = ? WHERE id = ?", (message_id, reply_id))
    first = tickets.replied(conversation_id, name)
    if tickets.wake(conversation_id, actor=name) or first:
        desk_posts.refresh_card(conversation_id)
    deliver.plan(conversation_id, message_id, text, files=sent)
    answer_mails.replied(conversation_id, message_id)
    desk_posts.show(conversation_id, message_id)
    if f"/{PRESSED}" in written_at:
        desk_posts.show_at(desk, conversation_id, message_id)
    desk_posts.mark(reply_id, desk, conversation_id, 2)
    if canned:
        sql("INSERT INTO canned_use (reply, canned, at) VALUES (?, ?, ?)", (reply_id, canned, clock.now()))
    failpoint("desk.before_reply_commit")
    return True


def send_held(conversation_id: str) -> None:
    """Send now what is still held of one conversation."""
    rows = sql(
        "SELECT id FROM reply WHERE conversation_id = ? AND state = 'held' ORDER BY id", (conversation_id,)
    ).fetchall()
    for (reply_id,) in rows:
        send(reply_id)


def due(limit: int = 200) -> list[tuple[str, str, str]]:
    """``(reply, conversation, channel)`` of held replies whose time has come. Inside a read."""
    rows = sql(
        "SELECT r.id, r.conversation_id, c.channel FROM reply r JOIN conversation c ON c.id = r.conversation_id"
        " WHERE r.state = 'held' AND r.due_at <= ? ORDER BY r.due_at, r.id LIMIT ?",
        (clock.now(), limit),
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def send_due() -> list[tuple[str, str]]:
    """Send what is due, each in its own transaction; returns ``(conversation, channel)`` to wake. Blocks; not inside a write."""
    moved = []
    for reply_id, conversation_id, channel in read(due):
        if write(lambda reply_id=reply_id: _send_in_time(reply_id)):  # type: ignore[misc]
            failpoint("desk.after_reply_commit")
            moved.append((conversation_id, channel))
    return moved


def _send_in_time(reply_id: str) -> bool:
    sent = send(reply_id)
    if sent:
        _then_resolve(reply_id)
    return sent


def _then_resolve(reply_id: str) -> None:
    """The reply is sent: resolve, if its agent wanted that. What the customer wrote meanwhile is not closed unseen, nor what a colleague
    has taken."""
    conversation_id, agent_id, desk, before, since = sql(
        "SELECT conversation_id, agent_id, desk, resolve_before, created_at FROM reply WHERE id = ?", (reply_id,)
    ).fetchone()
    if not before:
        return
    wrote = sql(
        "SELECT 1 FROM message WHERE conversation_id = ? AND author = 'customer' AND NOT deleted AND seq >= ? LIMIT 1",
        (conversation_id, before),
    ).fetchone()
    taken = sql(
        "SELECT 1 FROM ticket_event e JOIN ticket t ON t.id = e.ticket_id WHERE t.conversation_id = ? AND e.at > ?"
        " AND e.event IN ('claimed', 'transferred') LIMIT 1",
        (conversation_id, since),
    ).fetchone()
    name = sql("SELECT name FROM agent WHERE id = ?", (agent_id,)).fetchone()[0]
    agent = agents.agent_named(name)
    if wrote is None and taken is None and agent is not None:
        act(conversation_id, agent, desk, Action.RESOLVE, "")
        return
    here = sql("SELECT external_id FROM agent_identity WHERE agent_id = ? AND desk = ?", (agent_id, desk)).fetchall()
    for (person,) in here:
        personal_posts.put(
            desk, person, NOT_RESOLVED, conversation_id, op="aside", conversation_id=conversation_id, version=before
        )


def undo(conversation_id: str, agent: AgentView, reply_id: str) -> Done:
    """Take a held reply back: the named one, or the agent's newest."""
    if not reply_id:
        row = sql(
            "SELECT id FROM reply WHERE conversation_id = ? AND agent_id = ? AND state = 'held' ORDER BY id DESC LIMIT 1",
            (conversation_id, agent.id),
        ).fetchone()
        reply_id = row[0] if row else ""
    mine = sql("SELECT 1 FROM reply WHERE id = ? AND conversation_id = ?", (reply_id, conversation_id)).fetchone()
    if mine is None or not take_back(reply_id):
        return Done("stale", "Too late: it was sent already.")
    if give_back(conversation_id, agent, reply_id):
        return Done(
            "done", "Taken back: the customer does not see it. Your claim is, too: it waits for an agent again."
        )
    return Done("done", "Taken back: the customer does not see it.")


def take_back(reply_id: str, *, gone: bool = False) -> bool:
    """Really: the words go, not only from sight. ``gone``: at the desk, too. False: it is not held (any more)."""
    taken = sql(
        "UPDATE reply SET state = 'undone', body = '', sealed = ? WHERE id = ? AND state = 'held' RETURNING desk, conversation_id",
        (False, reply_id),
    ).fetchone()
    if taken:
        file_keeping.forget("reply", reply_id)
        if not gone:
            desk_posts.mark(reply_id, taken[0], taken[1], 2)  # nothing is on its way any more
    return bool(taken)
