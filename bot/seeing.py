"""Pictures of customers on their way to providers that look at them: which, how large, and what is said when nobody can.

The bytes are read in the process of the turns, right before the prompt is made and only if somebody in the fleet can see. They are never
logged. What stands in a picture is as untrusted as any other word of a customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from bot import files, pictures
from bot.ai import Image
from bot.fleet import Fleet
from bot.messages import FileView, MessageView
from bot.store import StoreUnavailable, read

log = structlog.get_logger("answering")

MOST = 4
"""Pictures in one prompt."""
SIDE = 1_568
"""Longest side in pixels: models make larger ones smaller themselves, and count them before they do."""
TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
CANNOT_SEE = "I cannot look at pictures here, only read what you write."
ONLY_PICTURES = "Tell me in words what it is about, or talk to a person."


@dataclass(frozen=True, slots=True)
class Pictures:
    """What there is to be seen in a turn."""

    images: Mapping[str, tuple[Image, ...]] = field(default_factory=dict)
    """By the id of the message."""
    asked: int = 0
    """Pictures in the messages that are answered now."""
    unseen: int = 0
    """Those of them that are not in ``images``: there were too many, or they could not be read."""

    @property
    def shown(self) -> int:
        """How many of what is asked about are in ``images``."""
        return self.asked - self.unseen

    @property
    def nothing(self) -> bool:
        """There is something to be seen, and nobody sees any of it."""
        return 0 < self.asked <= self.unseen


NONE = Pictures()


def look(history: Sequence[MessageView], asked: Sequence[MessageView], fleet: Fleet) -> Pictures:
    """Get the pictures of what is asked now, newest first, and then the last ones before it, at most four together.

    Without anybody in the fleet who can see they are only counted.
    """
    now = [(message.id, file) for message in reversed(asked) for file in reversed(_pictures(message))]
    known = {message.id for message in asked}
    before = [
        (message.id, file)
        for message in reversed(history)
        if message.id not in known
        for file in reversed(_pictures(message))
    ]
    if not now and not before:
        return NONE
    if not fleet.sees():
        return Pictures(asked=len(now), unseen=len(now))
    found: dict[str, tuple[Image, ...]] = {}
    seen = 0
    for place, (message_id, file) in enumerate((*now, *before)[:MOST]):
        image = _image(file)
        if image is not None:
            # Gathered from the newest to the oldest: each goes before those that are there.
            found[message_id] = (image, *found.get(message_id, ()))
            seen += place < len(now)
    return Pictures(found, len(now), len(now) - seen)


def _pictures(message: MessageView) -> list[FileView]:
    if message.author != "customer" or message.deleted:
        return []
    return [file for file in message.files if file.type in TYPES and not file.problem]


def _image(file: FileView) -> Image | None:
    """The picture, small enough for a model; ``None`` when it is gone or broken."""
    try:
        stored, _ = read(lambda: files.load(file.id))
        media, content = pictures.shrink(stored.content, SIDE)
    except (files.Gone, pictures.BadPicture, StoreUnavailable) as error:
        log.warning("picture_not_shown", file=file.id[:8], reason=type(error).__name__)
        return None
    return Image(media=media, data=content)
