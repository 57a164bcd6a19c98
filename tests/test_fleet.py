"""The fleet against real providers and a model server that misbehaves: one answer, or the reasons why there is none."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest
import structlog

from bot.ai import (
    AICapability,
    AIProvider,
    Clocks,
    Delta,
    End,
    Prompt,
    PromptMessage,
    ProviderError,
    ProviderErrorKind,
    Text,
    ToolCall,
    Usage,
)
from bot.breaker import Breakers
from bot.fleet import Attempt, Done, Fleet, FleetEvent, FleetExhausted, in_order
from bot.knowledge import Passage
from plugins.providers import anthropic, offline, openai
from tests.fakes.llm import FakeLLM, Script

FAST = Clocks(connect=1.0, first_token=0.6, between_tokens=0.6, total=10.0)
PROMPT = Prompt(system="You help.", messages=(PromptMessage("user", "How long do refunds take?"),))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as fake:
        yield fake


@pytest.fixture
def first(llm: FakeLLM) -> Iterator[AIProvider]:
    """Anthropic, whose model the scripts call ``A``."""
    provider = anthropic.ai_provider(anthropic.AnthropicSettings(key="k", model="A", base_url=llm.url))
    provider.warm()
    yield provider
    provider.close()


@pytest.fixture
def second(llm: FakeLLM) -> Iterator[AIProvider]:
    """OpenAI, whose model the scripts call ``B``."""
    provider = openai.ai_provider(openai.OpenAISettings(key="k", model="B", base_url=llm.openai_url))
    provider.warm()
    yield provider
    provider.close()


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


def test_the_first_provider_answers(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="In 5 days. [1]", usage=(100, 20), conclude={"confidence": 0.8}))
    events = run(Fleet([first, second]))
    assert shown(events) == "In 5 days. [1]"
    assert ToolCall("conclude", {"confidence": 0.8}) in events
    end = done(events)
    assert (end.provider, end.model, end.end, end.attempts) == ("anthropic", "A", "tool", 1)
    assert (end.usage, end.wasted, end.failures) == (Usage(100, 20), Usage(), ())
    assert 0 < end.first_token < 2
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
    assert time.monotonic() - started < 1.5
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
    assert time.monotonic() - started < 2


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
    assert time.monotonic() - started < 0.1
    assert [(f.kind, f.reason) for f in error.failures] == [("left_out", "left out since: answered 529")]
    assert llm.requests == []


def test_requests_that_are_our_fault_never_open_a_breaker(first: AIProvider, llm: FakeLLM) -> None:
    llm.default = Script(fault="400")
    fleet = Fleet([first])
    for _ in range(7):
        exhausted(fleet)
    assert fleet.health()[0].state == "closed"


def test_no_provider_at_all_is_said(llm: FakeLLM) -> None:
    assert str(exhausted(Fleet([]))) == "no AI provider is on"


def test_slow_tokens_end_with_the_total_clock(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(model="A", answer="slow " * 100, tokens_per_second=20), Script(model="B", answer="From B."))
    clocks = {"anthropic": Clocks(first_token=2, between_tokens=2, total=0.7)}
    started = time.monotonic()
    events = run(Fleet([first, second], provider_clocks=clocks))
    assert shown(events) == "From B."
    assert time.monotonic() - started < 1.6
    assert "not complete after 0.7 s" in done(events).failures[0].reason


def test_the_fleet_has_a_budget_for_the_first_word(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.default = Script(fault="stall_first")
    started = time.monotonic()
    error = exhausted(Fleet([first, second], clocks=FAST, total_budget=0.8))
    assert 0.7 < time.monotonic() - started < 1.4
    assert error.attempts == 2


def test_an_answer_that_has_begun_may_outlast_the_budget(first: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="word " * 20, tokens_per_second=20))
    events = run(Fleet([first], total_budget=0.4))
    assert shown(events).count("word") == 20


def test_a_slow_reader_is_not_the_providers_fault(first: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three four"))
    seen = []
    for event in Fleet([first], clocks=Clocks(first_token=0.3, between_tokens=0.2)).stream(PROMPT):
        seen.append(event)
        if isinstance(event, Text) and len(seen) < 4:
            time.sleep(0.5)
    assert shown(seen) == "one two three four"


@pytest.mark.parametrize("fault", ["stall_headers", "stall_first", "stall_mid"])
def test_stop_ends_a_silent_stream_at_once_and_blames_nobody(first: AIProvider, llm: FakeLLM, fault: str) -> None:
    llm.script(Script(answer="one two three four", fault=fault))
    fleet = Fleet([first])
    stream = fleet.stream(PROMPT)
    timer = threading.Timer(0.3, stream.stop)
    timer.start()
    started = time.monotonic()
    events = list(stream)
    assert time.monotonic() - started < 1.0
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
    assert time.monotonic() - started < 1.0
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
    assert llm.wait_ended(1, timeout=2)[0]["outcome"] == "client gone"


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


QUESTION = Prompt(
    system="",
    messages=(PromptMessage("user", "How long do refunds take?"),),
    passages=(Passage(id="1", article_id="a", title="Refunds", text="Refunds take 5 days. We like tents."),),
)


def test_quotes_are_for_when_there_is_no_model(first: AIProvider, llm: FakeLLM) -> None:
    events = run(Fleet([offline.Offline()]), QUESTION)
    assert shown(events).startswith("I am the offline assistant.")
    assert "Refunds take 5 days." in shown(events)
    assert done(events).quotes
    assert done(events).usage == Usage()


def test_quotes_do_not_answer_while_a_model_can(first: AIProvider, llm: FakeLLM) -> None:
    fleet = Fleet([offline.Offline(), first], quote_when_failing=True)
    assert done(run(fleet, QUESTION)).model == "A"


def test_quotes_are_the_last_resort_where_that_is_wanted(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.default = Script(fault="500")
    providers = [offline.Offline(), first, second]
    events = run(Fleet(providers, quote_when_failing=True), QUESTION)
    assert attempts(events) == [("A", 1), ("B", 2), ("A", 3), ("quotes", 4)]
    assert done(events).quotes
    assert len(exhausted(Fleet(providers)).failures) == 3


def test_quotes_come_also_when_time_is_up_or_all_are_left_out(first: AIProvider, llm: FakeLLM) -> None:
    llm.default = Script(fault="stall_first")
    fleet = Fleet([first, offline.Offline()], total_budget=0.3, quote_when_failing=True)
    assert done(run(fleet, QUESTION)).quotes
    llm.default = Script(fault="401")
    assert done(run(fleet, QUESTION)).quotes
    assert attempts(run(fleet, QUESTION)) == [("quotes", 1)]


def test_a_provider_that_hangs_is_left_behind(second: AIProvider, llm: FakeLLM) -> None:
    release = threading.Event()

    def hangs() -> Iterator[Delta]:
        yield Text("I was about to")
        release.wait(20)

    events = run(Fleet([Scripted(hangs), second], clocks=FAST))
    assert attempts(events) == [("s", 1), ("B", 2)]
    assert "no further token for 0.6 s" in done(events).failures[0].reason
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


def test_a_provider_that_was_switched_off_meanwhile_is_not_asked(
    first: AIProvider, second: AIProvider, llm: FakeLLM
) -> None:
    events = list(Fleet([first, second]).stream(PROMPT, permit=lambda provider: provider is second))
    assert attempts(events) == [("B", 1)]
    assert [f.kind for f in done(events).failures] == ["off"]


def test_what_a_provider_does_not_count_is_estimated(second: AIProvider) -> None:
    prompt = Prompt(system="x" * 400, messages=(PromptMessage("user", "y" * 400),))
    end = done(run(Fleet([Scripted(says("z" * 400))]), prompt))
    assert end.usage == Usage(500, 100)


def test_failed_attempts_cost_too(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(
        Script(model="A", answer="word " * 40, fault="cut", after=40, usage=(1_000, 9)),
        Script(model="B", usage=(50, 5)),
    )
    end = done(run(Fleet([first, second])))
    assert end.usage == Usage(50, 5)
    assert end.wasted == Usage(1_000, len("word " * 40) // 4)


def test_order_is_as_configured_and_then_by_name() -> None:
    providers = [Scripted(says(""), name) for name in ("d", "b", "a", "c", "b")]
    providers[1].model = "b2"
    assert [p.name for p in in_order(providers, ("c", "missing", "a"))] == ["c", "a", "b", "b", "d"]
    assert [p.model for p in in_order(providers) if p.name == "b"] == ["b2", "s"]


def test_health_tells_the_state_and_the_speed(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    llm.script(Script(model="A", first_token_after=0.2), Script(model="A", fault="401"))
    fleet = Fleet([first, second])
    run(fleet)
    run(fleet)
    one, two = fleet.health()
    assert (one.provider, one.model, one.state, one.answers, one.failures) == ("anthropic", "A", "config", 1, 1)
    assert one.first_token is not None
    assert 0.2 <= one.first_token < 1
    assert (two.answers, two.failures) == (1, 0)


def test_warming_imports_in_the_background_and_survives_a_broken_plugin(llm: FakeLLM) -> None:
    warmed = threading.Event()

    class Cold(Scripted):
        def warm(self) -> None:
            warmed.set()
            raise ImportError("no such SDK")

    fleet = Fleet([Cold(says("hello"))], warm=True)
    assert warmed.wait(2)
    assert shown(run(fleet)) == "hello"


def test_a_crowd_of_turns_shares_one_fleet(first: AIProvider, second: AIProvider, llm: FakeLLM) -> None:
    """Each turn gets exactly its own answer, though every seventh request fails in one way or another."""
    from tests.fakes.llm import FaultPlan

    llm.default = Script(answer="Answer to {question} " + "and so on " * 15, tokens_per_second=100)
    llm.plan = FaultPlan(seed=7, rate=0.15, faults=("429", "500", "529", "overload_mid", "cut", "drop", "cut_line"))
    fleet = Fleet([first, second], Breakers())
    found: dict[int, str] = {}
    lost: list[int] = []

    def turn(n: int) -> None:
        prompt = Prompt(system="s", messages=(PromptMessage("user", f"number {n},"),))
        time.sleep(n / 60)
        try:
            found[n] = shown(run(fleet, prompt))
        except FleetExhausted:
            lost.append(n)

    threads = [threading.Thread(target=turn, args=(n,)) for n in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) + len(lost) == 80
    wrong = {
        n: text for n, text in found.items() if text.strip() != f"Answer to number {n}, " + ("and so on " * 15).strip()
    }
    assert wrong == {}
    assert len(found) > 70


def test_errors_of_the_contract_keep_their_kind(second: AIProvider, llm: FakeLLM) -> None:
    def limited() -> Iterator[Delta]:
        raise ProviderError(ProviderErrorKind.RATE_LIMITED, "answered 429", retry_after=60, status=429)
        yield Text("")

    fleet = Fleet([Scripted(limited), second])
    failure = done(run(fleet)).failures[0]
    assert (failure.kind, failure.status) == ("rate_limited", 429)
    assert fleet.health()[0].state == "open"


def test_offline_says_what_it_is() -> None:
    assert AICapability.QUOTES in offline.Offline().capabilities
