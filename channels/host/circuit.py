"""When a whole channel does not work, stop asking it: pause its sender, probe now and then, and say so once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

STRIKES = 5
"""Failures in a row, with no success at any place, after which the sender pauses."""
PLACES = 2
"""At so many places at least: one chat that fails is that chat's trouble."""
WAITS = (5.0, 300.0)
"""Seconds to the first probe and at most between two."""
DOWN_WAITS = (30.0, 300.0)
"""The same while an admin must act."""


class Circuit:
    """Belongs to one channel and lives on the loop. ``tell(text)`` is called when it opens (why) and closes (empty)."""

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._strikes = 0
        self._places: set[str] = set()
        self._waits = WAITS
        self._wait = 0.0
        self._probe_at = 0.0
        self._probing = False
        self.reason = ""
        """Why it is open; empty while it is closed."""

    @property
    def open(self) -> bool:
        """Whether the sender pauses."""
        return bool(self.reason)

    @property
    def needs_admin(self) -> bool:
        """Whether it is open because somebody must act."""
        return self.open and self._waits == DOWN_WAITS

    @property
    def wait(self) -> float:
        """Seconds until the next probe, at least 0."""
        return max(0.0, self._probe_at - self._clock())

    def probe(self) -> bool:
        """Whether one delivery may be tried now. True once for each waiting time."""
        if not self.open or self._probing or self._clock() < self._probe_at:
            return False
        self._probing = True
        return True

    def unused(self) -> None:
        """The probe found nothing to send: it may be tried again at once."""
        self._probing = False

    def worked(self) -> None:
        """Something was sent, or the platform answered sensibly."""
        self._strikes, self._probing = 0, False
        self._places.clear()
        if self.open:
            self.reason = ""
            self._wait = 0.0
            self._tell("")

    def failed(self, place: str, reason: str) -> None:
        """It was not sent, or nobody knows."""
        if self.open:
            self._again()
            return
        self._strikes += 1
        self._places.add(place)
        if self._strikes >= STRIKES and len(self._places) >= PLACES:
            self._open(f"{self._strikes} sends in a row failed, the last: {reason}", WAITS)

    def down(self, reason: str) -> None:
        """The channel itself says that nothing will be sent until somebody acts."""
        if self.open and self._waits == DOWN_WAITS:
            self._again()
        else:
            self._open(reason, DOWN_WAITS)

    def _open(self, reason: str, waits: tuple[float, float]) -> None:
        self.reason = reason or "no reason given"
        self._waits = waits
        self._wait = 0.0
        self._again()
        self._tell(self.reason)

    def _again(self) -> None:
        if self._wait and not self._probing:
            return  # one of those that were in flight when it opened: no news
        self._probing = False
        self._wait = min(self._waits[1], self._wait * 2 or self._waits[0])
        self._probe_at = self._clock() + self._wait * random.uniform(0.8, 1.0)
