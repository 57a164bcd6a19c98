"""What admins ask of Deskhand from a desk: plugins, providers and how the house is. With the plugins of the house, and rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bot import agents, audit, clock, fleet_health, switches, troubles
from bot.ai import ProviderErrorKind
from bot.desk import DeskAnswer
from bot.fleet_settings import fleet_settings
from bot.pages import Choice, Press, Presses, Row, Words
from bot.plugins import Registry, forget_plugins, load_plugins
from bot.provider_rows import add_provider
from tests.patience import wait_for
from tests.workplace.inboxes import House

DESK = '''"""A desk of the house's own."""
from bot import Desk, PluginInfo, Settings, hookimpl

PLUGIN = PluginInfo(title="Wallpaper", summary="A desk for tests.", on=True)


class Paper(Settings):
    """Nothing to set."""


class Wallpaper(Desk):
    name = "wallpaper"


@hookimpl
def settings_schema():
    return Paper


@hookimpl
def desk(settings):
    return Wallpaper()
'''


@pytest.fixture
def admin(house: House, tmp_path: Path, environment: Any) -> Iterator[House]:
    """Ada is an admin. The plugins are those that the channels process has."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "wallpaper.py").write_text(DESK)
    environment(DESKHAND_PLUGINS_DIR=str(folder))
    agents.add_agent("ada", role="admin", actor="test")
    agents.link("ada", "wall", "T1:ada", actor="test")
    plugins = load_plugins("channels")
    yield house
    plugins.close()
    forget_plugins()
    environment(DESKHAND_PLUGINS_DIR=None)


def registry() -> Registry:
    return load_plugins("channels")


def text(answer: DeskAnswer) -> str:
    return answer.aside


def actions() -> list[tuple[str, str, str]]:
    return [(one.actor, one.action, one.object) for one in reversed(audit.entries()) if one.actor.startswith("desk:")]


def confirmed(answer: DeskAnswer) -> Press:
    assert answer.page is not None
    (press,) = [one for part in answer.page.parts if isinstance(part, Presses) for one in part.presses]
    assert press.confirm is not None and press.style == "danger"
    return press


def test_plugins_are_listed_and_switched_as_by_the_command_line(admin: House) -> None:
    told = admin.say("plugins", "ada")
    assert told.code == "done" and "offer_person: on — " in text(told) and "openai: off — needs " in text(told)
    assert told.page is not None and {part.what for part in told.page.parts if isinstance(part, Choice)} == {
        "admin_words.plugin_on", "admin_words.plugin_off"
    }  # fmt: skip
    before = switches.version()
    off = admin.say("plugins off offer_person", "ada", key="k")
    assert (off.code, off.aside) == ("done", "offer_person is off.") and switches.version() == before + 1
    assert admin.say("plugins off offer_person", "ada", key="k").code == "duplicate"
    assert "off already" in admin.say("plugins OFF offer_person", "ada").aside and switches.version() == before + 1
    assert not registry().fresh().is_on("offer_person")
    assert admin.say("plugins on offer_person", "ada").aside == "offer_person is on."
    assert "on already" in admin.press(Press(label="", what="admin_words.plugin_on", value="offer_person"), "ada").aside
    needs = admin.say("plugins on openai", "ada")
    assert (
        needs.code == "done"
        and "openai is not on: needs " in needs.aside
        and "deskhand plugins set openai NAME=VALUE" in needs.aside
    )
    assert actions() == [
        ("desk:ada", "plugin.off", "plugin:offer_person"), ("desk:ada", "plugin.on", "plugin:offer_person"),
        ("desk:ada", "plugin.on", "plugin:openai"),
    ]  # fmt: skip
    assert not audit.verify().problem


def test_what_cuts_somebody_off_asks_back_first(admin: House) -> None:
    for name, words in (
        ("wallpaper", "cut off the branch you sit on"), ("telegram", "neither heard nor answered"), ("pii_shield", "texts would leave this house"),
    ):  # fmt: skip
        if name == "pii_shield":
            assert registry().plugins[name].info.required
        asked = admin.say(f"plugins off {name}", "ada")
        assert words in asked.aside and f"/desk plugins off {name} yes" in asked.aside, "words alone are enough, too"
        assert admin.press(Press(label="", what="admin_words.plugin_off", value=name), "ada").page is not None, (
            "so does the list"
        )
    assert actions() == [] and registry().fresh().is_on("wallpaper")
    press = confirmed(admin.say("plugins off wallpaper", "ada"))
    assert admin.press(press, "ada").aside == "wallpaper is off." and not registry().fresh().is_on("wallpaper")
    assert "off already" in admin.press(press, "ada").aside
    assert admin.say("plugins off pii_shield yes", "ada").aside.endswith(
        "from now on texts leave this house without it."
    )
    assert "No other AI provider is on" in admin.say("plugins off offline", "ada").aside
    assert registry().fresh().is_on("offline")


def test_who_is_no_admin_any_more_may_not_press_and_agents_never_could(admin: House) -> None:
    press = confirmed(admin.say("plugins off wallpaper", "ada"))
    admin.store.write(lambda: admin.store.Agent.update(role="agent").where(admin.store.Agent.name == "ada").execute())
    for who in ("ada", "ana", "marko"):
        assert admin.press(press, who).code == "not_allowed"
        for words in ("plugins", "plugins off wallpaper yes", "providers off offline yes", "providers order offline"):
            answer = admin.say(words, who)
            assert answer.code == "not_allowed" and answer.page is None
    assert admin.press(press, "vera").code == "not_allowed" and admin.press(press, "nobody").code == "not_linked"
    assert admin.press(press, "ada", trusted=False).code == "not_allowed"
    assert actions() == [] and registry().fresh().is_on("wallpaper")


def test_a_wrong_word_changes_nothing_and_says_what_to_do(admin: House) -> None:
    for words, said in (
        ("plugins off ofer_person", "Did you mean offer_person?"),
        ("plugins on nothing-like-it", "No plugin is called"),
        ("plugins burn offer_person", "/desk plugins off NAME"),
        ("plugins off", "/desk plugins off NAME"),
        ("plugins off offer_person now", "/desk plugins off NAME"),
        ("plugins on x <!channel>", "/desk plugins on NAME"),
        ("providers off offlin", "Did you mean offline?"),
        ("providers fire", "/desk providers order FIRST SECOND"),
        ("providers order offline nobody", "No AI provider is called nobody"),
        ("providers order", "/desk providers list"),
    ):
        answer = admin.say(words, "ada")
        assert answer.code == "cannot" and said in answer.aside and answer.aside.startswith("Nothing was changed."), (
            words
        )
    assert actions() == []


def test_providers_are_listed_with_their_health_and_order_without_making_one(admin: House, environment: Any) -> None:
    alone = admin.say("providers", "ada").aside
    assert "1. offline: well" in alone and "– openai: off, needs" in alone
    assert "No other AI provider is on" in admin.say("providers off offline", "ada").aside and not actions()
    add_provider(
        registry(), "small", "compatible", {"base_url": "http://127.0.0.1:9/v1", "model": "tiny"}, actor="test"
    )
    recorder = fleet_health.Recorder()
    for outcome in ("ok", "ok", ProviderErrorKind.TEMPORARY.value):
        recorder.note("small/tiny", outcome, 0.4, 1.0)
    recorder.flush()
    state = orjson.dumps(
        {"state": "open", "until": clock.now() + 60, "reason": "it is too busy", "at": clock.now()}
    ).decode()
    admin.store.write(
        lambda: admin.store.sql("INSERT INTO breaker (name, state, updated_at) VALUES ('small/tiny', ?, 0)", (state,))
    )

    def counted() -> str:
        said = admin.say("providers list", "ada").aside
        return said if "33% failed of 3" in said else ""

    told = wait_for(counted, 10, "counts are written without waiting for them")
    assert "1. offline: well" in told and "2. small tiny: left out · it is too busy" in told
    assert "The AI provider small is left out: it is too busy" in admin.say("status", "ada").aside
    assert admin.say("providers order small offline", "ada").aside.startswith(
        "Asked in this order from the next answer on: small, offline."
    )
    assert fleet_settings().order("answer") == ["small", "offline"]
    assert "1. small tiny" in admin.say("providers", "ada").aside
    assert admin.say("providers off offline", "ada").aside.startswith("offline is off")
    assert "off already" in admin.say("providers off offline", "ada").aside
    assert (
        admin.press(Press(label="", what="admin_words.provider_on", value="offline"), "ada").aside == "offline is on."
    )
    assert (
        admin.say("providers off small", "ada").code == "done"
        and "– small tiny: off, switched off" in admin.say("providers", "ada").aside
    )
    assert "openai is not on: needs" in admin.say("providers on openai", "ada").aside
    environment(DESKHAND_ANSWER_TESTS="answers")
    refused = admin.say("providers order offline small", "ada")
    environment(DESKHAND_ANSWER_TESTS=None)
    assert refused.code == "cannot" and "deskhand providers order offline small" in refused.aside
    assert fleet_settings().order("answer") == ["small", "offline"]
    assert [one[1] for one in actions()] == [
        "providers.order",
        "provider.off",
        "provider.on",
        "provider.off",
        "provider.on",
    ]


def test_the_house_tells_admins_what_is_wrong_and_what_to_do(admin: House) -> None:
    admin.waits()
    troubles.tell("desk:wall", "send", "the token <!here> was revoked", admin=False)
    switches.strike("offer_person", "no_answer", "it broke", wait=True)
    for _ in range(2):
        switches.strike("offer_person", "no_answer", "it broke", wait=True)
    told = admin.say("status", "ada")
    assert told.page is not None
    rows = {one.title: one.quiet for one in told.page.parts if isinstance(one, Row)}
    assert rows["Not running: web, turns, worker"] == "deskhand run starts all processes."
    assert any("desk:wall cannot send" in title and "was revoked" in title for title in rows)
    assert (
        rows[next(title for title in rows if title.startswith("The plugin offer_person"))]
        == "Look: deskhand plugins show offer_person"
    )
    counted = "\n".join(one.text for one in told.page.parts if isinstance(one, Words))
    assert "Processes: channels for" in counted and "Tickets: 1 open, 0 in progress" in counted
    assert "pending" in counted and "AI providers: offline (well)" in counted and "SMTP_URL is not set" in counted
    assert "The house" not in admin.say("status", "ana").aside
