"""What desks show: one thread per conversation, its card always as it is now, its messages once. Runs inside writes.

A delivery row says only that something must be shown; what exactly is worked out from the database when its turn comes, so a
card that waited shows the newest state, and a retry never shows an old one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot import (
    clock,
    deliver,
    desk_card,
    desk_messages,
    farewells,
    notices,
    personal_posts,
    routing,
    routing_words,
    service_posts,
)
from bot.declarations import declare_desk, desks
from bot.deliver import FILE_PART, OVERTAKEN, Head
from bot.desk import Desk, DeskPost
from bot.desk_messages import PREFIX, SHOWN
from bot.messages import MessageView
from bot.store import is_sqlite, sql
from bot.store.statements import COLUMNS, last_messages, view

ANOTHER = "The thread before this one is gone, so this ticket goes on here. What was said last:"


def declare(desk: Desk) -> None:
    """Make a desk and the place of its new threads known to all processes."""
    declare_desk(desk)


def withdraw(name: str) -> None:
    """The desk is switched off: no new threads there."""
    sql("DELETE FROM setting WHERE key = ?", (f"desk.{name}",))


def declared() -> list[tuple[str, str]]:
    """``(desk, place)`` of every desk that is on."""
    return desks()


def open_threads(conversation_id: str) -> None:
    """See to it that every desk has a thread for the conversation, where rules say: the card first, then what was said so far."""
    missing = [one for one in declared() if one[0] not in _threads(conversation_id)]
    rule = routing.route(conversation_id) if missing else None
    for desk, own in missing:
        made = sql(
            "INSERT INTO desk_thread (id, conversation_id, desk, place, created_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (conversation_id, desk) DO NOTHING",
            (clock.new_id(), conversation_id, desk, routing.place_for(rule, desk, own), clock.now()),
        ).rowcount
        if made:
            _plan(conversation_id, desk, "card", "card", 0)
            _plan(conversation_id, desk, "transcript", "event", 0)
            for message in last_messages(conversation_id, 2**31 - 1, SHOWN + 1):
                _plan_files(conversation_id, desk, message)
            if routing_words.alerts(rule):
                _plan(conversation_id, desk, routing_words.ALERT, "event", 0)


def open_at_own_place(conversation_id: str, desk: str, place: str, reason: str) -> bool:
    """The desk refused to open the first thread at ``place``, which a rule named: it is opened at its own place. False: that was
    done already, or it was its own place."""
    own = dict(declared()).get(desk)
    if own is None or own == place:
        return False
    moved = sql(
        "UPDATE desk_thread SET place = ? WHERE conversation_id = ? AND desk = ? AND thread IS NULL AND place = ?",
        (own, conversation_id, desk, place),
    ).rowcount
    routing.place_refused(desk, place, reason)
    return bool(moved)


def tell(conversation_id: str, about: str) -> None:
    """Say in the threads, once, what routing has to say (``about``: see :mod:`bot.routing_words`)."""
    for desk in _threads(conversation_id):
        _plan(conversation_id, desk, about, "event", 0)


def open_another(conversation_id: str, desk: str, thread: str) -> bool:
    """The thread is gone: open another one where threads are opened now. False: that was done already, or the desk is off."""
    place = dict(declared()).get(desk)
    if place is None or not thread:
        return False
    before = sql(
        "SELECT place FROM desk_thread WHERE conversation_id = ? AND desk = ?", (conversation_id, desk)
    ).fetchone()
    moved = sql(
        "UPDATE desk_thread SET thread = NULL, link = '', place = ? WHERE conversation_id = ? AND desk = ? AND thread = ?",
        (place, conversation_id, desk, thread),
    ).rowcount
    if moved:
        _remember(_left_name(desk, before[0], thread), conversation_id)
    row = sql(
        "UPDATE ticket SET version = version + 1 WHERE conversation_id = ? RETURNING version", (conversation_id,)
    ).fetchone()
    if not moved or row is None:
        return bool(moved)
    _plan(conversation_id, desk, "card", "card", row[0])
    _plan(conversation_id, desk, "transcript", "event", row[0])
    return True


def was_thread(desk: str, place: str, thread: str) -> bool:
    """Whether a ticket that is still there has left this thread for another one. Two places may have threads of the same name."""
    row = sql("SELECT 1 FROM cursor WHERE name = ?", (_left_name(desk, place, thread),)).fetchone()
    return bool(thread) and row is not None


def remember_erased(conversation_id: str) -> None:
    """The conversation is being deleted: keep only which threads were its own, so that nobody is answered with silence there."""
    for desk, place, thread in sql(
        "SELECT desk, place, thread FROM desk_thread WHERE conversation_id = ? AND thread IS NOT NULL",
        (conversation_id,),
    ).fetchall():
        _remember(_erased_name(desk, place, thread), f"{clock.now():.0f}")
    # The threads that it left go on elsewhere no longer.
    for (name,) in sql(
        "DELETE FROM cursor WHERE value = ? AND name LIKE 'left:%' RETURNING name", (conversation_id,)
    ).fetchall():
        _remember(f"erased:{name.removeprefix('left:')}", f"{clock.now():.0f}")


def was_erased(desk: str, place: str, thread: str) -> bool:
    """Whether this was the thread of a conversation that its customer deleted."""
    row = sql("SELECT 1 FROM cursor WHERE name = ?", (_erased_name(desk, place, thread),)).fetchone()
    return bool(thread) and row is not None


def _erased_name(desk: str, place: str, thread: str) -> str:
    return f"erased:{desk}:{place}/{thread}"


def _left_name(desk: str, place: str, thread: str) -> str:
    return f"left:{desk}:{place}/{thread}"


def _remember(name: str, value: str) -> None:
    sql("INSERT INTO cursor (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (name, value))


def refresh_card(conversation_id: str) -> None:
    """Something that the card shows has changed."""
    row = sql(
        "UPDATE ticket SET version = version + 1, changed_at = ? WHERE conversation_id = ? RETURNING version",
        (clock.now(), conversation_id),
    ).fetchone()
    if row is None:
        return
    for desk in _threads(conversation_id):
        waiting = sql(
            "SELECT 1 FROM delivery WHERE channel = ? AND place = ? AND op = 'card' AND state = 'pending'",
            (PREFIX + desk, conversation_id),
        ).fetchone()
        if not waiting:
            opened = sql(
                "SELECT 1 FROM desk_thread WHERE conversation_id = ? AND desk = ? AND thread IS NOT NULL",
                (conversation_id, desk),
            ).fetchone()
            _plan(conversation_id, desk, "card", "card", row[0], OVERTAKEN if opened else 0)


def show(conversation_id: str, message_id: str, *, op: str = "send", version: int = 0) -> None:
    """Show one message with its files (or its change) in the threads of its conversation, but not where it was written.
    A reaction (``react``) is shown there, too."""
    threads = _threads(conversation_id)
    if not threads:
        return
    origin = sql("SELECT desk FROM reply WHERE message = ?", (message_id,)).fetchone()
    for desk in threads:
        if origin is not None and origin[0] == desk and op != "react":
            continue
        if op == "send":
            _plan_new(conversation_id, desk, message_id)
        elif op == "react":
            _plan(conversation_id, desk, message_id, op, version)
        else:
            for part in _shown_parts(desk, message_id, op):
                _plan(conversation_id, desk, message_id, op, version, part)


def show_at(desk: str, conversation_id: str, message_id: str) -> None:
    """Show one message in the thread of one desk, also if it was written there: in a form, and not in the thread."""
    if desk in _threads(conversation_id):
        _plan(conversation_id, desk, message_id, "send", 0)


def _plan_new(conversation_id: str, desk: str, message_id: str) -> None:
    row = sql(f"SELECT {COLUMNS} FROM message WHERE id = ?", (message_id,)).fetchone()  # noqa: S608
    if row is None:
        return
    message = view(row)
    if message.text or not message.files or any(file.problem for file in message.files):
        _plan(conversation_id, desk, message_id, "send", 0)
    _plan_files(conversation_id, desk, message)


def _plan_files(conversation_id: str, desk: str, message: MessageView) -> None:
    for number, file in enumerate(message.files):
        if not file.problem and message.author != "note":
            _plan(conversation_id, desk, message.id, "send", 0, FILE_PART + number)


def _shown_parts(desk: str, message_id: str, op: str) -> list[int]:
    """What of a message must follow a change: its text, and its files when it is deleted."""
    if op != "delete":
        return [0]
    rows = sql(
        "SELECT part FROM delivery WHERE message = ? AND channel = ? AND op = 'send'", (message_id, PREFIX + desk)
    ).fetchall()
    return [row[0] for row in rows] or [0]


def mark(reply_id: str, desk: str, conversation_id: str, version: int) -> None:
    """Show on the agent's own message how far it is."""
    _plan(conversation_id, desk, reply_id, "mark", version)


