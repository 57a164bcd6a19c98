"""What customers do to messages that are there: change or delete their own, react to any. Inside the write of the event.

Each takes the next ``rev`` of its conversation, so that every client that pulls by its cursor sees it, and follows to the
desks. A message that nobody has answered yet is answered anew; a change after the answer is only shown.
"""

from __future__ import annotations

from typing import Any

from bot import clock, desk_posts, file_keeping, marks
from bot.config import config
from bot.crypto import seal
from bot.messages import Inbound, MessageView, Receipt
from bot.refusal import Refusal
from bot.store import is_sqlite, sql
from bot.store.statements import COLUMNS, change_extra, view

KINDS = frozenset({"edit", "delete", "reaction", "mark"})
MAX_REACTIONS = 10
"""Emoji that one person can have on one message."""
MAX_EMOJI = 64
"""Characters: a family with skin tones has 25, and a platform's own emoji come as their name."""

_UNKNOWN = "This message is not known here, so {what}. {hint}"
_WHAT = {
    "edit": ("the change was not taken", "Write it as a new message."),
    "delete": ("it could not be deleted here", "Nothing was changed."),
    "reaction": ("the reaction was not taken", "Nothing was changed."),
    "mark": ("the mark was not taken", "Nothing was changed."),
}


def amend(event: Inbound, text: str) -> Receipt:
    """Do what ``event`` says; ``text`` is its clean text. Raises :class:`Refusal`."""
    conversation_id, message = _subject(event)
    if event.kind == "reaction":
        return _react(event, conversation_id, message, text)
    if event.kind == "mark":
        return _mark(event, conversation_id, message, text)
    if message.author != "customer":
        raise Refusal("not_yours", "Only your own messages can be changed. Nothing was changed.", "subject")
    if event.kind == "delete":
        return _delete(event, conversation_id, message)
    return _edit(event, conversation_id, message, text)


def _subject(event: Inbound) -> tuple[str, MessageView]:
    """The message that is meant, if it is in a conversation of who says so. Raises :class:`Refusal`."""
    message_id = _message_id(event)
    where = sql("SELECT conversation_id FROM message WHERE id = ?", (message_id,)).fetchone() if message_id else None
    if where is not None:
        hold(where[0])
    row = sql(f"SELECT {COLUMNS} FROM message WHERE id = ?", (message_id,)).fetchone() if message_id else None  # noqa: S608
    conversation_id = row[-1] if row else ""
    owner = sql(
        "SELECT k.blocked, i.id FROM conversation c JOIN contact k ON k.id = c.contact_id LEFT JOIN identity i"
        " ON i.contact_id = k.id AND i.channel = ? AND i.external_id = ? WHERE c.id = ? AND c.state <> 'gone'",
        (event.channel, event.external_id, conversation_id),
    ).fetchone()
    # Somebody else's message and one that is not there are answered alike: nothing can be found out by trying.
    if row is None or owner is None or owner[1] is None or row[3] == "note":
        raise _unknown(event)
    if owner[0]:
        raise Refusal("blocked", "You cannot write here any more. Nothing was stored.")
    found = view(row)
    if found.deleted:
        raise _unknown(event)
    return conversation_id, found


def _unknown(event: Inbound) -> Refusal:
    what, hint = _WHAT[event.kind]
    return Refusal("unknown_message", _UNKNOWN.format(what=what, hint=hint), "subject")


def _message_id(event: Inbound) -> str:
    """By the key with which it came in, the platform's id of one of ours, or our own id."""
    if not event.subject:
        return ""
    row = sql("SELECT message FROM ledger WHERE key = ? AND channel = ?", (event.subject, event.channel)).fetchone()
    if row is None:
        row = sql(
            "SELECT message FROM delivery WHERE channel = ? AND place = ? AND platform_id = ? AND op = 'send'",
            (event.channel, event.place, event.subject),
        ).fetchone()
    if row is None and event.anywhere:
        row = sql(
            "SELECT message FROM delivery WHERE channel = ? AND platform_id = ? AND op = 'send' ORDER BY ord DESC LIMIT 1",
            (event.channel, event.subject),
        ).fetchone()
    if row is None:
        row = sql("SELECT id FROM message WHERE id = ?", (event.subject,)).fetchone()
    return str(row[0]) if row else ""


def hold(conversation_id: str) -> None:
    """Lock the conversation before something of it is read to be changed: of two changes at once the second sees the first.
    Rows that only refer to it can be added meanwhile. SQLite has one writer anyway. Inside a write."""
    if not is_sqlite():
        sql("SELECT 1 FROM conversation WHERE id = ? FOR NO KEY UPDATE", (conversation_id,))


def next_rev(conversation_id: str) -> int:
    """The next change of a conversation. Inside a write."""
    row = sql("UPDATE conversation SET rev = rev + 1 WHERE id = ? RETURNING rev", (conversation_id,)).fetchone()
    return int(row[0])


def store_text(message_id: str, text: str, rev: int) -> None:
    """Replace the text of a message. Inside a write."""
    sealed = config().encrypt_messages
    # The extra beside it is sealed by the same flag.
    _reseal_extra(message_id, sealed)
    body = seal("message", text, f"message|body|{message_id}") if sealed else text
    sql(
        "UPDATE message SET body = ?, sealed = ?, rev = ?, edited_at = ? WHERE id = ?",
        (body, sealed, rev, clock.now(), message_id),
    )


