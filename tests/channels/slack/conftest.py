"""A workspace, and the desk as the host runs it: in a loop of its own, with an inbox that keeps what it gets."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot import Card, DeskAnswer, DeskEvent, DeskPost, Line, OpenThread, Option, Page, Posted, Presence, Wanted, Words
from channels.slack.workspace import SlackDesk
from tests.fakes.slack import FakeSlack
from tests.patience import patient

CHANNEL = "C0SUPPORT"


class Keeping:
    """The core's side of the seam: unique keys, like the ledger's. ``answer`` says what becomes of an event."""

    def __init__(self) -> None:
        self.events: list[DeskEvent] = []
        self.batches: list[int] = []
        self.deliveries = 0
        self.seen: set[str] = set()
        self.committed_at: dict[str, float] = {}
        self.connections: list[bool] = []
        self.open: list[OpenThread] = []
        self.late: list[OpenThread] = []
        self.failing = 0
        self.poison = ""
        self.delay = 0.0
        self.slow_answer = 0.0
        """Seconds between the commit and what the core says of it."""
        self.pages: dict[str, Page] = {"inbox": Page(name="inbox", kind="home", parts=(Words("All is quiet."),))}
        self.wanted: list[Wanted] = []
        self.page_delay = 0.0
        self.offered: list[Option] = []
        self.asked: list[tuple[Wanted, str]] = []
        self.at_home: list[str] = []
        self.staff: list[str] = []
        self.present: list[dict[str, str]] = []
        self.answer: Callable[[DeskEvent], DeskAnswer] = lambda event: DeskAnswer(key=event.key, code="sent")

    async def receive(self, *events: DeskEvent) -> Sequence[DeskAnswer]:
        await asyncio.sleep(self.delay)
        if self.failing:
            self.failing -= 1
            raise OSError("the disk is full")
        if self.poison and any(self.poison in event.text for event in events):
            raise ValueError("cannot be stored")
        self.batches.append(len(events))
        answers = []
        for event in events:
            self.deliveries += 1
            if event.key in self.seen:
                answers.append(DeskAnswer(key=event.key, code="duplicate", aside="told before"))
                continue
            self.seen.add(event.key)
            self.events.append(event)
            self.committed_at[event.message or event.key] = time.time()
            answers.append(self.answer(event))
        await asyncio.sleep(self.slow_answer)
        return answers

    async def threads(self) -> Sequence[OpenThread]:
        return list(self.open)

    async def late_threads(self) -> Sequence[OpenThread]:
        return list(self.late)

    async def caught_up(self, thread: OpenThread) -> None:
        self.late.remove(thread)

    async def page(self, wanted: Wanted) -> Page:
        self.wanted.append(wanted)
        await asyncio.sleep(self.page_delay)
        return self.pages[wanted.name]

    async def options(self, wanted: Wanted, query: str) -> Sequence[Option]:
        self.asked.append((wanted, query))
        await asyncio.sleep(self.page_delay)
        return [one for one in self.offered if query.lower() in one.label.lower()]

    async def homes(self) -> Sequence[str]:
        return list(self.at_home)

    async def agents(self) -> Sequence[str]:
        return list(self.staff)

    async def people(self, states: Mapping[str, Presence]) -> None:
        self.present.append(dict(states))

    async def connected(self, yes: bool) -> None:
        self.connections.append(yes)


class Running:
    """A desk in a thread of its own. ``listen`` starts again when it ends, as the host does, only sooner."""

    def __init__(self, slack: FakeSlack, **changed: Any) -> None:
        self.slack = slack
        self.inbox = Keeping()
        self.trouble: list[BaseException] = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="desk", daemon=True)
        self.thread.start()
        self.desk = SlackDesk(
            **{
                "bot_token": slack.space.bot_token,
                "app_token": slack.space.app_token,
                "place": CHANNEL,
                "api_url": slack.url,
                **changed,
            }
        )
        self.desk.catch_up_per_minute = 6_000
        self._listening: asyncio.Task[None] | None = None

    def run(self, what: Any, seconds: float = 20) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(patient(seconds))

    def listen(self) -> Running:
        async def again() -> None:
            while True:
                try:
                    await self.desk.listen(self.inbox)
                except Exception as error:
                    self.trouble.append(error)
                await asyncio.sleep(0.2)

        async def start() -> None:
            self._listening = asyncio.ensure_future(again())

        self.run(start())
        self.slack.wait(lambda: self.inbox.connections and self.inbox.connections[-1])
        return self

    def stop_listening(self) -> None:
        async def stop() -> None:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)
                self._listening = None

        self.run(stop())

    def post(self, post: DeskPost, **more: Any) -> Posted:
        return self.run(self.desk.post(replace(post, **more)))

    def find(self, key: str, thread: str = "") -> Posted | None:
        return self.run(self.desk.find(key, CHANNEL, thread))

    def wait_for_events(self, number: int, seconds: float = 8.0) -> list[DeskEvent]:
        self.slack.wait(lambda: len(self.inbox.events) >= number, seconds)
        return list(self.inbox.events)

    def end(self) -> None:
        self.stop_listening()
        self.run(self.desk.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(patient(5))
        self.loop.close()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as one:
        one.sockets.retries = (0.0, 0.3, 0.6)
        one.sockets.ack_within = patient(1.0)
        yield one


@pytest.fixture
def running(slack: FakeSlack) -> Iterator[Running]:
    one = Running(slack)
    yield one
    one.end()


@pytest.fixture
def another(slack: FakeSlack) -> Iterator[Callable[..., Running]]:
    """More desks, with other settings."""
    made: list[Running] = []

    def make(**changed: Any) -> Running:
        made.append(Running(slack, **changed))
        return made[-1]

    yield make
    for one in made:
        one.end()


def a_card(**changed: Any) -> Card:
    values: dict[str, Any] = {
        "conversation_id": "0193-conv", "ticket": 1042, "version": 1, "state": "waiting", "customer": "Anna Kovač",
        "email": "anna@example.com", "language": "hr", "site": "Lamps", "channel": "widget", "reason": "Asked for a person",
        "summary": "The lamp arrived broken.", "summary_by": "ai", "confidence": 0.31, "page_url": "https://shop.example/orders/4711",
        "waiting_since": time.time(), "actions": ("claim", "resolve", "transfer", "return", "block", "snooze", "priority"),
        "lines": (Line(author="customer", name="Anna", text="It is broken.", at=1.0), Line(author="ai", name="", text="Sorry!", at=2.0)),
        **changed,
    }  # fmt: skip
    from bot import Action

    values["actions"] = tuple(Action(one) for one in values["actions"])
    return Card(**values)


def a_post(**changed: Any) -> DeskPost:
    return DeskPost(**{"key": "k1", "op": "card", "place": CHANNEL, "card": a_card(), **changed})  # type: ignore[arg-type]


def a_thread(running: Running) -> str:
    return running.post(a_post(key="root")).thread
