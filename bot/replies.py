"""What agents write at a desk: notes stay inside, replies are held for five seconds with an undo and then go out once.

Which of the two a text is, is decided here and nowhere else. Inside a write unless said otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bot import amendments, answer_log, answer_mails, clock, deliver, desk_posts, file_keeping, files, outgoing, tickets
from bot.agents import AgentView
from bot.claims import Done, claim, claimed_by, give_back
from bot.config import config
from bot.crypto import seal, unseal
from bot.declarations import declaration
from bot.desk import DeskEvent
from bot.desk_actions import Action
from bot.failpoints import failpoint
from bot.files import Kept
from bot.receive import clean
from bot.states import NotAllowed
from bot.store import read, sql, write
from bot.store.statements import Place, insert_message

HOLD = 5.0
"""Seconds in which a reply can be taken back."""
MODES = ("gated", "direct", "alerts-only")
_NOTE = re.compile(r"^\s*(?:note:|🔒|//)\s*", re.IGNORECASE)
NEVER_SENT = "This message never went to the customer, and changing it does not send it. Write it as a new message."
NOT_A_COMMAND = "A command counts only as a new message: write it again."
UNCHANGED = "The customer still sees it as it was; delete it if they should not."


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
    found = _NOTE.match(text)
    if found:
        return note(event, agent, conversation_id, text[found.end() :], kept)
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
    how = mode(event.desk, event.place)
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
    if claimed:
        claimed_by(reply_id)
    files.attach(good, conversation_id, reply=reply_id)
    trouble = " ".join(filter(None, [refused, *_unsendable(conversation_id, good)]))
    if not hold:
        send(reply_id)
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
    reply_id: str,
    event: DeskEvent,
    agent: AgentView,
    conversation_id: str,
    text: str,
    state: str,
    due: float,
    message: str = "",
) -> None:
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
    """The desk's id of the agent's message, with its place. A note by a button has no message there."""
    return f"{event.place}/{event.message or event.key}"


def note(event: DeskEvent, agent: AgentView, conversation_id: str, text: str, kept: Sequence[Kept] = ()) -> Done:
    """Keep a note between colleagues. Its files stay inside, too."""
    good, refused = _sorted(kept)
    if not text and not good:
        return Done("empty", refused or "This note is empty. Nothing was kept.")
    message_id = clock.new_id()
    place = _next(conversation_id)
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


def _next(conversation_id: str, *, answers: bool = False) -> Place:
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
        "UPDATE reply SET state = 'sent' WHERE id = ? AND state = 'held' RETURNING conversation_id, agent_id, desk, body, sealed",
        (reply_id,),
    ).fetchone()
    if row is None:
        return False
    conversation_id, agent_id, desk, body, sealed = row
    text = unseal("message", body, f"reply|body|{reply_id}") if sealed else body
    name, public_name, picture = sql(
        "SELECT name, public_name, picture FROM agent WHERE id = ?", (agent_id,)
    ).fetchone()
    message_id = clock.new_id()
    place = _next(conversation_id, answers=True)
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
    sql(
        "UPDATE ticket SET first_reply_at = COALESCE(first_reply_at, ?), first_reply_due = NULL"
        " WHERE conversation_id = ?",
        (clock.now(), conversation_id),
    )
    if tickets.wake(conversation_id, actor=name):
        desk_posts.refresh_card(conversation_id)
    deliver.plan(conversation_id, message_id, text, files=sent)
    answer_mails.replied(conversation_id, message_id)
    desk_posts.show(conversation_id, message_id)
    desk_posts.mark(reply_id, desk, conversation_id, 2)
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
        if write(lambda reply_id=reply_id: send(reply_id)):  # type: ignore[misc]
            failpoint("desk.after_reply_commit")
            moved.append((conversation_id, channel))
    return moved


def undo(conversation_id: str, agent: AgentView, reply_id: str) -> Done:
    """Take a held reply back: the named one, or the agent's newest."""
    if not reply_id:
        row = sql(
            "SELECT id FROM reply WHERE conversation_id = ? AND agent_id = ? AND state = 'held' ORDER BY id DESC LIMIT 1",
            (conversation_id, agent.id),
        ).fetchone()
        reply_id = row[0] if row else ""
    mine = sql("SELECT 1 FROM reply WHERE id = ? AND conversation_id = ?", (reply_id, conversation_id)).fetchone()
    if mine is None or not _take_back(reply_id):
        return Done("stale", "Too late: it was sent already.")
    if give_back(conversation_id, agent, reply_id):
        return Done(
            "done", "Taken back: the customer does not see it. Your claim is, too: it waits for an agent again."
        )
    return Done("done", "Taken back: the customer does not see it.")


