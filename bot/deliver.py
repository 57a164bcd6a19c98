"""The outbox: plan deliveries in the transaction of their message, then walk each through its states.

pending → sending (committed before the first byte) → sent · back to pending (certainly not sent) · uncertain (perhaps
sent; settled after a grace by what the channel can: NATIVE, NONCE, READBACK, STABLE_ID or NONE) · held · dead. A platform
that is pulled by its clients' cursors (``Capability.PULL``) gets no rows.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot import clock
from bot.declarations import Declaration, declaration, declare, forget_declarations  # noqa: F401  the planner's face
from bot.desk import DeskPost
from bot.failpoints import failpoint
from bot.messages import FileView, Op, Outbound
from bot.splitting import split
from bot.store import sql

GRACE_EXTRA = 10.0
"""A platform may accept after we gave up: look no earlier than the client's timeout plus this."""
MAX_ATTEMPTS = 12
MAX_AGE = 24 * 3600.0
MAX_CRASHES = 10
"""More than three: a process that dies takes the sends of many places with it, and only one of them can be to blame. On a machine
with ten times the work it can do, 75 kills gave up three innocent ones of 13,000 at five; at ten it is one in a million."""
MAX_WAIT = 300.0
MAX_RETRY_AFTER = 3600.0


FILE_PART = 1_000
"""Part number of a message's first file: apart from its texts, whose number an edit may change."""


class CannotSend(Exception):
    """A delivery that can never be made as things are. The text is a sentence for agents."""


def delivery_key(message_id: str, channel: str, place: str, op: str, version: int, part: int) -> str:
    """24 characters of base32, the same on every attempt: nonce, metadata value, Message-ID or Idempotency-Key."""
    raw = "|".join((message_id, channel, place, op, str(version), str(part)))
    return base64.b32encode(hashlib.sha256(raw.encode()).digest()).decode()[:24].lower()


def route_of(conversation_id: str) -> tuple[str, str] | None:
    """Channel and place where the conversation is now. Inside a read or write."""
    row = sql(
        # A conversation that left its place for a newer one is still answered there.
        "SELECT channel, place FROM route WHERE conversation_id = ? ORDER BY current DESC, created_at DESC LIMIT 1",
        (conversation_id,),
    ).fetchone()
    return (row[0], row[1]) if row else None


def _shown_at(message_id: str) -> tuple[str, str] | None:
    """Where a message was sent: its conversation may have been carried elsewhere since."""
    row = sql(
        "SELECT channel, place FROM delivery WHERE message = ? AND op = 'send' AND channel NOT LIKE 'desk:%' ORDER BY ord DESC LIMIT 1",
        (message_id,),
    ).fetchone()
    return (row[0], row[1]) if row else None


def plan(
    conversation_id: str,
    message_id: str,
    text: str,
    *,
    op: Op = "send",
    version: int = 0,
    files: Sequence[FileView] = (),
) -> bool:
    """Create the deliveries of one message to where its conversation is now: one for each part of its text and for each of its
    ``files``. Inside the write that stores the message. Returns whether there is anything to send.
    """
    route = (_shown_at(message_id) if op in {"edit", "delete"} else None) or route_of(conversation_id)
    if route is None:
        return False
    channel, place = route
    declared = declaration(channel)
    if declared.pull:
        return False
    if op in {"send", "edit"}:
        texts = list(range(len(split(text, declared.limits)))) if text else []
        if op == "edit":  # parts that are not needed any more are emptied
            texts = sorted({*texts, *(part for part in _sent_parts(message_id, channel, place) if part < FILE_PART)})
        parts = [*texts, *(FILE_PART + number for number, file in enumerate(files) if not file.problem)]
    else:
        parts = _sent_parts(message_id, channel, place) if op == "delete" else [0]
    for part in parts:
        put(
            channel,
            place,
            op,
            message_id,
            conversation_id=conversation_id,
            version=version,
            part=part,
            parts=len(parts),
        )
    return bool(parts)


def put(
    channel: str, place: str, op: str, message: str, *, conversation_id: str = "", about: str = "", version: int = 0, part: int = 0,
    parts: int = 1,
) -> None:  # fmt: skip
    """Put one delivery down, once. ``about``: what it is known by where that is not ``message``. Inside a write."""
    sql(
        "INSERT INTO delivery (key, conversation_id, message, channel, place, op, version, part, parts, state, attempts, crashes,"
        " next_at, owner, error, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0, 0, 0, '', '', ?)"
        " ON CONFLICT (key) DO NOTHING",
        (delivery_key(about or message, channel, place, op, version, part), conversation_id or None, message, channel, place, op, version,
         part, parts, clock.now()),
    )  # fmt: skip


