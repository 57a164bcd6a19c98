"""What the model fake says to one request: a script. Set by test code, or over HTTP as JSON with the same names."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

STATUS_FAULTS = frozenset(
    {"400", "401", "403", "404", "413", "422", "429", "500", "502", "503", "504", "529", "spend_limit"}
)
"""Answered with this HTTP status and an error body in the API's own words. ``spend_limit`` is a 429 without retry-after."""

STREAM_FAULTS = frozenset(
    {
        "drop",  # the connection is closed before any answer
        "stall_headers",  # the request is read and nothing ever comes back
        "stall_first",  # the head of the answer, then silence
        "stall_mid",  # silence after ``after`` tokens
        "pings_only",  # keep-alives for ever, no token (Anthropic pings, SSE comments for the other)
        "overload_mid",  # an error event inside a 200 stream after ``after`` tokens
        "cut",  # ends cleanly after ``after`` tokens, without an end marker
        "cut_line",  # the connection is reset in the middle of a line
        "cut_utf8",  # the stream ends in the middle of a character
        "malformed",  # a chunk that is not JSON
        "endless_line",  # a line that never ends
        "not_a_stream",  # a web page with status 200, as a captive portal answers
        "no_reason",  # everything but the finish reason
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the fake understood of a request."""

    question: str
    prompt: str
    """The whole last user message, with the articles."""
    passages: int = 0
    images: int = 0
    number: int = 1
    """Counts requests from 1."""


def default_answer(asked: Asked) -> str:
    if asked.passages:
        return (
            f'You asked: "{asked.question}". The help articles describe it step by step [1]. Tell me if you need more.'
        )
    return "I could not find this in the help articles. Would you like to talk to a person?"


Answer = str | Callable[[Asked], str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One way to answer. ``answer`` may use ``{question}``, ``{prompt}`` and ``{number}``; ``None`` cites the first article."""

    answer: Answer = None
    tokens_per_second: float = 0.0
    """0 means as fast as the socket takes them."""
    first_token_after: float = 0.0
    """Seconds between the request and the first token."""
    stamp: bool = False
    """Replace each token by its time of sending in microseconds since 1970, for measuring lag."""
    conclude: dict[str, Any] | None = field(default_factory=lambda: {"confidence": 0.9})
    """Arguments of the tool call ``conclude``, made only when the request offers the tool. ``None``: no call."""
    conclude_raw: str = ""
    """Send exactly this as the call's arguments, broken JSON included."""
    finish: str = ""
    """The end marker in the API's own words; empty chooses the usual one."""
    usage: tuple[int, int] | None = None
    pings: bool = False
    fault: str = ""
    after: int = 3
    """Tokens sent before a fault in mid-stream."""
    retry_after: float | None = None
    chunked: bool = True
    """False: the body ends with the connection, as from simple servers."""
    gzip: bool = False
    """Compress, although the client did not ask for it."""
    contains: str = ""
    """Only for requests whose question contains this."""
    model: str = ""
    """Only for requests for this model."""
    times: int = 1
    """How many requests a queued script serves. 0 means all that follow."""

    def __post_init__(self) -> None:
        if self.fault and self.fault not in STATUS_FAULTS | STREAM_FAULTS:
            raise ValueError(
                f"unknown fault {self.fault!r}: use one of {', '.join(sorted(STATUS_FAULTS | STREAM_FAULTS))}"
            )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Script:
        known = {f.name for f in fields(cls)}
        if wrong := sorted(set(data) - known):
            raise ValueError(f"unknown field {', '.join(wrong)}: use {', '.join(sorted(known))}")
        if isinstance(data.get("usage"), list):
            data = {**data, "usage": tuple(data["usage"])}
        return cls(**data)

    def fits(self, model: str, asked: Asked) -> bool:
        return (not self.model or self.model == model) and (not self.contains or self.contains in asked.question)

    def text(self, asked: Asked) -> str:
        if self.answer is None:
            return default_answer(asked)
        if callable(self.answer):
            return self.answer(asked)
        found = {"{question}": asked.question, "{prompt}": asked.prompt, "{number}": str(asked.number)}
        text = self.answer
        for name, value in found.items():
            text = text.replace(name, value)
        return text


@dataclass(slots=True)
class FaultPlan:
    """Seeded trouble for requests that no script was queued for: the same seed makes the same trouble in the same order."""

    seed: int = 0
    rate: float = 0.0
    faults: tuple[str, ...] = ("429", "500", "529", "overload_mid", "cut", "drop")
    retry_afters: tuple[float | None, ...] = ()
    """What a 429 asks for, one of these; empty: nothing."""
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def apply(self, script: Script) -> Script:
        if self._random.random() >= self.rate:
            return script
        script = replace(script, fault=self._random.choice(self.faults), after=self._random.randint(0, 5))
        if script.fault != "429" or not self.retry_afters:
            return script
        return replace(script, retry_after=self._random.choice(self.retry_afters))
