"""Every plugin of ours keeps the promises that a stranger's must keep. (What is imported and connected has a process of its own
in the tests of each channel.)"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.discovery import discover
from bot.testing import PluginConformance, fresh_store
from bot.testing.promises import promises_of

NEEDED: dict[str, dict[str, Any]] = {
    "anthropic": {"key": "sk-ant-1"},
    "compatible": {"base_url": "http://127.0.0.1:1/v1", "model": "small-1"},
    "discord": {"bot_token": "MTIz.abc.def"},
    "openai": {"key": "sk-1"},
    "slack": {"bot_token": "xoxb-1", "app_token": "xapp-1", "channel": "C0SUPPORT"},
    "telegram": {"bot_token": "123456:AAbbccddeeffgghhiijjkkllmmnnooppqqr"},
}
ELSEWHERE = {
    "test_importing_it_does_nothing",
    "test_it_makes_what_it_says_without_talking",
    "test_its_health_check_speaks",
}


@pytest.fixture(scope="module", autouse=True)
def _store() -> Iterator[None]:
    """Filters may look into it."""
    with fresh_store():
        yield


@pytest.mark.parametrize("name", sorted(plugin.name for plugin in discover().plugins))
def test_it_keeps_the_promises_of_plugins(name: str) -> None:
    (plugin,) = [one for one in discover().plugins if one.name == name]

    def keep(self: Any, function: Callable[..., Any]) -> None:
        function(self, None)

    body = {"plugin": name, "module": plugin.place, "settings": NEEDED.get(name, {}), "keep": keep}
    kit: Any = type(f"Test{name.title()}", (PluginConformance,), body)
    kept = [promise for promise, _ in promises_of(kit) if promise not in ELSEWHERE and promise not in kit.not_declared]
    assert len(kept) >= 2
    for promise in kept:
        getattr(kit(), promise)()
