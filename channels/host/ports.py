"""The two kinds of connection that the host runs: a channel to customers and a desk of agents. Each says how to listen, send,
look up and settle; leadership, backoff and order are the host's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from bot import (
    Channel,
    Claimed,
    Desk,
    DeskAnswer,
    DeskEvent,
    DeskOutbox,
    Inbound,
    Limits,
    OpenThread,
    Outbox,
    Receipt,
    Refused,
    StoreUnavailable,
    get_bus,
    lead,
    load_cursor,
    receive_desk,
    receive_events,
    resign,
    save_cursor,
    send_due_replies,
)

log = structlog.get_logger("channels")

RELEASE_EVERY = 0.25
"""Seconds between looks for held replies whose time has come."""


class Port(Protocol):
    """What the host needs of a connection."""

    source: Any
    """The channel or desk itself: another object means that its settings changed."""
    name: str
    limits: Limits
    outbox: Outbox

    async def listen(self) -> bool:
        """Until cancelled; False: there is nothing to listen to."""
        ...

    async def tend(self) -> None:
        """What must run beside listener and sender, until cancelled."""
        ...

    async def send(self, claimed: Claimed) -> Any: ...

    async def find(self, claimed: Claimed) -> Any: ...

    def settle(self, claimed: Claimed, done: Any) -> None:
        """It arrived. Blocks."""
        ...

    async def close(self) -> None: ...


class ThreadedInbox:
    """The way in for one channel: returns after the commit."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def receive(self, *events: Inbound) -> Sequence[Receipt | Refused]:
        return await asyncio.to_thread(receive_events, events)

    async def cursor(self) -> str:
        return await asyncio.to_thread(load_cursor, f"channel:{self._name}")

    async def save_cursor(self, value: str) -> None:
        await asyncio.to_thread(save_cursor, f"channel:{self._name}", value)


class ChannelPort:
    """Where customers write."""

    def __init__(self, channel: Channel) -> None:
        self.source = self.channel = channel
        self.name, self.limits = channel.name, channel.limits
        self.outbox: Outbox = Outbox(channel)

    async def listen(self) -> bool:
        await self.channel.listen(ThreadedInbox(self.name))
        return type(self.channel).listen is not Channel.listen

    async def tend(self) -> None:
        return None

    async def send(self, claimed: Claimed) -> Any:
        return await self.channel.send(claimed.out)  # type: ignore[arg-type]

    async def find(self, claimed: Claimed) -> Any:
        return await self.channel.find(claimed.out.key, claimed.out.place)

    def settle(self, claimed: Claimed, done: Any) -> None:
        self.outbox.sent(claimed, done)

    async def close(self) -> None:
        await self.channel.close()


class ThreadedDeskInbox:
    """The way in for one desk."""

    def __init__(self, outbox: DeskOutbox, connection: Callable[[bool], None]) -> None:
        self._outbox = outbox
        self._connection = connection

    async def receive(self, *events: DeskEvent) -> Sequence[DeskAnswer]:
        return await asyncio.to_thread(receive_desk, events)

    async def threads(self) -> Sequence[OpenThread]:
        return await asyncio.to_thread(self._outbox.threads)

    async def connected(self, yes: bool) -> None:
        await asyncio.to_thread(self._connection, yes)


class DeskPort:
    """Where agents work."""

    def __init__(self, desk: Desk) -> None:
        self.source = self.desk = desk
        self.name, self.limits = f"desk:{desk.name}", desk.limits
        self.outbox: DeskOutbox = DeskOutbox(desk)
        self.connected = False

    def _connection(self, yes: bool) -> None:
        """Customers are promised an answer here only while somebody can be reached."""
        self.connected = yes
        with contextlib.suppress(StoreUnavailable):
            (lead if yes else resign)(f"desk:{self.desk.name}")

    async def listen(self) -> bool:
        try:
            await self.desk.listen(ThreadedDeskInbox(self.outbox, self._connection))
        finally:
            self.connected = False
        return type(self.desk).listen is not Desk.listen

    async def tend(self) -> None:
        """Let held replies go when their seconds are over, and keep saying that agents can be reached."""
        loop = asyncio.get_running_loop()
        said = loop.time()
        while True:
            await asyncio.sleep(RELEASE_EVERY)
            try:
                moved = await asyncio.to_thread(send_due_replies)
                if self.connected and loop.time() - said > 5.0:
                    said = loop.time()
                    await asyncio.to_thread(lead, f"desk:{self.desk.name}")
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="held replies wait")
                continue
            if moved:
                topics = [("changed", conversation.encode()) for conversation, _ in moved]
                await asyncio.to_thread(get_bus().publish, [*topics, ("out", b"")])

    async def send(self, claimed: Claimed) -> Any:
        return await self.desk.post(claimed.out)  # type: ignore[arg-type]

    async def find(self, claimed: Claimed) -> Any:
        out = claimed.out
        return await self.desk.find(out.key, out.place, out.thread)  # type: ignore[union-attr]

    def settle(self, claimed: Claimed, done: Any) -> None:
        self.outbox.posted(claimed, done)

    async def close(self) -> None:
        await asyncio.to_thread(self._connection, False)
        await self.desk.close()
