"""Who is asked at all, what it cost, and what is known of how they are."""

from __future__ import annotations

import threading
import time

from bot.ai import (
    AICapability,
    AIProvider,
    Prompt,
    PromptMessage,
    Usage,
)
from bot.breaker import Breakers
from bot.fleet import Fleet, FleetExhausted, in_order
from bot.knowledge import Passage
from plugins.providers import offline
from tests.fakes.llm import FakeLLM, Script
from tests.fleet.asking import PROMPT, Scripted, attempts, done, exhausted, run, says, shown
from tests.patience import patient


def test_no_provider_at_all_is_said(llm: FakeLLM) -> None:
    assert str(exhausted(Fleet([]))) == "no AI provider is on"


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
    fleet = Fleet([first, offline.Offline()], total_budget=patient(0.3), quote_when_failing=True)
    assert done(run(fleet, QUESTION)).quotes
    llm.default = Script(fault="401")
    assert done(run(fleet, QUESTION)).quotes
    assert attempts(run(fleet, QUESTION)) == [("quotes", 1)]


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
    assert 0.2 <= one.first_token < patient(1)
    assert (two.answers, two.failures) == (1, 0)


def test_warming_imports_in_the_background_and_survives_a_broken_plugin(llm: FakeLLM) -> None:
    warmed = threading.Event()

    class Cold(Scripted):
        def warm(self) -> None:
            warmed.set()
            raise ImportError("no such SDK")

    fleet = Fleet([Cold(says("hello"))], warm=True)
    assert warmed.wait(patient(2))
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
        thread.join(patient(30))
    assert len(found) + len(lost) == 80
    wrong = {
        n: text for n, text in found.items() if text.strip() != f"Answer to number {n}, " + ("and so on " * 15).strip()
    }
    assert wrong == {}
    assert len(found) > 70


def test_offline_says_what_it_is() -> None:
    assert AICapability.QUOTES in offline.Offline().capabilities
