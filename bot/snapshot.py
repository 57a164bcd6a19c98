"""The plugins that are on at one moment, and the way to call their hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.bound import Bound
from bot.containment import FAILED
from bot.discovery import Broken, Plugin
from bot.made import Made
from bot.plugin_settings import Resolved
from bot.settings import Settings
from bot.switches import Switch
from bot.threads import offload

if TYPE_CHECKING:
    from bot.plugins import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One plugin as ``deskhand plugins list`` and the console show it."""

    name: str
    title: str
    summary: str
    origin: str
    on: bool
    why: str
    """``on``, ``switched off``, ``off unless switched on``, ``needs api_key (or …)``, ``does not work: …`` and so on."""
    broken: bool = False
    hooks: tuple[str, ...] = ()
    strikes: int = 0
    last_error: str = ""
    last_error_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a plugin's ``health_check`` said."""

    plugin: str
    ok: bool
    text: str
    detail: Mapping[str, Any]


OUTWARD = frozenset({"before_ai", "mask_text"})
"""What goes to a provider passes these. Nobody knows which hooks a plugin would have that cannot be imported: these are closed for it."""
CLOSED = "; it is required, so no question goes to an AI provider until it works or an admin switches it off"


class RequiredPluginFailed(Exception):
    """A plugin that nothing may go on without could not do its part. The text is a sentence for logs: no customer's words in it."""

    def __init__(self, plugin: str, why: str) -> None:
        super().__init__(f"The plugin {plugin} is required and {why}. deskhand plugins show {plugin} says more.")
        self.plugin = plugin


