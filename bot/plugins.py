"""Plugins: which there are, which are on now, and the one way to call them.

Registration is static and equal in all processes. Being on is a row; a version number moves with every change. A unit of
work takes one :class:`Snapshot` (``registry().snapshot()``) and calls hooks through it: one by one, contained, by cached
tuples of the functions that are on. It asks :meth:`Registry.fresh_version` again before each provider attempt and at commit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from bot import switches
from bot.bound import Bound
from bot.breadcrumbs import of_the_dead
from bot.config import config
from bot.containment import FAILED, Call, CallAbandoned, Containment
from bot.discovery import Broken, Plugin, discover
from bot.hookspecs import RULES
from bot.live_settings import LiveSettings
from bot.made import Makers
from bot.plugin_settings import Resolved, resolve
from bot.settings import Settings
from bot.snapshot import Health, Snapshot, Status
from bot.store import StoreUnavailable
from bot.switches import Switch
from bot.threads import native_lock, offload

log = structlog.get_logger("plugins")

LOOP = "loop"
"""Stands for a hook where a plugin is struck for holding the loop: making a channel does not show that it runs well."""
LOOK_SECONDS = 0.2
"""How old a snapshot may be before its version is looked up again."""

__all__ = [
    "Call",
    "CallAbandoned",
    "Health",
    "Registry",
    "Snapshot",
    "Status",
    "load_plugins",
    "registry",
    "snapshot",
]


class Registry:
    """All plugins of this process. ``process`` is web, channels, turns, worker or cli."""

    def __init__(self, process: str) -> None:
        self.process = process
        self.containment = Containment(switches.strike, switches.forgive)
        _strike_the_dead()
        found = discover(config().plugins_dir, self.containment.attempt)
        self.plugins: dict[str, Plugin] = {plugin.name: plugin for plugin in found.plugins}
        self.broken: tuple[Broken, ...] = found.broken
        self.makers = Makers(self.containment.call)
        self._lock = native_lock()
        self._current: Snapshot | None = None
        self._look_at = 0.0
        self._resolved: dict[str, Resolved] = {}
        for one in found.broken if process != "cli" else ():  # the command line shows them in its list
            log.error("plugin_broken", plugin=one.name, place=one.place, reason=one.reason)

    def snapshot(self) -> Snapshot:
        """The plugins that are on now, at most 0.2 s old (one fixed query then). Keeps the last one while the database is
        away; raises :class:`bot.StoreUnavailable` only if there never was one."""
        current = self._current
        if current is not None and time.monotonic() < self._look_at:
            return current
        return self._look()

    def fresh(self) -> Snapshot:
        """As :meth:`snapshot`, but looks now, whatever the age."""
        return self._look(always=True)

    def fresh_version(self) -> int:
        """The version as it is now, to compare with ``snapshot.version``. While the database is away: the last known one."""
        return self.fresh().version

    def on_changed(self, payload: bytes = b"") -> None:
        """The bus told that something changed: the next :meth:`snapshot` looks. ``bus.listen({"plugins": registry.on_changed})``."""
        self._look_at = 0.0

    def _look(self, *, always: bool = False) -> Snapshot:
        current = self._current
        if current is not None and not always and self._lock.locked():
            return current  # another thread is looking
        # Waiting and reading in one: threads that only wait must not keep the reader from getting one.
        return offload(self._read_in_turn)

    def _read_in_turn(self) -> Snapshot:
        with self._lock:
            self._look_at = time.monotonic() + LOOK_SECONDS
            return self._read()

    def _read(self) -> Snapshot:
        current = self._current
        try:
            if current is not None and switches.version() == current.version:
                return current
            version, rows = switches.load()
        except StoreUnavailable:
            if current is None:
                raise
            return current
        self.containment.failing |= {
            (plugin.name, hook)
            for plugin in self.plugins.values()
            for hook in plugin.hooks
            if (row := rows.get(plugin.name)) and row.strikes and row.last_error.startswith(f"{hook}: ")
        }
        self._current = Snapshot(self, version, rows)
        return self._current

    def settings_of(self, plugin: Plugin, state: Switch) -> Resolved:
        """Resolve, and keep the very object while nothing changed, so that what was made with it stays."""
        fresh = resolve(plugin, state.stored())
        known = self._resolved.get(plugin.name)
        if known == fresh and known is not None:
            return known
        self._resolved[plugin.name] = fresh
        return fresh

    def bind(self, hook: str, settings: Mapping[str, Settings]) -> tuple[Bound, ...]:
        """The functions of ``hook`` that this process may call, in order. Raises KeyError for a hook that does not exist."""
        where = RULES[hook].where
        if self.process not in where and "*" not in where:
            return ()
        bound = [
            Bound(plugin, hook, settings[plugin.name])
            for plugin in self.plugins.values()
            if hook in plugin.hooks and plugin.name in settings
        ]
        return tuple(sorted(bound, key=lambda one: one.rank))

    def mount(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """As ``each``, for what is mounted once at start (``routes``): asks every plugin, also those that are off, with
        settings that always read the current values. Whoever mounts answers 404 while ``snapshot().is_on(plugin)`` is False."""
        live: dict[str, Any] = {name: LiveSettings(self, name) for name in self.plugins}
        results = [(bound.plugin, self.containment.call(bound, dict(arguments))) for bound in self.bind(hook, live)]
        return [(plugin, result) for plugin, result in results if result is not FAILED and result is not None]

    def blame(self, plugin: str, reason: str) -> None:
        """Strike a plugin for what it did outside of a hook: holding the loop of all channels. Blocks; never raises."""
        try:
            switches.strike(plugin, LOOP, reason, wait=True)
        except StoreUnavailable:
            log.warning("plugin_strike_not_stored", plugin=plugin, reason="StoreUnavailable")

    def absolve(self, plugin: str) -> None:
        """It has run well for some time: such strikes are no longer in a row."""
        row = self.snapshot().switches.get(plugin)
        if row is not None and row.strikes and row.last_error.startswith(f"{LOOP}: "):
            switches.forgive(plugin, LOOP)

    def check(self, bound: Bound) -> Health:
        """Call one ``health_check``."""
        problem = ""

        def asked() -> Any:
            nonlocal problem
            try:
                return bound.invoke({})
            except Exception as error:
                problem = str(error).strip() or type(error).__name__
                return None

        result, cut = self.containment.attempt(
            bound.plugin, "health_check", asked, bound.crumb is not None, deadline=bound.deadline
        )
        problem = problem or cut
        detail = result if isinstance(result, dict) else {}
        text = problem or (result if isinstance(result, str) else "works")
        return Health(plugin=bound.plugin, ok=not problem, text=text, detail=detail)

    @property
    def on_overdue(self) -> Callable[[Call], object] | None:
        """Called from the watchdog's thread for a call that cannot be ended. Give its work away; return True to have
        :class:`CallAbandoned` raised in its thread should it ever come back."""
        return self.containment.on_overdue

    @on_overdue.setter
    def on_overdue(self, callback: Callable[[Call], object] | None) -> None:
        self.containment.on_overdue = callback

    @property
    def on_stuck(self) -> Callable[[Call], None]:
        """Called when an abandoned call still runs 30 s later. The default ends the process with exit code 70."""
        return self.containment.on_stuck

    @on_stuck.setter
    def on_stuck(self, callback: Callable[[Call], None]) -> None:
        self.containment.on_stuck = callback

    @property
    def on_retired(self) -> Callable[[str, Any], None] | None:
        """Gets ``(plugin, object)`` of objects with an ``async close`` that are no longer used: their loop must close them."""
        return self.makers.on_retired

    @on_retired.setter
    def on_retired(self, callback: Callable[[str, Any], None] | None) -> None:
        self.makers.on_retired = callback

    def close(self) -> None:
        """The process ends: close what was made, remove the breadcrumbs."""
        self._current = None
        self.makers.close()
        self.containment.close()


def _strike_the_dead() -> None:
    """Strike the third-party plugins that ran when a process of this host died without a word."""

    def blame(plugin: str, hook: str) -> None:
        log.error("plugin_suspected", plugin=plugin, hook=hook, reason="a process died while it ran")
        switches.strike(plugin, hook, "the process died while it ran", wait=True)

    try:
        of_the_dead(config().run_dir, blame)
    except StoreUnavailable:
        log.warning("plugin_strike_not_stored", reason="StoreUnavailable", next="the next start tries again")


_registry: Registry | None = None
_loading = threading.Lock()


def load_plugins(process: str) -> Registry:
    """Find and register all plugins, once per process. Call it after the database is open. Raises :class:`bot.ConfigError`."""
    global _registry
    with _loading:
        if _registry is None or _registry.process != process:
            _registry = Registry(process)
    return _registry


def registry() -> Registry:
    """This process's plugins. Raises RuntimeError before :func:`load_plugins`."""
    if _registry is None:
        raise RuntimeError("load_plugins(process) has not been called in this process")
    return _registry


def snapshot() -> Snapshot:
    """The plugins that are on now. The command line's way in: loads the plugins for it if nobody has loaded them."""
    return (_registry or load_plugins("cli")).snapshot()


def forget_plugins() -> None:
    """Close this process's registry, so that :func:`load_plugins` looks again (tests)."""
    global _registry
    with _loading:
        if _registry is not None:
            _registry.close()
        _registry = None
