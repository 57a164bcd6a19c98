"""Which plugins are on: rows that an admin and the machine change, and the version number that moves with every change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from bot import audit, hours, store
from bot.clock import now
from bot.logs import redact
from bot.store import PluginState, Setting

log = structlog.get_logger("plugins")

VERSION_KEY = "plugins.version"
STRIKES = 3
"""Failures in a row after which the machine switches a plugin off."""
MACHINE = "deskhand"
_VERSION = "SELECT value FROM setting WHERE key = 'plugins.version'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The row of one plugin. ``enabled`` empty: nobody decided yet."""

    enabled: bool | None = None
    settings: str = "{}"
    strikes: int = 0
    off_reason: str = ""
    last_error: str = ""
    last_error_at: float | None = None

    def stored(self) -> dict[str, Any]:
        """The stored settings, secrets still sealed."""
        try:
            values = json.loads(self.settings)
        except ValueError:
            return {}
        return values if isinstance(values, dict) else {}


def version() -> int:
    """The number that moves with every change; 0 before the first. Raises :class:`bot.StoreUnavailable`."""
    return store.read(_version)


def _version() -> int:
    row = store.sql(_VERSION).fetchone()
    return int(row[0]) if row else 0


def load() -> tuple[int, dict[str, Switch]]:
    """Version and rows. The version is read first: a change in between is then seen by the next look."""

    def rows() -> tuple[int, dict[str, Switch]]:
        number = _version()
        return number, {row.name: _switch(row) for row in PluginState.select()}

    return store.read(rows)


def _switch(row: Any) -> Switch:
    return Switch(
        enabled=row.enabled,
        settings=row.settings,
        strikes=row.strikes,
        off_reason=row.off_reason,
        last_error=row.last_error,
        last_error_at=row.last_error_at,
    )


def _move_version() -> int:
    """Inside a transaction. The row is locked first, so that two writers on PostgreSQL do not take the same number."""
    hours.ask_anew()
    Setting.insert(key=VERSION_KEY, value=0, changed_at=now()).on_conflict_ignore().execute()
    query = Setting.select().where(Setting.key == VERSION_KEY)
    row = (query if store.is_sqlite() else query.for_update()).get()
    number = int(row.value) + 1
    Setting.update(value=number, changed_at=now()).where(Setting.key == VERSION_KEY).execute()
    return number


def _row(name: str) -> Any:
    """Inside a transaction: the plugin's row, made if need be, locked."""
    PluginState.insert(name=name, changed_at=now()).on_conflict_ignore().execute()
    query = PluginState.select().where(PluginState.name == name)
    return (query if store.is_sqlite() else query.for_update()).get()


def _announce() -> None:
    from bot.bus import bus

    bus().wake("plugins")


def change(fn: Callable[[], None]) -> int:
    """Change rows by ``fn`` and move the version in one transaction, then tell all processes. Returns the new version."""

    def in_transaction() -> int:
        fn()
        return _move_version()

    number = store.write(in_transaction)
    if store.db.in_transaction():  # a part of somebody's write: nothing has changed for others before that is committed
        store.db.after_commit(_announce)
    else:
        _announce()
    return number


def switch(name: str, on: bool, *, actor: str) -> int:
    """Switch a plugin on (this also forgives its failures) or off, in all processes. Returns the new version."""

    def fn() -> None:
        _row(name)
        changes: dict[str, Any] = {"enabled": on, "changed_at": now()}
        if on:
            changes |= {"strikes": 0, "off_reason": ""}
        PluginState.update(**changes).where(PluginState.name == name).execute()
        audit.record(actor, "plugin.on" if on else "plugin.off", f"plugin:{name}")

    return change(fn)


def store_settings(name: str, before: str, values: dict[str, Any], *, actor: str, changed: tuple[str, ...]) -> bool:
    """Store ``values`` (secrets sealed) if the row still holds ``before``. Returns False when somebody was faster."""
    done = False

    def fn() -> int:
        nonlocal done
        row = _row(name)
        done = row.settings == before
        if not done:
            return 0
        # New settings are a new chance: the failures that the old ones may have caused are forgiven.
        PluginState.update(
            settings=json.dumps(values, sort_keys=True), changed_at=now(), strikes=0, off_reason=""
        ).where(PluginState.name == name).execute()
        audit.record(actor, "plugin.set", f"plugin:{name}", {"settings": sorted(changed)})
        return _move_version()

    store.write(fn)
    if done:
        _announce()
    return done


def strike(name: str, hook: str, reason: str, *, wait: bool = False) -> None:
    """Count a failure. The third in a row switches the plugin off everywhere. Returns at once unless ``wait``."""
    off = False

    def fn() -> None:
        nonlocal off
        row = _row(name)
        strikes = row.strikes + 1
        error = redact(f"{hook}: {reason}")[:500]
        changes: dict[str, Any] = {"strikes": strikes, "last_error": error, "last_error_at": now()}
        off = strikes >= STRIKES and not row.off_reason
        if off:
            changes |= {"off_reason": f"{STRIKES} failures in a row; the last: {error}", "changed_at": now()}
        PluginState.update(**changes).where(PluginState.name == name).execute()
        if off:
            audit.record(MACHINE, "plugin.off", f"plugin:{name}", {"reason": error})
            _move_version()

    def done(_: object, error: BaseException | None) -> None:
        if error is not None:
            log.warning("plugin_strike_not_stored", plugin=name, reason=type(error).__name__)
        elif off:
            log.error("plugin_switched_off", plugin=name, hook=hook, reason=reason, next=f"deskhand plugins on {name}")
            _announce()

    if wait:
        store.write(fn)
        done(None, None)
    else:
        store.submit(fn, done)


def forgive(name: str, hook: str) -> None:
    """The hook works again: failures are no longer in a row. Returns at once."""

    def fn() -> None:
        PluginState.update(strikes=0).where((PluginState.name == name) & (PluginState.off_reason == "")).execute()

    store.submit(fn, lambda _, error: None)
