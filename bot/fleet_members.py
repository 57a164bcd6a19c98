"""Who is in the fleet: the providers of the plugins that are on, and those that admins added. Made once per settings."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.ai import AIProvider
from bot.bound import Bound
from bot.containment import FAILED
from bot.fleet_settings import fleet_settings
from bot.provider_rows import HOOK, ProviderRow, find_row, provider_rows, resolved, why_off
from bot.settings import Settings
from bot.snapshot import Snapshot
from bot.store import StoreUnavailable
from bot.threads import start_native_thread

if TYPE_CHECKING:
    from bot.plugins import Registry

log = structlog.get_logger("fleet")


@dataclass(frozen=True, slots=True)
class Member:
    """One provider. ``plugin`` made it; ``row`` is set when an admin added it."""

    provider: AIProvider
    plugin: str
    row: ProviderRow | None = None

    @property
    def name(self) -> str:
        return self.provider.name


class _Made:
    """A provider and the settings it was made with. It is closed when no fleet holds it any more."""

    __slots__ = ("__weakref__", "provider", "settings")

    def __init__(self, settings: Settings, provider: AIProvider) -> None:
        self.settings, self.provider = settings, provider


class Members:
    """Finds and makes the members. One per process; used by many threads."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._made: dict[str, _Made] = {}

    def collect(self, snapshot: Snapshot) -> tuple[list[Member], object]:
        """The members as of now, and something to be kept as long as they are used."""
        members = [Member(provider, plugin) for plugin, provider in snapshot.objects(HOOK)]
        with self._lock:
            rows = {row.name: row for row in provider_rows()}
            for gone in set(self._made) - set(rows):
                del self._made[gone]
            made = [(row, one) for row in rows.values() if (one := self._make(row)) is not None]
        members += [Member(one.provider, row.plugin, row) for row, one in made]
        return members, (snapshot, [one for _, one in made])

    def still_on(self, provider: AIProvider, version: int) -> bool:
        """Look again, now: whether this provider of a fleet of ``version`` may be asked. With the database away: yes."""
        fresh = self._registry.fresh()
        if fresh.version == version:
            return True
        try:
            row, off = find_row(provider.name), fleet_settings().off
        except StoreUnavailable:
            return True
        if row is not None:
            return not why_off(self._registry, row)
        return provider.name not in off and fresh.still_on(provider.name)

    def _make(self, row: ProviderRow) -> _Made | None:
        if why_off(self._registry, row):
            return None
        settings = resolved(self._registry, row).settings
        known = self._made.get(row.name)
        if settings is None or (known is not None and known.settings == settings):
            return known if settings is not None else None
        bound = Bound(self._registry.plugins[row.plugin], HOOK, settings)
        found = self._registry.containment.call(bound, {})
        if isinstance(found, (list, tuple)):
            found = found[0] if found else None
        if found is FAILED or not isinstance(found, AIProvider):
            log.error("provider_not_made", provider=row.name, plugin=row.plugin)
            return None
        found.name = row.name  # type: ignore[misc]  # the plugin's own name for all but those that were added
        made = self._made[row.name] = _Made(settings, found)
        weakref.finalize(made, _retire, row.name, found)
        return made


def _retire(name: str, provider: AIProvider) -> None:
    # Runs wherever the last reference was dropped, so nothing of the plugin's is called here.
    start_native_thread(lambda: _close(name, provider))


def _close(name: str, provider: AIProvider) -> None:
    try:
        provider.close()
    except BaseException as error:  # closing is a favour; the object is gone either way
        log.warning("provider_not_closed", provider=name, error=type(error).__name__)
