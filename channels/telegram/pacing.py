"""Telegram's speed limits, kept before they are hit: a 429 stops the whole bot, for everybody.

About 30 messages a second over all chats and 20 a minute in one group (the platform's FAQ for bots); nothing is promised.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from bot import TemporaryFailure

PER_SECOND = 25.0
BURST = 0.16
"""Seconds whose room may be used at once: four messages, so that no second has more than 30."""
SIGNS_PER_SECOND = 5.0
PER_GROUP = 19
"""A minute, and one less than the limit: clocks differ."""
FOR_DRAFTS = 12
"""Of those, what drafts may use: the answer itself must find room."""
DRAFT_EVERY = 3.1
"""Seconds between two edits of a draft in a group."""
WINDOW = 60.0


class Pace:
    """One per bot and process."""

    def __init__(self) -> None:
        self._until = 0.0
        self._next = 0.0
        self._next_sign = 0.0
        self._groups: dict[int, deque[float]] = {}

    def pause(self, seconds: float) -> None:
        """Telegram asked for it: nothing leaves meanwhile."""
        self._until = max(self._until, time.monotonic() + seconds)

    @property
    def paused(self) -> float:
        """Seconds that are left of a pause."""
        return max(0.0, self._until - time.monotonic())

    async def turn(self, chat: int) -> None:
        """Wait for a moment in which a message may leave. Raises :class:`TemporaryFailure` when that takes longer than a second."""
        if self.paused:
            raise TemporaryFailure("Telegram asked for a pause", self.paused)
        now = time.monotonic()
        said = self._of(chat, now) if chat < 0 else deque()
        if len(said) >= PER_GROUP:
            raise TemporaryFailure("Telegram takes about 20 messages a minute in a group", said[0] + WINDOW - now)
        if self._next > now + 1.0:
            raise TemporaryFailure("Telegram takes about 30 messages a second", 1.0)
        said.append(now)
        self._take(now)
        if self._next > now:
            await asyncio.sleep(self._next - now)

    def room_for_draft(self, chat: int) -> bool:
        """Whether a draft may be shown now; in a private chat its room is taken. Drafts never wait: the next one says more anyway."""
        now = time.monotonic()
        if self.paused or self._next > now:
            return False
        if chat >= 0:
            self._take(now)
            return True
        said = self._of(chat, now)
        return len(said) < FOR_DRAFTS and (not said or now - said[-1] >= DRAFT_EVERY)

    def room_for_sign(self) -> bool:
        """Whether a sign of typing may be shown now: a few a second for everybody together, and none while messages queue."""
        now = time.monotonic()
        if self.paused or self._next > now or self._next_sign > now:
            return False
        self._next_sign = max(self._next_sign, now - BURST) + 1.0 / SIGNS_PER_SECOND
        self._take(now)
        return True

    def _take(self, now: float) -> None:
        """One call more. Signs and drafts count as well, and are only made while no message waits."""
        self._next = max(self._next, now - BURST) + 1.0 / PER_SECOND

    def _of(self, chat: int, now: float) -> deque[float]:
        if len(self._groups) > 5_000:
            self._groups = {one: said for one, said in self._groups.items() if said and now - said[-1] < WINDOW}
        said = self._groups.setdefault(chat, deque())
        while said and now - said[0] > WINDOW:
            said.popleft()
        return said
