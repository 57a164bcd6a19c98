"""Switching a channel, changing its token and breaking it, with real plugins: within 2 s, and 200 conversations beside it notice nothing."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import metrics, switches, troubles
from bot.outbox import Outbox
from channels.host import Host
from tests.channels.boards import Board, conversation, conversations, installed, say, say_all, states
from tests.patience import patient, until, wait_for
from tests.registries import House

CHANNEL = """
import asyncio
from bot import Channel, ChannelDown, Limits, Sent, Settings, hookimpl, setting

class S(Settings):
    token: str = setting("first")

@hookimpl
def settings_schema(): return S

happened = []

class {kind}(Channel):
    name = "{name}"
    limits = Limits(max_text=400, timeout=3)
    def __init__(self, token): self.token = token
    async def listen(self, inbox):
        happened.append(("listens", self.token))
        try:
            await asyncio.Event().wait()
        finally:
            happened.append(("ended", self.token))
    async def send(self, out):
        if self.token == "revoked":
            raise ChannelDown("The token was revoked. Set another one.")
        happened.append(("sent", out.place, out.text))
        return Sent(out.key)
    async def close(self):
        happened.append(("closed", self.token))

@hookimpl
def channel(settings): return {kind}(settings.token)
"""
MANY = 200


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[House]:
    installed(store)
    house = House(monkeypatch, tmp_path / "plugins")
    for name in ("steady", "moody"):
        house.write(name, CHANNEL.format(kind=name.title(), name=name))
    yield house
    house.close()


def happened(name: str) -> list[Any]:
    return list(sys.modules[f"deskhand_plugins_dir.{name}"].happened)


def set_token(token: str) -> None:
    before = switches.load()[1].get("moody", switches.Switch()).settings
    assert switches.store_settings("moody", before, {"token": token}, actor="test", changed=("token",))


def test_a_channel_is_switched_set_and_broken_and_the_others_notice_nothing(house: House) -> None:
    registry = house.load("channels")
    took: dict[str, float] = {}
    for name in ("steady", "moody"):
        Outbox(type(name.title(), (Board,), {"name": name})()).declare()
    steady = conversations("steady", [f"room {n}" for n in range(MANY)])
    moody = conversation("moody", "room")

    async def in_time(what: str, event: Any, change: Any) -> None:
        seen = happened("moody").count(event)
        began = time.monotonic()
        await asyncio.to_thread(change)
        await until(lambda: happened("moody").count(event) > seen, 10, what)
        took[what] = time.monotonic() - began

    async def rounds(stop: asyncio.Event) -> int:
        number = 0
        while not stop.is_set():
            await asyncio.to_thread(say_all, [(one, f"round {number}") for one in steady])
            number += 1
            await asyncio.sleep(0.5)
        return number

    async def run() -> int:
        stop, enough = asyncio.Event(), asyncio.Event()
        host = asyncio.create_task(Host(registry).run(stop))
        await until(lambda: "deskhand_plugins_dir.moody" in sys.modules and ("listens", "first") in happened("moody"))
        talking = asyncio.create_task(rounds(enough))
        await in_time("off", ("closed", "first"), lambda: switches.switch("moody", False, actor="test"))
        await in_time("on", ("listens", "first"), lambda: switches.switch("moody", True, actor="test"))
        await in_time("a new token", ("listens", "second"), lambda: set_token("second"))
        await in_time("a revoked token", ("listens", "revoked"), lambda: set_token("revoked"))
        await asyncio.to_thread(say, moody, "kept")
        await until(lambda: troubles.found() and states("moody") == ["pending"])
        await in_time("a good token", ("sent", "room", "kept"), lambda: set_token("third"))
        await until(lambda: not troubles.found())
        enough.set()
        number = await talking
        await until(lambda: states("steady").count("sent") == number * MANY, 30)
        stop.set()
        await host
        return number

    number = asyncio.run(run())
    assert all(seconds < patient(2.0) for what, seconds in took.items() if what != "a good token"), took
    told: dict[str, list[str]] = {}
    for kind, place, *text in (one for one in happened("steady") if one[0] == "sent"):
        assert kind == "sent"
        told.setdefault(place, []).extend(text)
    assert len(told) == MANY
    assert all(texts == [f"round {n}" for n in range(number)] for texts in told.values()), "once, and in order"
    closed = [one[1] for one in happened("moody") if one[0] == "closed"]
    assert closed == ["first", "first", "second", "revoked", "third"], "each once, after its listener"
    assert [one for one in happened("steady") if one[0] == "listens"] == [("listens", "first")], "never restarted"


def test_what_becomes_of_deliveries_is_told_in_the_metrics(house: House) -> None:
    registry = house.load("channels")
    Outbox(type("Steady", (Board,), {"name": "steady"})()).declare()
    one = conversation("steady", "room")
    say(one, "hello")

    async def run() -> None:
        stop = asyncio.Event()
        host = asyncio.create_task(Host(registry).run(stop))
        await until(lambda: states("steady") == ["sent"])
        stop.set()
        await host

    asyncio.run(run())
    shown = metrics.exposition()[0].decode()
    line = next(
        line for line in shown.splitlines() if line.startswith("deskhand_deliveries_total{") and "steady" in line
    )
    assert 'channel="steady"' in line and 'outcome="sent"' in line and float(line.split()[-1]) >= 1


def strikes(name: str) -> int:
    return switches.load()[1].get(name, switches.Switch()).strikes


def test_who_held_the_loop_three_times_is_off_although_the_channel_could_be_made_each_time(house: House) -> None:
    for number in range(3):
        registry = house.load("channels")
        assert registry.fresh().is_on("moody") and len(registry.fresh().objects("channel")) == 2
        assert strikes("moody") == number
        registry.blame("moody", "it held the loop")
    assert not registry.fresh().is_on("moody") and registry.fresh().is_on("steady")


def test_who_has_run_well_for_some_time_is_forgiven(house: House) -> None:
    registry = house.load("channels")
    registry.blame("moody", "it held the loop")
    registry.blame("moody", "it held the loop")
    registry.fresh()
    registry.absolve("steady")
    assert strikes("moody") == 2
    registry.absolve("moody")
    wait_for(lambda: strikes("moody") == 0, 5)
