"""What customers do: ask, ask in bursts, repeat themselves, hang up in mid-answer, press stop, want a person, close and come back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.chaos.journal import Journal
from tests.chaos.platform import Platform
from tests.chaos.rest import Rest
from tests.chaos.widget import Widget

PATIENCE = 90.0
"""Seconds a customer waits for an answer before asking the next question all the same."""
TOPICS = ("where is my order", "how do I send something back", "what does shipping cost", "is the lamp in stock")


@dataclass
class Budget:
    """How many questions are still to be asked, and whether to go on beyond them."""

    left: int
    going_on: Callable[[], bool]
    asked: int = 0

    def take(self) -> bool:
        if self.left <= 0 and not self.going_on():
            return False
        self.left -= 1
        self.asked += 1
        return True


def question(token: str, rng: random.Random) -> str:
    return f"{token} {rng.choice(TOPICS)}, please?"


@dataclass
class Talk:
    """Where one person is: which conversation, which question."""

    name: str
    conversation: int = 0
    number: int = 0

    def token(self) -> str:
        self.number += 1
        return f"q:{self.name}:{self.conversation}:{self.number};"

    def next(self) -> None:
        self.conversation += 1
        self.number = 0


async def on_the_widget(client: Widget, budget: Budget, rng: random.Random) -> None:
    """One visitor with a browser, until nobody asks any more."""
    talk = Talk(client.name)
    while budget.take():
        if client.current is None or client.current.state != "ai" or talk.number >= rng.randint(12, 30):
            if client.current is not None and client.current.state in {"waiting", "resolved"} and rng.random() < 0.5:
                # One more for the people who have it, or one that opens a closed conversation again.
                client.post("send", text=question(talk.token(), rng))
                await client.until(lambda: not client.outbox, PATIENCE)
            talk.next()
            client.begin()
        token = talk.token()
        client.post("send", text=question(token, rng))
        act = rng.random()
        if act < 0.12:
            for _ in range(rng.randint(1, 3)):  # a burst
                if budget.take():
                    token = talk.token()
                    client.post("send", text=question(token, rng))
                    await asyncio.sleep(rng.choice((0, 0, 0.05, 0.2)))
        elif act < 0.18:
            await asyncio.sleep(rng.uniform(0, 0.4))
            await client.drop()
        elif act < 0.22:
            if await client.until(lambda: client.current is not None and client.current.draft is not None, 3.0):
                await asyncio.sleep(rng.uniform(0, 0.1))
                await client.stop_answer()
        elif act < 0.24 and client.acked:
            client.repeat(rng.choice(client.acked[-5:]))
        wanted = client.current
        assert wanted is not None
        if not await client.until(lambda wanted=wanted, token=token: wanted.answered(token), PATIENCE):
            client.journal.note("impatient", conv=wanted.conv, token=token)
        if rng.random() < 0.01 and wanted.state == "ai":
            client.post("handoff")
            await client.until(lambda: not client.outbox, PATIENCE)
        elif rng.random() < 0.01 and wanted.state == "ai" and wanted.conv:
            client.post("resolve")
            await client.until(lambda: not client.outbox, PATIENCE)
        await asyncio.sleep(rng.expovariate(1 / 0.15))
    await client.until(lambda: not client.outbox, PATIENCE)


async def on_rest(client: Rest, budget: Budget, rng: random.Random) -> None:
    """One visitor without a socket."""
    talk = Talk(client.name)
    while budget.take():
        if client.current is None or client.current.state != "ai" or talk.number >= rng.randint(12, 30):
            talk.next()
            await client.begin()
        token = talk.token()
        answer = await client.ask(question(token, rng), wait=rng.choice((0, 0, 5, 10)))
        if "ack" not in answer:
            continue
        act = rng.random()
        if act < 0.1:
            if budget.take():
                token = talk.token()
                await client.ask(question(token, rng))
        elif act < 0.15:
            again = rng.choice(client.acked[-5:])
            await client.repeat(again["path"], again["body"])
        if not await client.answered(token, PATIENCE):
            client.journal.note("impatient", conv=client.current.conv if client.current else "", token=token)
        if rng.random() < 0.01:
            await client.wish("handoff")
            await client.look(client._now())
        await asyncio.sleep(rng.expovariate(1 / 0.15))


async def on_a_platform(platform: Platform, channel: str, place: str, budget: Budget, rng: random.Random) -> None:
    """One person who writes to us through somebody else's service."""
    talk = Talk(place, conversation=1)
    while budget.take():
        token = talk.token()
        platform.write(channel, place, question(token, rng))
        if not await platform.until(lambda token=token: platform.has_answer(channel, place, token), PATIENCE):
            platform.journal.note("impatient", channel=channel, place=place, token=token)
        await asyncio.sleep(rng.expovariate(1 / 0.3))


@dataclass
class Crowd:
    """Everybody who writes, and their tasks."""

    folder: Path
    base_url: str
    seed: int
    platform: Platform
    widgets: list[Widget]
    rests: list[Rest]
    lines: list[asyncio.Task[None]]
    people: list[asyncio.Task[None]]
    http: aiohttp.ClientSession

    @classmethod
    def gather(
        cls,
        folder: Path,
        base_url: str,
        seed: int,
        platform: Platform,
        *,
        widgets: int,
        rests: int,
        places: int,
        chat: Budget,
        letters: Budget,
    ) -> Crowd:
        """Let everybody in and begin."""
        http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        crowd = cls(folder, base_url, seed, platform, [], [], [], [], http)
        for n in range(widgets):
            name, rng = f"w{n:02d}", random.Random(f"{seed}/w{n}")
            widget = Widget(name, base_url, Journal(folder / f"widget-{name}.jsonl"), rng)
            crowd.widgets.append(widget)
            crowd.lines.append(asyncio.create_task(widget.run(), name=f"line {name}"))
            crowd.people.append(asyncio.create_task(on_the_widget(widget, chat, rng), name=name))
        for n in range(rests):
            name, rng = f"r{n:02d}", random.Random(f"{seed}/r{n}")
            rest = Rest(name, base_url, Journal(folder / f"rest-{name}.jsonl"), rng, http)
            crowd.rests.append(rest)
            crowd.people.append(asyncio.create_task(on_rest(rest, chat, rng), name=name))
        for n in range(places):
            channel = platform.channels[n % len(platform.channels)]
            place, rng = f"p{channel[:3]}{n:02d}", random.Random(f"{seed}/p{n}")
            crowd.people.append(asyncio.create_task(on_a_platform(platform, channel, place, letters, rng), name=place))
        return crowd

    async def finish(self, seconds: float) -> list[str]:
        """Wait until everybody has said what they wanted; returns the names of those who did not get to it in time."""
        _, late = await asyncio.wait(self.people, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self.people, return_exceptions=True)
        for task in set(self.people) - late:
            if error := task.exception():
                raise error
        return sorted(task.get_name() for task in late)

    async def catch_up(self, seconds: float) -> list[str]:
        """Everybody reads what is new since they last looked, from their own cursor. Returns who could not."""
        behind = []
        results = await asyncio.gather(*(widget.catch_up(seconds) for widget in self.widgets))
        behind += [widget.name for widget, done in zip(self.widgets, results, strict=True) if not done]
        for rest in self.rests:
            for thread in rest.threads:
                await rest.look(thread)
        return behind

    async def leave(self) -> None:
        for client in (*self.widgets, *self.rests):
            client.stopping = True
            for thread in client.threads:
                thread.drop_draft()
        for line in self.lines:
            line.cancel()
        await asyncio.gather(*self.lines, return_exceptions=True)
        await self.http.close()