def waits(conversation_id: str) -> bool:
    """Whether something is to be shown at a desk; then wake ``out``."""
    row = sql(
        "SELECT 1 FROM delivery WHERE place = ? AND channel LIKE 'desk:%' AND state = 'pending' LIMIT 1",
        (conversation_id,),
    ).fetchone()
    return row is not None


def followed(message_id: str) -> None:
    """A delivery of a message to its customer moved on: show it on the agent's own message, if it was an agent's."""
    row = sql(
        f"SELECT id, desk, conversation_id FROM reply WHERE message = ?{desk_messages.held_row()}",  # noqa: S608
        (message_id,),
    ).fetchone()
    if row is None or desk_messages.mark_state(message_id) == "queued":
        return
    reply_id, desk, conversation_id = row
    _tell_failed(message_id, desk, conversation_id)
    newest, waiting = sql(
        "SELECT max(version), sum(CASE WHEN state = 'pending' THEN 1 ELSE 0 END) FROM delivery WHERE message = ? AND channel = ?"
        " AND op = 'mark'",
        (reply_id, PREFIX + desk),
    ).fetchone()
    if not waiting:  # one that waits will show what is true then
        mark(reply_id, desk, conversation_id, (newest or 0) + 1)


def _tell_failed(message_id: str, desk: str, conversation_id: str) -> None:
    """Say in the agent's thread what did not arrive: once for all parts of a message, and again when it was tried again in vain."""
    row = sql(
        "SELECT ord, created_at FROM delivery WHERE message = ? AND op = 'send' AND channel NOT LIKE 'desk:%'"
        " AND state IN ('dead', 'held') ORDER BY ord LIMIT 1",
        (message_id,),
    ).fetchone()
    if row is None:
        return
    about = f"{desk_messages.FAILED}{row[0]}"
    times, last = sql(
        "SELECT count(*), max(created_at) FROM delivery WHERE message = ? AND channel = ?", (about, PREFIX + desk)
    ).fetchone()
    # Trying again makes the delivery as new: what was told before that is an earlier failure.
    if not times or last < row[1]:
        _plan(conversation_id, desk, about, "event", times)


