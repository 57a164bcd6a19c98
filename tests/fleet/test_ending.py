"""Clocks, stopping and closing: an answer ends when it should, and nobody is blamed for what is not theirs."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bot.ai import (
    AIProvider,
    Clocks,
    Text,
)
from bot.breaker import Breakers
from bot.fleet import Attempt, Done, Fleet
from tests.fakes.llm import FakeLLM, Script
from tests.fleet.asking import FAST, PROMPT, done, exhausted, run, shown
from tests.patience import patient


def test_slow_tokens_end_with_the_total_clock(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(model="A", answer="slow " * 100, tokens_per_second=20), Script(model="B", answer="From B."))
    clocks = {"anthropic": Clocks(first_token=2, between_tokens=2, total=0.7)}
    started = time.monotonic()
    events = run(Fleet([first, second], provider_clocks=clocks))
    assert shown(events) == "From B."
    assert time.monotonic() - started < patient(1.6)
    assert "not complete after 0.7 s" in done(events).failures[0].reason


def test_the_fleet_has_a_budget_for_the_first_word(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.default = Script(fault="stall_first")
    started = time.monotonic()
    error = exhausted(Fleet([first, second], clocks=FAST, total_budget=patient(0.8)))
    assert patient(0.7) < time.monotonic() - started < patient(1.4)
    assert error.attempts == 2


def test_an_answer_that_has_begun_may_outlast_the_budget(first: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="word " * 20, tokens_per_second=20 / patient(1.0)))
    events = run(Fleet([first], total_budget=patient(0.4)))
    assert shown(events).count("word") == 20


def test_a_slow_reader_is_not_the_providers_fault(first: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three four"))
    seen = []
    clocks = Clocks(first_token=patient(0.3), between_tokens=patient(0.2))
    for event in Fleet([first], clocks=clocks).stream(PROMPT):
        seen.append(event)
        if isinstance(event, Text) and len(seen) < 4:
            time.sleep(patient(0.4))
    assert shown(seen) == "one two three four"


def test_an_import_that_takes_long_is_not_the_providers_fault(
    first: AIProvider, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = type(first).connect  # type: ignore[attr-defined]

    def slowly(provider: AIProvider) -> Any:
        time.sleep(patient(0.5))
        return connect(provider)

    monkeypatch.setattr(type(first), "connect", slowly)
    llm.script(Script(answer="Here I am."))
    events = run(Fleet([first], clocks=Clocks(first_token=patient(0.4))))
    assert shown(events) == "Here I am." and not done(events).failures
    assert done(events).first_token < patient(0.4)


@pytest.mark.parametrize("fault", ["stall_headers", "stall_first", "stall_mid"])
def test_stop_ends_a_silent_stream_at_once_and_blames_nobody(first: AIProvider, llm: FakeLLM, fault: str) -> None:
    llm.script(Script(answer="one two three four", fault=fault))
    fleet = Fleet([first])
    stream = fleet.stream(PROMPT)
    timer = threading.Timer(0.3, stream.stop)
    timer.start()
    started = time.monotonic()
    events = list(stream)
    assert time.monotonic() - started < patient(1.0)
    assert not any(isinstance(e, Done) for e in events)
    assert llm.wait_ended(1)[0]["outcome"] == "client gone"
    assert (fleet.health()[0].state, fleet.health()[0].failures) == ("closed", 0)
    timer.join()


def test_stop_ends_the_pause_between_two_attempts(first: AIProvider, llm: FakeLLM) -> None:
    llm.default = Script(fault="429", retry_after=3)
    stream = Fleet([first]).stream(PROMPT)
    timer = threading.Timer(0.3, stream.stop)
    timer.start()
    started = time.monotonic()
    assert len(list(stream)) == 1
    assert time.monotonic() - started < patient(1.0)
    assert len(llm.requests) == 1
    timer.join()


def test_stop_before_the_start_asks_nobody(first: AIProvider, llm: FakeLLM) -> None:
    stream = Fleet([first]).stream(PROMPT)
    stream.stop()
    assert list(stream) == []
    assert llm.requests == []


def test_closing_hangs_up(first: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="word " * 400, tokens_per_second=50))
    stream = Fleet([first]).stream(PROMPT)
    next(e for e in stream if isinstance(e, Text))
    stream.close()
    assert llm.wait_ended(1, timeout=patient(2))[0]["outcome"] == "client gone"


def test_giving_up_before_the_attempt_gives_the_probe_back(first: AIProvider, llm: FakeLLM) -> None:
    now = [1_000_000.0]
    breakers = Breakers(clock=lambda: now[0])
    for _ in range(5):
        breakers.of("anthropic", "A").failure("x")
    now[0] += 11
    fleet = Fleet([first], breakers)
    stream = fleet.stream(PROMPT)
    assert isinstance(next(iter(stream)), Attempt)
    stream.close()
    assert shown(run(fleet)) != "", "the next one may probe"
