"""One thing that somebody did, on its way from a payload to the core and to an answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bot import DeskEvent, Wanted

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
    surface: Literal["message", "home", "modal", "command"] = "message"
    """Where it was done, and so where the answer is shown."""
    wanted: Wanted | None = None
    """A page to be read and opened; with ``query`` only the entries of one of its lists."""
    query: str | None = None
    modal: str = ""
    """The open form in which something was pressed, and ``modal_hash``, which changes with it."""
    modal_hash: str = ""
    blocks: Mapping[str, str] = field(default_factory=dict)
    """Ids of the blocks of the form that was sent, by the names of its fields: where what is wrong is said."""
    later: str = ""
    """An address of Slack's for an answer that comes after the acknowledgement."""
    began: float = field(default_factory=time.monotonic)


def seconds(ts: str) -> float:
    """A time of Slack's as Unix seconds, 0 when it is none."""
    try:
        return float(ts)
    except ValueError:
        return 0.0
