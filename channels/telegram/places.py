"""Where in Telegram: chats, topics, and one person's talk in a group. Pure words, no I/O.

A place is ``{chat}``, ``{chat}/{topic}``, and in groups ``{chat}[/{topic}]:{person}``: there each person has a conversation of their own,
and what others write is never answered in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PLACE = re.compile(r"(-?\d{1,20})(?:/(\d{1,20}))?(?::(\d{1,20}))?")
_ID = re.compile(r"(\d{1,20})(?:@(-?\d{1,20}))?")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place, taken apart. ``topic`` 0: none; ``person`` 0: a private chat."""

    chat: int
    topic: int = 0
    person: int = 0

    def __str__(self) -> str:
        return f"{self.chat}" + (f"/{self.topic}" if self.topic else "") + (f":{self.person}" if self.person else "")

    @property
    def shared(self) -> bool:
        """Whether others read along."""
        return self.chat < 0


def spot_of(place: str) -> Spot:
    """Take a place apart. Raises :class:`ValueError` for what is none."""
    match = _PLACE.fullmatch(place)
    if match is None:
        raise ValueError("not a place in Telegram")
    return Spot(int(match[1]), int(match[2] or 0), int(match[3] or 0))


@dataclass
class Moves:
    """Groups that became supergroups get another id. Their conversations keep the place they began with."""

    began: dict[int, int] = field(default_factory=dict)
    """The id of now → the id it began with."""

    def learn(self, old: int, new: int) -> bool:
        """Whether this was news."""
        if new == old or new in self.began:
            return False
        self.began[new] = self.home(old)
        return True

    def home(self, chat: int) -> int:
        """The id under which conversations of ``chat`` began."""
        return self.began.get(chat, chat)

    def now(self, chat: int) -> int:
        """The id that Telegram knows today."""
        for new, old in reversed(self.began.items()):
            if old == chat:
                return new
        return chat

    def platform_id(self, chat: int, message: int) -> str:
        """A message's id, unique within its place. In groups within the whole channel: a group that moved counts anew, and a
        reaction does not say in which topic its message is."""
        return f"{message}@{chat}" if chat < 0 else f"{message}"

    def message_at(self, spot: Spot, subject: str) -> tuple[int, int]:
        """Chat and number of a message, from what ``platform_id`` gave or from the key it came in with. Raises :class:`ValueError`."""
        if subject.startswith("tg:"):
            _, _, chat, number, *_ = [*subject.split(":"), "", "", ""]
            return int(chat), int(number)
        match = _ID.fullmatch(subject)
        if match is None:
            raise ValueError("not a message in Telegram")
        return int(match[2] or spot.chat), int(match[1])
