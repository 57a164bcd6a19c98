"""After an outage: read the threads of open tickets again and tell what happened meanwhile, under the same keys. So are late threads.

Slack stops redelivering after about six minutes. Whole threads are read once per outage, 20 a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from bot import OpenThread, TemporaryFailure, Uncertain

from .events import Reader
from .heard import Heard, seconds
from .looking import thread_pages
from .pacing import Bucket

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
TRIES = 5
"""How often one thread is tried before it waits for the next outage."""


class CatchingUp:
    """``tell`` commits one thing that was heard; it raises when that is not possible now."""

    def __init__(
        self, client: AsyncWebClient, reader: Reader, tell: Callable[[Heard], Awaitable[None]], per_minute: float
    ) -> None:
        self.client = client
        self.reader = reader
        self.tell = tell
        self.bucket = Bucket(per_minute, per_minute / 60)

    async def run(self, threads: Sequence[OpenThread]) -> list[OpenThread]:
        """Read all of them, and return those that were read. One that cannot be read does not stop the others."""
        found, done = 0, []
        for one in threads:
            for attempt in range(TRIES):
                await asyncio.sleep(self.bucket.take())
                try:
                    found += await self._one(one)
                except (TemporaryFailure, Uncertain) as failure:
                    wait = getattr(failure, "retry_after", None) or 2.0**attempt
                    await asyncio.sleep(min(wait, 60.0))
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    log.warning("thread_not_read", desk="slack", place=one.place, thread=one.thread, reason=str(error))
                    break
                else:
                    done.append(one)
                    break
        if threads:
            log.info("caught_up", desk="slack", threads=len(threads), told=found)
        return done

    async def _one(self, one: OpenThread) -> int:
        """Tell what one thread has that we have not; how many things that were."""
        there: set[str] = set()
        told = 0
        async for messages in thread_pages(self.client, one.place, one.thread):
            for message in messages:
                ts = str(message.get("ts", ""))
                if message.get("subtype") == "tombstone":
                    continue
                there.add(ts)
                # Read from the thread it was asked for: not every message repeats it.
                message.setdefault("thread_ts", one.thread)
                known = ts in one.known
                # What was never seen is told once, as it reads now: an edit of it would tell the same again.
                heard = await (self.reader.edited if known else self.reader.written)(one.place, message)
                if heard is None or (known and heard.event and heard.event.text == one.known[ts]):
                    continue
                await self.tell(heard)
                told += 1
        if (
            there
        ):  # a thread of which nothing is left was deleted as a whole, or cannot be seen: no reason to withdraw replies
            for ts in one.known:
                if ts not in there and seconds(ts):  # a note from a form has no message
                    await self.tell(Heard(one.place, "", one.thread, self.reader.gone(one.place, one.thread, ts)))
                    told += 1
        return told
