"""Customers and agents who talk through Slack: each says so many things, numbered, and repeats nothing."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.widget import Widget
from tests.fakes.slack import FakeSlack
from tests.patience import patient

SAID = re.compile(r"[qa]:[a-z0-9]+:\d+:\d+;")
"""``q:`` by a customer, ``a:`` by an agent; the ticket's name, the conversation, a number."""


def said(text: str) -> list[str]:
    return SAID.findall(text)


@dataclass
class Case:
    """One ticket: its customer, its thread, and what was said by whom."""

    name: str
    widget: Widget
    place: str = ""
    thread: str = ""
    asked: int = 1
    """The first question was asked before anybody was there."""
    replied: int = 0
    agents: tuple[str, ...] = ("U1", "U2")
    writing: list[str] = field(default_factory=list)

    def question(self) -> str:
        self.asked += 1
        return f"q:{self.name}:0:{self.asked};"

    def reply(self) -> str:
        self.replied += 1
        return f"a:{self.name}:0:{self.replied};"

    def shown(self) -> set[str]:
        """Agents' words on the customer's screen."""
        rows = self.widget.current.rows.values() if self.widget.current else []
        return {token for row in rows if row["author"] == "agent" for token in said(row["text"])}


@dataclass
class Budget:
    """How much is still to be said in all, and whether to go on beyond it."""

    left: int
    going_on: Callable[[], bool]
    done: int = 0

    def take(self) -> bool:
        if self.left <= 0 and not self.going_on():
            return False
        self.left -= 1
        self.done += 1
        return True


async def customer(case: Case, budget: Budget, rng: random.Random, pause: float) -> None:
    """Writes, sometimes in bursts, and is not answered by the AI any more."""
    while budget.take():
        case.widget.post(
            "send", text=f"{case.question()} {rng.choice(('and then?', 'the lamp', 'thank you & <b>', 'ok'))}"
        )
        if rng.random() < 0.03:
            await case.widget.drop()
        await asyncio.sleep(0 if rng.random() < 0.1 else rng.expovariate(1 / pause))


async def agent(case: Case, slack: FakeSlack, budget: Budget, rng: random.Random, pause: float) -> None:
    """Writes into the thread, whether Slack or Deskhand is there or not: Slack keeps it."""
    while budget.take():
        token = case.reply()
        ts = slack.reply(
            case.agents[0],
            case.place,
            case.thread,
            f"{token} {rng.choice(('one moment', 'it is on its way', ':wave:'))}",
        )
        case.writing.append(ts)
        await asyncio.sleep(0 if rng.random() < 0.1 else rng.expovariate(1 / pause))


async def open_cases(cases: list[Case], slack: FakeSlack, place: str, seconds: float = 60.0) -> None:
    """Each customer asks and wants a person; the card appears; two agents press Claim at the same moment."""
    for case in cases:
        case.widget.begin()
        case.widget.post("send", text=f"q:{case.name}:0:1; my lamp is broken")
        case.widget.post("handoff")
    deadline = time.monotonic() + patient(seconds)
    for case in cases:
        while not case.thread:
            roots = await asyncio.to_thread(slack.space.messages, place)
            for root in roots:
                texts = [m["text"] for m in slack.space.messages(place, root["ts"])]
                if any(f"q:{case.name}:0:1;" in text for text in texts):
                    case.place, case.thread = place, root["ts"]
            if not case.thread:
                if time.monotonic() > deadline:
                    raise AssertionError(f"no card for {case.name} within {seconds:.0f} s")
                await asyncio.sleep(0.1)
        for user in case.agents:
            slack.click(user, place, case.thread, "Claim")
    for case in cases:
        left = max(1.0, deadline - time.monotonic())
        if not await case.widget.until(lambda case=case: case.widget.current.state == "human", left):  # type: ignore[misc]
            raise AssertionError(f"nobody has {case.name}")
