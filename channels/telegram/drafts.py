"""An answer while it is written: Telegram's own drafts in private chats, a message that is edited now and then elsewhere.

A draft of Telegram's is a preview of 30 seconds and never a message. The edited message (the placeholder) becomes the answer:
``send`` with the same turn edits it a last time. What a crash leaves behind is known by its number and finished by the same
``send``, or removed.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot import DeliveryFailure, Draft, Outbound, PermanentFailure, Sent, StoreUnavailable, TemporaryFailure

from .connection import Connection, Refusal
from .places import Spot, spot_of
from .posting import NO_PREVIEW, Posting
from .rich import MAX_TEXT, render, units

log = structlog.get_logger("channels")
MARK = " …"
STALE = 120.0
"""Seconds after which a placeholder without an answer is removed: a person took over, or the answer went elsewhere."""
FORGOTTEN = 86_400.0
"""Seconds after which a placeholder that was being finished is not remembered any more. It stays in the chat."""
LOOK_EVERY = 15.0
REMEMBERED = 2_000


@dataclass
class _Shown:
    """One answer on its way."""

    place: str
    message: int = 0
    """The placeholder; 0: none yet."""
    text: str = ""
    at: float = field(default_factory=time.time)
    lost: bool = False
    """Showing it failed in a way that leaves its outcome open: no more of it, the answer comes as a message of its own."""
    finishing: bool = False
    """The answer was given to Telegram, so the placeholder may be the answer by now: nobody takes it away any more."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Drafts:
    """One per channel and process."""

    def __init__(self, connection: Connection, posting: Posting, belongs_to: Callable[[str], int]) -> None:
        self.connection, self.posting, self.belongs_to = connection, posting, belongs_to
        self._turns: OrderedDict[str, _Shown] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._without: set[int] = set()
        """Private chats for which Telegram takes no drafts."""
        connection.memory.shown = self._kept

    def _kept(self) -> dict[str, Any]:
        return {
            turn: [one.place, one.message, int(one.at), int(one.finishing)]
            for turn, one in self._turns.items()
            if one.message
        }

    def recover(self) -> None:
        """Take over what a process before this one was showing."""
        for turn, (place, message, at, *more) in self.connection.memory.left.items():
            # What was answered by a message of its own since needs no placeholder, whatever it shows.
            finishing = bool(more and more[0]) and turn not in self._ended
            self._turns.setdefault(turn, _Shown(str(place), int(message), at=float(at), finishing=finishing))
        self.connection.memory.left = {}

    async def show(self, draft: Draft) -> None:
        """Show the answer so far, or take it back (an empty text). May fail freely."""
        if not draft.text.strip():
            shown = self._turns.get(draft.turn)
            if shown is not None:
                await self._remove(draft.turn, shown)
            return
        if draft.turn in self._ended:
            return
        spot = spot_of(draft.place)
        if not self.connection.pace.room_for_draft(self.connection.memory.moves.now(spot.chat)):
            return
        one = self._turns.setdefault(draft.turn, _Shown(draft.place))
        if one.lost or one.lock.locked():
            return
        async with one.lock:
            if draft.turn in self._ended or draft.text == one.text:
                return
            one.text, one.at = draft.text, time.time()
            if not one.message and not spot.shared and spot.chat not in self._without and await self._own(spot, draft):
                return
            await self._placeholder(spot, one, draft)

    async def _own(self, spot: Spot, draft: Draft) -> bool:
        """By Telegram's drafts; False: not for this chat."""
        text, entities = render(draft.text)
        number = int.from_bytes(hashlib.sha256(draft.turn.encode()).digest()[:4]) % (2**31 - 1) + 1
        try:
            await self.connection.ask_in(
                spot, "sendMessageDraft", 5.0, paced=False, draft_id=number, text=text, entities=entities or None
            )  # fmt: skip
        except Refusal as refusal:
            if "blocked" not in refusal.said and "not found" not in refusal.said:
                self._without.add(spot.chat)
                return False
        return True

    async def _placeholder(self, spot: Spot, one: _Shown, draft: Draft) -> None:
        text, entities = render(draft.text, still=spot.shared)
        text = text + MARK if units(text) + len(MARK) <= MAX_TEXT else text
        data: dict[str, Any] = {"text": text, "entities": entities or None, "link_preview_options": NO_PREVIEW}
        try:
            if one.message:
                await self.connection.ask_in(spot, "editMessageText", 5.0, message_id=one.message, **data)
                return
            # Whatever ends this call early: at worst one line with the beginning of the answer stays above it. It is not tried twice.
            one.lost = True
            reply_to = self.belongs_to(draft.place)
            if reply_to:
                data["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
            message = await self.connection.ask_in(spot, "sendMessage", **data)
        except TemporaryFailure:
            one.lost = False
            return
        except PermanentFailure:
            return  # the answer will meet the same, and say so
        one.message, one.lost = int(message["message_id"]), False
        await self.connection.memory.keep()

    async def finish(self, spot: Spot, out: Outbound) -> Sent | None:
        """Make the placeholder the answer; ``None``: there is none, send a message. Safe to repeat: an edit done twice is one."""
        one = self._turns.get(out.turn) if out.turn and out.part == 0 else None
        if one is None:
            self._end(out.turn)
            return None
        async with one.lock:
            self._end(out.turn)
            if not one.message or one.place != out.place:
                self._turns.pop(out.turn, None)
                return None
            await self._note_finishing(one)
            try:
                sent = await self.posting.rewrite(spot, one.message, out)
            except PermanentFailure:
                await self._drop(out.turn)  # deleted by somebody meanwhile: as a message of its own
                return None
            await self._drop(out.turn)
            return sent

    async def _note_finishing(self, one: _Shown) -> None:
        """Before the edit leaves: its reply may be lost, and the process may end."""
        if one.finishing:
            return
        one.finishing = True
        try:
            await self.connection.memory.keep()
        except StoreUnavailable as error:
            one.finishing = False
            raise TemporaryFailure(str(error)) from None

    def repeatable(self, out: Outbound) -> bool:
        """Whether ``out`` makes a placeholder the answer: done twice, that is one answer."""
        one = self._turns.get(out.turn) if out.turn and out.part == 0 else None
        return one is not None and one.message != 0 and one.place == out.place

    async def _drop(self, turn: str) -> None:
        if self._turns.pop(turn, None) is not None:
            await self.connection.memory.keep()

    def _end(self, turn: str) -> None:
        if turn:
            self._ended[turn] = None
            while len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)

    async def tidy(self) -> None:
        """Until cancelled: remove placeholders whose answer never came."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for turn, one in list(self._turns.items()):
                age = time.time() - one.at
                if one.finishing and age > FORGOTTEN:
                    await self._drop(turn)
                elif age > STALE and not one.lock.locked():
                    await self._remove(turn, one)

    async def _remove(self, turn: str, one: _Shown) -> None:
        async with one.lock:
            if one.finishing:
                return
            if one.message:
                try:
                    spot = spot_of(one.place)
                    await self.connection.ask_in(spot, "deleteMessage", 5.0, paced=False, message_id=one.message)
                except PermanentFailure:
                    pass  # gone already, or Telegram keeps it
                except (DeliveryFailure, ValueError):
                    return
                log.info("unfinished_answer_removed", channel="telegram")
            self._end(turn)
            await self._drop(turn)
