"""Every named point of the product, one after the other: the process that passes it is killed there, and killed there again.

All points are armed in all processes and none acts while its file in ``DESKHAND_FAILPOINTS_ONCE`` is there. Taking the file
away makes the next pass the last thing that process does. The second kill at the same point meets what the first one left
to be done again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

from bot.failpoints import POINTS
from tests.chaos.installation import Installation
from tests.chaos.journal import Journal
from tests.chaos.load import Crowd, question
from tests.chaos.platform import Platform

ORDER = sorted(point for point in POINTS if not point.startswith("desk."))
"""Those of the desk are passed by agents: see ``desk_run``."""
PLAN = ";".join(f"{point}=kill" for point in ORDER)
PATIENCE = 40.0
"""Seconds until somebody must have passed a point: a send that died is looked at again after its grace of 12 s."""


async def all_points(
    installation: Installation, crowd: Crowd, platform: Platform, journal: Journal, seed: int, times: int, say: Any
) -> dict[str, int]:
    """Kill ``times`` at each point while somebody asks through every way in; returns how often each acted."""
    rng = random.Random(f"{seed}/failpoints")
    acted: dict[str, int] = {}
    began = time.monotonic()
    # Pairs of failpoints of different processes could hide each other: one after the other.
    for number, point in enumerate(ORDER):
        stop = asyncio.Event()
        asking = [asyncio.create_task(ask(stop)) for ask in _askers(crowd, platform, installation, number, rng)]
        try:
            acted[point] = await kill_at(point, times, installation, journal)
        finally:
            stop.set()
            await asyncio.gather(*asking)
        await _healthy(installation)
    say(f"  {sum(acted.values())} kills at {len(acted)} points in {time.monotonic() - began:.0f} s")
    if missing := [point for point in ORDER if acted[point] < times]:
        say(f"  not reached {times} times: {', '.join(f'{point} ({acted[point]})' for point in missing)}")
    return acted


async def kill_at(point: str, times: int, installation: Installation, journal: Journal) -> int:
    """Kill whoever passes ``point``, so many times; returns how often somebody did."""
    mark = installation.once / point
    for number in range(times):
        mark.unlink(missing_ok=True)
        if not await _until(mark.exists, PATIENCE, installation):
            mark.touch()
            return number
        journal.note("failpoint", name=point, time=number + 1)  # the file is made in the moment before the kill
    return times


async def _until(condition: Callable[[], bool], seconds: float, installation: Installation) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
        installation.look_after()
    return True


async def _healthy(installation: Installation) -> None:
    """Until every process is there again."""
    await _until(lambda: len(installation.pids()) >= 6 + len(installation.more), 10.0, installation)


def _askers(
    crowd: Crowd, platform: Platform, installation: Installation, number: int, rng: random.Random
) -> list[Callable[[asyncio.Event], Any]]:
    """People who ask until they are told to stop: on a socket, by REST, on a platform."""

    async def on_widget(stop: asyncio.Event) -> None:
        client = crowd.widgets[number % len(crowd.widgets)]
        client.begin()
        count = 0
        while not stop.is_set():
            count += 1
            token = f"q:{client.name}:{1000 + number}:{count};"
            client.post("send", text=question(token, rng))
            thread = client.current
            assert thread is not None
            await client.until(lambda thread=thread, token=token: thread.answered(token) or stop.is_set(), 30)
            if thread.state != "ai":
                client.begin()

    async def on_rest(stop: asyncio.Event) -> None:
        client = crowd.rests[number % len(crowd.rests)]
        await client.begin()
        count = 0
        while not stop.is_set():
            count += 1
            token = f"q:{client.name}:{1000 + number}:{count};"
            if "ack" in await client.ask(question(token, rng)):
                await client.answered(token, 10)
            if client.current is not None and client.current.state != "ai":
                await client.begin()

    async def on_platform(stop: asyncio.Event) -> None:
        channel = ("nonce", "readback")[number % 2]
        place, count = f"f{number:02d}", 0
        while not stop.is_set():
            count += 1
            token = f"q:{place}:1:{count};"
            platform.write(channel, place, question(token, rng))
            await platform.until(lambda token=token: platform.has_answer(channel, place, token) or stop.is_set(), 20)

    return [on_widget, on_rest, on_platform]
