"""AI providers that admins add: the same plugin with another model, key or address, each under a name of its own.

What such a provider does not say itself it takes from the plugin's own settings, so a second model needs only its name. A change counts
from the next answer on, in all processes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot import audit, fleet_settings, store, switches
from bot.clock import now
from bot.discovery import Plugin, did_you_mean
from bot.fleet_settings import FleetRefused
from bot.plugin_settings import Layer, Resolved, SettingRefused, change, is_secret, resolve
from bot.store import Provider

if TYPE_CHECKING:
    from bot.plugins import Registry

HOOK = "ai_provider"
MOST = 50
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """One that was added. ``stored`` holds its own values, secrets sealed."""

    name: str
    plugin: str
    stored: Mapping[str, Any]
    enabled: bool = True
    cheap: bool | None = None
    settings: str = "{}"
    """``stored`` as it is in the row."""

    @property
    def layer(self) -> Layer:
        return Layer(self.name, self.stored)


def provider_rows() -> list[ProviderRow]:
    """All that were added, by name."""
    return store.read(lambda: [_row(one) for one in Provider.select().order_by(Provider.name)])


def _row(one: Any) -> ProviderRow:
    try:
        stored = json.loads(one.settings)
    except ValueError:
        stored = {}
    values = stored if isinstance(stored, dict) else {}
    return ProviderRow(
        name=one.name, plugin=one.plugin, stored=values, enabled=one.enabled, cheap=one.cheap, settings=one.settings
    )


def find_row(name: str) -> ProviderRow | None:
    """The one of this name."""
    return next((row for row in provider_rows() if row.name == name), None)


def resolved(registry: Registry, row: ProviderRow) -> Resolved:
    """Its whole settings: its own values on top of the plugin's, checked; or why there are none."""
    plugin = registry.plugins.get(row.plugin)
    if plugin is None or HOOK not in plugin.hooks:
        return Resolved(None, f"the plugin {row.plugin} is not there")
    return resolve(plugin, _stored_of(registry, plugin), layer=row.layer)


def why_off(registry: Registry, row: ProviderRow) -> str:
    """Why it is not asked now; empty when it is. Its plugin's missing settings do not matter where it has its own."""
    if not row.enabled:
        return "switched off"
    plugin = registry.plugins.get(row.plugin)
    if plugin is None or HOOK not in plugin.hooks:
        return f"the plugin {row.plugin} is not there"
    state = registry.snapshot().switches.get(row.plugin, switches.Switch())
    if state.off_reason:
        return f"its plugin was switched off by Deskhand: {state.off_reason}"
    if state.enabled is False:
        return f"its plugin {row.plugin} is switched off"
    return resolved(registry, row).problem


def _stored_of(registry: Registry, plugin: Plugin) -> dict[str, Any]:
    return registry.snapshot().switches.get(plugin.name, switches.Switch()).stored()


def add_provider(
    registry: Registry, name: str, plugin_name: str, values: Mapping[str, str], *, cheap: bool | None = None, actor: str
) -> None:
    """Add one. Raises :class:`FleetRefused` or :class:`SettingRefused` with a sentence; then nothing was changed."""
    if not _NAME.fullmatch(name):
        raise FleetRefused(
            "Nothing was changed: the name of a provider has 1 to 40 small letters, digits, - and _, and begins with a letter."
        )
    if name in registry.plugins:
        raise FleetRefused(
            f"Nothing was changed: {name} is the name of a plugin. Choose another one, such as {name}-2."
        )
    plugin = _plugin(registry, plugin_name)
    if len(provider_rows()) >= MOST:
        raise FleetRefused(
            f"Nothing was changed: there are {MOST} added providers, which is the most. Remove one first."
        )
    stored = change(plugin, _stored_of(registry, plugin), values, layer=Layer(name, {}))
    problem = resolve(plugin, _stored_of(registry, plugin), layer=Layer(name, stored)).problem
    if problem:
        raise SettingRefused(f"Nothing was changed: {name} {problem}.")
    _refuse_borrowed_key(registry, plugin, name, stored)

    taken = f"Nothing was changed: there is a provider {name} already. Change it with: deskhand providers set {name}"

    def fn() -> None:
        Provider.insert(
            name=name, plugin=plugin_name, settings=_json(stored), cheap=cheap, changed_at=now()
        ).on_conflict_ignore().execute()
        if Provider.get_by_id(name).settings != _json(stored):  # somebody else was faster
            raise FleetRefused(taken)
        audit.record(actor, "provider.add", f"provider:{name}", {"plugin": plugin_name, "settings": sorted(values)})

    if find_row(name) is not None:
        raise FleetRefused(taken)
    switches.change(fn)


