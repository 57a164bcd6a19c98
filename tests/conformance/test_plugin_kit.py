"""The promises of plugins: a good one keeps them, and each can be broken."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from bot.testing import PluginConformance
from bot.testing.promises import promises_of

GOOD = {
    "info": 'PLUGIN = PluginInfo(title="Courier", summary="Customers write by courier.")',
    "import": "",
    "fields": """
        url: str = setting(env="COURIER_URL", help="Where the couriers wait.")
        token: SecretStr = setting(env="COURIER_TOKEN", help="From the dispatcher.")
    """,
    "base": "Settings",
    "channel": "return Courier(settings.url)",
    "filter": "return replace(message, text=message.text.strip())",
    "health": 'return "the couriers are there"',
    "more": "",
}
SOURCE = """
    import socket
    from dataclasses import replace
    from pydantic import BaseModel, SecretStr
    from bot import Channel, MessageView, PluginInfo, Settings, hookimpl, setting
    {info}
    {import}

    class Loose(Settings):
        model_config = {{"extra": "ignore"}}

    class CourierSettings({base}):{fields}

    class Courier(Channel):
        name = "courier"

        def __init__(self, url):
            self.url = url

    @hookimpl
    def settings_schema():
        return CourierSettings

    @hookimpl
    def channel(settings):
        {channel}

    @hookimpl
    def filter_inbound(message: MessageView):
        {filter}

    @hookimpl
    def health_check(settings):
        {health}
    {more}
"""
BROKEN: dict[str, tuple[dict[str, str], str]] = {
    "misspelt": ({"more": "@hookimpl\n    def filter_outbond(): ..."}, "its_hooks_fit"),
    "nameless": ({"info": ""}, "people_can_read_what_it_is"),
    "hasty": ({"import": 'with socket.socket() as one: one.bind(("127.0.0.1", 0))'}, "importing_it_does_nothing"),
    "threaded": (
        {"import": "import threading, time\n    threading.Thread(target=time.sleep, args=(3,), daemon=True).start()"},
        "importing_it_does_nothing",
    ),
    "helpless": ({"fields": '\n        url: str = setting(env="COURIER_URL")'}, "its_settings_can_be_understood"),
    "open": (
        {
            "fields": '\n        url: str = setting("", help="Where.")\n        token: str = setting("", help="From them.")'
        },
        "its_secrets_are_secret",
    ),
    "loose": ({"base": "Loose"}, "a_misspelt_setting_is_told"),
    "garbage": ({"channel": 'return "courier"'}, "it_makes_what_it_says_without_talking"),
    "eager": (
        {
            "channel": 'with socket.socket() as one: one.connect_ex(("127.0.0.1", 9))\n        return Courier(settings.url)'
        },
        "it_makes_what_it_says_without_talking",
    ),
    "odd": ({"filter": "return message.text"}, "its_filters_take_any_text"),
    "curt": ({"health": 'raise OSError("no")'}, "its_health_check_speaks"),
    "leaking": (
        {"health": 'raise OSError(f"the token {settings.token.get_secret_value()} was refused")'},
        "its_health_check_speaks",
    ),
}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a plugin module and return its kit."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(name: str, changed: dict[str, str]) -> Any:
        parts = {**GOOD, **changed}
        (tmp_path / f"kit_{name}.py").write_text(textwrap.dedent(SOURCE.format(**parts)), "utf-8")
        monkeypatch.delitem(sys.modules, f"kit_{name}", raising=False)
        settings = {"url": "http://127.0.0.1:1", "token": "tok-abcdef"} if "token" in parts["fields"] else {"url": "x"}
        body = {"plugin": "courier", "module": f"kit_{name}", "settings": settings}
        return type(f"Test{name.title()}", (PluginConformance,), body)

    return written


def test_a_good_plugin_keeps_them_all(make: Any) -> None:
    kit = make("good", {})
    assert kit.not_declared == {}
    for name, _ in promises_of(PluginConformance):
        getattr(kit(), name)()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_breaks_its_promise(make: Any, name: str) -> None:
    changed, promise = BROKEN[name]
    with pytest.raises(AssertionError) as caught:
        getattr(make(name, changed)(), f"test_{promise}")()
    assert "tok-abcdef" not in str(caught.value)


def test_no_promise_is_left_that_nobody_breaks() -> None:
    assert {name for name, _ in promises_of(PluginConformance)} == {f"test_{promise}" for _, promise in BROKEN.values()}


def test_a_module_that_does_not_import_and_one_without_hooks_are_said_in_words(make: Any, tmp_path: Path) -> None:
    kit = make("broken", {"import": "import no_such_library"})
    with pytest.raises(AssertionError, match="does not import"):
        kit().test_its_hooks_fit()
    (tmp_path / "kit_bare.py").write_text("x = 1\n", "utf-8")
    bare: Any = type("TestBare", (PluginConformance,), {"plugin": "bare", "module": "kit_bare"})
    with pytest.raises(AssertionError, match="no function marked @hookimpl"):
        bare().test_its_hooks_fit()


def test_wrong_declarations_are_told_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="names no promise"):
        type("TestX", (PluginConformance,), {"plugin": "x", "module": "os", "exceptions": {"test_nothing": "because"}})
    with pytest.raises(TypeError, match="must say the plugin's name"):
        type("TestX", (PluginConformance,), {"module": "os"})