def _sent_parts(message_id: str, channel: str, place: str) -> list[int]:
    """Parts of a message that were sent there, or are on their way."""
    rows = sql(
        "SELECT DISTINCT part FROM delivery WHERE message = ? AND channel = ? AND place = ? AND op IN ('send', 'edit')"
        " AND state <> 'superseded' ORDER BY part",
        (message_id, channel, place),
    ).fetchall()
    return [row[0] for row in rows]


def follow(conversation_id: str, message_id: str, text: str, *, op: Op, version: int) -> bool:
    """Take an edit, a deletion or a reaction to where the customer is; False: that channel cannot. Inside a write."""
    route = (_shown_at(message_id) if op in {"edit", "delete"} else None) or route_of(conversation_id)
    if route is None:
        return False
    declared = declaration(route[0])
    if declared.pull:
        return True
    if op not in declared.follows:
        return False
    plan(conversation_id, message_id, text, op=op, version=version)
    return True


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery to act on. ``settle`` says that an earlier attempt is uncertain and must be settled first."""

    ord: int
    out: Outbound | DeskPost
    settle: bool
    place: str = ""
    message: str = ""
    at: float = field(default_factory=clock.lease_now)
    """When it was claimed, on the clock of the leases."""

    @property
    def late(self) -> bool:
        """Whether this process slept so long (a pause, a stalled loop) that somebody else may soon settle the send."""
        return clock.lease_now() - self.at > GRACE_EXTRA / 2


OVERTAKEN = 1
"""Part number of a card that others may overtake while it has to wait: it says how things stand, whenever it comes, and a
platform that takes few changes a minute must not hold up what people say."""
_PASSED = "{0}op = 'card' AND {0}part = 1 AND {0}state = 'pending' AND {0}next_at > ?"


def due_places(channel: str) -> list[str]:
    """Places of ``channel`` whose head may move now, longest waiting first. Inside a read."""
    at = clock.now()
    rows = sql(
        "SELECT d.place FROM delivery d WHERE d.channel = ? AND d.state IN ('pending', 'sending', 'uncertain') AND d.next_at <= ?"  # noqa: S608
        " AND NOT EXISTS (SELECT 1 FROM delivery e WHERE e.channel = d.channel AND e.place = d.place AND e.ord < d.ord"
        f" AND e.state IN ('pending', 'sending', 'uncertain') AND NOT ({_PASSED.format('e.')})) ORDER BY d.ord LIMIT 500",
        (channel, at, at),
    ).fetchall()
    return [row[0] for row in rows]


def unsettled(channel: str, place: str) -> bool:
    """Whether something is still on its way to a place. Inside a read."""
    row = sql(
        "SELECT 1 FROM delivery WHERE channel = ? AND place = ? AND state IN ('pending', 'sending', 'uncertain') LIMIT 1",
        (channel, place),
    ).fetchone()
    return row is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A delivery row whose turn it is."""

    ord: int
    key: str
    conversation_id: str
    message: str
    channel: str
    place: str
    op: str
    version: int
    part: int
    parts: int
    attempt: int
    first_sent_at: float | None


Compose = Callable[[Head], Outbound | DeskPost | None]
_HEAD = (
    "SELECT ord, key, conversation_id, message, op, version, part, parts, attempts, first_sent_at, state, crashes, next_at, created_at"  # noqa: S608
    " FROM delivery WHERE channel = ? AND place = ? AND state IN ('pending', 'sending', 'uncertain')"
    f" AND NOT ({_PASSED.format('')}) ORDER BY ord LIMIT 1"
)


