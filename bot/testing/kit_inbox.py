"""The way in, as the host gives it to a channel: the real ``receive`` on a real store, with a disk that can be slow or full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bot.cursors import change_cursor, load_cursor, save_cursor
from bot.messages import Inbound, Receipt, Refused
from bot.receive import receive
from bot.store import StoreUnavailable


class KitInbox:
    """``delay``: seconds before each commit; ``full``: so many calls are answered :class:`StoreUnavailable`; ``stays``: what is
    pressed may be pressed again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.delay = 0.0
        self.full = 0
        self.stays = False
        self.events: list[Inbound] = []
        """What was given, redeliveries included."""
        self.complaints: list[str] = []
        """What no event may look like."""

    async def receive(self, *events: Inbound) -> Sequence[Receipt | Refused]:
        self.complaints += [fault for event in events if (fault := self._fault(event))]
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.full:
            self.full -= 1
            raise StoreUnavailable("the disk is full (the kit says so)")
        outcomes = await asyncio.to_thread(receive, events)
        if self.stays:
            outcomes = [replace(one, stays=True) if isinstance(one, Receipt) else one for one in outcomes]
        self.events += events
        return outcomes

    async def cursor(self) -> str:
        return await asyncio.to_thread(load_cursor, f"channel:{self.name}")

    async def save_cursor(self, value: str) -> None:
        await asyncio.to_thread(save_cursor, f"channel:{self.name}", value)

    async def change_cursor(self, change: Callable[[str], str]) -> str:
        return await asyncio.to_thread(change_cursor, f"channel:{self.name}", change)

    def _fault(self, event: Any) -> str:
        if not isinstance(event, Inbound):
            return f"receive() was given a {type(event).__name__}; it takes bot.Inbound"
        if event.channel != self.name:
            return f"Inbound.channel is {event.channel!r}; it must be the channel's name, {self.name!r}"
        for name in ("key", "external_id", "place", "text"):
            value: Any = getattr(event, name)
            if not isinstance(value, str) or (not value and name != "text"):
                return f"Inbound.{name} is {value!r}; it must be a string that is not empty"
        return ""
