"""What a message, its files and its changes are in the thread of a desk, when their turn comes. Inside the write of a claim.

Files are posts of their own. A desk that cannot change, delete or react gets a line in the thread instead, and so does a change
of a message that the thread knows only from its transcript.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot import clock, outgoing, profiles
from bot.crypto import reveal
from bot.declarations import Declaration, desk_declaration
from bot.deliver import FILE_PART, Head
from bot.desk import DeskPost, Line
from bot.desk_actions import Action
from bot.file_words import problems, with_files
from bot.files import size_text
from bot.messages import FileView, MessageView
from bot.store import is_sqlite, sql
from bot.store.statements import COLUMNS, last_messages, view

PREFIX = "desk:"
"""Delivery rows of a desk have ``desk:NAME`` as their channel and the conversation as their place."""
SHOWN = 10
"""Messages of the transcript that opens a thread."""
REFUSED = "refused:"
"""Before the number of a delivery that is told of."""
FAILED = "failed:"
"""The same for an agent's words that did not arrive."""
QUOTED = 80
"""Characters of a message that a line about it repeats."""
DRAFT = "draft:"
"""Before the id of a turn whose answer came too late."""
MAILED = "mailed:"
"""Before the id of a mail that is told of."""
PRESSED = "pressed:"
"""In the origin of a reply or note that was written on a page: the thread has no message of it until it is shown there."""
_GUESTS = ("Otter", "Heron", "Maple", "Cedar", "Robin", "Birch", "Finch", "Willow", "Lark", "Hazel", "Wren", "Alder")


def message(head: Head, common: dict[str, Any]) -> DeskPost | None:
    """The post of a message, one of its files, or a change of it; ``None``: there is nothing to show any more."""
    row = sql(f"SELECT {COLUMNS} FROM message WHERE id = ?", (head.message,)).fetchone()  # noqa: S608
    if row is None:
        return None
    shown = view(row)
    if head.op == "send":
        return None if shown.deleted else _new(head, shown, common)
    can = desk_declaration(head.channel.removeprefix(PREFIX))
    subject = _posted(head)
    if head.op == "react":
        return _react(head, shown, subject, can, common)
    if subject and head.op in can.follows:
        common.update(_who(head, shown))
        text = _text(shown) if head.op == "edit" else ""
        return DeskPost(op=head.op, subject=subject, text=text, sources=shown.sources, **common)  # type: ignore[arg-type]
    if head.part != _first_part(head):
        return None  # one line is enough
    who = _name(head, shown)
    words = f"{who} changed a message. It is now: {shown.text}" if head.op == "edit" else f"{who} deleted a message."
    return DeskPost(op="event", author="system", text=words, **common)


def _new(head: Head, shown: MessageView, common: dict[str, Any]) -> DeskPost | None:
    common.update(_who(head, shown))
    if head.part < FILE_PART:
        op: Any = "event" if shown.author == "system" else "message"
        return DeskPost(op=op, text=_text(shown), sources=shown.sources, **common)
    number = head.part - FILE_PART
    file = shown.files[number] if number < len(shown.files) else None
    if file is None or file.problem:
        return None
    if desk_declaration(head.channel.removeprefix(PREFIX)).takes(file.size):
        return DeskPost(op="message", files=(outgoing.attachment(file),), **common)
    return DeskPost(op="message", text=_in_words(file), **common)


def _in_words(file: FileView) -> str:
    return outgoing.as_line(file) or (
        f"{file.name} ({size_text(file.size)}, {file.type}) cannot be shown here, and for a link Deskhand needs its public address"
        " (DESKHAND_PUBLIC_URL)."
    )


def _text(shown: MessageView) -> str:
    return "\n".join(filter(None, [shown.text, problems(shown)]))


def _who(head: Head, shown: MessageView) -> dict[str, Any]:
    """Speaker, name and picture. The AI has none of its own; an agent's is what customers see."""
    picture = {"customer": profiles.picture_of(head.conversation_id), "agent": str(shown.extra.get("picture", ""))}
    return {"author": shown.author, "author_name": _name(head, shown), "picture": picture.get(shown.author, "")}


def _name(head: Head, shown: MessageView) -> str:
    return shown.author_name or (customer_name(head.conversation_id) if shown.author == "customer" else "")


