"""One thing that somebody did, on its way from a payload to the core and to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot import DeskEvent

DESK = "slack"


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing somebody did. ``place``, ``user`` and ``thread`` say where a sentence for them goes."""

    place: str
    user: str
    thread: str
    event: DeskEvent | None = None
    words: str = ""
    """A sentence that needs no answer of the core."""
    files: tuple[dict[str, Any], ...] = ()
    """Files of a reply, as Slack describes them: to be fetched before the event is told."""
    view: dict[str, Any] | None = None
    """A form to be opened, with ``trigger``, which is good for three seconds."""
    trigger: str = ""
    form: str = ""
    """The form that was sent: what must be said is said in its place."""
    answer: dict[str, Any] | None = None
    """What Slack is answered when it is acknowledged."""


def seconds(ts: str) -> float:
    """A time of Slack's as Unix seconds, 0 when it is none."""
    try:
        return float(ts)
    except ValueError:
        return 0.0
