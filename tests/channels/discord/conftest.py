"""A Discord, and the channel as the host runs it: in a loop of its own, with an inbox that keeps what it gets."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from bot import Draft, Inbound, Outbound, Receipt, Refused, Sent, StoreUnavailable
from channels.discord import files, intake, posting
from channels.discord.channel import DiscordChannel
from tests.fakes.discord import FakeDiscord
from tests.patience import patient


class Keeping:
    """The core's side of the seam: unique keys, like the ledger's. ``answer`` says what becomes of an event."""

    def __init__(self) -> None:
        self.events: list[Inbound] = []
        self.batches: list[int] = []
        self.deliveries = 0
        self.seen: dict[str, str] = {}
        self.stored = ""
        self.saved = 0
        self.failing = 0
        self.poison = ""
        self.closed = False
        self.turned_away = 0
        self.delay = 0.0
        self.answer: Callable[[Inbound], Receipt | Refused] = lambda event: Receipt(
            key=event.key, conversation_id="c", message_id="m"
        )

    async def receive(self, *events: Inbound) -> Sequence[Receipt | Refused]:
        await asyncio.sleep(self.delay)
        if self.closed:
            self.turned_away += 1
            raise RuntimeError("told to stop listening: nothing was taken")
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("the disk is full")
        if self.poison and any(self.poison in event.text for event in events):
            raise ValueError("cannot be stored")
        self.batches.append(len(events))
        return [self._one(event) for event in events]

    def _one(self, event: Inbound) -> Receipt | Refused:
        self.deliveries += 1
        if event.key in self.seen:
            if self.seen[event.key] != event.body_hash:
                return Refused(key=event.key, code="key_reused", message="another text")
            return Receipt(key=event.key, conversation_id="c", duplicate=True)
        self.seen[event.key] = event.body_hash
        self.events.append(event)
        return self.answer(event)

    async def cursor(self) -> str:
        return self.stored

    async def save_cursor(self, value: str) -> None:
        self.stored = value
        self.saved += 1

    async def change_cursor(self, change: Callable[[str], str]) -> str:
        await self.save_cursor(change(self.stored))
        return self.stored

    def of(self, kind: str) -> list[Inbound]:
        return [event for event in self.events if event.kind == kind]

    def texts(self) -> list[str]:
        return [event.text for event in self.of("message")]


class Running:
    """A channel in a thread of its own. ``listen`` starts again when it ends, as the host does, only sooner."""

    def __init__(self, discord: FakeDiscord, inbox: Keeping | None = None, **changed: Any) -> None:
        self.discord = discord
        self.inbox = inbox or Keeping()
        self.trouble: list[BaseException] = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="channel", daemon=True)
        self.thread.start()
        values: dict[str, Any] = {
            "token": discord.world.token,
            "api_url": discord.url,
            "cdn_url": discord.cdn,
            **changed,
        }
        self.channel = DiscordChannel(**values)
        self.channel.after_invalid = (0.05, 0.1)
        self._listening: asyncio.Task[None] | None = None

    def run(self, what: Any, seconds: float = 30) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(patient(seconds))

    def listen(self, *, connected: bool = True) -> Running:
        async def again() -> None:
            while True:
                try:
                    await self.channel.listen(self.inbox)
                except Exception as error:
                    self.trouble.append(error)
                await asyncio.sleep(0.2)

        async def start() -> None:
            self._listening = asyncio.ensure_future(again())

        self.run(start())
        if connected:
            self.discord.wait(self.discord.connected)
        return self

    def stop_listening(self, within: float = 30) -> None:
        async def stop() -> None:
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)
                self._listening = None

        self.run(stop(), within)

    def send(self, **changed: Any) -> Sent:
        sent: Sent = self.run(self.channel.send(an_outbound(**changed)))
        return sent

    def draft(self, place: str, turn: str, text: str) -> None:
        self.run(self.channel.draft(Draft(place=place, turn=turn, text=text)))

    def wait_for(self, number: int, kind: str = "message", seconds: float = 10.0) -> list[Inbound]:
        self.discord.wait(lambda: len(self.inbox.of(kind)) >= number, seconds)
        return self.inbox.of(kind)

    def end(self) -> None:
        self.stop_listening()
        self.run(self.channel.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(patient(5))
        self.loop.close()


_number = 0


def an_outbound(**changed: Any) -> Outbound:
    global _number
    _number += 1
    key = hashlib.sha256(str(_number).encode()).hexdigest()[:24]
    return Outbound(**{"key": key, "op": "send", "place": "", "text": "Hello", **changed})


def identifies(discord: FakeDiscord) -> int:
    return len(discord.world.noted("identify"))


def talking(discord: FakeDiscord, running: Running) -> str:
    """A session, and a conversation with one message; who wrote."""
    running.listen()
    ana = discord.world.add_user("Ana")
    discord.dm(ana, "one")
    running.wait_for(1)
    return ana


def lost_session(discord: FakeDiscord, running: Running) -> None:
    """Discord is away, and will not know the session any more."""
    discord.wait(lambda: json.loads(running.inbox.stored or "{}").get("spots"))
    discord.down()
    discord.gateway.forget_sessions()


def stored_and_stopped(discord: FakeDiscord, running: Running) -> str:
    """A conversation, a session, and then nobody who listens; who wrote."""
    ana = talking(discord, running)
    discord.wait(lambda: json.loads(running.inbox.stored or "{}").get("spots"))
    running.stop_listening()
    discord.wait(lambda: not discord.gateway.open)
    discord.dm(ana, "two")
    return ana


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps, sooner."""
    monkeypatch.setattr(posting, "AGAIN", 0.05)
    monkeypatch.setattr(intake, "PAUSES", (0.05, 0.1, 0.1, 0.2))
    monkeypatch.setattr(files, "AGAIN", (0.05, 0.1))


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    with FakeDiscord() as one:
        yield one


@pytest.fixture
def running(discord: FakeDiscord) -> Iterator[Running]:
    one = Running(discord)
    yield one
    one.end()


@pytest.fixture
def another(discord: FakeDiscord) -> Iterator[Callable[..., Running]]:
    """More channels, such as the next process's: ``another(inbox=running.inbox)`` shares what is stored."""
    made: list[Running] = []

    def make(**changed: Any) -> Running:
        made.append(Running(discord, **changed))
        return made[-1]

    yield make
    for one in made:
        one.end()