def _posted(head: Head) -> str:
    """The desk's id of what is meant: of our post, or of the agent's own message; empty if the thread has none."""
    row = sql(
        "SELECT platform_id FROM delivery WHERE message = ? AND channel = ? AND op = 'send' AND part = ? AND platform_id IS NOT NULL",
        (head.message, head.channel, _first_part(head) if head.op == "react" else head.part),
    ).fetchone()
    if row is not None:
        return str(row[0])
    own = sql(
        "SELECT origin FROM reply WHERE message = ? AND desk = ?", (head.message, head.channel.removeprefix(PREFIX))
    ).fetchone()
    return str(own[0]).rpartition("/")[2] if own and not head.part and f"/{PRESSED}" not in own[0] else ""


def _first_part(head: Head) -> int:
    """The first post of a message in this thread: its text, or its first file if it has no text."""
    row = sql(
        "SELECT min(part) FROM delivery WHERE message = ? AND channel = ? AND op = 'send'", (head.message, head.channel)
    ).fetchone()
    return int(row[0] or 0)


def _react(head: Head, shown: MessageView, subject: str, can: Declaration, common: dict[str, Any]) -> DeskPost | None:
    """The newest emoji of the customer on this message; empty when they took it back."""
    theirs = [one.emoji for one in shown.reactions if one.author == "customer"]
    emoji = theirs[-1] if theirs and not shown.deleted else ""
    if subject and head.op in can.follows:
        return DeskPost(op="react", subject=subject, text=emoji, author="customer", **common)
    if not emoji:
        return None
    who = customer_name(head.conversation_id)
    return DeskPost(op="event", author="system", text=f"{who} reacted with {emoji} to: {_quoted(shown)}", **common)


def mark(head: Head, common: dict[str, Any]) -> DeskPost | None:
    """The mark on an agent's own message: how far it and its files are."""
    row = sql(f"SELECT origin, state, message FROM reply WHERE id = ?{held_row()}", (head.message,)).fetchone()  # noqa: S608
    if row is None:
        return None
    # What was written on a page is marked where it is shown; before that there is nothing to be marked.
    subject = _shown_as(row[2], head.channel) if f"/{PRESSED}" in row[0] else row[0].rpartition("/")[2]
    if not subject:
        return None
    earlier = sql(
        "SELECT 1 FROM delivery WHERE message = ? AND channel = ? AND op = 'mark' AND ord < ? AND state <> 'superseded' LIMIT 1",
        (head.message, head.channel, head.ord),
    ).fetchone()
    first = earlier is None and head.attempt == 1
    if row[1] in {"undone", "note"}:  # what was marked once as on its way is not (any more)
        return DeskPost(op="mark", subject=subject, mark="", first=first, **common) if head.version > 1 else None
    state = mark_state(row[2]) if row[1] == "sent" else "queued"
    return DeskPost(op="mark", subject=subject, mark=state, first=first, **common)  # type: ignore[arg-type]


def _shown_as(message_id: str, channel: str) -> str:
    """The desk's id of our post of a message; empty: there is none yet."""
    row = sql(
        "SELECT platform_id FROM delivery WHERE message = ? AND channel = ? AND op = 'send' AND part = 0 AND platform_id IS NOT NULL",
        (message_id, channel),
    ).fetchone()
    return str(row[0]) if row and message_id else ""


def held_row() -> str:
    """Behind the query of a reply whose mark is worked out, or planned when its message moved on: of the two the second sees what the
    first did, so that the last mark is the true one. SQLite has one writer anyway."""
    return "" if is_sqlite() else " FOR UPDATE"


def mark_state(message_id: str) -> str:
    """``queued``, ``sent`` or ``failed``: over all deliveries of a message to its customer."""
    rows = sql(
        "SELECT state FROM delivery WHERE message = ? AND op = 'send' AND channel NOT LIKE 'desk:%'", (message_id,)
    ).fetchall()
    states = [row[0] for row in rows]
    if any(found in {"dead", "held"} for found in states):
        return "failed"
    return "sent" if all(found in {"sent", "superseded"} for found in states) else "queued"


def refused(head: Head) -> str:
    """What a platform did not take, and why."""
    row = sql("SELECT op, error FROM delivery WHERE ord = ?", (int(head.message.removeprefix(REFUSED)),)).fetchone()
    op, reason = row or ("", "")
    what = {"react": "a reaction", "delete": "the deletion of a message"}.get(op, "the change of a message")
    return f"The customer's channel did not take {what}, so they do not see it. {reason}".strip()


