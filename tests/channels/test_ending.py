"""The channels process ends before its supervisor loses patience, whatever its channels do."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import channels.host as host_module
from bot.channel import Limits
from bot.messages import Outbound
from bot.outbox import Outbox
from bot.supervise import KILL_AFTER
from channels.host import Host
from channels.host import hosted as hosting
from tests.channels.boards import Board, Switches, conversation, installed, named, say, states
from tests.patience import patient, until


@pytest.fixture(autouse=True)
def ready(store: Any) -> None:
    installed(store)


class Slow(Board):
    """A platform that is given a minute for a send."""

    limits = Limits(max_text=400, timeout=60)


def test_the_end_is_over_before_the_supervisor_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host_module.ENDS_WITHIN + 2 < KILL_AFTER, "and some time to say so"
    assert hosting.LISTENER_STOP + 1 + hosting.CLOSE < host_module.ENDS_WITHIN
    monkeypatch.setattr(host_module, "ENDS_WITHIN", 4.0)
    monkeypatch.setattr(hosting, "LISTENER_STOP", 1.0)
    monkeypatch.setattr(hosting, "CLOSE", 1.0)
    slow, over = named(Slow, "slow"), asyncio.Event()
    sending: list[Outbound] = []

    async def never(*_: Any) -> None:
        while not over.is_set():
            try:
                await asyncio.wait_for(over.wait(), 60)
            except (asyncio.CancelledError, TimeoutError):
                continue

    async def hangs(out: Outbound) -> None:
        sending.append(out)
        await never()

    slow.listen, slow.sending, slow.close = never, hangs, never  # type: ignore[method-assign]
    Outbox(slow).declare()
    say(conversation("slow", "room"), "an answer")

    async def run() -> float:
        stop = asyncio.Event()
        task = asyncio.create_task(Host(Switches(slow)).run(stop))  # type: ignore[arg-type]
        await until(lambda: sending)
        began = time.monotonic()
        stop.set()
        await task
        took = time.monotonic() - began
        over.set()
        return took

    took = asyncio.run(run())
    assert took < patient(15), "and not the 65 s that a send may take"
    assert states("slow") == ["sending"], "nothing is lost: whoever sends next settles it"
