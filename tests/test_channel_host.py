"""The host keeps every channel running: a database that is away for a moment or a fault in one part ends none for good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bot import clock, deliver, lease
from bot.channel import Channel, Limits
from bot.messages import Inbound, Outbound, Receipt, Sent
from bot.receive import receive
from bot.store import StoreUnavailable
from bot.store.statements import Place, insert_message
from channels import host
from channels.host import Host, Hosted
from channels.host import hosted as hosting
from channels.host.ports import ChannelPort
from tests.patience import patient


class Board(Channel):
    name = "board"
    limits = Limits(max_text=400, timeout=5)

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, out: Outbound) -> Sent:
        self.sent.append(out.text)
        return Sent(clock.new_id())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "LEAD_EVERY", 0.05)


@pytest.fixture
def waiting(store: Any) -> str:
    """A text that waits to be sent."""
    deliver.forget_declarations()
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("channels")
    got = receive([Inbound(channel="board", key="k", external_id="anna", place="room", text="hello")])[0]
    assert isinstance(got, Receipt)

    def work() -> None:
        row = store.sql(
            "UPDATE conversation SET seq = seq + 1, rev = rev + 1 WHERE id = ? RETURNING seq, rev",
            (got.conversation_id,),
        ).fetchone()
        message = clock.new_id()
        insert_message(message, got.conversation_id, Place(*row), author="ai", body="hi", created_at=clock.now())
        deliver.plan(got.conversation_id, message, "hi")

    store.write(work)
    return "hi"


def hosted(port: ChannelPort, until: Callable[[], bool]) -> bool:
    async def run() -> bool:
        one = Hosted(port)
        deadline = time.monotonic() + patient(8)
        while not until() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await one.stop()
        return until()

    return asyncio.run(run())


def test_a_database_that_is_away_at_the_start_delays_the_channel(waiting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board()
    port = ChannelPort(board)
    declare, tries = port.outbox.declare, []

    def away_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise StoreUnavailable("locked")
        declare()

    monkeypatch.setattr(port.outbox, "declare", away_once)
    assert hosted(port, lambda: board.sent == [waiting])
    assert len(tries) == 2


def test_a_sender_that_ended_by_a_fault_is_started_again(waiting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board()
    port = ChannelPort(board)
    due, tries = port.outbox.due, []

    def broken_once() -> list[str]:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("a fault of ours")
        return due()

    monkeypatch.setattr(port.outbox, "due", broken_once)
    assert hosted(port, lambda: board.sent == [waiting])


class Nothing:
    """Plugins of which none is a channel."""

    def snapshot(self) -> Any:
        return self

    def objects(self, hook: str) -> tuple[Any, ...]:
        return ()

    def on_changed(self, payload: bytes) -> None: ...

    def blame(self, plugin: str, reason: str) -> None: ...


def test_waiting_for_changes_piles_up_no_tasks(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "RECONCILE", 0.01)

    async def run() -> int:
        stop = asyncio.Event()
        running: Coroutine[Any, Any, None] = Host(Nothing()).run(stop)  # type: ignore[arg-type]
        task = asyncio.create_task(running)
        await asyncio.sleep(1.0)
        count = len(asyncio.all_tasks())
        stop.set()
        await task
        return count

    assert asyncio.run(run()) < patient(8)


def test_a_unit_that_nobody_counts_in_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match=r"Limits\.unit is 'utf8'; texts are counted in chars, utf16, bytes"):
        Limits(unit="utf8")  # type: ignore[arg-type]
