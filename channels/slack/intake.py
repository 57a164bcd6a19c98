"""Events on their way to the commit: in the order in which Slack sent them, many in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from bot import DeskAnswer, DeskEvent, DeskInbox

MOST = 50
"""Events of one transaction."""


class Intake:
    """One writer. The SDK runs a task per event: without this, two replies in a row could swap places."""

    def __init__(self, inbox: DeskInbox) -> None:
        self.inbox = inbox
        self.unanswered: set[asyncio.Future[DeskAnswer]] = set()
        """Of what was put here: what the core has not answered yet."""
        self._stopped = False
        self._waiting: asyncio.Queue[tuple[DeskEvent, asyncio.Future[DeskAnswer]]] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._write())

    def put(self, event: DeskEvent) -> asyncio.Future[DeskAnswer]:
        """Done after the commit. Raises when there was none: then Slack must not be told that we have it. So after ``stop``."""
        done: asyncio.Future[DeskAnswer] = asyncio.get_running_loop().create_future()
        if self._stopped:
            done.cancel()
            return done
        self.unanswered.add(done)
        done.add_done_callback(self.unanswered.discard)
        self._waiting.put_nowait((event, done))
        return done

    async def stop(self) -> None:
        """What is not committed is not acknowledged, and comes again."""
        self._stopped = True
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        while not self._waiting.empty():
            self._waiting.get_nowait()[1].cancel()

    async def _write(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                await self._commit(batch)
            except asyncio.CancelledError:
                for _, done in batch:
                    done.cancel()
                raise

    async def _commit(self, batch: Sequence[tuple[DeskEvent, asyncio.Future[DeskAnswer]]]) -> None:
        try:
            answers = await self.inbox.receive(*(event for event, _ in batch))
        except Exception as error:
            if len(batch) == 1:
                if not batch[0][1].done():
                    batch[0][1].set_exception(error)
                return
            for one in batch:  # one that cannot be stored must not take the others with it
                await self._commit([one])
            return
        # In their order: the same event may be in it twice (told live and found in the thread), and only one gets the real answer.
        for (_, done), answer in zip(batch, answers, strict=True):
            if not done.done():
                done.set_result(answer)
