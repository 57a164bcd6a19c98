"""Providers that an admin adds, changes and removes while everything runs; what is wrong is refused with a sentence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import crypto, plugins, switches
from bot.config import config
from bot.doctor import examine
from bot.fleet import Fleet
from bot.fleet_building import FleetKeeper, keeper_of
from bot.fleet_settings import FleetRefused, fleet_settings, set_clocks, set_order, set_tasks
from bot.key_rotation import rotate_data_keys
from bot.plugin_settings import SettingRefused
from bot.plugins import Registry
from bot.prices import Price, set_price
from bot.provider_list import provider_lines
from bot.provider_rows import add_provider, find_row, provider_rows, remove_provider, set_provider, switch_provider
from tests.commanding import command
from tests.fakes.llm import FakeLLM, Script
from tests.fleet.asking import PROMPT, done, run
from tests.patience import patient

KEY = "sk-very-secret-4242"


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Commands set up the logs: what the folder's fixture puts back would not fit them."""


@pytest.fixture
def registry(store: Any, llm: FakeLLM, environment: Callable[..., None]) -> Iterator[Registry]:
    """A process with OpenAI from the environment."""
    environment(OPENAI_API_KEY="sk-of-the-environment", OPENAI_BASE_URL=llm.openai_url)
    crypto.forget_keys()
    yield plugins.load_plugins("turns")
    plugins.forget_plugins()


@pytest.fixture
def keeper(registry: Registry) -> FleetKeeper:
    return FleetKeeper(registry, warm=False)


def fleet(keeper: FleetKeeper) -> Fleet:
    """As a turn that begins now gets it."""
    return keeper.fleet(keeper.registry.fresh())


def names(keeper: FleetKeeper) -> list[tuple[str, str]]:
    return [(one.name, one.model) for one in fleet(keeper).providers if one.name != "offline"]


def test_a_second_model_needs_only_its_name(registry: Registry, keeper: FleetKeeper, llm: FakeLLM) -> None:
    before = fleet(keeper)
    add_provider(registry, "small", "openai", {"model": "gpt-5.4-mini"}, actor="test")
    assert names(keeper) == [("openai", "gpt-5.5"), ("small", "gpt-5.4-mini")]
    set_order(["small"], actor="test")
    assert fleet(keeper) is not before
    events = run(fleet(keeper))
    assert (done(events).provider, done(events).model) == ("small", "gpt-5.4-mini")
    assert [request["model"] for request in llm.requests] == ["gpt-5.4-mini"]


def test_a_key_of_its_own_is_used_sealed_and_shown_by_its_end_only(
    store: Any, registry: Registry, keeper: FleetKeeper, llm: FakeLLM
) -> None:
    llm.key = KEY
    add_provider(registry, "ours", "openai", {"key": KEY}, actor="test")
    set_order(["ours"], actor="test")
    assert done(run(fleet(keeper))).provider == "ours"
    row = store.read(lambda: store.Provider.get_by_id("ours"))
    assert "sealed:1:" in row.settings and KEY not in row.settings
    shown = command(store, "providers", "show", "ours").output
    assert "key = ••••4242  (its own)" in shown and KEY not in shown
    assert "model = gpt-5.5  (default)" in shown
    audited = store.read(lambda: [str(r.detail) for r in store.Audit.select()])
    assert any('"settings"' in one for one in audited) and not any(KEY in one for one in audited)


