"""Threads in which agents wrote before the core knew whose they are: read once it does, the way it is done after an outage.

The answer to a card's post may be lost, and people may be faster than it. What they write meanwhile is nobody's yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

import structlog

from bot import DeskInbox, OpenThread

from .catching_up import CatchingUp
from .heard import Heard

log = structlog.get_logger("channels")
EVERY, TROUBLE = 0.5, 5.0
"""Seconds between looks (into the database, never at Slack), and after one that failed."""
AGAIN, LONGEST = 60.0, 3_600.0
"""Seconds until a thread that could not be read is tried again: twice as many each time, up to the longest."""
MOMENT = 2.0
"""Seconds for which what is said in such a thread waits for what was said before; Slack allows three for an answer."""


class Late:
    """Looks for late threads and has them read, one after the other."""

    def __init__(self, inbox: DeskInbox, catching: CatchingUp) -> None:
        self.inbox = inbox
        self.catching = catching
        self._reading: dict[tuple[str, str], tuple[asyncio.Event, float]] = {}
        """Those that are being read: whether that is over, and until when others wait for it."""
        self._again: dict[tuple[str, str], tuple[float, float]] = {}
        """Those that could not be read: when they are tried again, and for how long they waited."""

    async def run(self) -> None:
        """Until cancelled. What is not read by then is named again to whoever listens next."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._look()
            except Exception as error:
                log.warning("late_threads_not_read", desk="slack", reason=type(error).__name__, next="again in seconds")
                await asyncio.sleep(TROUBLE)

    async def before(self, heard: Sequence[Heard]) -> None:
        """Wait a moment if this was said in a thread that is being read."""
        for one in heard:
            over, until = self._reading.get((one.place, one.thread), (None, 0.0))
            if over is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, until - time.monotonic())):
                        await over.wait()

    async def _look(self) -> None:
        now = time.monotonic()
        late = await self.inbox.late_threads()
        threads = [one for one in late if self._again.get(_which(one), (0.0, 0.0))[0] <= now]
        for one in threads:
            self._reading[_which(one)] = (asyncio.Event(), now + MOMENT)
        try:
            for one in threads:
                await self._read(one)
        finally:
            for one in threads:
                self._over(one)

    async def _read(self, one: OpenThread) -> None:
        try:
            if await self.catching.run([one]):
                await self.inbox.caught_up(one)
                self._again.pop(_which(one), None)
            else:
                _, waited = self._again.get(_which(one), (0.0, 0.0))
                wait = min(LONGEST, max(AGAIN, waited * 2))
                self._again[_which(one)] = time.monotonic() + wait, wait
        finally:
            self._over(one)

    def _over(self, one: OpenThread) -> None:
        over, _ = self._reading.pop(_which(one), (None, 0.0))
        if over is not None:
            over.set()


def _which(one: OpenThread) -> tuple[str, str]:
    return one.place, one.thread
