"""A secret of one request, told to the model and looked for in what it says: whoever repeats it repeats its instructions. No I/O.

Not only the whole is found. What is compared are the hexadecimal digits of the answer in their order, without anything
between them, so that blanks, dashes, other letters and pieces do not hide it; backwards, too.
"""

from __future__ import annotations

import re
import secrets

LENGTH = 24
"""Hexadecimal digits."""
PIECE = 10
"""So many in a row give it away. By chance that happens to one long answer in some ten millions."""
SHORTEST = 4
"""From so many digits on it may be the beginning of a piece, which is held back."""
_OTHER = re.compile(r"[^0-9a-f]+")


class PromptLeaked(Exception):
    """The model says what only its instructions hold."""


def new_canary() -> str:
    return secrets.token_hex(LENGTH // 2)


class Watch:
    """Looks at one attempt's words, piece by piece. An empty canary finds nothing and costs nothing."""

    def __init__(self, canary: str) -> None:
        ways = (canary, canary[::-1])
        self._pieces = frozenset(way[at : at + PIECE] for way in ways for at in range(len(way) - PIECE + 1))
        self._begins = frozenset(
            way[at : at + size] for way in ways for size in range(SHORTEST, PIECE) for at in range(len(way) - size + 1)
        )
        self._tail = ""
        self._held = ""

    def feed(self, text: str) -> str:
        """What may go on of ``text``; the beginning of a piece is held back. Raises :class:`PromptLeaked`."""
        if not self._pieces:
            return text
        self.look(text)
        text, self._held = self._held + text, ""
        if self._tail[-SHORTEST:] in self._begins:  # whatever is longer ends in one of these
            at = self._start(text)
            text, self._held = text[:at], text[at:]
        return text

    def look(self, text: str) -> None:
        """Look at words that are not shown piece by piece. Raises :class:`PromptLeaked`."""
        if self._pieces and (digits := _OTHER.sub("", text.lower())):
            seen = self._tail + digits
            if any(seen[at : at + PIECE] in self._pieces for at in range(len(seen) - PIECE + 1)):
                raise PromptLeaked
            self._tail = seen[1 - PIECE :]

    def flush(self) -> str:
        """What was still held back: the answer is complete, and too little of the canary to mean anything."""
        held, self._held = self._held, ""
        return held

    def _start(self, text: str) -> int:
        """Where in ``text`` the longest beginning of a piece at its end begins."""
        size = next(size for size in range(PIECE - 1, SHORTEST - 1, -1) if self._tail[-size:] in self._begins)
        for at in range(len(text) - 1, -1, -1):
            if text[at].lower() in "0123456789abcdef":
                size -= 1
                if size == 0:
                    return at
        return 0  # the rest of it was shown before it could be told from anything else
