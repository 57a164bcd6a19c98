"""Finding plugins: what is one, what is named as broken, and what the rest of the house notices of it (nothing)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.config import ConfigError
from bot.discovery import Discovery, discover
from tests.registries import BROKEN

HOOK = "from bot import hookimpl\n@hookimpl\ndef filter_inbound(message): return message\n"


@pytest.fixture
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("bot.discovery.ROOTS", ())
    yield
    for name in [name for name in sys.modules if name.startswith("deskhand_plugins_dir")]:
        del sys.modules[name]


def reasons(found: Discovery) -> dict[str, str]:
    return {one.name: one.reason for one in found.broken}


def names(found: Discovery) -> list[str]:
    return [plugin.name for plugin in found.plugins]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("does_not_import", "No module named 'a_package_that_nobody_has' (does_not_import.py, line 3)"),
        ("exits_at_import", "SystemExit: 3 (exits_at_import.py, line 3)"),
        ("misspelt_hook", "No hook is called filter_inbond. Did you mean filter_inbound?"),
        ("wrong_arguments", "filter_inbound asks for mesage, which does not exist. Did you mean message?"),
        (
            "takes_everything",
            "filter_inbound takes **everything; name the arguments it needs (settings, message, turn)",
        ),
        ("asynchronous", "filter_inbound is an async function; hooks are plain functions"),
        ("wraps_others", "filter_inbound is a hook wrapper"),
        ("wrong_settings", "settings_schema returned a value of type dict; it must return a class made from Settings"),
        ("wrong_info", "PLUGIN is a value of type dict; it must be a PluginInfo"),
    ],
)
@pytest.mark.usefixtures("nothing_else")
def test_a_broken_plugin_is_named_with_the_reason_and_the_others_are_found(name: str, words: str) -> None:
    found = discover(BROKEN)
    assert words in reasons(found)[name]
    assert "good" in names(found)


@pytest.mark.usefixtures("nothing_else")
def test_a_module_may_hold_things_that_cannot_be_looked_at_now(tmp_path: Path) -> None:
    (tmp_path / "looks_at_requests.py").write_text(f"from flask import request, current_app\n{HOOK}")
    found = discover(tmp_path)
    assert names(found) == ["looks_at_requests"]
    assert reasons(found) == {}


def test_our_own_plugins_are_found_and_none_is_broken() -> None:
    found = discover()
    assert reasons(found) == {}
    assert {"offline", "openai", "anthropic", "compatible", "web_widget"} <= set(names(found))
    assert {plugin.origin for plugin in found.plugins} == {"built-in"}


@pytest.mark.usefixtures("nothing_else")
def test_a_package_with_hooks_is_one_plugin_and_one_without_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "__init__.py").write_text("from .inside import filter_inbound\n")
    (tmp_path / "whole" / "inside.py").write_text(HOOK)
    (tmp_path / "drawer").mkdir()
    (tmp_path / "drawer" / "__init__.py").write_text("")
    (tmp_path / "drawer" / "first.py").write_text(HOOK)
    (tmp_path / "drawer" / "second.py").write_text(HOOK)
    (tmp_path / "_private.py").write_text(HOOK)
    (tmp_path / "words.py").write_text("WORDS = ()\n")
    found = discover(tmp_path)
    assert names(found) == ["first", "second", "whole"]
    assert reasons(found) == {}


@pytest.mark.usefixtures("nothing_else")
def test_a_module_that_only_imports_a_hook_of_another_is_no_plugin(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(HOOK)
    (tmp_path / "second.py").write_text("from .first import filter_inbound\n")
    assert names(discover(tmp_path)) == ["first"]


@pytest.mark.usefixtures("nothing_else")
def test_of_two_plugins_with_one_name_the_first_is_used_and_the_second_is_named(tmp_path: Path) -> None:
    for folder in ("aa", "bb"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
        (tmp_path / folder / "greeter.py").write_text(HOOK)
    found = discover(tmp_path)
    assert [plugin.place for plugin in found.plugins] == ["deskhand_plugins_dir.aa.greeter"]
    assert "Another plugin is called greeter, too (deskhand_plugins_dir.aa.greeter)" in reasons(found)["greeter"]


@pytest.mark.usefixtures("nothing_else")
def test_a_name_that_cannot_be_typed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Ünlucky.py").write_text(HOOK)
    assert "cannot be a plugin's name" in reasons(discover(tmp_path))["Ünlucky"]


def test_a_plugins_folder_that_does_not_exist_is_one_sentence_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^The setting DESKHAND_PLUGINS_DIR is wrong: .*nowhere is not a folder\."):
        discover(tmp_path / "nowhere")


@pytest.mark.usefixtures("nothing_else")
def test_an_entry_point_that_names_nothing_useful_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "acme_lost-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-lost\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[deskhand.plugins]\nlost = a_module_that_was_removed\nplain = json\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = reasons(discover())
    assert "No module named 'a_module_that_was_removed'" in found["lost"]
    assert "names nothing with a function marked @hookimpl" in found["plain"]


@pytest.mark.usefixtures("nothing_else")
def test_a_hook_may_name_just_the_arguments_it_needs_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "picky.py").write_text(
        "from bot import hookimpl\n"
        "@hookimpl(tryfirst=True)\ndef filter_inbound(turn, *, message, settings, extra=1): return message\n"
        "@hookimpl(trylast=True)\ndef before_ai(): return None\n"
    )
    (plugin,) = discover(tmp_path).plugins
    assert plugin.hooks["filter_inbound"].arguments == ("turn", "message", "settings")
    assert not plugin.hooks["filter_inbound"].by_position
    assert [plugin.hooks[hook].rank for hook in ("filter_inbound", "before_ai")] == [0, 2]