def tell_mailed(conversation_id: str, mail_id: str) -> None:
    """The customer was not there, so the answer goes by mail: agents should know."""
    for desk in _threads(conversation_id):
        _plan(conversation_id, desk, f"{desk_messages.MAILED}{mail_id}", "event", 0)


def tell_due(conversation_id: str, about: str) -> None:
    """Something is due soon, or overdue: ``about`` is of :func:`bot.service_posts.about`."""
    for desk in _threads(conversation_id):
        _plan(conversation_id, desk, about, "event", 0)


def show_draft(conversation_id: str, turn_id: str) -> None:
    """An answer of the AI was finished after a person took over: agents may use it, and nobody else has seen it."""
    for desk in _threads(conversation_id):
        _plan(conversation_id, desk, f"{desk_messages.DRAFT}{turn_id}", "event", 0)


def not_followed(number: int) -> None:
    """A platform refused a change or a reaction (the delivery ``number``): say so in the threads, where it looks as if it were done."""
    row = sql("SELECT conversation_id FROM delivery WHERE ord = ?", (number,)).fetchone()
    for desk in _threads(row[0]) if row else ():
        _plan(row[0], desk, f"{desk_messages.REFUSED}{number}", "event", 0)


def opened(conversation_id: str, desk: str, thread: str, link: str = "") -> None:
    """A card is there: the first one tells the thread, and any of them the ``link`` that opens it."""
    row = sql(
        "UPDATE desk_thread SET thread = ? WHERE conversation_id = ? AND desk = ? AND thread IS NULL RETURNING place",
        (thread, conversation_id, desk),
    ).fetchone()
    if row is not None:
        routing.place_works(desk, row[0])
    if link.startswith(("https://", "http://")):
        sql(
            "UPDATE desk_thread SET link = ? WHERE conversation_id = ? AND desk = ? AND thread = ? AND link <> ?",
            (link, conversation_id, desk, thread, link),
        )


