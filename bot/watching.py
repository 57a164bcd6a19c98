"""What a channel that clients pull from needs of the bus: hear of changes and of live frames, and read a draft.

Hints only: whoever misses one finds the truth in ``bot.history``.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.bus import Listener, bus


def watch(*, live: Callable[[bytes], None], changed: Callable[[bytes], None]) -> Listener:
    """Hear of every conversation until ``stop()``. ``changed`` gets a conversation's id, ``live`` 36 bytes of it and a JSON
    frame that can be sent as it is. Empty bytes mean: look yourself. Both are called in a thread (in web, a greenlet) of
    the bus, must be quick and must not raise.
    """
    return bus().listen({"live": live, "changed": changed})


def draft_text(turn_id: str, attempt: int) -> str:
    """What was shown so far of an answer in progress; empty if nothing was, or Redis is away. May wait for Redis."""
    return bus().draft(turn_id, attempt)


def tell_typing(conversation_id: str) -> None:
    """Let desks know that the customer writes. Never raises."""
    bus().wake("typing", conversation_id)


def hints_arrive() -> bool:
    """Whether changes made by this process come back to it by Redis. If not, look at once after an own change."""
    return bus().up
