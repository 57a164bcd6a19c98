"""Looking at providers while no customer waits: those that are left out, and those that nobody asked lately. A job, once a minute."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import structlog

from bot import clock, fleet_health
from bot.ai import AICapability, AIProvider, ProviderError, ProviderErrorKind
from bot.config import config
from bot.events import JobSpec
from bot.fleet import Fleet
from bot.fleet_building import current_fleet
from bot.store import read, sql, write

log = structlog.get_logger("fleet")

EVERY = 60.0
"""Seconds between two looks, and between two looks at one provider."""
WITHIN = 12.0
"""Seconds a look may take. Who takes longer is as if it did not answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The last look at a provider."""

    at: float
    ok: bool
    reason: str


def spec() -> JobSpec:
    """The job."""
    return JobSpec(kind="providers.probe", run=probe, every=EVERY, timeout=120.0)


def last_probes() -> dict[str, Probe]:
    """By ``provider/model``."""
    rows = read(lambda: sql("SELECT name, at, ok, reason FROM provider_probe").fetchall())
    return {name: Probe(at, bool(ok), reason) for name, at, ok, reason in rows}


def probe(_ref: str = "") -> None:
    """Look at those that need it, all at once, and tell their breakers. Safe to run twice: each is looked at once a minute at most."""
    write(fleet_health.forget_old)
    if not config().provider_probes:
        return
    fleet = current_fleet()
    due = _due(fleet)
    found: dict[int, ProviderError | None] = {}
    threads = [threading.Thread(target=_look, args=(one, found), name=f"probe-{one.name}", daemon=True) for one in due]
    for thread in threads:
        thread.start()
    until = clock.now() + WITHIN
    for thread in threads:
        thread.join(max(0.0, until - clock.now()))
    late = ProviderError(ProviderErrorKind.TEMPORARY, f"did not answer within {WITHIN:g} s")
    for provider in due:
        _settle(fleet, provider, found.get(id(provider), late))


def _due(fleet: Fleet) -> list[AIProvider]:
    """Who is left out or was idle, and not looked at in the last minute. That one is due is written down first, so that two workers
    never look at the same time."""
    asked = fleet_health.lately()
    wanted = [
        one
        for one in fleet.providers
        if AICapability.QUOTES not in one.capabilities
        and (fleet.breaker(one.name, one.model).state != "closed" or f"{one.name}/{one.model}" not in asked)
    ]
    return [one for one in wanted if write(lambda one=one: _claim(f"{one.name}/{one.model}"))]  # type: ignore[misc]


def _claim(name: str) -> bool:
    now = clock.now()
    return bool(
        sql(
            "INSERT INTO provider_probe (name, at, ok, reason) VALUES (?, ?, ?, '')"
            " ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE provider_probe.at <= ? RETURNING name",
            (name, now, True, now - EVERY * 0.9),
        ).fetchone()
    )


def _look(provider: AIProvider, found: dict[int, ProviderError | None]) -> None:
    """In a thread of its own, which is left behind when the provider hangs."""
    try:
        provider.check()
    except ProviderError as error:
        found[id(provider)] = error
    except BaseException as broken:  # a plugin's SystemExit must not end the thread without a word
        found[id(provider)] = ProviderError(ProviderErrorKind.TEMPORARY, f"the plugin raised {type(broken).__name__}")
    else:
        found[id(provider)] = None


def _settle(fleet: Fleet, provider: AIProvider, error: ProviderError | None) -> None:
    name = f"{provider.name}/{provider.model}"
    fleet.breaker(provider.name, provider.model).probed(error)
    reason = "" if error is None else str(error)[:300]
    if error is not None:
        log.warning("probe_failed", provider=provider.name, model=provider.model, kind=error.kind.value, reason=reason)
    write(lambda: sql("UPDATE provider_probe SET ok = ?, reason = ? WHERE name = ?", (error is None, reason, name)))