def claim_head(
    channel: str, place: str, owner: str, timeout: float, compose: Compose, gave_up: Callable[[str], None]
) -> Claimed | None:
    """Take the head of one place: mark it ``sending`` and commit before the first byte. ``None``: nothing may move now.
    Inside a write. Only the process that leads the channel's credential calls this.

    ``compose`` makes what is sent, from what is true now; when it makes nothing, the delivery is superseded, and when it raises
    :class:`CannotSend`, the delivery is dead. ``gave_up`` is told the message of a delivery that is dead from now on.
    """
    at = clock.now()
    row = sql(_HEAD, (channel, place, at)).fetchone()
    if row is None:
        return None
    number, key, conversation_id, message, op, version, part, parts, attempts, first, state, crashes, due, created = row
    if due > at:
        return None
    if at - created > MAX_AGE or attempts >= MAX_ATTEMPTS or crashes >= MAX_CRASHES:
        why = "too old" if at - created > MAX_AGE else f"{attempts} attempts, {crashes} crashes"
        sql("UPDATE delivery SET state = 'dead', owner = '', error = ? WHERE ord = ?", (f"given up: {why}", number))
        gave_up(message)
        return claim_head(channel, place, owner, timeout, compose, gave_up)
    # What is in flight, here or elsewhere, is not due before its timeout and the grace are over: then nobody sends it any more.
    settle = state in {"uncertain", "sending"}
    taken = sql(
        "UPDATE delivery SET state = 'sending', owner = ?, attempts = attempts + ?, first_sent_at = COALESCE(first_sent_at, ?),"
        " next_at = ? WHERE ord = ? AND state = ? AND next_at = ?",
        (owner, 0 if settle else 1, at, at + timeout + GRACE_EXTRA, number, state, due),
    ).rowcount
    if not taken:
        return None  # another process was faster (leadership moved)
    head = Head(
        ord=number, key=key, conversation_id=conversation_id or "", message=message, channel=channel, place=place, op=op,
        version=version, part=part, parts=parts, attempt=attempts + 1, first_sent_at=first,
    )  # fmt: skip
    try:
        out = compose(head)
    except CannotSend as reason:
        mark_dead(number, owner, str(reason))
        gave_up(message)
        return claim_head(channel, place, owner, timeout, compose, gave_up)
    if out is None:
        sql("UPDATE delivery SET state = 'superseded', owner = '' WHERE ord = ?", (number,))
        return claim_head(channel, place, owner, timeout, compose, gave_up)
    failpoint("out.after_claim")
    return Claimed(number, out, settle, place, message)


def mark_sent(number: int, platform_id: str) -> None:
    """The platform has it. Inside a write."""
    sql(
        "UPDATE delivery SET state = 'sent', owner = '', error = '', sent_at = ?, platform_id = ? WHERE ord = ?"
        " AND state IN ('sending', 'uncertain', 'pending')",
        (clock.now(), platform_id or None, number),
    )


def mark_not_sent(number: int, owner: str, reason: str, retry_after: float | None, *, settle: bool = False) -> None:
    """Certainly not sent: again later. The platform's own waiting time always wins and is not counted as an attempt.
    ``settle``: only this attempt was not; an earlier one is as uncertain as before.

    This and all that follow change nothing once another process has taken the delivery over: it knows better.
    """
    row = sql("SELECT attempts FROM delivery WHERE ord = ?", (number,)).fetchone()
    attempts = row[0] if row else 1
    if retry_after is not None:
        wait, counted = min(max(retry_after, 0.1), MAX_RETRY_AFTER), 1
    else:
        wait, counted = min(MAX_WAIT, 2.0 ** (attempts - 1)) * random.uniform(0.5, 1.0), 0
    sql(
        "UPDATE delivery SET state = ?, owner = '', error = ?, next_at = ?, attempts = attempts - ? WHERE ord = ?"
        " AND state = 'sending' AND owner = ?",
        (
            "uncertain" if settle else "pending",
            reason[:500],
            clock.now() + wait,
            0 if settle else counted,
            number,
            owner,
        ),
    )


def mark_uncertain(number: int, owner: str, reason: str, timeout: float, *, again: bool = False) -> None:
    """Perhaps sent: look again after the grace. ``again``: it was sent once more to settle it, which is an attempt, too."""
    sql(
        "UPDATE delivery SET state = 'uncertain', owner = '', error = ?, next_at = ?, attempts = attempts + ? WHERE ord = ?"
        " AND state = 'sending' AND owner = ?",
        (reason[:500], clock.now() + timeout + GRACE_EXTRA, int(again), number, owner),
    )


def mark_pending(number: int, owner: str) -> None:
    """Settled as not arrived: send it now."""
    sql(
        "UPDATE delivery SET state = 'pending', owner = '', next_at = 0 WHERE ord = ? AND state = 'sending' AND owner = ?",
        (number, owner),
    )


def mark_superseded(number: int, owner: str) -> None:
    """Something later says it as well: nothing is to be sent any more."""
    sql(
        "UPDATE delivery SET state = 'superseded', owner = '' WHERE ord = ? AND state = 'sending' AND owner = ?",
        (number, owner),
    )


def mark_dead(number: int, owner: str, reason: str, *, state: str = "dead") -> None:
    """Never again by itself (``dead``), or only when an operator says so (``held``). Its successors go on."""
    sql(
        "UPDATE delivery SET state = ?, owner = '', error = ? WHERE ord = ? AND state = 'sending' AND owner = ?",
        (state, reason[:500], number, owner),
    )
