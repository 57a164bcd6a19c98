"""The two kinds of connection that the host runs: a channel to customers and a desk of agents. Each says how to listen, send,
look up and settle; leadership, backoff and order are the host's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from bot import (
    Capability,
    Channel,
    Claimed,
    Desk,
    DeskAnswer,
    DeskEvent,
    DeskOutbox,
    Inbound,
    Limits,
    OpenThread,
    Option,
    Outbound,
    Outbox,
    Page,
    Presence,
    Receipt,
    Refused,
    StoreUnavailable,
    ThreadGone,
    Wanted,
    change_cursor,
    desk_agents,
    desk_homes,
    desk_options,
    desk_page,
    desk_people,
    get_bus,
    load_cursor,
    new_counter,
    receive_desk,
    receive_events,
    save_cursor,
    send_due_replies,
)
from channels.host.contained import Threads

log = structlog.get_logger("channels")

RELEASE_EVERY = 0.25
"""Seconds between looks for held replies whose time has come."""
IN_THREADS = 3
"""Threads in which one connection's events are stored."""


class Port(Protocol):
    """What the host needs of a connection."""

    source: Any
    """The channel or desk itself: another object means that its settings changed."""
    channel: Channel | None
    """The channel, if customers write there."""
    shows: bool
    """Whether it can show drafts or that somebody writes."""
    name: str
    limits: Limits
    outbox: Outbox

    async def listen(self) -> bool:
        """Until cancelled; False: there is nothing to listen to."""
        ...

    def hush(self) -> None:
        """It is told to stop listening: what it brings from now on is not taken, also if it does not obey."""
        ...

    async def tend(self) -> None:
        """What must run beside listener and sender, until cancelled."""
        ...

    async def send(self, claimed: Claimed) -> Any: ...

    async def find(self, claimed: Claimed) -> Any: ...

    def turn_of(self, claimed: Claimed) -> str:
        """Whose answer it is; empty if it is none."""
        ...

    def settle(self, claimed: Claimed, done: Any) -> None:
        """It arrived. Blocks."""
        ...

    async def close(self) -> None: ...


class ThreadedInbox:
    """The way in for one channel: returns after the commit. Its threads are its own, so that a flood takes nobody else's."""

    def __init__(self, name: str, threads: Threads) -> None:
        self._name = name
        self._threads = threads
        self._room = asyncio.Semaphore(IN_THREADS)
        self.closed = False

    async def receive(self, *events: Inbound) -> Sequence[Receipt | Refused]:
        async with self._room:
            if self.closed:
                raise RuntimeError(f"{self._name} was told to stop listening: nothing was taken")
            outcomes = await self._threads.call(receive_events, events)
        for outcome in outcomes:
            _received(self._name, outcome)
        return outcomes

    async def cursor(self) -> str:
        return await self._threads.call(load_cursor, f"channel:{self._name}")

    async def save_cursor(self, value: str) -> None:
        await self._threads.call(save_cursor, f"channel:{self._name}", value)

    async def change_cursor(self, change: Callable[[str], str]) -> str:
        return await self._threads.call(change_cursor, f"channel:{self._name}", change)


def _received(name: str, outcome: Receipt | Refused) -> None:
    what = "refused" if isinstance(outcome, Refused) else "redelivered" if outcome.duplicate else "stored"
    labels = ("channel", "outcome")
    new_counter("channel_events_total", "Events from platforms: stored, redelivered or refused", labels).labels(
        name, what
    ).inc()


class ChannelPort:
    """Where customers write."""

    def __init__(self, channel: Channel) -> None:
        self.source = self.channel = channel
        self.name, self.limits = channel.name, channel.limits
        self.shows = bool({Capability.DRAFT, Capability.TYPING} & channel.capabilities)
        self.outbox: Outbox = Outbox(channel, uncertain=channel.uncertain)
        self._threads = Threads(f"in {self.name}", IN_THREADS)
        self._inbox: ThreadedInbox | None = None

    async def listen(self) -> bool:
        self.hush()
        self._inbox = ThreadedInbox(self.name, self._threads)
        await self.channel.listen(self._inbox)
        return type(self.channel).listen is not Channel.listen

    def hush(self) -> None:
        if self._inbox is not None:
            self._inbox.closed = True

    async def tend(self) -> None:
        return None

    async def send(self, claimed: Claimed) -> Any:
        return await self.channel.send(claimed.out)  # type: ignore[arg-type]

    async def find(self, claimed: Claimed) -> Any:
        return await self.channel.find(claimed.out.key, claimed.out.place)

    def turn_of(self, claimed: Claimed) -> str:
        return claimed.out.turn if isinstance(claimed.out, Outbound) else ""

    def settle(self, claimed: Claimed, done: Any) -> None:
        self.outbox.sent(claimed, done)

    async def close(self) -> None:
        self._threads.close()
        await self.channel.close()


