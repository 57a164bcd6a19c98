"""Registries for tests of plugins: a folder of modules, loaded as an operator's plugins folder."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from bot import discovery
from bot.config import config
from bot.events import TurnContext
from bot.messages import MessageView
from bot.plugins import Registry

BROKEN = Path(__file__).parent / "broken_plugins"
MESSAGE = MessageView(id="m1", seq=1, rev=1, author="customer", text="hello", created_at=0.0)
TURN = TurnContext(turn_id="t1", conversation_id="c1", site="s1", channel="web")


class House:
    """Makes registries and closes them at the end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.monkeypatch = monkeypatch
        self.folder = folder
        self.registries: list[Registry] = []

    def write(self, name: str, source: str) -> Path:
        """Write a plugin module into the folder."""
        path = self.folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source), "utf-8")
        return path

    def load(self, process: str = "turns", *, folder: Path | None = None, built_in: bool = False) -> Registry:
        """Load the folder's plugins, without ours unless ``built_in``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.monkeypatch.setenv("DESKHAND_PLUGINS_DIR", str(folder or self.folder))
        config.cache_clear()
        if not built_in:
            self.monkeypatch.setattr(discovery, "ROOTS", ())
        registry = Registry(process)
        registry.containment.on_stuck = lambda call: None
        self.registries.append(registry)
        return registry

    def close(self) -> None:
        for registry in self.registries:
            registry.close()


def filtered(registry: Registry, text: str = "hello") -> str:
    """What ``filter_inbound`` makes of a text now."""
    message = MessageView(id="m1", seq=1, rev=1, author="customer", text=text, created_at=0.0)
    result: MessageView = registry.fresh().pipe("filter_inbound", "message", message, turn=TURN)
    return result.text


def why(registry: Registry, name: str) -> str:
    """Why a plugin is on or off now."""
    return next(row.why for row in registry.fresh().status() if row.name == name)
