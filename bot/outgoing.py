"""What a delivery to a customer is when its turn comes: made from what the database says now, never from what was planned.

Text goes in parts that fit the platform. Each file is a delivery of its own, with part numbers from :data:`FILE_PART`; where a
channel takes no files, or none so large, it is a line with a link.
"""

from __future__ import annotations

from typing import Any, cast

from bot import buttons
from bot.declarations import Declaration, declaration
from bot.deliver import FILE_PART, CannotSend, Head
from bot.file_links import link_of
from bot.files import size_text
from bot.messages import Attachment, FileView, MessageView, Op, Outbound
from bot.splitting import measure, split
from bot.store import sql
from bot.store.statements import COLUMNS, view


def attachment(file: FileView) -> Attachment:
    """A stored file on its way out, still without its bytes."""
    return Attachment(id=file.id, name=file.name, type=file.type, size=file.size, url=link_of(file.id, file.name))


def as_line(file: FileView) -> str:
    """A file in words, with a link for people; empty while there is no public address."""
    link = link_of(file.id, file.name)
    return f"{file.name} ({size_text(file.size)}): {link}" if link else ""


def compose(head: Head) -> Outbound | None:
    """The delivery as it should be now; ``None``: there is nothing to send any more. Raises :class:`CannotSend`."""
    row = sql(f"SELECT {COLUMNS} FROM message WHERE id = ?", (head.message,)).fetchone()  # noqa: S608
    if row is None:
        return None
    message = view(row)
    declared = declaration(head.channel)
    common: dict[str, Any] = {
        "key": head.key, "place": head.place, "author": message.author, "author_name": message.author_name, "version": head.version,
        "part": head.part, "parts": head.parts, "turn": message.turn_id, "attempt": head.attempt, "first_sent_at": head.first_sent_at,
    }  # fmt: skip
    if head.op == "react":
        return _react(head, message, common)
    if head.op == "send" and message.deleted:
        return None
    if head.part >= FILE_PART and head.op == "send":
        return _file(head, message, declared, common)
    op, subject = _target(head)
    if op is None:
        return None
    if op == "delete":
        return Outbound(op="delete", subject=subject, **common)
    return _text(op, subject, head, message, declared, common)


def _text(
    op: Op, subject: str, head: Head, message: MessageView, declared: Declaration, common: dict[str, Any]
) -> Outbound | None:
    pieces = split(message.text, declared.limits)
    if head.part >= len(pieces) or not pieces[head.part]:
        # The text has become shorter since it was sent in parts.
        return Outbound(op="edit", subject=subject, text="…", **common) if op == "edit" else None
    last = head.part == len(pieces) - 1
    offered = buttons.offered(message, head.conversation_id, head.key) if last and "buttons" in declared.can else ()
    text = pieces[head.part]
    if offered and buttons.wants_rating(message, head.conversation_id):
        asking = f"{text}\n\n{buttons.RATE_QUESTION}"
        text = asking if measure(asking, declared.limits) <= declared.limits.max_text else text
    return Outbound(
        op=op,
        subject=subject,
        text=text,
        sources=message.sources if last else (),
        buttons=offered,
        **common,
    )


def _target(head: Head) -> tuple[Op | None, str]:
    """Which operation it is now, and on which message of the platform."""
    if head.op == "send":
        return "send", ""
    sent = _sent(head)
    if sent is not None:
        # Without the platform's id (it gave none, or it was never sent) nothing can follow.
        return (cast("Op", head.op), sent) if sent else (None, "")
    # An edit that made the text longer: the new part is sent.
    return ("send", "") if head.op == "edit" else (None, "")


def _sent(head: Head) -> str | None:
    """The platform's id of this part; empty if it has none, ``None`` if this part was never planned."""
    row = sql(
        "SELECT platform_id FROM delivery WHERE message = ? AND channel = ? AND place = ? AND part = ? AND (op = 'send' OR op = 'edit')"
        " AND ord < ? AND (op = 'send' OR platform_id IS NOT NULL) ORDER BY op DESC, ord DESC LIMIT 1",
        (head.message, head.channel, head.place, head.part, head.ord),
    ).fetchone()
    return None if row is None else str(row[0] or "")


def _file(head: Head, message: MessageView, declared: Declaration, common: dict[str, Any]) -> Outbound | None:
    number = head.part - FILE_PART
    file = message.files[number] if number < len(message.files) else None
    if file is None or file.problem:
        return None
    common["part"] = max(0, head.parts - len([one for one in message.files[number:] if not one.problem]))
    if declared.takes(file.size):
        return Outbound(op="send", files=(attachment(file),), **common)
    line = as_line(file)
    if not line:
        raise CannotSend(why_not(file, declared))
    return Outbound(op="send", text=line, **common)


def why_not(file: FileView, declared: Declaration) -> str:
    """Why a file cannot reach the customer, as a sentence; empty when it can."""
    if declared.pull or declared.takes(file.size) or as_line(file):
        return ""
    reason = (
        f"the customer's channel takes {size_text(declared.limits.max_file_bytes)} at most"
        if "files" in declared.can
        else "the customer's channel takes no files"
    )
    return (
        f"{file.name} cannot be sent: {reason}, and for a link Deskhand needs its public address (DESKHAND_PUBLIC_URL)."
    )


def _react(head: Head, message: MessageView, common: dict[str, Any]) -> Outbound | None:
    """The newest reaction of an agent; platforms let a bot put one on a message."""
    subject = _sent(head) or _came_as(head)
    if not subject or message.deleted:
        return None
    theirs = [one.emoji for one in message.reactions if one.author == "agent"]
    return Outbound(op="react", subject=subject, text=theirs[-1] if theirs else "", **common)


def _came_as(head: Head) -> str:
    """The key with which a customer's message came in: the channel knows its own."""
    row = sql(
        "SELECT key FROM ledger WHERE conversation = ? AND message = ? AND channel = ? AND kind = 'message'",
        (head.conversation_id, head.message, head.channel),
    ).fetchone()
    return str(row[0]) if row else ""
