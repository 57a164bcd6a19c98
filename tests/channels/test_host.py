"""One host runs several channels: what one of them does or suffers never disturbs the others."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from bot import clock
from bot.messages import Inbound, Outbound, Receipt
from bot.outbox import Outbox
from channels.host import Host
from channels.host import hosted as hosting
from tests.channels.boards import Board, Switches, conversation, installed, named, say, say_all, states
from tests.channels.hosting import hangs, hosting_of, planned
from tests.patience import patient, until

MANY = 200


@pytest.fixture(autouse=True)
def ready(store: Any) -> None:
    installed(store)


def test_200_conversations_go_on_beside_a_channel_that_hangs_one_that_floods_and_one_that_crashes() -> None:
    well, hanging, flooding, crashing = (
        Board(),
        named(Board, "hanging"),
        named(Board, "flooding"),
        named(Board, "crash"),
    )
    hanging.sending = hangs
    talking = planned(well, MANY)
    planned(hanging, 40)
    flooded = 0

    async def flood(inbox: Any) -> None:
        nonlocal flooded

        async def one(number: int) -> None:
            nonlocal flooded
            key = clock.new_id()
            event = Inbound(channel="flooding", key=key, external_id="x", place=f"p{number % 50}", text="x")
            if isinstance((await inbox.receive(event))[0], Receipt):
                flooded += 1

        while True:
            await asyncio.gather(*(one(number) for number in range(500)))

    async def exits(inbox: Any) -> None:
        raise SystemExit("I have had enough")

    flooding.listen = flood  # type: ignore[method-assign]
    crashing.listen = exits  # type: ignore[method-assign]

    async def story(host: Host) -> None:
        await until(lambda: len(well.sent) >= MANY, 25)
        await until(lambda: flooded > 200)
        # And again, now that all of them are at it: one round of 200 more.
        await asyncio.to_thread(say_all, [(one, "and one more") for one in talking])
        host.hosted["board"].wake.set()
        await until(lambda: len(well.sent) >= 2 * MANY, 25)

    stopped_in = hosting_of(Switches(well, hanging, flooding, crashing), story)
    assert [state for state in states("board") if state != "sent"] == []
    by_place: dict[str, list[str]] = {}
    for out in well.sent:
        by_place.setdefault(out.place, []).append(out.text)
    assert all(len(texts) == 2 and texts[1] == "and one more" for texts in by_place.values()), "in order, once"
    assert hanging.sent == [] and "sent" not in states("hanging")
    assert stopped_in < patient(15), "a call that never ends does not hold the stop"


def test_a_switch_is_obeyed_within_2_seconds_although_another_channel_does_not_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hosting, "LISTENER_STOP", 2.5)
    stubborn, other = named(Board, "stubborn"), Board()

    async def never(inbox: Any) -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if enough.is_set():
                    raise

    enough = asyncio.Event()
    stubborn.listen = never  # type: ignore[method-assign]
    took: dict[str, float] = {}

    async def story(host: Host) -> None:
        await until(lambda: set(host.hosted) == {"stubborn", "board"} and other.listening.is_set())
        switches.channels = {}
        began = time.monotonic()
        await until(lambda: other.closed)
        took["off"] = time.monotonic() - began
        switches.channels = {"fresh": fresh}
        began = time.monotonic()
        await until(fresh.listening.is_set)
        took["on"] = time.monotonic() - began
        assert "stubborn" in host.stopping, "it is still being stopped"
        await until(lambda: "stubborn" not in host.stopping)
        took["stubborn"] = time.monotonic() - began + took["off"]
        enough.set()

    fresh = named(Board, "fresh")
    switches = Switches(stubborn, other)
    hosting_of(switches, story)
    assert took["off"] < patient(2) and took["on"] < patient(2), took
    assert took["stubborn"] < patient(8), took


def test_changed_settings_start_a_new_channel_after_the_old_one_has_finished_its_send() -> None:
    old, new = Board(), Board()
    planned(old, 1)
    go, events = asyncio.Event(), []

    async def slow(out: Outbound) -> None:
        events.append("old begins")
        await go.wait()
        await asyncio.sleep(0.3)
        events.append("old ends")

    async def listens(inbox: Any) -> None:
        events.append("new listens")
        await asyncio.Event().wait()

    old.sending = slow
    new.listen = listens  # type: ignore[method-assign]

    async def story(host: Host) -> None:
        await until(lambda: events == ["old begins"])
        switches.channels = {"board": new}
        await asyncio.sleep(0.1)
        go.set()
        await until(lambda: "new listens" in events)

    switches = Switches(old)
    hosting_of(switches, story)
    assert events == ["old begins", "old ends", "new listens"]
    assert states("board") == ["sent"] and len(old.sent) == 1 and new.sent == []
    assert old.closed == 1 and new.closed == 1


def test_a_stop_claims_nothing_new_and_cuts_nothing_in_two() -> None:
    board = Board()
    Outbox(board).declare()
    one = conversation("board", "room")
    for number in range(6):
        say(one, f"part {number}")

    begun, go = 0, asyncio.Event()

    async def takes_time(out: Outbound) -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            await go.wait()

    board.sending = takes_time

    async def story(host: Host) -> None:
        await until(lambda: begun == 3)
        asyncio.get_running_loop().call_later(patient(0.4), go.set)  # when the host has been told to stop

    assert hosting_of(Switches(board), story) < patient(5)
    assert [out.text for out in board.sent] == ["part 0", "part 1", "part 2"]
    assert states("board") == ["sent"] * 3 + ["pending"] * 3


def test_a_stopped_listener_that_does_not_obey_brings_nothing_in_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "LISTENER_STOP", 0.6)
    board, taken, refused = Board(), [], []
    enough = asyncio.Event()

    async def never(inbox: Any) -> None:
        while not enough.is_set():
            try:
                await asyncio.sleep(0.05)
                event = Inbound(channel="board", key=clock.new_id(), external_id="x", place="p", text="x")
                await inbox.receive(event)
                taken.append(time.monotonic())
            except asyncio.CancelledError:
                continue
            except RuntimeError as error:
                refused.append(str(error))

    board.listen = never  # type: ignore[method-assign]
    off: list[float] = []

    async def story(host: Host) -> None:
        await until(lambda: len(taken) > 2)
        switches.channels = {}
        await until(lambda: not host.hosted and not host.stopping)
        off.append(time.monotonic())
        await until(lambda: len(refused) > 3)
        enough.set()

    switches = Switches(board)
    hosting_of(switches, story)
    assert max(taken) < off[0] and "told to stop" in refused[0]