def _reseal_extra(message_id: str, sealed: bool) -> None:
    row = sql("SELECT sealed, extra FROM message WHERE id = ?", (message_id,)).fetchone()
    if row is None or bool(row[0]) == sealed or not row[1]:
        return
    from bot.crypto import unseal

    place = f"message|extra|{message_id}"
    extra = seal("message", row[1], place) if sealed else unseal("message", row[1], place)
    sql("UPDATE message SET extra = ? WHERE id = ?", (extra, message_id))


def _edit(event: Inbound, conversation_id: str, message: MessageView, text: str) -> Receipt:
    if not text and not message.files:
        raise Refusal("empty", "A change cannot empty a message. Delete it instead.", "text")
    if text == message.text:
        return _receipt(event, conversation_id, message, message.rev)  # platforms also tell of changes that nobody sees
    rev = next_rev(conversation_id)
    store_text(message.id, text, rev)
    return _followed(event, conversation_id, message, rev, "edit")


def _delete(event: Inbound, conversation_id: str, message: MessageView) -> Receipt:
    rev = next_rev(conversation_id)
    file_keeping.forget("message", message.id)
    # Really: the words go, not only from sight.
    sql(
        "UPDATE message SET deleted = ?, body = '', extra = '', sealed = ?, author_name = '', rev = ? WHERE id = ?",
        (True, False, rev, message.id),
    )
    return _followed(event, conversation_id, message, rev, "delete")


def _followed(event: Inbound, conversation_id: str, message: MessageView, rev: int, op: str) -> Receipt:
    desk_posts.show(conversation_id, message.id, op=op, version=rev)
    desk_posts.refresh_card(conversation_id)
    return _receipt(event, conversation_id, message, rev)


def _react(event: Inbound, conversation_id: str, message: MessageView, emoji: str) -> Receipt:
    if not emoji and not event.gone:
        raise Refusal("empty", "Which emoji? Nothing was changed.", "text")
    if len(emoji) > MAX_EMOJI or (emoji and any(character.isspace() for character in emoji)):
        raise Refusal("bad_field", "A reaction is one emoji. Nothing was changed.", "text")
    name = event.profile.name.strip()[:100]
    mine = [one.emoji for one in message.reactions if one.author == "customer" and one.name == name]
    if event.gone:
        left = [one for one in mine if emoji and one != emoji]
    elif emoji in mine:
        left = mine
    elif marks.thumb(emoji) and message.author != "customer":
        left = [*marks.replaced(mine, ""), emoji]  # both thumbs at once say nothing
    else:
        left = [*mine, emoji]
    if left == mine:
        return _receipt(event, conversation_id, message, message.rev)
    if len(left) > MAX_REACTIONS:
        raise Refusal(
            "too_many", f"{MAX_REACTIONS} reactions to one message are possible. Nothing was changed.", "text"
        )
    if marks.newest(left) != marks.newest(mine):
        marks.by_customer(message.id, marks.newest(left))
    return _reacted(event, conversation_id, message, name, left)


def _reacted(event: Inbound, conversation_id: str, message: MessageView, name: str, emoji: list[str]) -> Receipt:
    rev = next_rev(conversation_id)
    set_reactions(message.id, "customer", name, emoji, rev)
    desk_posts.show(conversation_id, message.id, op="react", version=rev)
    return _receipt(event, conversation_id, message, rev)


def _mark(event: Inbound, conversation_id: str, message: MessageView, words: str) -> Receipt:
    """A thumb with a reason. Without an answer of ours to mark it is refused; the reason alone changes nothing that is shown."""
    marks.check(event.mark, event.reason)
    if message.author not in {"ai", "agent"}:
        raise Refusal("bad_field", "Only answers can be marked. Nothing was changed.", "subject")
    marks.by_customer(message.id, event.mark, event.reason, words if event.mark else "")
    name = event.profile.name.strip()[:100]
    mine = [one.emoji for one in message.reactions if one.author == "customer" and one.name == name]
    left = mine if marks.newest(mine) == event.mark else marks.replaced(mine, event.mark)
    if left == mine:
        return _receipt(event, conversation_id, message, message.rev)
    return _reacted(event, conversation_id, message, name, left)


def set_reactions(message_id: str, author: str, name: str, emoji: list[str], rev: int) -> None:
    """What one person has on one message, replacing what they had. Inside a write."""

    def change(extra: dict[str, Any]) -> None:
        others = [one for one in extra.get("reactions", ()) if (one["author"], one.get("name", "")) != (author, name)]
        extra["reactions"] = [*others, *({"emoji": one, "author": author, "name": name} for one in emoji)]
        if not extra["reactions"]:
            del extra["reactions"]

    change_extra(message_id, change)
    sql("UPDATE message SET rev = ? WHERE id = ?", (rev, message_id))


def _receipt(event: Inbound, conversation_id: str, message: MessageView, rev: int) -> Receipt:
    return Receipt(
        key=event.key, conversation_id=conversation_id, message_id=message.id, seq=message.seq, rev=rev, elsewhere=True
    )
