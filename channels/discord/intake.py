"""Events on their way to the commit: in order at every place, many in one transaction, and remembered until it is done.

The gateway has no acknowledgements, but a session can be resumed from any number it sent. So the number that is stored is the
one before the first event that is not committed yet: what a crash took is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot import Inbound, Inbox, Refused, StoreUnavailable, failpoint

log = structlog.get_logger("channels")
MOST = 100
"""Events of one call."""
ROOM = 4_000
"""Events that may wait; beyond that nothing more is read from the gateway."""
PAUSES = (0.5, 1.0, 2.0, 5.0)
GRACE = 1.5
"""Seconds that a stop waits for a commit, and then for the answers that follow it."""

SORRY = "Sorry, this could not be stored. Please write it again."

Outcome = Any
"""A Receipt or a Refused."""
After = Callable[[Outcome], Awaitable[None]]


@dataclass(slots=True)
class Entry:
    """One event. ``after`` is called with what became of it, beside the next ones."""

    inbound: Inbound
    after: After | None = None


class Intake:
    """One writer for one run of ``listen``."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self._waiting: asyncio.Queue[tuple[Entry | None, Callable[[], None]]] = asyncio.Queue()
        self._chains: dict[str, asyncio.Task[None]] = {}
        self._open: dict[tuple[str, int], int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._committing: asyncio.Task[None] | None = None
        self._writer = asyncio.ensure_future(self._write())
        self.committed = asyncio.Event()
        """Set whenever something was committed."""
        self.commits = 0
        self._stopping = False

    def put(self, place: str, entry: Entry, session: str = "", seq: int = 0) -> None:
        """Commit it after what came before at the same place."""
        if place in self._chains:

            async def ready() -> list[Entry]:
                return [entry]

            self.put_later(place, ready, session, seq)
            return
        self._waiting.put_nowait((entry, self._begun(session, seq)))

    def put_later(
        self, place: str, make: Callable[[], Awaitable[Sequence[Entry]]], session: str = "", seq: int = 0
    ) -> None:
        """As :meth:`put` for what must be fetched first; other places do not wait for it."""
        done = self._begun(session, seq)
        before = self._chains.get(place)

        async def run() -> None:
            if before is not None:
                await asyncio.wait([before])
            entries: Sequence[Entry] = ()
            try:
                entries = await make()
            except Exception as error:
                log.warning("event_not_understood", channel="discord", reason=type(error).__name__)
            for entry in entries[:-1]:
                self._waiting.put_nowait((entry, lambda: None))
            self._waiting.put_nowait((entries[-1] if entries else None, done))

        task = asyncio.ensure_future(run())
        self._chains[place] = task
        self._keep(task)
        task.add_done_callback(lambda _: self._chains.pop(place, None) if self._chains.get(place) is task else None)

    def _begun(self, session: str, seq: int) -> Callable[[], None]:
        if not session:
            return lambda: None
        key = (session, seq)
        self._open[key] = self._open.get(key, 0) + 1

        def done() -> None:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]

        return done

    def safe(self, session: str, latest: int) -> int:
        """The number up to which everything of ``session`` is committed."""
        return min((seq for one, seq in self._open if one == session), default=latest + 1) - 1

    @property
    def full(self) -> bool:
        return self._waiting.qsize() + len(self._chains) >= ROOM

    async def stop(self) -> None:
        """End. What is being committed is let finish; what is not committed comes again with the resumed session."""
        self._stopping = True
        self._writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer
        if self._committing is not None:
            await asyncio.wait([self._committing], timeout=GRACE)
            self._committing.cancel()
            await asyncio.gather(self._committing, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something beside, such as a sentence for somebody; a stop ends it."""
        self._keep(asyncio.ensure_future(work))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            self._committing = asyncio.ensure_future(self._commit_all(batch))
            await asyncio.shield(self._committing)

    async def _commit_all(self, batch: Sequence[tuple[Entry | None, Callable[[], None]]]) -> None:
        entries = [entry for entry, _ in batch if entry is not None]
        if entries:
            await self._commit(entries)
            self.commits += 1
        for _, done in batch:
            done()
        self.committed.set()

    async def _commit(self, entries: Sequence[Entry]) -> None:
        tries = 0
        while True:
            try:
                outcomes = await self.inbox.receive(*(entry.inbound for entry in entries))
                break
            except StoreUnavailable as error:
                log.warning("event_not_committed", channel="discord", reason=str(error), next="trying again")
            except Exception as error:
                if self._stopping:  # the way in is closed: nothing is wrong with the event, which comes again
                    raise asyncio.CancelledError from error
                if len(entries) > 1:  # one that cannot be stored must not take the others with it
                    for entry in entries:
                        await self._commit([entry])
                    return
                if tries >= len(PAUSES) - 1:
                    key = entries[0].inbound.key
                    log.error(
                        "event_given_up", channel="discord", key=key, reason=type(error).__name__,
                        next="the person is asked to write again",
                    )  # fmt: skip
                    outcomes = [Refused(key=key, code="bad_field", message=SORRY)]
                    break
                log.warning("event_not_committed", channel="discord", reason=type(error).__name__, next="trying again")
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1
        failpoint("receive.before_ack")
        for entry, outcome in zip(entries, outcomes, strict=True):
            if entry.after is not None:
                self._keep(asyncio.ensure_future(self._after(entry.after, outcome)))

    @staticmethod
    async def _after(after: After, outcome: Outcome) -> None:
        try:
            await after(outcome)
        except Exception as error:
            log.warning("not_followed_up", channel="discord", reason=type(error).__name__)
