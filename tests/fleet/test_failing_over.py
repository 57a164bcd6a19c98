"""A provider that fails is followed by the next one: one answer, or the reasons why there is none."""

from __future__ import annotations

import time

import pytest

from bot.ai import (
    AIProvider,
    ToolCall,
    Usage,
)
from bot.breaker import Breakers
from bot.fleet import Attempt, Fleet
from tests.fakes.llm import FakeLLM, Script
from tests.fleet.asking import FAST, attempts, done, exhausted, run, shown
from tests.patience import patient


def test_the_first_provider_answers(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="In 5 days. [1]", usage=(100, 20), conclude={"confidence": 0.8}))
    events = run(Fleet([first, second]))
    assert shown(events) == "In 5 days. [1]"
    assert ToolCall("conclude", {"confidence": 0.8}) in events
    end = done(events)
    assert (end.provider, end.model, end.end, end.attempts) == ("anthropic", "A", "tool", 1)
    assert (end.usage, end.wasted, end.failures) == (Usage(100, 20), Usage(), ())
    assert 0 < end.first_token < patient(2)
    assert len(llm.requests) == 1


@pytest.mark.parametrize(
    "fault", ["529", "500", "429", "401", "spend_limit", "400", "drop", "stall_headers", "stall_first", "pings_only"]
)
def test_what_fails_before_the_first_word_is_answered_by_the_next(
    first: AIProvider, second: AIProvider, llm: FakeLLM, fault: str
) -> None:
    llm.script(Script(model="A", fault=fault), Script(model="B", answer="From B."))
    started = time.monotonic()
    events = run(Fleet([first, second], clocks=FAST))
    assert time.monotonic() - started < patient(1.5)
    assert shown(events) == "From B."
    assert attempts(events) == [("A", 1), ("B", 2)]
    assert done(events).attempts == 2
    assert [f.provider for f in done(events).failures] == ["anthropic"]


@pytest.mark.parametrize(
    "fault", ["overload_mid", "cut", "cut_line", "cut_utf8", "malformed", "stall_mid", "no_reason"]
)
def test_what_fails_in_mid_answer_starts_anew_and_is_never_joined(
    first: AIProvider, second: AIProvider, llm: FakeLLM, fault: str
) -> None:
    llm.script(Script(model="A", answer="one two three four", fault=fault), Script(model="B", answer="five six seven"))
    events = run(Fleet([first, second], clocks=FAST))
    before = events[: events.index(Attempt("openai", "B", 2))]
    assert "one two three" in shown(before), "the customer saw it begin"
    assert shown(events) == "five six seven"
    assert done(events).model == "B"


def test_a_short_wait_is_waited_for(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(model="A", fault="429", retry_after=0.4), Script(model="A", answer="From A."))
    started = time.monotonic()
    events = run(Fleet([first, second]))
    assert time.monotonic() - started >= 0.4
    assert shown(events) == "From A."
    assert attempts(events) == [("A", 1), ("A", 2)]


def test_a_short_wait_is_waited_for_only_once(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(model="A", fault="529", retry_after=0.05, times=9), Script(model="B", answer="From B."))
    assert attempts(run(Fleet([first, second]))) == [("A", 1), ("A", 2), ("B", 3)]


def test_a_long_wait_is_for_others(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(model="A", fault="429", retry_after=30), Script(model="B", answer="From B.", times=2))
    fleet = Fleet([first, second])
    started = time.monotonic()
    assert attempts(run(fleet)) == [("A", 1), ("B", 2)]
    assert attempts(run(fleet)) == [("B", 1)], "A is left out for 30 s"
    assert time.monotonic() - started < patient(2)


def test_a_lonely_provider_is_asked_once_more_after_a_pause(first: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(fault="500"), Script(answer="After all."))
    started = time.monotonic()
    events = run(Fleet([first]))
    assert shown(events) == "After all."
    assert time.monotonic() - started > 0.25


def test_two_providers_are_each_asked_before_one_is_asked_again(
    first: AIProvider, second: AIProvider, llm: FakeLLM
) -> None:
    llm.default = Script(fault="500")
    error = exhausted(Fleet([first, second]))
    assert [f.model for f in error.failures] == ["A", "B", "A"]
    assert error.attempts == 3
    assert error.wasted.input_tokens > 0
    assert "answered 500" in str(error)


@pytest.mark.parametrize("fault", ["401", "400"])
def test_what_asking_again_cannot_mend_is_not_asked_again(first: AIProvider, llm: FakeLLM, fault: str) -> None:
    llm.default = Script(fault=fault)
    assert exhausted(Fleet([first])).attempts == 1


def test_a_provider_with_wrong_settings_is_left_alone(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(model="A", fault="401"), Script(model="B", times=5))
    fleet = Fleet([first, second])
    run(fleet)
    assert attempts(run(fleet)) == [("B", 1)]
    assert [(h.provider, h.state) for h in fleet.health()] == [("anthropic", "config"), ("openai", "closed")]


def test_a_provider_that_keeps_failing_is_left_out_and_tried_again_later(
    first: AIProvider, second: AIProvider, llm: FakeLLM
) -> None:
    now = [1_000_000.0]
    llm.script(*[Script(model="A", fault="529") for _ in range(5)])
    fleet = Fleet([first, second], Breakers(clock=lambda: now[0]))
    for _ in range(5):
        assert attempts(run(fleet))[0] == ("A", 1)
    assert attempts(run(fleet)) == [("B", 1)]
    now[0] += 10.5
    assert attempts(run(fleet)) == [("A", 1)]
    assert fleet.health()[0].state == "closed"


def test_when_all_are_left_out_a_person_takes_over_at_once(first: AIProvider, llm: FakeLLM) -> None:
    breakers = Breakers()
    for _ in range(5):
        breakers.of("anthropic", "A").failure("answered 529")
    started = time.monotonic()
    error = exhausted(Fleet([first], breakers))
    assert time.monotonic() - started < patient(0.1)
    assert [(f.kind, f.reason) for f in error.failures] == [("left_out", "left out since: answered 529")]
    assert llm.requests == []


def test_requests_that_are_our_fault_never_open_a_breaker(first: AIProvider, llm: FakeLLM) -> None:
    llm.default = Script(fault="400")
    fleet = Fleet([first])
    for _ in range(7):
        exhausted(fleet)
    assert fleet.health()[0].state == "closed"
