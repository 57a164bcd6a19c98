"""What agents change of what they wrote: an edit or a deletion follows to the customer, and what becomes a note stays inside.

Inside a write.
"""

from __future__ import annotations

from bot import amendments, clock, deliver, desk_posts, file_keeping, files
from bot.agents import AgentView
from bot.claims import Done
from bot.config import config
from bot.crypto import seal
from bot.desk import DeskEvent
from bot.receive import clean
from bot.replies import marked_as_note, next_place, origin, take_back
from bot.store import sql
from bot.store.statements import insert_message

NEVER_SENT = "This message never went to the customer, and changing it does not send it. Write it as a new message."
NOT_A_COMMAND = "A command counts only as a new message: write it again."
UNCHANGED = "The customer still sees it as it was; delete it if they should not."


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
    marked = marked_as_note(text)
    if marked and state == "sent":
        return Done("cannot", f"It was sent already, so it cannot become a note. {UNCHANGED}")
    text = text[marked:]
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
        take_back(reply_id)
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
        next_place(conversation_id),
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
        take_back(reply_id, gone=True)
        return Done("done")
    sql("UPDATE reply SET body = '', sealed = ? WHERE id = ?", (False, reply_id))
    if not message_id:
        return Done("ignored")
    return _change(conversation_id, message_id, None, note=state == "note")


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
