"""Drafts and signs of typing for one channel: shown while an answer is written, never in the way of what is sent.

One task per place where something is written. It calls the channel once at a time, at most every ``limits.draft_every``
seconds, and gives up on a call after :data:`PATIENCE`. Before a message is sent the place's draft is ended: after it no
draft of that turn goes out.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot import Capability, Channel, Draft, Hint, Uncertain, draft_of
from channels.host.contained import Overdue, Threads, abandon, within

log = structlog.get_logger("channels")

TYPING_EVERY = 4.0
"""Seconds between two signs; platforms show one for five (Telegram) to ten (Discord)."""
TYPING_LASTS = 6.0
"""Seconds after which an agent who said nothing more no longer types."""
PATIENCE = 5.0
"""Seconds for one call."""
END_PATIENCE = 1.0
"""Seconds a send waits for a draft that is on its way, so that the two do not overtake each other."""
LOOK_AFTER = 2.0
"""Seconds without a hint after which the turn is looked up."""
FAILURES = 5
REST = 30.0
"""Seconds of rest after so many failures in a row."""
MANY = 10_000


@dataclass
class _Place:
    hint: Hint | None = None
    """The running answer."""
    heard: float = 0.0
    dirty: bool = False
    shown: str = ""
    drafted: float = -1e9
    typed: float = -1e9
    agent_until: float = 0.0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    calling: str = ""
    """The turn of which a draft is on its way."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)


class Live:
    """Lives on the loop. ``look`` asks what became of a conversation's turn; the answer comes as a hint."""

    def __init__(self, channel: Channel, threads: Threads, look: Callable[[str], None]) -> None:
        self.channel = channel
        self.drafts = Capability.DRAFT in channel.capabilities
        self.typing = Capability.TYPING in channel.capabilities
        self._threads = threads
        self._look = look
        self._places: dict[str, _Place] = {}
        self._over: OrderedDict[str, None] = OrderedDict()
        """Turns whose message is being or has been sent."""
        self._cut: OrderedDict[str, None] = OrderedDict()
        """Turns of which the end of a draft was not waited for: it may still reach the platform."""
        self._failures = 0
        self._rests_until = 0.0

    def hint(self, hint: Hint) -> None:
        """Show it, or stop showing."""
        if hint.turn and hint.turn in self._over:
            return
        place = self._places.get(hint.place)
        if hint.kind in {"ended", "withdrawn"}:
            if place is not None and place.hint is not None and place.hint.turn == hint.turn:
                self._end(place, withdrawn=hint.kind == "withdrawn")
            return
        if place is None:
            place = self._places[hint.place] = _Place()
        now = time.monotonic()
        if hint.kind == "typing":
            place.agent_until = now + TYPING_LASTS
        else:
            if place.hint is not None and place.hint.turn != hint.turn:
                place.shown = ""  # the next turn begins: the one before was sent, or is about to be
            place.hint, place.heard = hint, now
            place.dirty = place.dirty or hint.kind == "writing"
        place.wake.set()
        if place.task is None:
            place.task = asyncio.create_task(self._show(hint.place, place), name=f"live {self.channel.name}")

    async def before_send(self, place_name: str, turn: str) -> None:
        """A message of ``turn`` is about to be sent: no draft of it any more. Waits a moment for one that is on its way."""
        if not turn:
            return
        _remember(self._over, turn)
        place = self._places.get(place_name)
        if place is None:
            return
        if place.hint is not None and place.hint.turn == turn:
            self._end(place, withdrawn=False)
        if place.calling == turn:  # also when its end was heard of already
            place.idle.clear()
            try:
                async with asyncio.timeout(END_PATIENCE):
                    await place.idle.wait()
            except TimeoutError:
                log.warning("draft_cut_off", channel=self.channel.name, next="the message goes out")
                self._failed("a draft did not end")
                self._drop(place_name, place)

    def was_cut(self, turn: str) -> bool:
        """Whether a draft of ``turn`` may reach the platform after its message. Says so once."""
        return self._cut.pop(turn, turn) is None

    def stop(self) -> None:
        """Show nothing more."""
        for name, place in list(self._places.items()):
            self._drop(name, place)

    def _end(self, place: _Place, *, withdrawn: bool) -> None:
        turn = place.hint.turn if place.hint else ""
        place.hint, place.dirty = None, False
        if withdrawn and place.shown and self.drafts:
            place.hint = Hint(self.channel.name, "", "withdrawn", "", turn)
        place.wake.set()

    def _drop(self, name: str, place: _Place) -> None:
        self._places.pop(name, None)
        if place.task is not None:
            abandon(place.task)

    async def _show(self, name: str, place: _Place) -> None:
        try:
            while True:
                place.wake.clear()
                wait = await self._step(name, place)
                if wait is None:
                    return
                try:
                    async with asyncio.timeout(max(0.02, wait)):
                        await place.wake.wait()
                except TimeoutError:
                    pass
        finally:
            place.idle.set()
            if self._places.get(name) is place:
                del self._places[name]

    async def _step(self, name: str, place: _Place) -> float | None:
        """Do what is due; returns the seconds until the next look, ``None`` at the end."""
        now = time.monotonic()
        hint = place.hint
        if hint is not None and hint.kind == "withdrawn":
            place.hint = None
            await self._send_draft(place, Draft(place=name, turn=hint.turn, text=""))
            place.shown = ""
            return 0.0
        writing = hint is not None or now < place.agent_until
        if not writing:
            return None
        if now < self._rests_until:
            place.dirty = False
            return self._rests_until - now if hint is None else LOOK_AFTER
        waits = [LOOK_AFTER]
        if self.typing:
            if now - place.typed >= TYPING_EVERY:
                place.typed = now
                await self._call(self.channel.typing(name))
            waits.append(place.typed + TYPING_EVERY - time.monotonic())
        if self.drafts and place.dirty and place.hint is not None:
            left = place.drafted + self.channel.limits.draft_every - time.monotonic()
            if left > 0:
                waits.append(left)
            else:
                await self._draft(place)
        if place.hint is not None and time.monotonic() - place.heard > LOOK_AFTER:
            place.heard = time.monotonic()
            self._look(place.hint.conversation_id)
        return min(waits)

    async def _draft(self, place: _Place) -> None:
        hint = place.hint
        if hint is None:
            return
        place.dirty, place.drafted = False, time.monotonic()
        draft = await self._threads.call(draft_of, hint, self.channel.limits)
        # While Redis was asked the answer may have been sent: then this is no draft any more.
        if draft is None or draft.text == place.shown or place.hint is None or place.hint.turn != hint.turn:
            return
        place.shown = draft.text
        await self._send_draft(place, draft)

    async def _send_draft(self, place: _Place, draft: Draft) -> None:
        place.calling, ended = draft.turn, False
        try:
            ended = await self._call(self.channel.draft(draft))
        finally:
            if not ended:
                _remember(self._cut, draft.turn)
            place.calling = ""
            place.idle.set()

    async def _call(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether it has come to an end, well or not."""
        try:
            await within(work, PATIENCE, f"live {self.channel.name}")
        except Exception as error:
            self._failed(type(error).__name__)
            return not isinstance(error, (Overdue, Uncertain, TimeoutError))
        self._failures = 0
        return True

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = 0
            self._rests_until = time.monotonic() + REST
            log.warning("live_rests", channel=self.channel.name, reason=reason, seconds=REST)


def _remember(turns: OrderedDict[str, None], turn: str) -> None:
    turns[turn] = None
    while len(turns) > MANY:
        turns.popitem(last=False)
