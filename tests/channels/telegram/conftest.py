"""Telegram over the wire, and the channel as the host runs it: in a loop of its own, with an inbox that keeps what it gets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from bot import Draft, Inbound, Outbound, Receipt, Refused, Sent, StoreUnavailable
from channels.telegram.chat import TelegramChannel
from tests.fakes.telegram import FakeTelegram
from tests.patience import patient

ANNA, BEN, GROUP = 1001, 1002, -1_001_234


class Keeping:
    """The core's side of the seam: unique keys, like the ledger's. ``answer`` says what becomes of an event."""

    def __init__(self) -> None:
        self.events: list[Inbound] = []
        self.seen: dict[str, Inbound] = {}
        self.begun = 0
        """Calls that came in, committed or not."""
        self.deliveries = 0
        self.failing = 0
        self.poison = ""
        self.delay = 0.0
        self.kept = ""
        self.answer: Callable[[Inbound], Receipt | Refused] = lambda event: Receipt(
            key=event.key, conversation_id=event.place
        )

    async def receive(self, *events: Inbound) -> Sequence[Receipt | Refused]:
        self.begun += 1
        await asyncio.sleep(self.delay)
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("the disk is full")
        if self.poison and any(self.poison in event.text for event in events):
            raise ValueError("cannot be stored")
        outcomes: list[Receipt | Refused] = []
        for event in events:
            self.deliveries += 1
            if event.key in self.seen:
                outcomes.append(Receipt(key=event.key, conversation_id=event.place, duplicate=True))
                continue
            outcome = self.answer(event)
            if isinstance(outcome, Receipt):
                self.seen[event.key] = event
                self.events.append(event)
            outcomes.append(outcome)
        return outcomes

    async def cursor(self) -> str:
        return self.kept

    async def save_cursor(self, value: str) -> None:
        self.kept = value

    async def change_cursor(self, change: Callable[[str], str]) -> str:
        self.kept = change(self.kept)
        return self.kept


class Running:
    """A channel in a thread of its own. ``listen`` starts again when it ends, as the host does, only sooner."""

    def __init__(self, telegram: FakeTelegram, inbox: Keeping | None = None, **changed: Any) -> None:
        self.telegram = telegram
        self.inbox = inbox or Keeping()
        self.trouble: list[BaseException] = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="channel", daemon=True)
        self.thread.start()
        self.channel = TelegramChannel(**{"token": telegram.world.token, "api_url": telegram.url, **changed})
        self._listening: asyncio.Task[None] | None = None

    def run(self, what: Any, seconds: float = 30) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(patient(seconds))

    def listen(self) -> Running:
        async def again() -> None:
            while True:
                try:
                    await self.channel.listen(self.inbox)
                except Exception as error:
                    self.trouble.append(error)
                await asyncio.sleep(0.1)

        async def start() -> None:
            self._listening = asyncio.ensure_future(again())

        self.run(start())
        return self

    def stop_listening(self) -> None:
        async def stop() -> None:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)
                self._listening = None

        self.run(stop())

    def send(self, **values: Any) -> Sent:
        return self.run(self.channel.send(Outbound(**{"key": "k1", "op": "send", "place": str(ANNA), **values})))

    def draft(self, turn: str, text: str, place: str = str(ANNA)) -> None:
        self.run(self.channel.draft(Draft(place=place, turn=turn, text=text)))

    def events(self, number: int, seconds: float = 45.0) -> list[Inbound]:
        self.telegram.wait(lambda: len(self.inbox.events) >= number, seconds)
        return list(self.inbox.events)

    def end(self) -> None:
        self.stop_listening()
        self.run(self.channel.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(patient(5))
        self.loop.close()


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as one:
        one.world.group(GROUP)
        yield one


@pytest.fixture
def running(telegram: FakeTelegram) -> Iterator[Running]:
    one = Running(telegram)
    yield one
    one.end()


@pytest.fixture
def another(telegram: FakeTelegram) -> Iterator[Callable[..., Running]]:
    """More channels, with other settings or an inbox that was used before."""
    made: list[Running] = []

    def make(inbox: Keeping | None = None, **changed: Any) -> Running:
        made.append(Running(telegram, inbox, **changed))
        return made[-1]

    yield make
    for one in made:
        one.end()
