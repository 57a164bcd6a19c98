"""Slack's speed limits: one message a second and channel, and silence for as long as a 429 says."""

from __future__ import annotations

import time

from bot import TemporaryFailure

BURST = 4
"""Slack allows short bursts; then one message a second and channel."""
LONGEST_WAIT = 2.0
"""Seconds to wait here. Longer waits go back to the outbox, which has the patience and keeps the order."""


class Bucket:
    """``capacity`` at once, then ``per_second``. :meth:`take` returns how long to wait before going on."""

    def __init__(self, capacity: float, per_second: float) -> None:
        self.capacity = capacity
        self.per_second = per_second
        self._level = capacity
        self._at = time.monotonic()

    def take(self, longest: float = float("inf")) -> float:
        """Take one; seconds until it may be used. Above ``longest`` nothing is taken."""
        now = time.monotonic()
        self._level = min(self.capacity, self._level + (now - self._at) * self.per_second)
        self._at = now
        wait = max(0.0, (1 - self._level) / self.per_second)
        if wait <= longest:
            self._level -= 1
        return wait


class Pacer:
    """Who may send when. A channel that was told to wait does not hold up another."""

    def __init__(self) -> None:
        self._posts: dict[str, Bucket] = {}
        self._blocked: dict[tuple[str, str], float] = {}

    def wait_for_post(self, place: str) -> float:
        """Seconds to wait before a new message in ``place``. Raises TemporaryFailure when they are too many."""
        self.check("chat.postMessage", place)
        if place not in self._posts:
            self._posts[place] = Bucket(BURST, 1.0)
        wait = self._posts[place].take(LONGEST_WAIT)
        if wait > LONGEST_WAIT:
            raise TemporaryFailure(f"too many messages for the channel {place} at once; they follow", wait)
        return wait

    def check(self, method: str, place: str) -> None:
        """Raises TemporaryFailure while Slack's last 429 for this method and channel holds."""
        left = self._blocked.get((method, place), 0.0) - time.monotonic()
        if left > 0:
            raise TemporaryFailure(f"Slack asked for a pause in {place}", left)

    def block(self, method: str, place: str, seconds: float) -> None:
        """Slack said 429."""
        self._blocked[(method, place)] = time.monotonic() + seconds
