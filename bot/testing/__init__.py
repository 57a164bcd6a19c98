"""The conformance kit: classes of promises that a channel, a desk, a provider or a plugin keeps, for its author's own tests.

An author subclasses one of them in a pytest module and writes the *platform* (a double that speaks over the wire), never the
channel::

    from bot.testing import ChannelConformance, PlatformDouble, Shown, Trouble

    class Exchange(PlatformDouble): ...        # the platform, as far as the channel sees it

    class TestPager(ChannelConformance):
        plugin = "pager"                       # for: deskhand check pager
        channel = Pager                        # the class: it says what it declares
        platform = Exchange
        def make(self, platform): return Pager("127.0.0.1", platform.port)

Each promise is one test with a sentence. What the channel does not declare is not collected; ``not_declared`` says why. Beside
pytest nothing is needed: each test makes a store of its own (SQLite in a temporary folder, no Redis), and the double lives in a
loop and a thread of its own, so its methods may be plain or ``async``. Names are looked up when used: importing this is free.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "ChannelConformance": "bot.testing.channel",
    "DeskConformance": "bot.testing.desk",
    "ModelDouble": "bot.testing.provider",
    "PlatformDouble": "bot.testing.doubles",
    "PluginConformance": "bot.testing.plugin_promises",
    "ProviderConformance": "bot.testing.provider",
    "Shown": "bot.testing.doubles",
    "SurfaceDouble": "bot.testing.doubles",
    "Trouble": "bot.testing.doubles",
    "fresh_store": "bot.testing.on_disk",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"bot.testing has no {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