def test_the_key_is_not_in_the_database_file_in_plain(
    store: Any, registry: Registry, tmp_path: Path, database_url: str
) -> None:
    add_provider(registry, "ours", "openai", {"key": KEY}, actor="test")
    remove_provider("ours", actor="test")
    if database_url.startswith("sqlite"):
        store.read(lambda: store.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        raw = b"".join(path.read_bytes() for path in tmp_path.glob("deskhand.sqlite3*"))
        assert KEY.encode() not in raw and b"sealed:1:" not in raw.split(b"ours")[-1][:200]
    assert store.read(lambda: store.Provider.select().count()) == 0


def test_a_change_counts_from_the_next_attempt_on_also_for_a_turn_that_runs(
    registry: Registry, keeper: FleetKeeper, llm: FakeLLM
) -> None:
    add_provider(registry, "a", "openai", {"model": "A"}, actor="test")
    add_provider(registry, "b", "openai", {"model": "B"}, actor="test")
    set_order(["a", "b"], actor="test")
    old = fleet(keeper)
    stream = iter(old.stream(PROMPT))
    llm.script(Script(model="A", fault="500"))
    next(stream)  # the attempt of A begins
    switch_provider("b", False, actor="test")
    rest = list(stream)
    assert done(rest).provider == "openai"  # B was switched off meanwhile
    switch_provider("b", True, actor="test")
    set_provider(registry, "b", {"model": "B2"}, actor="test")
    assert ("b", "B2") in names(keeper)
    remove_provider("a", actor="test")
    assert [name for name, _ in names(keeper)] == ["b", "openai"]
    assert [f.kind for f in done(list(old.stream(PROMPT))).failures] == ["off"]


def test_the_plugins_switch_holds_for_all_it_makes_and_its_missing_key_does_not(
    store: Any, registry: Registry, keeper: FleetKeeper, environment: Callable[..., None]
) -> None:
    add_provider(registry, "ours", "openai", {"key": KEY}, actor="test")
    switches.switch("openai", False, actor="test")
    assert names(keeper) == []
    (line,) = [one for one in provider_lines(registry) if one.name == "ours"]
    assert (line.on, line.why) == (False, "its plugin openai is switched off")
    switches.switch("openai", True, actor="test")
    environment(OPENAI_API_KEY=None)
    switches.change(lambda: None)
    assert names(keeper) == [("ours", "gpt-5.5")]


def test_connections_of_what_was_removed_are_closed_when_nobody_uses_them(
    registry: Registry, keeper: FleetKeeper, llm: FakeLLM
) -> None:
    add_provider(registry, "a", "openai", {"model": "A"}, actor="test")
    set_order(["a"], actor="test")
    held = fleet(keeper)
    provider: Any = held.providers[0]
    llm.script(Script(model="A", answer="one two three four five six", tokens_per_second=20))
    stream = iter(held.stream(PROMPT))
    next(stream), next(stream)
    remove_provider("a", actor="test")
    assert "a" not in dict(names(keeper))
    assert done(list(stream)).provider == "a"  # the answer that ran came to its end
    del stream, held
    keeper.registry.fresh()
    deadline = time.monotonic() + patient(5)
    while not provider._closed:
        import gc

        gc.collect()
        assert time.monotonic() < deadline, "it was not closed"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("Bad Name", {}, "1 to 40 small letters"),
        ("x" * 41, {}, "1 to 40 small letters"),
        ("1st", {}, "begins with a letter"),
        ("openai", {}, "openai is the name of a plugin. Choose another one, such as openai-2"),
        ("ours", {"base_url": "notaurl"}, "setting base_url: an address that starts with http:// or https://"),
        ("ours", {"key": "sk-1\n"}, "setting key: the key has a line break in it"),
        ("ours", {"key": "sk 1"}, "the key has a blank in it"),
        ("ours", {"key": "sk-\x07-1"}, "the key has a character in it that no key has"),
        ("ours", {"key": "sk-\u200b1"}, "the key has a character in it that no key has"),
        ("ours", {"key": "s" * 1_001}, "longer than 1,000 characters"),
        ("ours", {"modle": "x"}, "no setting called modle. Did you mean model?"),
        ("ours", {"model": ""}, "setting model"),
        ("ours", {"effort": "enormous"}, "setting effort"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(
    registry: Registry, name: str, values: dict[str, str], says: str
) -> None:
    with pytest.raises((FleetRefused, SettingRefused)) as caught:
        add_provider(registry, name, "openai", values, actor="test")
    assert says in str(caught.value) and "sk-" not in str(caught.value)
    assert provider_rows() == []


def test_names_are_taken_once_and_unknown_ones_are_said(registry: Registry) -> None:
    add_provider(registry, "ours", "openai", {}, actor="test")
    with pytest.raises(FleetRefused, match="there is a provider ours already"):
        add_provider(registry, "ours", "openai", {}, actor="test")
    with pytest.raises(FleetRefused, match=r"No provider called oars was added\. Did you mean ours\?"):
        set_provider(registry, "oars", {"model": "x"}, actor="test")
    with pytest.raises(FleetRefused, match="no plugin nonsense makes AI providers"):
        add_provider(registry, "other", "nonsense", {}, actor="test")
    with pytest.raises(FleetRefused, match="no plugin knowledge makes AI providers"):
        add_provider(registry, "other", "knowledge", {}, actor="test")


def test_a_key_with_a_line_break_in_the_environment_is_named(store: Any, environment: Callable[..., None]) -> None:
    environment(OPENAI_API_KEY="sk-1\n")
    registry = plugins.load_plugins("turns")
    why = next(one.why for one in registry.fresh().status() if one.name == "openai")
    plugins.forget_plugins()
    assert why.startswith("does not work: setting key: the key has a line break") and "sk-1" not in why


def test_cheap_is_what_an_admin_says_and_else_what_costs_little(registry: Registry, keeper: FleetKeeper) -> None:
    for name, model, mark in (
        ("mini", "gpt-5.4-mini", None), ("dear", "gpt-5.5", True), ("local", "mine", None), ("no", "gpt-5.4-nano", False),
    ):  # fmt: skip
        add_provider(registry, name, "openai", {"model": model}, cheap=mark, actor="test")
    now = fleet(keeper)
    assert {one.name for one in now.providers if now.is_cheap(one)} == {"mini", "dear", "offline"}
    set_price("mine", Price(0, 0), actor="test")
    local = next(one for one in now.providers if one.name == "local")
    assert now.is_cheap(local)
    set_provider(registry, "no", {}, cheap=lambda _: None, actor="test")
    row = find_row("no")
    assert row is not None and row.cheap is None


def test_a_rotated_key_leaves_no_secret_behind(
    store: Any, registry: Registry, keeper: FleetKeeper, llm: FakeLLM
) -> None:
    llm.key = KEY
    add_provider(registry, "ours", "openai", {"key": KEY}, actor="test")
    before = store.read(lambda: store.Provider.get_by_id("ours").settings)
    assert rotate_data_keys("secret", "test").changed == 1
    after = store.read(lambda: store.Provider.get_by_id("ours").settings)
    assert after != before
    set_order(["ours"], actor="test")
    assert done(run(fleet(keeper))).provider == "ours"


def test_clocks_are_bounded_kept_and_put_back(store: Any, registry: Registry, keeper: FleetKeeper) -> None:
    set_clocks({"first_token": 8.0, "budget": 30.0}, actor="test")
    set_clocks({"total": 20.0}, provider="openai", actor="test")
    now = fleet_settings()
    assert (now.clocks.first_token, now.budget, now.provider_clocks["openai"].total) == (8.0, 30.0, 20.0)
    assert now.provider_clocks["openai"].first_token == 8.0
    set_clocks({"first_token": float("nan")}, actor="test")
    assert fleet_settings().clocks.first_token == 15.0
    for name, value in (("first_token", 0.1), ("total", 1e99), ("budget", -1.0), ("connect", float("inf"))):
        with pytest.raises(FleetRefused, match="Nothing was changed"):
            set_clocks({name: value}, actor="test")
    assert fleet(keeper).settings.budget == 30.0


def test_nonsense_that_was_stored_is_as_if_it_were_not_there(store: Any, registry: Registry) -> None:
    for key, value in (
        ("providers.order", '"x"'), ("providers.tasks", '{"a": 3}'), ("providers.clocks", '{"": {"total": "soon", "budget": -1}}'),
    ):  # fmt: skip
        store.write(
            lambda key=key, value=value: store.sql(
                "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, 0)", (key, value)
            )
        )
    now = fleet_settings()
    assert (now.orders, now.tasks, now.budget, now.clocks.total) == ({}, {}, 45.0, 60.0)


def test_unknown_tasks_are_refused(registry: Registry) -> None:
    with pytest.raises(FleetRefused, match="no task 'cooking'"):
        set_tasks("openai", ["cooking"], actor="test")


# The commands ---------------------------------------------------------------------------------------------------------


def test_the_whole_way_by_commands(store: Any, registry: Registry, llm: FakeLLM) -> None:
    def say(*words: str, text: str = "") -> str:
        result = command(store, "providers", *words, text=text)
        assert result.exit_code == 0, result.output
        return result.output

    assert "Added small" in say("add", "small", "openai", "model=gpt-5.4-mini", "key", "--cheap", text=f"{KEY}\n")
    listed = say("list")
    assert "openai" in listed and "small" in listed and "added, by the plugin openai" in listed and KEY not in listed
    assert "$0.75 in, $4.5 out" in listed
    assert "from the settings of the plugin openai (OPENAI_API_KEY, OPENAI_BASE_URL)" in listed
    assert say("order", "small", "openai") == "Asked in this order: small, openai\n"
    assert say("order", "openai", "--task", "vision") == "Asked in this order for vision: openai\n"
    assert say("order", "--task", "vision") == "Asked for vision in the order of the answers.\n"
    assert say("use", "small", "summary") == "small is asked for summary.\n"
    assert "asked for summary" in say("list")
    assert say("use", "small") == "small is asked for everything.\n"
    assert "small gpt-5.4-mini: works" in say("test", "small")
    assert say("off", "small") == "small is off.\n"
    assert " - small" in say("list") and "switched off" in say("list")
    assert say("on", "small") == "small is on.\n"
    assert say("set", "small", "model=gpt-5.4-nano", "--cheap", "by-price") == "Changed small.\n"
    assert "cheap: by its price" in say("show", "small")
    assert "first token      9 s" in say("clocks", "--first-token", "9", "--provider", "small")
    assert say("prices", "set", "gpt-5.4-nano", "1", "2", "0.1").startswith("gpt-5.4-nano costs 1 in and 2 out")
    assert "an admin" in say("prices")
    assert "built-in price counts again" in say("prices", "unset", "gpt-5.4-nano")
    lines = json.loads(say("list", "--json"))
    assert [line["name"] for line in lines if line["on"]][:2] == ["small", "openai"]
    assert say("remove", "small") == "Removed small and its key.\n"
    assert "small" not in say("list") and fleet_settings().provider_clocks == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("order", "nobody"), "No AI provider is called nobody"),
        (("order", "openai", "--task", "cooking"), "There is no task cooking"),
        (("order",), "Name the providers"),
        (("use", "nobody", "answer"), "No AI provider is called nobody"),
        (("set", "small"), "Say what to set"),
        (("show", "nobody"), "No provider called nobody was added"),
        (("remove", "openai"), "No provider called openai was added"),
        (("off", "nobody"), "No provider called nobody was added"),
        (("test", "nobody"), "No provider called nobody is on"),
        (("clocks", "--first-token", "soon"), "first token must be from 1 to 120 seconds"),
        (("clocks", "--budget", "9", "--provider", "openai"), "The budget is that of all providers together"),
        (("prices", "set", "m", "cheap", "2"), "the input price is 'cheap'"),
        (("prices", "set", "m", "1", "-2"), "the output price is '-2'"),
        (("prices", "set", "m", "1", "NaN"), "the output price is 'NaN'"),
        (("prices", "set", "m", "1", "1e99"), "the output price is '1e99'"),
        (("prices", "set", "m", "1", "2", "--provider", "nobody"), "No AI provider is called nobody"),
        (("prices", "unset", "m"), "Nobody said what m costs"),
    ],
)
def test_a_command_that_cannot_be_says_why(store: Any, registry: Registry, words: tuple[str, ...], says: str) -> None:
    result = command(store, "providers", *words)
    assert result.exit_code != 0 and says in result.output and "Traceback" not in result.output