def set_provider(
    registry: Registry,
    name: str,
    values: Mapping[str, str],
    unset: Sequence[str] = (),
    *,
    cheap: Callable[[bool | None], bool | None] = lambda before: before,
    actor: str,
) -> None:
    """Change some of its values; ``unset`` ones are as in the plugin's settings again. Raises as :func:`add_provider` does."""
    row = found_row(name)
    plugin = _plugin(registry, row.plugin)
    stored = change(plugin, _stored_of(registry, plugin), values, tuple(unset), layer=row.layer)
    problem = resolve(plugin, _stored_of(registry, plugin), layer=Layer(name, stored)).problem
    if problem:
        raise SettingRefused(f"Nothing was changed: {name} {problem}.")
    _refuse_borrowed_key(registry, plugin, name, stored)

    def fn() -> None:
        same = (Provider.name == name) & (Provider.settings == row.settings)
        changed = {"settings": _json(stored), "cheap": cheap(row.cheap), "changed_at": now()}
        if not Provider.update(**changed).where(same).execute():
            raise FleetRefused(f"Somebody else is changing {name} at the same time. Nothing was changed; try again.")
        audit.record(actor, "provider.set", f"provider:{name}", {"settings": sorted((*values, *unset))})

    switches.change(fn)


def switch_provider(name: str, on: bool, *, actor: str) -> None:
    """Ask it, or do not. Its settings stay."""
    found_row(name)

    def fn() -> None:
        Provider.update(enabled=on, changed_at=now()).where(Provider.name == name).execute()
        audit.record(actor, "provider.on" if on else "provider.off", f"provider:{name}")

    switches.change(fn)


def remove_provider(name: str, *, actor: str) -> None:
    """Forget it with its key, its tasks and its clocks."""
    found_row(name)

    def fn() -> None:
        if store.is_sqlite():
            store.sql("PRAGMA secure_delete = ON")
        Provider.delete().where(Provider.name == name).execute()
        fleet_settings.forget_provider(name)
        audit.record(actor, "provider.remove", f"provider:{name}")

    switches.change(fn)


def found_row(name: str) -> ProviderRow:
    row = find_row(name)
    if row is None:
        names = [one.name for one in provider_rows()]
        there = f" There are: {', '.join(names)}." if names else " None was added yet."
        raise FleetRefused(f"No provider called {name[:40]} was added.{did_you_mean(name, names)}{there}")
    return row


def _refuse_borrowed_key(registry: Registry, plugin: Plugin, name: str, stored: Mapping[str, Any]) -> None:
    """A key of the plugin's own settings belongs to the address there: nobody means to hand it to another server."""
    own = resolve(plugin, _stored_of(registry, plugin)).settings
    if own is None or "base_url" not in stored or stored["base_url"] == getattr(own, "base_url", None):
        return
    for key, field in plugin.schema.model_fields.items():
        value = getattr(own, key)
        if is_secret(field) and key not in stored and value is not None and value.get_secret_value():
            raise SettingRefused(
                f"Nothing was changed: {name} has an address of its own, and the {key} of the plugin {plugin.name} is not sent there. "
                f"Say its {key}, too."
            )


def _plugin(registry: Registry, name: str) -> Plugin:
    plugin = registry.plugins.get(name)
    if plugin is None or HOOK not in plugin.hooks:
        known = sorted(one for one, found in registry.plugins.items() if HOOK in found.hooks)
        raise FleetRefused(
            f"Nothing was changed: no plugin {name[:40]} makes AI providers.{did_you_mean(name, known)} There are: {', '.join(known)}."
        )
    return plugin


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), sort_keys=True)
