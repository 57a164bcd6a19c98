"""All providers as an admin sees them: in the order in which they are asked, with their health, their price and why they are off."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot import prices
from bot.fleet_building import keeper_of
from bot.fleet_health import lately
from bot.fleet_probes import last_probes
from bot.plugin_settings import show
from bot.provider_rows import HOOK, provider_rows, why_off
from bot.switches import Switch

if TYPE_CHECKING:
    from bot.plugins import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One provider. Times in seconds, of the last 15 minutes and of all processes."""

    name: str
    plugin: str
    model: str = ""
    added: bool = False
    """By an admin; else it comes from its plugin's own settings."""
    source: str = ""
    """Where its key and address come from: ``stored``, or the names of environment variables; empty when it needs none."""
    on: bool = True
    why: str = ""
    """Why it is off."""
    state: str = ""
    reason: str = ""
    tasks: tuple[str, ...] = ()
    """What it is asked for only; empty: everything."""
    cheap: bool = False
    price: str = ""
    first_token: float | None = None
    first_token_p95: float | None = None
    total: float | None = None
    total_p95: float | None = None
    error_rate: float | None = None
    attempts: int = 0
    probe: str = ""
    """When it was last looked at without a customer waiting, and what came of it."""


def provider_lines(registry: Registry) -> list[Line]:
    """Those that are on, in the order of the answers; then those that are off, by name."""
    keeper = keeper_of(registry)
    snapshot = registry.fresh()
    fleet = keeper.fleet(snapshot)
    members = {id(member.provider): member for member in keeper.members}
    tallies, probes = lately(), last_probes()
    lines = []
    for provider, health in zip(fleet.providers, fleet.health(tallies), strict=True):
        member = members[id(provider)]
        price = prices.price_of(provider.name, provider.model)
        probe = probes.get(f"{provider.name}/{provider.model}")
        lines.append(
            Line(
                name=provider.name, plugin=member.plugin, model=provider.model, added=member.row is not None, state=health.state,
                source=_source(registry, member.plugin) if member.row is None else "",
                reason=health.reason, tasks=tuple(sorted(fleet.settings.tasks.get(provider.name, ()))), cheap=fleet.is_cheap(provider),
                price=f"${price.input:g} in, ${price.output:g} out" if price is not None and (price.input or price.output) else "",
                first_token=health.first_token, first_token_p95=health.first_token_p95, total=health.total, total_p95=health.total_p95,
                error_rate=health.error_rate, attempts=health.answers + health.failures,
                probe="" if probe is None or probe.ok else f"looked at {time.strftime('%H:%M', time.gmtime(probe.at))} UTC: {probe.reason}",
            )
        )  # fmt: skip
    there = {line.name for line in lines}
    off = [
        Line(
            name=row.name,
            plugin=row.plugin,
            added=True,
            on=False,
            why=why_off(registry, row) or "its plugin did not make it",
        )
        for row in provider_rows()
        if row.name not in there
    ]
    made_by = {line.plugin for line in lines if not line.added}
    off += [
        Line(
            name=one.name, plugin=one.name, on=False, why="switched off" if one.name in fleet.settings.off else one.why
        )
        for one in snapshot.status()
        if HOOK in one.hooks and one.name not in made_by
    ]
    return lines + sorted(off, key=lambda line: line.name)


def _source(registry: Registry, name: str) -> str:
    """Where the settings come from that somebody had to give."""
    plugin = registry.plugins.get(name)
    if plugin is None:
        return ""
    stored = registry.snapshot().switches.get(name, Switch()).stored()
    given = dict.fromkeys(view.source for view in show(plugin, stored) if view.source not in {"default", "missing"})
    return ", ".join(given)


def known_names(registry: Registry) -> list[str]:
    """The names of all providers, also of those that are off."""
    return sorted({line.name for line in provider_lines(registry)})