def test_openai_of_the_environment_is_switched_by_the_same_words_and_alone(
    store: Any, registry: Registry, keeper: FleetKeeper
) -> None:
    add_provider(registry, "small", "openai", {"model": "gpt-5.4-mini"}, actor="test")
    held = fleet(keeper)
    assert command(store, "providers", "off", "openai").output == "openai is off.\n"
    assert names(keeper) == [("small", "gpt-5.4-mini")]
    assert [f.reason for f in done(run(held)).failures] == ["switched off"]
    (line,) = [one for one in provider_lines(registry) if one.name == "openai"]
    assert (line.on, line.why) == (False, "switched off")
    assert command(store, "providers", "on", "openai").output == "openai is on.\n"
    assert names(keeper) == [("openai", "gpt-5.5"), ("small", "gpt-5.4-mini")]
    switches.switch("openai", False, actor="test")
    assert names(keeper) == []
    assert command(store, "providers", "on", "openai").output == "openai is on.\n"
    assert names(keeper) == [("openai", "gpt-5.5"), ("small", "gpt-5.4-mini")]


def test_the_doctor_names_those_that_cannot_be_asked(
    store: Any, registry: Registry, llm: FakeLLM, environment: Callable[..., None], tmp_path: Path
) -> None:
    add_provider(registry, "well", "openai", {"model": "A"}, actor="test")
    add_provider(registry, "ours", "openai", {"model": "B"}, actor="test")
    add_provider(registry, "lost", "openai", {"model": "C"}, actor="test")
    store.write(
        lambda: (
            store.Provider.update(settings='{"key": "sealed:1:0000000000000000:AAAA"}')
            .where(store.Provider.name == "lost")
            .execute()
        )
    )
    switches.change(lambda: None)
    keeper_of(registry).fleet(registry.fresh()).breaker("ours", "B").config("answered 401 (invalid_api_key)")
    said = {finding.text: finding for finding in examine(config()) if finding.what == "provider"}
    assert said["well A: added, by the plugin openai"].level == "ok"
    left_out = said["ours B is left out: answered 401 (invalid_api_key)"]
    assert left_out.level == "warn" and left_out.fix.endswith("deskhand providers test ours")
    (lost,) = [text for text in said if text.startswith("lost: setting key is stored but cannot be read")]
    assert "sealed:1" not in lost


def test_the_plugins_key_is_not_sent_to_another_address(registry: Registry, llm: FakeLLM) -> None:
    elsewhere = {"base_url": "https://elsewhere.example/v1", "model": "m"}
    with pytest.raises(SettingRefused, match="is not sent there"):
        add_provider(registry, "other", "openai", elsewhere, actor="test")
    assert find_row("other") is None
    add_provider(registry, "other", "openai", {**elsewhere, "key": KEY}, actor="test")
    with pytest.raises(SettingRefused, match="is not sent there"):
        set_provider(registry, "other", {}, ("key",), actor="test")
    set_provider(registry, "other", {}, ("base_url", "key"), actor="test")  # as the plugin's again, both
    add_provider(registry, "same", "openai", {"base_url": llm.openai_url}, actor="test")
    with pytest.raises(SettingRefused, match="is not sent there"):
        set_provider(registry, "same", elsewhere, actor="test")
