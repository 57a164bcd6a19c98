"""How providers were lately: counted by the minute, written down now and then, read together for all processes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot import clock, fleet_health
from bot.ai import AIProvider, ProviderError, ProviderErrorKind
from bot.breaker import Breakers
from bot.fleet import Fleet
from bot.fleet_building import BreakerRows
from bot.fleet_health import KEPT, Recorder, Tally, lately
from bot.fleet_metrics import FleetCollector
from tests.fakes.llm import FakeLLM, Script
from tests.fleet.asking import run
from tests.patience import patient, wait_for


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_health, "FLUSH", 0.01)


def test_percentiles_are_right_to_five_percent() -> None:
    tally = Tally()
    for hundredth in range(1, 1_001):
        tally.note("ok", hundredth / 100, hundredth / 50)
    assert tally.first_token(0.5) == pytest.approx(5.0, rel=0.05)
    assert tally.first_token(0.95) == pytest.approx(9.5, rel=0.05)
    assert tally.whole(0.95) == pytest.approx(19.0, rel=0.05)
    assert Tally().first_token(0.5) is None and Tally().error_rate is None


def test_what_was_our_fault_says_nothing_of_the_provider() -> None:
    tally = Tally()
    for outcome in ("ok", "temporary", "request", "request"):
        tally.note(outcome)
    assert (tally.error_rate, tally.failures, tally.answers) == (0.5, 1, 1)


def test_a_tally_survives_being_written() -> None:
    tally = Tally()
    tally.note("ok", 0.3, 1.2)
    tally.note("rate_limited")
    assert Tally.read(tally.dump()) == tally


def test_what_all_processes_saw_is_added_up(store: Any, quick: None) -> None:
    one, other = Recorder(), Recorder()
    other._process = "another"
    for recorder in (one, other):
        for _ in range(3):
            recorder.note("a/m", "ok", 0.5, 1.0)
        recorder.note("a/m", "temporary")
    tally = wait_for(lambda: (found := lately().get("a/m")) and found.attempts == 8 and found, 5)
    assert (tally.answers, tally.error_rate) == (6, 0.25)
    assert tally.first_token(0.5) == pytest.approx(0.5, rel=0.05)


def test_only_the_last_quarter_of_an_hour_counts_and_the_rest_is_forgotten(store: Any, quick: None) -> None:
    def rows() -> int:
        """Of this test's own provider: a recorder of a test before this one may still write what it has seen."""
        return store.read(lambda: store.ProviderMinute.select().where(store.ProviderMinute.name == "old/m").count())

    Recorder(lambda: clock.now() - 1_000).note("old/m", "temporary")
    Recorder(lambda: clock.now() - KEPT - 120).note("old/m", "temporary")
    Recorder().note("old/m", "ok", 0.1, 0.2)
    wait_for(lambda: rows() == 3, 5)
    assert lately()["old/m"].error_rate == 0.0
    store.write(fleet_health.forget_old)
    assert rows() == 2


def test_a_broken_row_is_no_row(store: Any, quick: None) -> None:
    Recorder().note("a/m", "ok", 0.1, 0.2)
    wait_for(lately, 5)
    minute = int(clock.now() // 60)
    store.write(lambda: store.ProviderMinute.create(id="x", minute=minute, name="a/m", data="not json"))
    store.write(lambda: store.ProviderMinute.create(id="y", minute=minute, name="a/m", data="[1,2,3]"))
    assert lately()["a/m"].answers == 1


def test_a_database_that_is_away_costs_no_answer(
    store: Any, quick: None, first: AIProvider, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise store.StoreUnavailable("away")

    monkeypatch.setattr(fleet_health, "_store", away)
    assert run(Fleet([first], note=Recorder().note))
    time.sleep(0.1)
    # A recorder of a test before this one may still write what it has seen.
    assert f"{first.name}/{first.model}" not in lately()


def test_a_fleet_notes_what_it_sees_and_metrics_show_it(
    store: Any, quick: None, first: AIProvider, second: AIProvider, llm: FakeLLM
) -> None:
    breakers = Breakers(BreakerRows())
    fleet = Fleet([first, second], breakers, note=Recorder().note)
    llm.script(Script(model="A", first_token_after=0.2), Script(model="A", fault="500"), Script(model="A", fault="401"))
    for _ in range(3):
        run(fleet)
    found = wait_for(lambda: (all_ := lately()).get("openai/B") and all_["anthropic/A"].attempts == 3 and all_, 5)
    one, two = fleet.health(found)
    assert (
        one.first_token is not None and 0.19 <= one.first_token < patient(5) and one.error_rate == pytest.approx(2 / 3)
    )
    assert (one.state, two.state, two.error_rate) == ("config", "closed", 0.0)
    shown = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in FleetCollector().collect()
        for sample in family.samples
    }
    assert shown["deskhand_provider_attempts", "anthropic/A", "temporary"] == 1
    assert shown["deskhand_provider_left_out", "anthropic/A", "config"] == 1
    assert shown["deskhand_provider_left_out", "anthropic/A", "open"] == 0
    assert 0.19 <= shown["deskhand_provider_first_token_seconds", "0.5", "anthropic/A"] < patient(5)
    assert ("deskhand_provider_answer_seconds", "0.95", "openai/B") in shown


def test_a_look_lets_the_next_call_be_the_trial_and_is_no_answer_itself() -> None:
    breaker = Breakers().of("a", "m")
    for _ in range(5):
        breaker.failure("down")
    assert breaker.state == "open"
    breaker.probed(ProviderError(ProviderErrorKind.TEMPORARY, "down"))
    assert breaker.state == "open"
    breaker.probed(None)
    assert breaker.state == "half-open" and breaker.allow() and not breaker.allow()
    breaker.success()
    assert breaker.state == "closed"
    breaker.probed(ProviderError(ProviderErrorKind.CONFIG, "wrong key"))
    assert breaker.state == "config"
    breaker.probed(None)
    assert breaker.state == "half-open"
