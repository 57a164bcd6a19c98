"""After a lost session: read again what was written meanwhile at each place, once, and before anything newer of that place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from bot import ChannelDown, DeliveryFailure, PermanentFailure, Receipt, TemporaryFailure

from .drafts import SEND, WRITING
from .failures import Refusal, failure_of
from .intake import Entry, Outcome
from .memory import moment, snowflake
from .reading import by_a_person, mentions

if TYPE_CHECKING:
    from .listening import Listening

log = structlog.get_logger("channels")
MARGIN = 180.0
"""Seconds before the last certain moment from which on is read: a connection may be dead for a while before that is noticed. What is
known already is told by its key."""
PAGE, PAGES = 100, 20
A_SECOND = 20
"""Places read in a second."""
TRIES = 3
LATER, LATEST = 5.0, 60.0
"""Seconds until places that could not be read are read again: at first, and after some times in vain."""
MOST_TIMES = 6
"""So often a place is read that Discord refuses for a reason of which we know nothing."""
GONE = 10003
UNREADABLE = {GONE, 50001, 50013}
"""Refusals that mean that there is nothing to read for us: no such channel, not to be seen, no permission. Anything else, such as a
token that is refused, says nothing about what was written."""


class CatchingUp:
    """For one run of ``listen``."""

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.memory = listening.memory
        self._since: dict[str, float] = {}
        self._again: dict[str, float] = {}
        """Places that could not be read, for the next round."""
        self._failed: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reading = 0
        self._began, self._number = 0.0, 0

    @property
    def busy(self) -> bool:
        return bool(self._since or self._again) or self._reading > 0

    def begin(self, since: float) -> None:
        """Everything after ``since`` (Unix seconds) may be missing."""
        for channel, spot in self.memory.spots.items():
            if spot.opened:
                self._since[channel] = min(since, self._since.get(channel, since))
        self._began, self._number = time.monotonic(), len(self._since)
        self._start("reading", self._all)

    def first(self, channel: str) -> None:
        """Something new comes from ``channel``: what is missing there is put before it."""
        since = self._since.pop(channel, None) or self._again.pop(channel, None)
        if since is not None:
            self._reading += 1
            self.listening.intake.put_later(channel, lambda: self._entries(channel, since))

    def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    def _start(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in self._tasks or self._tasks[name].done():
            self._tasks[name] = asyncio.ensure_future(work())

    async def _all(self) -> None:
        while self._since:
            newest = max(self._since, key=lambda one: self.memory.spots[one].at if one in self.memory.spots else 0)
            self.first(newest)
            await asyncio.sleep(1 / A_SECOND)

    async def _later(self) -> None:
        while self._again:
            times = min(self._failed.get(channel, 1) for channel in self._again)
            await asyncio.sleep(min(LATER * 2.0 ** (times - 1), LATEST))
            self._since, self._again = {**self._again, **self._since}, {}
            self._start("reading", self._all)
            await asyncio.wait([self._tasks["reading"]])

    def _postpone(self, channel: str, since: float, error: DeliveryFailure) -> None:
        times = self._failed[channel] = self._failed.get(channel, 0) + 1
        if isinstance(error, PermanentFailure) and times >= MOST_TIMES:
            log.error("not_caught_up", channel="discord", reason=str(error), next="what was written there is not read")
            del self._failed[channel]
            return
        self._again[channel] = since
        if isinstance(error, ChannelDown):  # the others would be refused as well, and Discord counts that
            self._again, self._since = {**self._since, **self._again}, {}
        log.warning("not_caught_up", channel="discord", reason=str(error), next="reading it again soon")
        self._start("later", self._later)

    async def _entries(self, channel: str, since: float) -> list[Entry]:
        try:
            found = await self._messages(channel, since)
            self._failed.pop(channel, None)
            return [entry for message in found for entry in await self._safely(channel, message)]
        except DeliveryFailure as error:
            self._postpone(channel, since, error)
            return []
        finally:
            self._reading -= 1
            if not self.busy:
                seconds = round(time.monotonic() - self._began, 1)
                log.info("caught_up", channel="discord", places=self._number, seconds=seconds)

    async def _safely(self, channel: str, message: dict[str, Any]) -> list[Entry]:
        """One message that makes no sense must not take the others with it."""
        try:
            return await self._entry(channel, message)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            log.warning("event_not_understood", channel="discord", kind="MESSAGE", reason=type(error).__name__)
            return []

    async def _messages(self, channel: str, since: float) -> list[dict[str, Any]]:
        after, found = snowflake(since - MARGIN), []
        for _ in range(PAGES):
            page = await self._page(channel, after)
            page.sort(key=_number)
            found += page
            if len(page) < PAGE:
                break
            after = str(_number(page[-1]))
        return found

    async def _page(self, channel: str, after: str) -> list[dict[str, Any]]:
        for left in range(TRIES, 0, -1):
            try:
                query = {"after": after, "limit": str(PAGE)}
                page = await self.listening.rest.call("GET", SEND, channel_id=channel, query=query)
                if isinstance(page, list):
                    return page
                raise TemporaryFailure("something else than Discord answered")
            except Refusal as refusal:
                if refusal.code == GONE:
                    self.memory.spots.pop(channel, None)
                    self.memory.changed += 1
                if refusal.code in UNREADABLE or (refusal.status == 404 and refusal.code):
                    return []
                raise failure_of(refusal) from None
            except DeliveryFailure as error:
                if left == 1:
                    raise
                await asyncio.sleep(max(1.0, getattr(error, "retry_after", None) or 1.0))
        return []

    async def _entry(self, channel: str, message: dict[str, Any]) -> list[Entry]:
        spot, messages = self.memory.spot(channel), self.listening.messages
        author = str((message.get("author") or {}).get("id"))
        if author == self.listening.me:
            if str(message.get("content", "")).endswith(WRITING.strip()) and time.time() - moment(message["id"]) > 60:
                messages.echo(message)
            return []
        if spot is None or author != spot.customer or not by_a_person(message, self.listening.me):
            return []
        if spot.named and not mentions(message, self.listening.me):
            return []
        (entry,) = await messages.entries(message, channel)
        if not message.get("edited_timestamp"):
            return [entry]
        edit = Entry(messages.edit(message, channel, spot))

        async def after(outcome: Outcome) -> None:
            # Known before: then with its older words. New: it has the newest already.
            if not isinstance(outcome, Receipt) or outcome.duplicate:
                self.listening.intake.put(channel, edit)

        return [Entry(entry.inbound, after)]


def _number(message: Any) -> int:
    """The id by which messages are ordered; 0 for what has none."""
    number = str(message.get("id")) if isinstance(message, dict) else ""
    return int(number) if number.isdecimal() else 0
