"""Asking a fleet in tests, and providers that do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from bot.ai import (
    AIProvider,
    Clocks,
    Delta,
    End,
    Prompt,
    PromptMessage,
    Text,
)
from bot.fleet import Attempt, Done, Fleet, FleetEvent, FleetExhausted
from tests.patience import patient

FAST = Clocks(connect=patient(1.0), first_token=patient(0.6), between_tokens=patient(0.6), total=patient(10.0))
PROMPT = Prompt(system="You help.", messages=(PromptMessage("user", "How long do refunds take?"),))


class Scripted(AIProvider):
    """A third party's provider: a plain generator, written without knowing the fleet."""

    name: ClassVar[str] = "scripted"
    model = "s"

    def __init__(self, stream: Callable[[], Iterator[Delta]], name: str = "scripted") -> None:
        self.name = name  # type: ignore[misc]
        self._stream = stream

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        return self._stream()


def says(text: str, end: End | None = None) -> Callable[[], Iterator[Delta]]:
    def stream() -> Iterator[Delta]:
        yield Text(text)
        yield end or End()

    return stream


def run(fleet: Fleet, prompt: Prompt = PROMPT) -> list[FleetEvent]:
    return list(fleet.stream(prompt))


def shown(events: list[FleetEvent]) -> str:
    """What a customer has before their eyes: each attempt begins with an empty draft."""
    draft = ""
    for event in events:
        if isinstance(event, Attempt):
            draft = ""
        elif isinstance(event, Text):
            draft += event.text
    return draft


def done(events: list[FleetEvent]) -> Done:
    assert isinstance(events[-1], Done)
    assert sum(isinstance(e, Done) for e in events) == 1
    return events[-1]


def attempts(events: list[FleetEvent]) -> list[tuple[str, int]]:
    return [(e.model, e.number) for e in events if isinstance(e, Attempt)]


def exhausted(fleet: Fleet) -> FleetExhausted:
    with pytest.raises(FleetExhausted) as caught:
        run(fleet)
    return caught.value