def failed(head: Head, common: dict[str, Any]) -> DeskPost | None:
    """Which words of an agent did not arrive and why, with a button to try again; ``None``: they are on their way again."""
    row = sql(
        "SELECT d.state, d.error, d.key, m.author_name, m.deleted FROM delivery d JOIN message m ON m.id = d.message WHERE d.ord = ?",
        (int(head.message.removeprefix(FAILED)),),
    ).fetchone()
    if row is None or row[0] not in {"dead", "held"} or row[4]:
        return None
    state, reason, key, name = row[:4]
    message_id = sql("SELECT message FROM delivery WHERE key = ?", (key,)).fetchone()[0]
    said = sql(f"SELECT {COLUMNS} FROM message WHERE id = ?", (message_id,)).fetchone()  # noqa: S608
    what = f"{name or 'The agent'}'s message “{_quoted(view(said))}”"
    if state == "held":
        text = f"Nobody can tell whether {what} reached the customer. If it is sent again, they may see it twice."
    else:
        text = f"{what} did not reach the customer. {reason[:1].upper()}{reason[1:]}".strip()
    return DeskPost(op="event", author="system", text=text, actions=(Action.RETRY,), value=key, **common)


def mailed(head: Head) -> str:
    """That an answer goes by mail, and to which address; empty if that mail is gone."""
    row = sql("SELECT to_address, state FROM mail WHERE id = ?", (head.message.removeprefix(MAILED),)).fetchone()
    if row is None:
        return ""
    kept = " It is kept until there is an SMTP_URL." if row[1] == "kept" else ""
    return f"The customer is not in the chat, so what they have not seen goes to {row[0]} by mail.{kept}"


def draft(head: Head) -> str:
    """The AI's answer that came too late; empty if it is gone."""
    turn_id = head.message.removeprefix(DRAFT)
    row = sql("SELECT draft FROM turn WHERE id = ?", (turn_id,)).fetchone()
    text = reveal("turn", "draft", turn_id, row[0]) if row and row[0] else ""
    return f"The AI's answer was ready when a person took over. The customer has not seen it:\n\n{text}" if text else ""


def _quoted(shown: MessageView) -> str:
    said = " ".join(with_files(shown).text.split())
    return f"{said[:QUOTED]} …" if len(said) > QUOTED else said


def transcript(conversation_id: str, intro: str = "") -> tuple[Line, ...]:
    """What was said before the thread was opened, oldest first, below ``intro``; never empty."""
    seen = last_messages(conversation_id, 2**31 - 1, SHOWN + 1)
    customer = customer_name(conversation_id)
    said = [
        Line(author=one.author, name=_speaker(one, customer), text=_with_sources(one), at=one.created_at)
        for one in map(with_files, seen)
        if one.author in {"customer", "ai", "agent"} and one.text
    ]
    remarks = [intro] if intro else []
    if seen and seen[0].seq > 1:
        remarks.append("What was said before that is not shown here.")
    if not said:
        remarks.append("Nothing was said yet.")
    return (*(Line(author="system", name="", text=one, at=clock.now()) for one in remarks), *said)


def _with_sources(said: MessageView) -> str:
    """The words, and below an answer what it rests on."""
    sources = (f"[{one.n}] {one.label()} {one.url}".rstrip() for one in said.sources)
    return "\n".join((said.text, *sources))


def _speaker(said: MessageView, customer: str) -> str:
    return {"customer": customer, "ai": "AI assistant"}.get(said.author) or said.author_name or "Support"


def in_words(lines: Sequence[Line]) -> str:
    """The same as plain text, for desks that show it as it is."""
    return "\n\n".join(f"{one.name}: {one.text}" if one.name else one.text for one in lines)


def customer_name(conversation_id: str) -> str:
    """The customer's name, or a friendly stand-in that stays the same."""
    row = sql(
        "SELECT c.name, t.name, c.id FROM conversation v JOIN contact c ON c.id = v.contact_id LEFT JOIN ticket t"
        " ON t.conversation_id = v.id WHERE v.id = ?",
        (conversation_id,),
    ).fetchone()
    return shown_name(row[1], row[0], row[2]) if row else "Visitor"


def shown_name(ticket_name: str | None, contact_name: str, contact_id: str) -> str:
    """What a customer is called who left these names, perhaps none."""
    number = int(contact_id.replace("-", "")[-6:], 16)
    return str(ticket_name or contact_name or f"Visitor {_GUESTS[number % len(_GUESTS)]} {number % 900 + 100}")