def _threads(conversation_id: str) -> list[str]:
    return [
        row[0] for row in sql("SELECT desk FROM desk_thread WHERE conversation_id = ?", (conversation_id,)).fetchall()
    ]


def _plan(conversation_id: str, desk: str, message: str, op: str, version: int, part: int = 0) -> None:
    about = f"card:{conversation_id}" if op == "card" else ""
    deliver.put(
        PREFIX + desk,
        conversation_id,
        op,
        message,
        conversation_id=conversation_id,
        about=about,
        version=version,
        part=part,
    )


# What a row means now ---------------------------------------------------------------------------------------------------


_WITHOUT_THREAD: dict[str, Callable[[Head], DeskPost | None]] = {
    farewells.GONE: farewells.compose, notices.NOTICE: notices.compose, personal_posts.PERSONAL: personal_posts.compose,
}  # fmt: skip


def compose(head: Head) -> DeskPost | None:
    """The post of a delivery row as it should be now; ``None``: there is nothing to show any more."""
    for start, make in _WITHOUT_THREAD.items():
        if head.message.startswith(start):
            return make(head)
    desk = head.channel.removeprefix(PREFIX)
    thread = sql(
        "SELECT place, thread FROM desk_thread WHERE conversation_id = ? AND desk = ?", (head.conversation_id, desk)
    ).fetchone()
    if thread is None:
        return None
    common: dict[str, Any] = {
        "key": head.key, "place": thread[0], "thread": thread[1] or "", "attempt": head.attempt, "first_sent_at": head.first_sent_at,
    }  # fmt: skip
    if head.op == "card":
        _hold_ticket(head.conversation_id)
        return DeskPost(op="card", subject=thread[1] or "", card=desk_card.card(head.conversation_id), **common)
    if not thread[1]:
        # The card before it was given up: open the thread again, with everything in its transcript.
        return None
    if head.op == "mark":
        return desk_messages.mark(head, common)
    if head.message == "transcript":
        lines = desk_messages.transcript(head.conversation_id, ANOTHER if head.version else "")
        return DeskPost(op="event", author="system", text=desk_messages.in_words(lines), lines=lines, **common)
    if head.message.startswith((desk_messages.MAILED, desk_messages.DRAFT)):
        tell = desk_messages.mailed if head.message.startswith(desk_messages.MAILED) else desk_messages.draft
        text = tell(head)
        return DeskPost(op="event", author="system", text=text, **common) if text else None
    if head.message.startswith(routing_words.KINDS):
        return routing_words.compose(head, common)
    if head.message.startswith(service_posts.DUE):
        return service_posts.compose(head, common)
    if head.message.startswith(desk_messages.FAILED):
        return desk_messages.failed(head, common)
    if head.message.startswith(desk_messages.REFUSED):
        return DeskPost(op="event", author="system", text=desk_messages.refused(head), **common)
    return desk_messages.message(head, common)


def _hold_ticket(conversation_id: str) -> None:
    """Wait for whoever changes the ticket right now: they saw this card still waiting and planned no other, so this one must
    show what they did. Whoever comes later sees it taken and plans another. SQLite has one writer anyway."""
    if not is_sqlite():
        sql("SELECT 1 FROM ticket WHERE conversation_id = ? FOR UPDATE", (conversation_id,))
