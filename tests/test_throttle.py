"""Limits: shared through Redis, alone without it, and never in the way when Redis goes."""

from __future__ import annotations

import time
from typing import Any

from bot.throttle import Throttle
from tests.patience import patient


def test_the_limit_counts_each_key_alone_and_says_how_long_to_wait(environment: Any) -> None:
    environment(REDIS_URL="none")
    rule = Throttle("t-alone", 3, 60)
    assert [rule.hit("a") for _ in range(3)] == [0, 0, 0]
    assert 1 <= rule.hit("a") <= 60
    assert rule.hit("b") == 0
    assert Throttle("t-other", 3, 60).hit("a") == 0


def test_after_the_window_it_may_go_on(environment: Any) -> None:
    environment(REDIS_URL="none")
    rule = Throttle("t-window", 2, 1)
    assert [rule.hit("a") for _ in range(2)] == [0, 0]
    wait = rule.hit("a")
    assert wait >= 1
    time.sleep(2.1)
    assert rule.hit("a") == 0


def test_two_processes_share_the_count_through_redis(valkey: Any) -> None:
    from bot import throttle

    rule = Throttle("t-shared", 3, 60)
    assert [rule.hit("a") for _ in range(2)] == [0, 0]
    throttle._current = None  # as another process would begin
    assert rule.hit("a") == 0
    assert rule.hit("a") > 0


def test_without_redis_it_counts_alone_at_once(environment: Any) -> None:
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