class Snapshot:
    """The plugins that are on, as of one version. Immutable; shared by all units of work that began under this version."""

    def __init__(self, owner: Registry, version: int, switches_now: Mapping[str, Switch]) -> None:
        self.version = version
        self._owner = owner
        self._call = owner.containment.call
        self._hooks: dict[str, tuple[Bound, ...]] = {}
        self._made: dict[str, tuple[Made, ...]] = {}
        self._settings: dict[str, Settings] = {}
        self._why: dict[str, str] = {}
        self.switches = switches_now
        self._missed: dict[str, str] = {}
        """Hooks of required plugins that are off though no admin switched them off, and which plugin that is."""
        self._struck: dict[str, str] = {}
        """The same of all plugins that Deskhand switched off."""
        for plugin in owner.plugins.values():
            state = switches_now.get(plugin.name, Switch())
            resolved = owner.settings_of(plugin, state)
            self._why[plugin.name] = why_off(plugin, state, resolved)
            if not self._why[plugin.name] and resolved.settings is not None:
                self._settings[plugin.name] = resolved.settings
            elif plugin.info.required and not resolved.missing and not _left_out(plugin, state):
                self._missed |= dict.fromkeys(plugin.hooks, plugin.name)
                self._why[plugin.name] += CLOSED
            if state.off_reason and not _left_out(plugin, state):
                self._struck |= dict.fromkeys(plugin.hooks, plugin.name)
        for broken in owner.broken:
            if broken.required and switches_now.get(broken.name, Switch()).enabled is not False:
                self._missed |= dict.fromkeys(OUTWARD, broken.name)

    def is_on(self, plugin: str) -> bool:
        return plugin in self._settings

    def settings(self, plugin: str) -> Settings | None:
        """The plugin's settings while it is on."""
        return self._settings.get(plugin)

    def still_on(self, name: str) -> bool:
        """Look again, now: whether the plugin (or the one that made the object of this name) is on."""
        fresh = self._owner.fresh()
        if name not in self._owner.plugins:
            name = next(
                (plugin for made in self._made.values() for plugin, item in _pairs(made) if item.name == name), name
            )
        return fresh.is_on(name)

    def plugins(self, hook: str) -> tuple[str, ...]:
        """Names of the plugins that are on and have this hook, in the order they are called."""
        return tuple(bound.plugin for bound in self._bound(hook))

    def each(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Ask all plugins: ``[(plugin, result), …]`` without those that failed or answered ``None``."""
        results = []
        for bound in self._hooks.get(hook) or self._bound(hook):
            result = self._call(bound, arguments)
            if result is not FAILED and result is not None:
                results.append((bound.plugin, result))
        return results

    def first(self, hook: str, /, **arguments: Any) -> tuple[str, Any] | None:
        """The first result that is not ``None``, with its plugin."""
        return self.first_known(hook, **arguments)[0]

    def first_known(self, hook: str, /, **arguments: Any) -> tuple[tuple[str, Any] | None, bool]:
        """As ``first``, and whether that is all there is to know: False when somebody before it, or somebody who might have answered
        where nobody did, failed or was switched off by Deskhand."""
        known = hook not in self._struck
        for bound in self._hooks.get(hook) or self._bound(hook):
            result = self._call(bound, arguments)
            if result is FAILED:
                known = False
            elif result is not None:
                return (bound.plugin, result), known
        return None, known

    def pipe(
        self,
        hook: str,
        name: str,
        value: Any,
        *,
        settle: Callable[[Any, Any], Any] | None = None,
        whole: bool = False,
        **arguments: Any,
    ) -> Any:
        """Hand ``value`` as the argument ``name`` from plugin to plugin; ``None`` and failures leave it as it was. ``settle`` gets what was
        before a plugin and what it returned, and says what the next one is given. Raises :class:`RequiredPluginFailed` when it was
        a required plugin's turn and that failed or is off; with ``whole`` every plugin is required here."""
        if missed := self._missed.get(hook) or (whole and self._struck.get(hook)):
            raise RequiredPluginFailed(missed, "is switched off by Deskhand, or broken")
        for bound in self._hooks.get(hook) or self._bound(hook):
            arguments[name] = value
            result = self._call(bound, arguments)
            if result is FAILED:
                if bound.required or whole:
                    raise RequiredPluginFailed(bound.plugin, f"failed in {hook}")
            elif result is not None:
                value = result if settle is None else settle(value, result)
        return value

    def objects(self, hook: str) -> tuple[tuple[str, Any], ...]:
        """Channels or providers: ``((plugin, object), …)``. Made once per settings, closed when nobody uses them any more:
        keep the snapshot as long as you use its objects."""
        made = self._made.get(hook)
        if made is None:
            made, whole = offload(self._owner.makers.collect, self._bound(hook), self._settings)
            if whole:
                self._made[hook] = made
        return tuple(_pairs(made))

    def health(self) -> list[Health]:
        """Ask every plugin that is on and has a ``health_check``. A plugin that says it is ill gets no strike for it."""
        return [self._owner.check(bound) for bound in self._bound("health_check")]

    def status(self) -> list[Status]:
        """All plugins, also those that are off or broken, by name."""
        found = [self._status_of(plugin) for plugin in self._owner.plugins.values()]
        return sorted(found + [_status_of_broken(one) for one in self._owner.broken], key=lambda one: one.name)

    def _status_of(self, plugin: Plugin) -> Status:
        state = self.switches.get(plugin.name, Switch())
        return Status(
            name=plugin.name,
            title=plugin.info.title or plugin.name,
            summary=plugin.info.summary,
            origin=plugin.origin,
            on=self.is_on(plugin.name),
            why=self._why[plugin.name] or "on",
            hooks=tuple(sorted(plugin.hooks)),
            strikes=state.strikes,
            last_error=state.last_error,
            last_error_at=state.last_error_at,
        )

    def _bound(self, hook: str) -> tuple[Bound, ...]:
        ready = self._hooks.get(hook)
        if ready is None:
            ready = self._hooks[hook] = self._owner.bind(hook, self._settings)
        return ready


def _pairs(made: Sequence[Made]) -> Iterator[tuple[str, Any]]:
    return ((one.plugin, item) for one in made for item in one.items)


def _left_out(plugin: Plugin, state: Switch) -> bool:
    """Whether it is off because an admin wants it so, or never wanted it."""
    return state.enabled is False or (state.enabled is None and plugin.info.on is False)


def why_off(plugin: Plugin, state: Switch, resolved: Resolved) -> str:
    """Empty when the plugin is on, else the reason."""
    if state.off_reason:
        return f"switched off by Deskhand: {state.off_reason}"
    if state.enabled is False:
        return "switched off"
    if state.enabled is None and plugin.info.on is False:
        return "off unless switched on"
    if resolved.settings is None:
        return resolved.problem if resolved.missing else f"does not work: {resolved.problem}"
    return ""


def _status_of_broken(one: Broken) -> Status:
    return Status(
        name=one.name, title=one.name, summary="", origin=one.origin, on=False,
        why=one.reason + (CLOSED if one.required else ""), broken=True,
    )  # fmt: skip
