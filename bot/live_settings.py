"""Settings for what a plugin mounts once at start: every look reads the current values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.plugins import Registry


class LiveSettings:
    """Stands in for a plugin's settings in its routes. While the plugin is off its views are not reached, so a look then is
    a mistake: it raises RuntimeError."""

    __slots__ = ("_plugin", "_registry")

    def __init__(self, registry: Registry, plugin: str) -> None:
        object.__setattr__(self, "_registry", registry)
        object.__setattr__(self, "_plugin", plugin)

    def __getattr__(self, name: str) -> Any:
        settings = self._registry.snapshot().settings(self._plugin)
        if settings is None:
            raise RuntimeError(f"{self._plugin} is off: it has no settings now. Read them when a request comes in.")
        return getattr(settings, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise TypeError("settings cannot be changed from code; deskhand plugins set does it")

    def __repr__(self) -> str:
        return f"<settings of {self._plugin}>"
