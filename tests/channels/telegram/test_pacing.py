"""Telegram's speed limits hold whatever is asked for: ten minutes of a busy bot, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from bot import TemporaryFailure
from channels.telegram import pacing

GROUPS = (-1, -2)


class Clock:
    """Stands for ``time`` and ``asyncio`` in the module."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(pacing, "time", one)
    monkeypatch.setattr(pacing, "asyncio", one)
    return one


async def _busy(clock: Clock, seconds: float) -> list[tuple[float, int]]:
    pace, dice, left, waits = pacing.Pace(), random.Random(4), [], []
    ends = clock.now + seconds
    while clock.now < ends:
        clock.now += dice.random() * 0.02
        chat = dice.choice(GROUPS) if dice.random() < 0.1 else dice.randrange(1, 200)
        if dice.random() < 0.1 and pace.room_for_sign():
            left.append((clock.now, 0))
            continue
        if dice.random() < 0.5:
            if not pace.room_for_draft(chat):
                continue
            if chat > 0:
                left.append((clock.now, 0))
                continue
        try:
            await pace.turn(chat)
        except TemporaryFailure as failure:
            waits.append(failure.retry_after or 0)
        else:
            left.append((clock.now, chat))
    assert waits
    assert min(waits) > 0
    assert max(waits) <= pacing.WINDOW
    return left


def test_never_above_the_limits(clock: Clock) -> None:
    left = asyncio.run(_busy(clock, 600))
    assert len(left) > 600 * pacing.PER_SECOND * 0.8, "the limits are also used"
    for at, _ in left[:: len(left) // 500]:
        assert sum(1 for then, _ in left if at <= then < at + 1.0) <= 30
    for group in GROUPS:
        times = [at for at, chat in left if chat == group]
        assert times
        assert all(sum(1 for then in times if at <= then <= at + 60.0) <= 20 for at in times)


async def _drafting(clock: Clock) -> list[float]:
    pace, shown = pacing.Pace(), []
    for _ in range(3_000):
        clock.now += 0.1
        if pace.room_for_draft(GROUPS[0]):
            await pace.turn(GROUPS[0])
            shown.append(clock.now)
    return shown


def test_a_growing_answer_leaves_room_for_the_answer_itself(clock: Clock) -> None:
    shown = asyncio.run(_drafting(clock))
    assert min(b - a for a, b in pairwise(shown)) >= pacing.DRAFT_EVERY
    assert all(sum(1 for then in shown if at <= then <= at + 60.0) <= pacing.FOR_DRAFTS for at in shown)


def test_a_pause_is_kept_by_everybody(clock: Clock) -> None:
    pace = pacing.Pace()
    pace.pause(7)
    with pytest.raises(TemporaryFailure) as caught:
        asyncio.run(pace.turn(5))
    assert caught.value.retry_after == 7
    assert not pace.room_for_draft(5)
    assert not pace.room_for_sign()
    clock.now += 7.1
    asyncio.run(pace.turn(5))
