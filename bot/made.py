"""Objects that plugins make (channels, providers): once per settings, closed when the last unit of work let go of them."""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from bot.bound import Bound
from bot.containment import FAILED
from bot.settings import Settings
from bot.threads import native_lock, start_native_thread

log = structlog.get_logger("plugins")


class Made:
    """What one plugin made from one version of its settings. Snapshots hold it; with the last of them it is closed."""

    __slots__ = ("__weakref__", "items", "plugin", "settings")

    def __init__(self, plugin: str, settings: Settings, items: tuple[Any, ...]) -> None:
        self.plugin, self.settings, self.items = plugin, settings, items


class Makers:
    """Makes objects through contained calls and remembers them by plugin and hook."""

    def __init__(self, call: Callable[[Bound, dict[str, Any]], Any]) -> None:
        self._call = call
        self._lock = native_lock()
        self._made: dict[tuple[str, str], Made] = {}
        self.on_retired: Callable[[str, Any], None] | None = None

    def collect(self, bounds: Sequence[Bound], settings: Mapping[str, Settings]) -> tuple[tuple[Made, ...], bool]:
        """The objects of these plugins, in order, and whether none failed. Blocks while another thread makes them."""
        with self._lock:
            for key in [key for key in self._made if key[0] not in settings]:
                del self._made[key]  # switched off
            found = [self._one(bound, settings[bound.plugin]) for bound in bounds]
        return tuple(made for made in found if made is not None), None not in found

    def _one(self, bound: Bound, settings: Settings) -> Made | None:
        known = self._made.get(bound.key)
        if known is not None and known.settings is settings:
            return known
        result = self._call(bound, {})
        if result is FAILED:
            return None
        items = () if result is None else tuple(result) if isinstance(result, Sequence) else (result,)
        made = self._made[bound.key] = Made(bound.plugin, settings, items)
        weakref.finalize(made, self._retire, bound.plugin, items)
        return made

    def _retire(self, plugin: str, items: tuple[Any, ...]) -> None:
        # Runs wherever the last reference was dropped, so nothing of the plugin's is called here.
        for item in items:
            if inspect.iscoroutinefunction(item.close) and self.on_retired is not None:
                self.on_retired(plugin, item)
            else:
                start_native_thread(partial(_close, plugin, item))

    def close(self) -> None:
        """Let go of everything; what nobody else holds is closed."""
        with self._lock:
            self._made.clear()


def _close(plugin: str, item: Any) -> None:
    try:
        result = item.close()
        if inspect.isawaitable(result):
            asyncio.run(_wait(result))
    except BaseException as error:  # closing is a favour; the object is gone either way
        log.warning("plugin_close_failed", plugin=plugin, reason=type(error).__name__)


async def _wait(awaitable: Any) -> None:
    async with asyncio.timeout(5):
        await awaitable
