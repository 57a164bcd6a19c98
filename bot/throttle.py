"""How often somebody may do something: sliding windows, shared through Redis when it is there, in memory when it is not."""

from __future__ import annotations

import math
import time
from typing import Any

import structlog

from bot.config import config

log = structlog.get_logger("throttle")

AWAY = 5.0
"""Seconds in which Redis is not asked again after it failed: each process counts for itself meanwhile."""


class Throttle:
    """One rule, such as ``Throttle("message", 20, 60)``: 20 in any 60 seconds for each key."""

    def __init__(self, name: str, amount: int, seconds: int) -> None:
        from limits import RateLimitItemPerSecond

        self.name = name
        self.item = RateLimitItemPerSecond(amount, seconds, namespace="deskhand")

    def hit(self, key: str) -> int:
        """Count one. Returns 0 if it may be done, else the seconds until it is worth trying again. May wait for Redis."""
        counter = _counters()
        try:
            if counter.shared.hit(self.item, self.name, key):
                return 0
            stats = counter.shared.get_window_stats(self.item, self.name, key)
        except counter.errors as error:
            counter.lost(error)
            return self._alone(counter, key)
        return _wait(stats.reset_time)

    def _alone(self, counter: _Counters, key: str) -> int:
        if counter.own.hit(self.item, self.name, key):
            return 0
        return _wait(counter.own.get_window_stats(self.item, self.name, key).reset_time)


def _wait(until: float) -> int:
    return max(1, math.ceil(until - time.time()))


class _Counters:
    """Where hits are counted."""

    def __init__(self, url: str) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        self.url = url
        self.own: Any = SlidingWindowCounterRateLimiter(MemoryStorage())
        self.errors: tuple[type[Exception], ...] = (OSError,)
        self._redis: Any = None
        self._away_until = 0.0
        if url:
            import redis
            from limits.storage import storage_from_string
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            self.errors = (redis.RedisError, OSError)
            scheme = {"unix": "redis+unix", "valkey": "redis"}
            kind, _, rest = url.partition("://")
            options: dict[str, Any] = {
                "socket_timeout": 0.5,
                "socket_connect_timeout": 0.5,
                "retry": Retry(NoBackoff(), 0),
            }
            storage = storage_from_string(f"{scheme.get(kind, kind)}://{rest}", **options)
            self._redis = SlidingWindowCounterRateLimiter(storage)  # type: ignore[arg-type]

    @property
    def shared(self) -> Any:
        return self.own if self._redis is None or time.monotonic() < self._away_until else self._redis

    def lost(self, error: Exception) -> None:
        if not self._away_until:
            log.warning("limits_counted_alone", reason=type(error).__name__)
        self._away_until = time.monotonic() + AWAY


_current: _Counters | None = None


def _counters() -> _Counters:
    global _current
    url = config().redis_url
    url = "" if url == "none" else url
    if _current is None or _current.url != url:
        _current = _Counters(url)
    return _current