class ThreadedDeskInbox:
    """The way in for one desk."""

    def __init__(self, outbox: DeskOutbox, connection: Callable[[bool], None], threads: Threads) -> None:
        self._outbox = outbox
        self._connection = connection
        self._threads = threads
        self._room = asyncio.Semaphore(IN_THREADS)
        self.closed = False

    async def receive(self, *events: DeskEvent) -> Sequence[DeskAnswer]:
        async with self._room:
            if self.closed:
                raise RuntimeError(f"{self._outbox.name} was told to stop listening: nothing was taken")
            return await self._threads.call(receive_desk, events)

    async def threads(self) -> Sequence[OpenThread]:
        return await self._threads.call(self._outbox.threads)

    async def late_threads(self) -> Sequence[OpenThread]:
        return await self._threads.call(self._outbox.late_threads)

    async def caught_up(self, thread: OpenThread) -> None:
        await self._threads.call(self._outbox.caught_up, thread)

    async def page(self, wanted: Wanted) -> Page:
        return await self._threads.call(desk_page, wanted)

    async def options(self, wanted: Wanted, query: str) -> Sequence[Option]:
        return await self._threads.call(desk_options, wanted, query)

    async def homes(self) -> Sequence[str]:
        return await self._threads.call(desk_homes, self._outbox.desk.name)

    async def agents(self) -> Sequence[str]:
        return await self._threads.call(desk_agents, self._outbox.desk.name)

    async def people(self, states: Mapping[str, Presence]) -> None:
        await self._threads.call(desk_people, self._outbox.desk.name, states)

    async def connected(self, yes: bool) -> None:
        if not self.closed:
            await self._threads.call(self._connection, yes)


class DeskPort:
    """Where agents work."""

    def __init__(self, desk: Desk) -> None:
        self.source = self.desk = desk
        self.name, self.limits = f"desk:{desk.name}", desk.limits
        self.channel: Channel | None = None
        self.shows = False
        self.outbox: DeskOutbox = DeskOutbox(desk)
        self.connected = False
        self._threads = Threads(f"in {self.name}", IN_THREADS)
        self._inbox: ThreadedDeskInbox | None = None

    def _connection(self, yes: bool) -> None:
        """Customers are promised an answer here only while somebody can be reached."""
        self.connected = yes
        with contextlib.suppress(StoreUnavailable):
            self.outbox.connected(yes)

    async def listen(self) -> bool:
        self.hush()
        self._inbox = ThreadedDeskInbox(self.outbox, self._connection, self._threads)
        try:
            await self.desk.listen(self._inbox)
        finally:
            self.connected = False
        return type(self.desk).listen is not Desk.listen

    def hush(self) -> None:
        if self._inbox is not None:
            self._inbox.closed = True

    async def tend(self) -> None:
        """Let held replies go when their seconds are over, and keep saying that agents can be reached."""
        loop = asyncio.get_running_loop()
        said = loop.time()
        while True:
            await asyncio.sleep(RELEASE_EVERY)
            try:
                moved = await self._threads.call(send_due_replies)
                if self.connected and loop.time() - said > 5.0:
                    said = loop.time()
                    await self._threads.call(self.outbox.stay_connected)
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="held replies wait")
                continue
            if moved:
                topics = [("changed", conversation.encode()) for conversation, _ in moved]
                await self._threads.call(get_bus().publish, [*topics, ("out", b"")])

    async def send(self, claimed: Claimed) -> Any:
        try:
            return await self.desk.post(claimed.out)  # type: ignore[arg-type]
        except ThreadGone as gone:
            # Settled before the host settles it as refused, which then finds nothing to do.
            await self._threads.call(self.outbox.thread_gone, claimed, str(gone))
            raise

    async def find(self, claimed: Claimed) -> Any:
        out = claimed.out
        try:
            return await self.desk.find(out.key, out.place, out.thread)  # type: ignore[union-attr]
        except ThreadGone as gone:
            await self._threads.call(self.outbox.thread_gone, claimed, str(gone))
            raise

    def turn_of(self, claimed: Claimed) -> str:
        return ""

    def settle(self, claimed: Claimed, done: Any) -> None:
        self.outbox.posted(claimed, done)

    async def close(self) -> None:
        await self._threads.call(self._connection, False)
        self._threads.close()
        await self.desk.close()
