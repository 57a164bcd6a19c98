"""Looks at providers while nobody waits: at those that are left out or idle, once a minute, and never by a question that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import structlog

from bot import clock, fleet_probes, plugins
from bot.ai import AICapability, AIProvider, ProviderError, ProviderErrorKind
from bot.breaker import Breakers
from bot.fleet import Fleet
from bot.fleet_building import BreakerRows
from bot.fleet_health import Recorder, lately
from bot.fleet_probes import last_probes, probe
from bot.housekeeping import core_jobs
from bot.provider_list import provider_lines
from plugins.providers import offline
from tests.fakes.llm import FakeLLM
from tests.patience import patient


class Looked(AIProvider):
    """Counts the looks at it, and fails them as told."""

    name: ClassVar[str] = "looked"

    def __init__(self, name: str) -> None:
        self.name, self.model = name, "m"  # type: ignore[misc]
        self.capabilities = frozenset({AICapability.TOOLS})
        self.looks = 0
        self.error: BaseException | None = None

    def check(self) -> None:
        self.looks += 1
        if self.error is not None:
            raise self.error


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def members(store: Any, monkeypatch: pytest.MonkeyPatch) -> list[Looked]:
    members = [Looked("a"), Looked("b")]
    fleet = Fleet([*members, offline.Offline()], Breakers(BreakerRows()))
    monkeypatch.setattr(fleet_probes, "current_fleet", lambda: fleet)
    return members


def later(monkeypatch: pytest.MonkeyPatch, seconds: float = 61.0) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + seconds)


def test_idle_ones_are_looked_at_once_a_minute(members: list[Looked], monkeypatch: pytest.MonkeyPatch) -> None:
    probe()
    probe()
    assert [one.looks for one in members] == [1, 1]
    later(monkeypatch)
    probe()
    assert [one.looks for one in members] == [2, 2]
    assert {name: one.ok for name, one in last_probes().items()} == {"a/m": True, "b/m": True}


def test_who_is_busy_and_well_is_left_in_peace(members: list[Looked], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.fleet_health.FLUSH", 0.0)
    recorder = Recorder()
    recorder.note("a/m", "ok", 0.1, 0.2)
    recorder.flush()
    import time

    until = time.monotonic() + patient(5)
    while "a/m" not in lately() and time.monotonic() < until:
        time.sleep(0.02)
    probe()
    assert [one.looks for one in members] == [0, 1]


def test_a_look_at_who_is_left_out_brings_the_trial_forward(members: list[Looked], store: Any) -> None:
    fleet = fleet_probes.current_fleet()
    breaker = fleet.breaker("a", "m")
    for _ in range(5):
        breaker.failure("down")
    members[1].error = ProviderError(ProviderErrorKind.CONFIG, "answered 401 (invalid_api_key)")
    probe()
    assert breaker.state == "half-open"
    assert fleet.breaker("b", "m").state == "config"
    assert last_probes()["b/m"].reason == "answered 401 (invalid_api_key)"
    # Another process knows it, too.
    assert Breakers(BreakerRows()).of("b", "m").state == "config"


@pytest.mark.parametrize("error", [SystemExit(3), RuntimeError("the plugin's own")])
def test_a_plugin_that_breaks_in_a_look_breaks_nothing_else(members: list[Looked], error: BaseException) -> None:
    members[0].error = error
    probe()
    assert members[1].looks == 1 and not last_probes()["a/m"].ok
    assert last_probes()["a/m"].reason == f"the plugin raised {type(error).__name__}"


def test_one_that_hangs_is_as_if_it_did_not_answer(members: list[Looked], monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(fleet_probes, "WITHIN", patient(0.3))
    held = threading.Event()
    monkeypatch.setattr(members[0], "check", lambda: held.wait(20))
    probe()
    held.set()
    assert last_probes()["a/m"].reason == f"did not answer within {patient(0.3):g} s" and last_probes()["b/m"].ok


def test_they_can_be_switched_off(members: list[Looked], environment: Callable[..., None]) -> None:
    environment(DESKHAND_PROVIDER_PROBES="false")
    probe()
    assert [one.looks for one in members] == [0, 0]
    environment(DESKHAND_PROVIDER_PROBES=None)


def test_the_worker_looks_at_real_providers_and_the_list_tells(
    store: Any, llm: FakeLLM, environment: Callable[..., None]
) -> None:
    environment(OPENAI_API_KEY="sk-wrong", OPENAI_BASE_URL=llm.openai_url)
    llm.key = "sk-right"
    registry = plugins.load_plugins("worker")
    core_jobs()["providers.probe"].run("")
    line = next(one for one in provider_lines(registry) if one.name == "openai")
    plugins.forget_plugins()
    assert line.state == "config" and "UTC: answered 401" in line.probe
    assert not llm.requests  # nothing that costs was asked
