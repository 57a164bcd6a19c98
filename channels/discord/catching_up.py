"""After a lost session: read again what was written meanwhile at each place, once, and before anything newer of that place."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import structlog

from bot import DeliveryFailure, Receipt

from .drafts import SEND, WRITING
from .failures import Refusal
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
LATER = 5.0
"""Seconds until places that could not be read are read again."""


class CatchingUp:
    """For one run of ``listen``."""

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.memory = listening.memory
        self._since: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._reading = 0
        self._began, self._number = 0.0, 0

    @property
    def busy(self) -> bool:
        return bool(self._since) or self._reading > 0

    def begin(self, since: float) -> None:
        """Everything after ``since`` (Unix seconds) may be missing."""
        for channel, spot in self.memory.spots.items():
            if spot.opened:
                self._since[channel] = min(since, self._since.get(channel, since))
        self._began, self._number = time.monotonic(), len(self._since)
        if self._since and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._all())

    def first(self, channel: str) -> None:
        """Something new comes from ``channel``: what is missing there is put before it."""
        since = self._since.pop(channel, None)
        if since is not None:
            self._reading += 1
            self.listening.intake.put_later(channel, lambda: self._entries(channel, since))

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _all(self, wait: float = 0.0) -> None:
        await asyncio.sleep(wait)
        while self._since:
            newest = max(self._since, key=lambda one: self.memory.spots[one].at if one in self.memory.spots else 0)
            self.first(newest)
            await asyncio.sleep(1 / A_SECOND)

    async def _entries(self, channel: str, since: float) -> list[Entry]:
        try:
            return [
                entry
                for message in await self._messages(channel, since)
                for entry in await self._entry(channel, message)
            ]
        except DeliveryFailure as error:
            log.warning("not_caught_up", channel="discord", reason=str(error), next=f"again in {LATER:.0f} s")
            self._since[channel] = since
            if self._task is None or self._task.done():
                self._task = asyncio.ensure_future(self._all(LATER))
            return []
        finally:
            self._reading -= 1
            if not self.busy:
                seconds = round(time.monotonic() - self._began, 1)
                log.info("caught_up", channel="discord", places=self._number, seconds=seconds)

    async def _messages(self, channel: str, since: float) -> list[dict[str, Any]]:
        after, found = snowflake(since - MARGIN), []
        for _ in range(PAGES):
            page = await self._page(channel, after)
            page.sort(key=lambda one: int(one["id"]))
            found += page
            if len(page) < PAGE:
                break
            after = str(page[-1]["id"])
        return found

    async def _page(self, channel: str, after: str) -> list[dict[str, Any]]:
        for left in range(TRIES, 0, -1):
            try:
                query = {"after": after, "limit": str(PAGE)}
                return list(await self.listening.rest.call("GET", SEND, channel_id=channel, query=query))
            except Refusal as refusal:
                if refusal.status == 404:
                    self.memory.spots.pop(channel, None)
                    self.memory.changed += 1
                return []
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
