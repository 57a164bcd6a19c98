"""Whether a customer is there: then nothing that an agent writes has to go by mail."""

from __future__ import annotations

import time

from bot import customer_seen

SECONDS = 60.0
"""Noted once in so long at most."""


class Presence:
    """What one socket tells of its customer: opening the page or the chat, typing, writing. That it is open tells nothing: people
    leave pages open, and a socket comes back by itself."""

    __slots__ = ("at", "conv")

    def __init__(self) -> None:
        self.conv, self.at = "", 0.0

    def note(self, conv: str) -> None:
        """The customer does something in this conversation. In the crew: it reads, and seldom writes."""
        now = time.monotonic()
        if conv and (conv != self.conv or now - self.at >= SECONDS):
            self.conv, self.at = conv, now
            customer_seen(conv)