def edit(event: DeskEvent, agent: AgentView) -> Done:
    """Follow an edit of the agent's own message: to the customer where the channel can, else say that it cannot.

    What becomes a note is kept as one while it is held, and refused once the customer has it. The same for a command (``action``):
    it is not done, because only a new message is one.
    """
    known = _known(event)
    if known is None:
        return Done("cannot", NOT_A_COMMAND if event.action else NEVER_SENT)
    reply_id, conversation_id, state, message_id, owner = known
    text = clean(event.text)
    if owner != agent.id:
        return Done("not_allowed", "Only who wrote a message may change it.")
    if state == "undone":
        return Done("cannot", NOT_A_COMMAND if event.action else NEVER_SENT)
    if event.action is not None:
        return _becomes_command(reply_id, state)
    marked = _NOTE.match(text)
    if marked and state == "sent":
        return Done("cannot", f"It was sent already, so it cannot become a note. {UNCHANGED}")
    text = text[marked.end() :] if marked else text
    if not text and not (files.of_reply(reply_id) or _has_files(message_id)):
        return Done("empty", "An edit cannot empty a message. Delete it instead.")
    sealed = config().encrypt_messages
    body = seal("message", text, f"reply|body|{reply_id}") if sealed else text
    sql("UPDATE reply SET body = ?, sealed = ? WHERE id = ?", (body, sealed, reply_id))
    if state == "held":
        return _becomes_note(reply_id, conversation_id, agent, text) if marked else Done("done")
    return _change(conversation_id, message_id, text, note=state == "note")


def _becomes_command(reply_id: str, state: str) -> Done:
    if state == "held":
        _take_back(reply_id)
        return Done("done", f"Taken back: the customer does not see it. {NOT_A_COMMAND}")
    return Done("cannot", f"{NOT_A_COMMAND} {UNCHANGED}" if state == "sent" else NOT_A_COMMAND)


def _becomes_note(reply_id: str, conversation_id: str, agent: AgentView, text: str) -> Done:
    """A reply in its hold that turns out to be for colleagues only. Its files stay inside with it."""
    message_id = clock.new_id()
    stay = files.of_reply(reply_id)
    sql("UPDATE stored_file SET message = ?, reply = '' WHERE reply = ?", (message_id, reply_id))
    insert_message(
        message_id,
        conversation_id,
        _next(conversation_id),
        author="note",
        author_name=agent.public_name,
        body=text,
        created_at=clock.now(),
        extra={"files": [files.remembered(file) for file in stay]} if stay else None,
    )
    desk = sql(
        "UPDATE reply SET state = 'note', message = ? WHERE id = ? RETURNING desk", (message_id, reply_id)
    ).fetchone()
    desk_posts.mark(reply_id, desk[0], conversation_id, 2)
    return Done("note", "It is a note now: the customer does not see it.")


def _has_files(message_id: str) -> bool:
    return sql("SELECT 1 FROM stored_file WHERE message = ? AND message <> ''", (message_id,)).fetchone() is not None


def delete(event: DeskEvent) -> Done:
    """Follow a deletion of an agent's message, by whomever."""
    known = _known(event)
    if known is None:
        return Done("ignored")
    reply_id, conversation_id, state, message_id, _owner = known
    if state == "held":
        _take_back(reply_id, gone=True)
        return Done("done")
    sql("UPDATE reply SET body = '', sealed = ? WHERE id = ?", (False, reply_id))
    if not message_id:
        return Done("ignored")
    return _change(conversation_id, message_id, None, note=state == "note")


def _take_back(reply_id: str, *, gone: bool = False) -> bool:
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


def _known(event: DeskEvent) -> tuple[str, str, str, str, str] | None:
    """The reply that is meant, as it is once nobody else changes it: its hold may end at this very moment."""
    query = "SELECT id, conversation_id, state, message, agent_id FROM reply WHERE desk = ? AND origin = ?"
    row = sql(query, (event.desk, origin(event))).fetchone()
    if row is not None:
        amendments.hold(row[1])
        row = sql(query, (event.desk, origin(event))).fetchone()
    return tuple(row) if row else None  # type: ignore[return-value]


def _change(conversation_id: str, message_id: str, text: str | None, *, note: bool) -> Done:
    rev = amendments.next_rev(conversation_id)
    if text is None:
        sql(
            "UPDATE message SET deleted = ?, body = '', extra = '', sealed = ?, rev = ? WHERE id = ?",
            (True, False, rev, message_id),
        )
        file_keeping.forget("message", message_id)
    else:
        amendments.store_text(message_id, text, rev)
    if note:
        return Done("done")
    op = "delete" if text is None else "edit"
    desk_posts.show(conversation_id, message_id, op=op, version=rev)
    if deliver.follow(conversation_id, message_id, text or "", op=op, version=rev):  # type: ignore[arg-type]
        return Done("done")
    what = "deleted" if text is None else "changed"
    return Done("cannot", f"The customer's channel cannot follow: there the message could not be {what}.")
