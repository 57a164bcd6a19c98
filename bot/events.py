"""What plugins are told about a turn and about background work. Frozen data, no I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.knowledge import Passage
from bot.messages import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContext:
    """The turn a hook is called for."""

    turn_id: str
    conversation_id: str
    site: str
    """Site id."""
    channel: str
    language: str = ""
    attempt: int = 1
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A finished answer before its commit."""

    text: str
    sources: tuple[Source, ...] = ()
    choices: tuple[str, ...] = ()
    confidence: float | None = None
    type: Literal["ai", "offline", "fallback", "stopped"] = "ai"
    handoff_reason: str = ""
    """Not empty when a person must take over."""
    handoff_summary: str = ""
    provider: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A kind of background work. ``run`` gets the job's ref and must be safe to run twice.

    ``every`` seconds makes the ticker enqueue one with an empty ref when it is due; ``None`` means on demand only.
    ``queue`` is ``quick`` (under a second or so) or ``slow`` (forked: crawls, indexes, exports). ``timeout`` in seconds.
    """

    kind: str
    run: Callable[[str], None]
    every: float | None = None
    queue: Literal["quick", "slow"] = "quick"
    timeout: float = 60.0
