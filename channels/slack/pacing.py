"""Slack's speed limits: one message a second and channel, and silence for as long as a 429 says."""

from __future__ import annotations

import time

from bot import TemporaryFailure

BURST = 4
"""Slack allows short bursts; then one message a second and channel."""
CHANGES, CHANGES_AT_ONCE = 40, 5
"""Changes of messages in a minute, in all channels together, and how many of them at once. Slack allows about fifty; a process that
is started again begins anew."""
AT_ONCE = 0.02
"""Seconds that are not worth coming again."""
FORGOTTEN = 120.0
LONGEST_WAIT = 2.0
"""Seconds to wait here. Longer waits go back to the outbox, which has the patience and keeps the order."""


TIERS = {
    "chat.update": (10, 40), "chat.delete": (10, 40), "conversations.open": (10, 40), "chat.postEphemeral": (20, 80),
}  # fmt: skip
"""At once, and then in a minute: together what Slack's tiers allow in any minute, fifty or a hundred."""


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


class Turns:
    """A line for what is allowed so many times a minute in all: each gets a turn of its own, and comes again when it is there."""

    def __init__(self, capacity: float, per_second: float) -> None:
        self._bucket = Bucket(capacity, per_second)
        self._turns: dict[tuple[str, str], float] = {}

    def wait(self, who: tuple[str, str]) -> float:
        """Seconds until the turn of ``who``; 0: now, and it is used by that."""
        now = time.monotonic()
        turn = self._turns.pop(who, None)
        if turn is None:
            # Whoever did not come again within two minutes has nothing to say any more.
            for one in [one for one, at in self._turns.items() if at < now - FORGOTTEN]:
                del self._turns[one]
            turn = now + self._bucket.take()
        if turn <= now + AT_ONCE:
            return 0.0
        self._turns[who] = turn
        return turn - now


class Pacer:
    """Who may send when. A channel that was told to wait does not hold up another."""

    def __init__(self) -> None:
        self._posts: dict[str, Bucket] = {}
        self._changes = Turns(CHANGES_AT_ONCE, CHANGES / 60)
        self._methods = {name: Bucket(burst, minute / 60) for name, (burst, minute) in TIERS.items()}
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

    def take_turn(self, place: str, message: str) -> None:
        """Before a message is changed. Raises TemporaryFailure while it is not its turn."""
        self.check("chat.update", place)
        wait = self._changes.wait((place, message))
        if wait:
            raise TemporaryFailure("too many changes of messages at once; they follow", wait)

    def wait_for(self, method: str, place: str) -> float:
        """Seconds to wait before a call that is no new message. Raises TemporaryFailure when they are too many."""
        self.check(method, place)
        bucket = self._methods.get(method)
        wait = bucket.take(LONGEST_WAIT) if bucket is not None else 0.0
        if wait > LONGEST_WAIT:
            raise TemporaryFailure("too many changes in Slack at once; they follow", wait)
        return wait

    def check(self, method: str, place: str) -> None:
        """Raises TemporaryFailure while Slack's last 429 for this method and channel holds."""
        left = self._blocked.get((method, place), 0.0) - time.monotonic()
        if left > 0:
            raise TemporaryFailure(f"Slack asked for a pause in {place}", left)

    def block(self, method: str, place: str, seconds: float) -> None:
        """Slack said 429."""
        self._blocked[(method, place)] = time.monotonic() + seconds
