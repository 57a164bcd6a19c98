"""Limits: shared through Redis, alone without it, and never in the way when Redis goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from bot.throttle import Throttle
from tests.patience import patient

Go = Callable[[float], None]


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Go:
    """A clock that stands at the beginning of a minute until somebody lets seconds pass."""
    now = [time.time() // 60 * 60 + 1]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_the_limit_counts_each_key_alone_and_says_how_long_to_wait(environment: Any, go: Go) -> None:
    environment(REDIS_URL="none")
    rule = Throttle("t-alone", 3, 60)
    assert [rule.hit("a") for _ in range(3)] == [0, 0, 0]
    assert 1 <= rule.hit("a") <= 60
    assert rule.hit("b") == 0
    assert Throttle("t-other", 3, 60).hit("a") == 0


def test_after_the_window_it_may_go_on(environment: Any, go: Go) -> None:
    environment(REDIS_URL="none")
    rule = Throttle("t-window", 2, 60)
    assert [rule.hit("a") for _ in range(2)] == [0, 0]
    assert rule.hit("a") >= 1
    go(20)
    assert rule.hit("a") >= 1
    go(100)
    assert rule.hit("a") == 0


def test_two_processes_share_the_count_through_redis(valkey: Any, go: Go) -> None:
    from bot import throttle

    rule = Throttle("t-shared", 3, 60)
    assert [rule.hit("a") for _ in range(2)] == [0, 0]
    throttle._current = None  # as another process would begin
    assert rule.hit("a") == 0
    assert rule.hit("a") > 0


def test_without_redis_it_counts_alone_at_once(environment: Any, go: Go) -> None:
    from tests.valkey import Valkey

    server = Valkey()
    server.start()
    try:
        environment(REDIS_URL=server.url)
        rule = Throttle("t-lost", 2, 60)
        assert rule.hit("a") == 0
        server.kill()
        began = time.monotonic()
        assert [rule.hit("a") for _ in range(2)] == [0, 0]
        assert rule.hit("a") > 0
        assert time.monotonic() - began < patient(1.5)
    finally:
        server.stop()
        environment(REDIS_URL=None)
