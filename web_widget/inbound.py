"""From a visitor's wish to the core's :class:`Inbound`, equal on every retry, whichever way it came."""

from __future__ import annotations

import hashlib
from typing import Literal

from gevent import get_hub
from gevent.event import AsyncResult

from bot import (
    Attachment,
    Inbound,
    Ownership,
    Profile,
    Receipt,
    Refused,
    SiteView,
    StoreUnavailable,
    VisitorView,
    offload,
    ownership,
    receive_soon,
    visitor_contact,
)
from web_widget.frames import FrameError

CHANNEL = "widget"
Kind = Literal[
    "message", "handoff", "cancel", "ticket", "contact", "resolve", "rating", "edit", "delete", "reaction", "mark"
]


def first_conversation(visitor: VisitorView, cid: str) -> str:
    """The id of the conversation that a message without one begins: the same for every retry, unguessable for others."""
    raw = bytearray(hashlib.sha256(f"{visitor.id}\n{visitor.contact_id}\n{cid}".encode()).digest()[:16])
    raw[6] = 0x80 | (raw[6] & 0x0F)  # UUID version 8: made by a rule of one's own
    raw[8] = 0x80 | (raw[8] & 0x3F)
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def owned(visitor: VisitorView, conversation_id: str, cid: str = "") -> Ownership:
    """The conversation if it is this visitor's. Raises :class:`FrameError` ``unknown_conversation`` or ``not_yours``."""
    found = offload(ownership, conversation_id)
    if found is None:
        raise FrameError(
            "unknown_conversation", "There is no such conversation (any more). Start a new one.", field="conv", cid=cid
        )
    # A contact may have become another by a conversation that was carried over since this token was looked up.
    if found.contact_id != visitor.contact_id and found.contact_id != offload(visitor_contact, visitor.id):
        raise FrameError(
            "not_yours", "This conversation belongs to somebody else. Start a new one.", field="conv", cid=cid
        )
    return found


def event(
    visitor: VisitorView,
    site: SiteView,
    *,
    cid: str,
    conversation_id: str = "",
    place: str = "",
    kind: Kind = "message",
    text: str = "",
    profile: Profile | None = None,
    rating: int = 0,
    files: tuple[str, ...] = (),
    subject: str = "",
    gone: bool = False,
    mark: str = "",
    reason: str = "",
    origin: str = "",
) -> Inbound:
    """Make the event. Without a conversation it begins one; ``place`` is where a known conversation happens. ``files``: ids of
    uploaded ones."""
    target = conversation_id or first_conversation(visitor, cid)
    return Inbound(
        channel=CHANNEL,
        key=f"web:{target}:{cid}",
        external_id=visitor.id,
        place=place or target,
        text=text,
        kind=kind,
        site=site.key,
        profile=profile or Profile(),
        client_key=cid,
        conversation_id="" if conversation_id else target,
        rating=rating,
        files=tuple(Attachment(name=one, id=one) for one in files),
        subject=subject,
        gone=gone,
        mark=mark,
        reason=reason,
        origin=origin,
    )


def commit(inbound: Inbound) -> Receipt | Refused:
    """Store one event and wait for it in this greenlet; many share one fsync. Raises :class:`StoreUnavailable`."""
    waiting: AsyncResult = AsyncResult()
    loop = get_hub().loop

    def done(outcome: Receipt | Refused | None, error: BaseException | None) -> None:
        if error is None:
            loop.run_callback_threadsafe(waiting.set, outcome)
        else:
            loop.run_callback_threadsafe(waiting.set_exception, error)

    receive_soon(inbound, done)
    outcome: Receipt | Refused | None = waiting.get()
    if outcome is None:
        raise StoreUnavailable("The message could not be stored. Send it again.")
    return outcome
