"""Discord's limits: a bucket per route and channel, which Discord names in its answers, and 50 requests a second in all.

A request waits here for a few seconds at most; beyond that the outbox is told when to come again. So nothing sleeps with a
customer's message in its hands, and the platform has hardly ever to refuse.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bot import TemporaryFailure

PATIENCE = 5.0
"""Seconds that a request may wait for its bucket."""
RATE, BURST = 35.0, 10.0
"""Requests a second over all routes, and how many at once: together fewer than the 50 that Discord counts in any second
(topics/rate-limits). Answers to interactions do not count."""
KEPT = 2_000
"""Buckets that are remembered."""


@dataclass(slots=True)
class Bucket:
    left: int = 1
    until: float = 0.0
    """When it is full again, on the monotonic clock."""


class Pacer:
    """One per token. ``route`` is a method with its path, ``major`` the channel, server or webhook that has a bucket of its own."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._buckets: dict[str, Bucket] = {}
        self._blocked = 0.0
        self._level, self._at = BURST, time.monotonic()

    def _key(self, route: str, major: str) -> str:
        return f"{self._names.get(route, route)}:{major}"

    def spare(self, route: str, major: str) -> int:
        """How many requests the bucket takes now; for what may be left out. An unknown one takes some."""
        bucket = self._buckets.get(self._key(route, major))
        if self._blocked > time.monotonic():
            return 0
        return 3 if bucket is None or bucket.until <= time.monotonic() else bucket.left

    async def enter(self, route: str, major: str, *, counted: bool = True) -> None:
        """Wait for a place. Raises TemporaryFailure when that would take too long."""
        deadline = time.monotonic() + PATIENCE
        while wait := self._wait(route, major, counted=counted):
            if time.monotonic() + wait > deadline:
                raise TemporaryFailure("Discord asks for a pause", wait)
            await asyncio.sleep(wait)

    def _wait(self, route: str, major: str, *, counted: bool) -> float:
        """Seconds to wait, or 0: then the place is taken."""
        now = time.monotonic()
        if counted and self._blocked > now:
            return self._blocked - now
        bucket = self._buckets.get(self._key(route, major))
        if bucket is not None and bucket.left <= 0 and bucket.until > now:
            return bucket.until - now
        if counted:
            self._level = min(BURST, self._level + (now - self._at) * RATE)
            self._at = now
            if self._level < 1:
                return (1 - self._level) / RATE
            self._level -= 1
        if bucket is not None:
            bucket.left -= 1
        return 0.0

    def learn(self, route: str, major: str, headers: Mapping[str, str]) -> None:
        """Read what an answer says about its bucket."""
        try:
            left, after = int(headers["X-RateLimit-Remaining"]), float(headers["X-RateLimit-Reset-After"])
        except (KeyError, ValueError):
            return
        name = headers.get("X-RateLimit-Bucket")
        if name:
            self._names[route] = name
        if len(self._buckets) > KEPT:
            self._forget()
        key, until = self._key(route, major), time.monotonic() + after
        known = self._buckets.get(key)
        # Requests of one moment answer in any order: within a window the smaller number is the true one.
        if known is not None and known.until > time.monotonic() and until - known.until < 0.5:
            left = min(left, known.left)
        self._buckets[key] = Bucket(left, until)

    def block(self, route: str, major: str, seconds: float, *, everywhere: bool) -> None:
        """Discord said 429."""
        until = time.monotonic() + seconds
        if everywhere:
            self._blocked = max(self._blocked, until)
        else:
            self._buckets[self._key(route, major)] = Bucket(0, until)

    def _forget(self) -> None:
        now = time.monotonic()
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if bucket.until > now}
