"""Switching plugins and providers on and off in words: the same for the command line and for admins at a desk.

What is refused is refused before anything is changed, with a sentence that says what to do instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot import switches
from bot.discovery import Plugin, did_you_mean
from bot.fleet_settings import FleetRefused, set_off
from bot.provider_rows import HOOK, find_row, provider_rows, switch_provider
from bot.switches import Switch

if TYPE_CHECKING:
    from bot.plugins import Registry

SEE = "See deskhand plugins list."
REQUIRED = "It was required: from now on texts leave this house without it."


class SwitchRefused(Exception):
    """Nothing was changed. A sentence: what is wrong, and what to do."""


def found_plugin(registry: Registry, name: str) -> Plugin:
    """The plugin of this name. Raises :class:`SwitchRefused`, also for one that is broken."""
    found = registry.plugins.get(name)
    if found is not None:
        return found
    broken = next((one for one in registry.broken if one.name == name), None)
    if broken is not None:
        raise SwitchRefused(f"{name} ({broken.place}) cannot be used. {broken.reason}")
    raise SwitchRefused(f"No plugin is called {name[:40]}.{did_you_mean(name, list(registry.plugins))} {SEE}")


def is_required(registry: Registry, name: str) -> bool:
    """Whether nothing goes on without it. One that is required and broken keeps everything closed: it can be switched off, too."""
    lost = any(one.name == name and one.required for one in registry.broken)
    return lost or found_plugin(registry, name).info.required


def plugin_on(registry: Registry, name: str, *, actor: str) -> None:
    """Switch it on, and forgive its failures. How it is then: :func:`plugin_now`. Raises :class:`SwitchRefused`."""
    found_plugin(registry, name)
    switches.switch(name, True, actor=actor)


def plugin_off(registry: Registry, name: str, *, actor: str) -> str:
    """Switch it off; returns what that means. Its settings stay. Raises :class:`SwitchRefused`."""
    required = is_required(registry, name)
    switches.switch(name, False, actor=actor)
    return f"{name} is off." + (f" {REQUIRED}" if required else "")


def plugin_now(registry: Registry, name: str) -> list[str]:
    """How a plugin is after it was switched on: sentences. Not inside the write that switches it."""
    row = next(row for row in registry.fresh().status() if row.name == name)
    if row.on:
        return [f"{name} is on."]
    lines = [f"{name} is not on: {row.why}."]
    if row.why.startswith("needs "):
        lines.append(f"Set what it needs by: deskhand plugins set {name} NAME=VALUE (NAME alone asks for it).")
    return lines


def switch_one_provider(name: str, on: bool, known: Iterable[str], *, actor: str) -> None:
    """Ask a provider, or do not any more. ``known`` are the names of all. Raises :class:`FleetRefused`."""
    if find_row(name) is not None or name not in known:
        switch_provider(name, on, actor=actor)
        return
    set_off(name, not on, actor=actor)
    state = switches.load()[1].get(name, Switch())
    if on and (state.enabled is False or state.off_reason):  # its plugin is off altogether
        switches.switch(name, True, actor=actor)


def checked_names(names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that no provider has. Raises :class:`FleetRefused`."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise FleetRefused(
            f"No AI provider is called {unknown[0][:40]}.{did_you_mean(unknown[0], list(known))} There are: {', '.join(known)}."
        )


def provider_names(registry: Registry) -> list[str]:
    """All names, without making a provider: those that were added, and one for each plugin that makes them."""
    made = [plugin.name for plugin in registry.plugins.values() if HOOK in plugin.hooks]
    return sorted({*made, *(row.name for row in provider_rows())})
