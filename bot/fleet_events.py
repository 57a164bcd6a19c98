"""What a fleet yields while it answers, what it raises when nobody can, and what it knows of its providers. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.ai import Text, ToolCall, Usage

NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A provider begins. With ``number`` above 1: empty the draft."""

    provider: str
    model: str
    number: int
    quotes: bool = False
    """It quotes passages without a model: the answer is labelled ``offline``."""
    blind: bool = False
    """There are pictures, and it cannot look at them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one provider gave no answer. Fit for logs and admins; never a key or a customer's words."""

    provider: str
    model: str
    kind: Literal["temporary", "rate_limited", "config", "request", "left_out", "off"]
    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The answer is complete."""

    end: Literal["stop", "length", "tool", "refused"]
    provider: str
    model: str
    usage: Usage
    """Of this answer: as the provider says, else estimated from the lengths."""
    wasted: Usage = NO_USAGE
    """Of the attempts that failed before, estimated where they did not say. Counts against budgets, too."""
    attempts: int = 1
    quotes: bool = False
    blind: bool = False
    """There were pictures, and who answered could not look at them."""
    first_token: float = 0.0
    """Seconds from this attempt's begin to its first text."""
    failures: tuple[Failure, ...] = ()


FleetEvent = Attempt | Text | ToolCall | Usage | Done


class FleetExhausted(Exception):
    """No provider answered within the attempts and the time: a person takes over."""

    def __init__(self, failures: Sequence[Failure], wasted: Usage, attempts: int) -> None:
        super().__init__("; ".join(f"{f.provider} {f.model}: {f.reason}" for f in failures) or "no AI provider is on")
        self.failures = tuple(failures)
        self.wasted = wasted
        self.attempts = attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """What is known of a provider. Times in seconds, of the last quarter of an hour; ``None`` without an answer."""

    provider: str
    model: str
    state: Literal["closed", "open", "half-open", "config"]
    reason: str = ""
    until: float = 0.0
    """Unix seconds, while not closed."""
    first_token: float | None = None
    """Half of the answers began within so long, and 95 % within the next."""
    first_token_p95: float | None = None
    total: float | None = None
    """Half of the answers were complete within so long, and 95 % within the next."""
    total_p95: float | None = None
    error_rate: float | None = None
    """From 0 to 1, of all attempts."""
    answers: int = 0
    failures: int = 0
