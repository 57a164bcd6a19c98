"""A host that runs while a story is told, and what there is to send."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from bot.channel import Channel
from bot.messages import Outbound
from bot.outbox import Outbox
from channels.host import Host
from tests.channels.boards import Switches, conversations, say_all

Story = Callable[[Host], Awaitable[None]]


def hosting_of(switches: Switches, story: Story) -> float:
    """Run a host while ``story`` is told; returns the seconds its stop took."""

    async def run() -> float:
        hangs.over = False
        stop = asyncio.Event()
        host = Host(switches)  # type: ignore[arg-type]
        task = asyncio.create_task(host.run(stop))
        try:
            await story(host)
        finally:
            began = time.monotonic()
            stop.set()
            await task
            took = time.monotonic() - began
            hangs.over = True
        return took

    return asyncio.run(run())


def planned(channel: Channel, places: int) -> list[str]:
    Outbox(channel).declare()
    found = conversations(channel.name, [f"room {number}" for number in range(places)])
    say_all([(one, f"answer for {one}") for one in found])
    return found


class Hang:
    """Neither ends nor obeys, until the test is over."""

    def __init__(self) -> None:
        self.over = False

    async def __call__(self, out: Outbound) -> None:
        while not self.over:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue
        raise ConnectionResetError


hangs = Hang()
