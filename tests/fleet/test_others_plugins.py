"""Providers of others, written without knowing the fleet: what they break stays with them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from bot.ai import (
    AIProvider,
    Delta,
    ProviderError,
    ProviderErrorKind,
    Text,
)
from bot.fleet import Fleet
from tests.fakes.llm import FakeLLM, Script
from tests.fleet.asking import FAST, Scripted, attempts, done, run, says


def test_a_provider_that_hangs_is_left_behind(second: AIProvider, llm: FakeLLM) -> None:
    release = threading.Event()

    def hangs() -> Iterator[Delta]:
        yield Text("I was about to")
        release.wait(20)

    events = run(Fleet([Scripted(hangs), second], clocks=FAST))
    assert attempts(events) == [("s", 1), ("B", 2)]
    assert f"no further token for {FAST.between_tokens:g} s" in done(events).failures[0].reason
    release.set()


def test_a_provider_that_hangs_before_it_returns_an_iterator_is_left_behind(second: AIProvider, llm: FakeLLM) -> None:
    release = threading.Event()

    def hangs() -> Iterator[Delta]:
        release.wait(20)
        return iter(())

    events = run(Fleet([Scripted(hangs), second], clocks=FAST))
    assert attempts(events) == [("s", 1), ("B", 2)]
    release.set()


def _raises() -> Iterator[Delta]:
    yield Text("half")
    raise RuntimeError("customer 4711 said no")


def _exits() -> Iterator[Delta]:
    sys.exit(3)
    yield Text("")


def _ends_early() -> Iterator[Delta]:
    yield Text("half")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (_raises, "the plugin raised RuntimeError"),
        (_exits, "the plugin raised SystemExit"),
        (_ends_early, "the stream ended without an end marker"),
        (lambda: None, "the plugin raised TypeError"),
    ],
)
@pytest.mark.parametrize("threaded", [True, False])
def test_a_broken_plugin_is_named_and_the_next_one_answers(
    second: AIProvider, llm: FakeLLM, broken: Callable[[], Iterator[Delta]], reason: str, threaded: bool
) -> None:
    provider = Scripted(broken)
    provider.threaded = threaded  # type: ignore[misc]
    events = run(Fleet([provider, second], clocks=FAST))
    assert done(events).model == "B"
    assert done(events).failures[0].reason == reason


def test_an_empty_answer_goes_to_the_next_and_is_not_counted(second: AIProvider, llm: FakeLLM) -> None:
    fleet = Fleet([Scripted(says(" \n")), second])
    for _ in range(6):
        assert done(run(fleet)).model == "B"
    assert fleet.health()[0].state == "closed"


def test_a_call_for_a_person_without_words_is_an_answer(first: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="", conclude={"handoff": {"reason": "asked"}}))
    assert done(run(Fleet([first]))).attempts == 1


def test_a_refusal_is_an_end_and_not_a_failure(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="", conclude=None, finish="refusal"))
    end = done(run(Fleet([first, second])))
    assert (end.end, end.model) == ("refused", "A")


def test_errors_of_the_contract_keep_their_kind(second: AIProvider, llm: FakeLLM) -> None:
    def limited() -> Iterator[Delta]:
        raise ProviderError(ProviderErrorKind.RATE_LIMITED, "answered 429", retry_after=60, status=429)
        yield Text("")

    fleet = Fleet([Scripted(limited), second])
    failure = done(run(fleet)).failures[0]
    assert (failure.kind, failure.status) == ("rate_limited", 429)
    assert fleet.health()[0].state == "open"
