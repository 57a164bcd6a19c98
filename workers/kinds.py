"""Every kind of job there is now: those of the core and those of the plugins that are on."""

from __future__ import annotations

from bot.events import JobSpec
from bot.housekeeping import core_jobs
from bot.plugins import registry


def kinds() -> dict[str, JobSpec]:
    """By name. A plugin cannot replace a kind of the core, nor one of a plugin that was asked before it."""
    found = core_jobs()
    for _plugin, specs in registry().snapshot().each("jobs"):
        for spec in specs:
            found.setdefault(spec.kind, spec)
    return found
