"""AI providers as any process can tell how they are, from rows alone: without making one, which would import its SDK.

Breakers and measurements are shared by all processes as rows, so this says what ``deskhand providers list`` says, but for prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.breaker import Breaker
from bot.fleet_building import BreakerRows
from bot.fleet_health import Tally, lately
from bot.fleet_settings import fleet_settings
from bot.provider_rows import HOOK, provider_rows, resolved, why_off

if TYPE_CHECKING:
    from bot.plugins import Registry

WELL = {"closed": "well", "open": "left out", "half-open": "on trial", "config": "needs settings"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One provider. ``why`` says why it is off; ``state`` is a breaker's, ``reason`` why it is not well. Seconds."""

    name: str
    plugin: str
    model: str = ""
    added: bool = False
    on: bool = True
    why: str = ""
    state: str = "closed"
    reason: str = ""
    first_token: float | None = None
    error_rate: float | None = None
    attempts: int = 0
    """In the last 15 minutes, of all processes."""


def standings(registry: Registry) -> list[Standing]:
    """Those that are on, in the order in which they are asked for answers; then those that are off, by name. Inside a read."""
    settings, snapshot, tallies = fleet_settings(), registry.fresh(), lately()
    found = []
    for plugin, status in (
        (registry.plugins[one.name], one) for one in snapshot.status() if one.name in registry.plugins
    ):
        if HOOK not in plugin.hooks:
            continue
        why = "switched off" if plugin.name in settings.off else "" if status.on else status.why
        model = str(getattr(snapshot.settings(plugin.name), "model", ""))
        found.append(_standing(plugin.name, plugin.name, model, why, tallies, snapshot.version))
    for row in provider_rows():
        own = resolved(registry, row).settings
        model = str(getattr(own, "model", ""))
        found.append(
            _standing(row.name, row.plugin, model, why_off(registry, row), tallies, snapshot.version, added=True)
        )
    places = {name: place for place, name in enumerate(settings.order("answer"))}
    return sorted(found, key=lambda one: (not one.on, places.get(one.name, len(places)), one.name))


def _standing(
    name: str, plugin: str, model: str, why: str, tallies: Mapping[str, Tally], version: int, *, added: bool = False
) -> Standing:
    measured = f"{name}/{model}" if model else next((key for key in tallies if key.startswith(f"{name}/")), f"{name}/")
    tally = tallies.get(measured, Tally())
    breaker = Breaker(measured, BreakerRows(), version=version)
    state = breaker.state
    return Standing(
        name=name, plugin=plugin, model=model, added=added, on=not why, why=why, state=state,
        reason=breaker.reason if state != "closed" else "", first_token=tally.first_token(0.5), error_rate=tally.error_rate,
        attempts=tally.answers + tally.failures,
    )  # fmt: skip
