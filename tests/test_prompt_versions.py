"""Prompts with versions: a draft is changed, published, compared and brought back; what is published counts from the next turn on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import clock, lease, prompt_versions, turns
from bot.ai import Image, PromptMessage
from bot.answering import FALLBACK, fallback
from bot.asked import make_prompt, remembered, with_pictures
from bot.knowledge import Found
from bot.messages import Inbound, Receipt
from bot.prompt_values import RULES, PromptRefused, PromptValues, checked, filled, in_language, welcome_words
from bot.prompt_versions import in_force, prompts_of, publish, restore, set_value, unset_value, versions_of
from bot.receive import receive
from tests.commanding import command


@pytest.fixture
def site(store: Any) -> str:
    store.write(
        lambda: store.Site.create(
            id="s1",
            key="shop",
            name="Tent shop",
            settings={"temperature": 0.4, "welcome": "Hi"},
            created_at=clock.now(),
        )
    )
    return "s1"


def published(site_id: str = "", **values: Any) -> prompt_versions.VersionView:
    for name, value in values.items():
        set_value(site_id, name, value, actor="test")
    return publish(site_id, actor="test", force=True)


def begun(store: Any, text: str = "How long is shipping?", place: str = "room") -> turns.Begun:
    if not lease.owner():
        lease.start("test")
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id=place, place=place, text=text)])[0]
    assert isinstance(got, Receipt)
    made = store.write(lambda: turns.begin(got.conversation_id))
    assert made is not None
    return made


def test_what_is_published_counts_from_the_next_turn_on(store: Any, site: str) -> None:
    before = begun(store, place="one")
    assert (before.prompt_version, before.prompts.temperature) == ("0.0", 0.4)
    set_value("", "system", "You are {name}.", actor="test")
    assert begun(store, place="two").prompts.system == ""  # a draft tells nobody anything
    publish("", actor="test", force=True)
    after = begun(store, place="three")
    prompt = make_prompt(after, after.history, Found())
    assert (after.prompt_version, prompt.system, prompt.temperature) == ("1.0", "You are Tent shop.", 0.4)
    assert before.prompts.system == ""  # a turn goes on as it began


def test_a_site_goes_before_its_old_settings_and_those_before_the_installation(store: Any, site: str) -> None:
    published("", temperature=0.1, max_tokens=300, system="Common.")
    values = prompts_of(site)
    assert (values.temperature, values.max_tokens, values.system, values.version) == (0.4, 300, "Common.", "1.0")
    published(site, temperature=0.9)
    assert (prompts_of(site).temperature, prompts_of(site).version, prompts_of("other").temperature) == (
        0.9,
        "1.1",
        0.1,
    )


def test_an_unusable_old_setting_is_left_out(store: Any) -> None:
    odd = {"temperature": "warm", "max_tokens": 7, "system_prompt": "You help {nmae} {name}.", "fallback": ""}
    values = store.read(lambda: in_force("s9", odd))
    assert values == PromptValues(system="You help {nmae} {name}.")
    assert filled(values.system, name="Tents") == "You help {nmae} Tents."


def test_versions_are_numbered_kept_and_brought_back(store: Any, site: str) -> None:
    published(system="One.")
    published(system="Two.", temperature=0.5)
    restore("", 1, actor="ben")
    draft = versions_of("")[0]
    assert (draft.number, draft.state, dict(draft.values), draft.note) == (
        3,
        "draft",
        {"system": "One."},
        "as version 1",
    )
    publish("", actor="ben", force=True)
    assert [(one.number, one.state) for one in versions_of("")] == [(3, "published"), (2, "retired"), (1, "retired")]
    assert prompts_of(site).version == "3.0" and prompts_of(site).system == "One."


def test_texts_by_language_are_set_and_taken_out_one_by_one(store: Any, site: str) -> None:
    set_value("", "welcome", "Hello from {name}", actor="a")
    set_value("", "welcome", "Hallo von {name}", language="DE", actor="a")
    set_value("", "welcome_closed", "Wir sind {opening} wieder da.", language="de", actor="a")
    publish("", actor="a", force=True)
    values = prompts_of("other")

    def words(language: str, closed: bool = False) -> str:
        return welcome_words(values, name="Tents", language=language, closed=closed, opening="tomorrow")

    assert [words("de-AT"), words("fr"), words("")] == ["Hallo von Tents", "Hello from Tents", "Hello from Tents"]
    assert words("de", closed=True) == "Wir sind tomorrow wieder da."
    assert words("en", closed=True) == "Hello from Tents"  # nothing is said in this language of being closed
    draft = unset_value("", "welcome", language="de", actor="a")
    assert draft.values["welcome"] == {"": "Hello from {name}"}


def test_a_language_is_forgotten_however_it_is_written_and_what_is_not_there_is_refused(store: Any) -> None:
    set_value("", "welcome", "Hallo", language="de_DE", actor="a")
    set_value("", "welcome", "Hi", actor="a")
    with pytest.raises(PromptRefused, match="no value for fr here"):
        unset_value("", "welcome", language="fr", actor="a")
    with pytest.raises(PromptRefused, match="fallback has no value here"):
        unset_value("", "fallback", actor="a")
    assert unset_value("", "welcome", language="de-DE", actor="a").values == {"welcome": {"": "Hi"}}
    assert unset_value("", "welcome", language="", actor="a").values == {}


def test_the_fallback_is_said_in_the_customers_language(store: Any, site: str) -> None:
    set_value("", "fallback", "Sorry from {name}.", actor="a")
    set_value("", "fallback", "Entschuldigung.", language="de", actor="a")
    publish("", actor="a", force=True)
    made = begun(store)
    assert fallback(made, "x").text == "Sorry from Tent shop."
    silent = replace(made, prompts=PromptValues(), language="de-CH")
    assert fallback(silent, "x").text.startswith("Es tut mir leid, das kann ich gerade nicht beantworten.")
    assert fallback(replace(silent, language="fr"), "x").text == FALLBACK
    assert in_language(made.prompts.fallback, "de-CH") == "Entschuldigung."


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("system", "Hello {nmae}", "Did you mean name?"),
        ("system", "{name.__class__}", "which nothing fills in"),
        ("system", "{0.settings}{settings[key]}", "which nothing fills in"),
        ("welcome", "We open {opening}", "which nothing fills in"),
        ("system", "Hello {{name}}", "single braces"),
        ("system", "  ", "empty"),
        ("system", "x" * 16_001, "16,001 characters"),
        ("system", 7, "is a text"),
        ("temperature", 2.1, "from 0 to 2"),
        ("temperature", float("nan"), "from 0 to 2"),
        ("temperature", "warm", "is a number"),
        ("max_tokens", 49, "from 50 to 8000"),
        ("max_tokens", 100.5, "a whole number"),
        ("history", "1e400", "a whole number"),
        ("sytem", "x", "Did you mean system?"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(name: str, value: Any, says: str) -> None:
    with pytest.raises(PromptRefused) as refused:
        checked(name, value)
    assert says in str(refused.value)


def test_braces_that_are_no_words_are_just_signs() -> None:
    text = 'Answer as {"name": "x"} or {} or { name } in {name}.'
    assert checked("system", text) == text
    assert (
        filled(text, name="{date} Tents", date="today") == 'Answer as {"name": "x"} or {} or { name } in {date} Tents.'
    )


def test_signs_that_nobody_sees_are_taken_out() -> None:
    assert checked("system", "a\x00b\u202ec\r\nd\U000e0041") == "abc\nd"


def test_only_texts_of_customers_differ_by_language(store: Any) -> None:
    with pytest.raises(PromptRefused, match="same in every language"):
        set_value("", "system", "x", language="de", actor="a")
    with pytest.raises(PromptRefused, match="no language"):
        set_value("", "welcome", "x", language="../de", actor="a")


def test_publishing_twice_or_nothing_is_refused(store: Any) -> None:
    with pytest.raises(PromptRefused, match="no draft"):
        publish("", actor="a", force=True)
    published(system="One.")
    set_value("", "system", "One.", actor="a")
    with pytest.raises(PromptRefused, match="says the same"):
        publish("", actor="a", force=True)


def test_a_draft_that_changed_meanwhile_is_not_published(store: Any) -> None:
    draft = set_value("", "system", "One.", actor="a")
    set_value("", "system", "Two.", actor="b")
    with pytest.raises(PromptRefused, match="changed the draft"):
        prompt_versions._put_in_force(draft, "a", "")
    assert versions_of("")[0].state == "draft"


def test_of_many_who_publish_at_once_one_does(store: Any) -> None:
    set_value("", "system", "One.", actor="a")
    outcomes: list[str] = []

    def work() -> None:
        try:
            outcomes.append(f"published {publish('', actor='a', force=True).number}")
        except PromptRefused as refused:
            outcomes.append(str(refused)[:12])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[-1] == "published 1" and outcomes.count("published 1") == 1
    assert [one.state for one in versions_of("")] == ["published"]


def test_only_the_newest_versions_are_kept(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_versions, "KEPT", 3)
    for number in range(6):
        published(system=f"Version {number}.")
    assert [one.number for one in versions_of("")] == [6, 5, 4]


def test_the_history_is_bounded_and_the_newest_question_is_whole() -> None:
    said = [PromptMessage("user" if n % 2 else "assistant", "x" * 400) for n in range(20)]
    newest = PromptMessage("user", "y" * 100_000)
    assert remembered([*said, newest], last=None, tokens=8_000) == (newest,)
    assert len(remembered(said, last=None, tokens=1_000)) == 10
    assert remembered(said, last=3, tokens=8_000) == tuple(said[-3:])
    assert remembered([], last=3, tokens=8_000) == ()


def test_the_number_of_messages_may_be_larger_than_the_default(
    store: Any, site: str, environment: Callable[..., None]
) -> None:
    environment(DESKHAND_HISTORY="2")
    for n in range(5):
        receive([Inbound(channel="test", key=clock.new_id(), external_id="room", place="room", text=f"message {n}")])
    assert len(begun(store, place="elsewhere").history) == 1
    published(history=4)
    assert len(begun(store).history) == 4


def test_what_is_said_of_pictures_is_added_when_there_are_some(store: Any, site: str) -> None:
    published(image="Describe what {name} sells.")
    made = begun(store)
    prompt = make_prompt(made, made.history, Found())
    assert with_pictures(prompt, made) == prompt
    seen = PromptMessage("user", "this?", (Image(media="image/png", data=b"x"),))
    from dataclasses import replace

    assert with_pictures(replace(prompt, messages=(seen,)), made).system.endswith("Describe what Tent shop sells.")


# The command line ----------------------------------------------------------------------------------------------


def test_an_admin_changes_looks_publishes_and_goes_back(store: Any, site: str, tmp_path: Path) -> None:
    text = tmp_path / "system.md"
    text.write_text("You are the help of {name}.\n", "utf-8")
    assert "Kept in draft 1" in command(store, "prompts", "set", "system", f"@{text}").output
    assert "Draft 1 of the installation changes system" in command(store, "prompts", "list").output
    assert "+You are the help of {name}." in command(store, "prompts", "diff").output
    assert "Version 1 is published" in command(store, "prompts", "publish", "--note", "first").output
    assert command(store, "prompts", "set", "system", "-", "--publish", text="Be short.").exit_code == 0
    history = command(store, "prompts", "history").output
    assert "published" in history and "(first)" in history
    assert "-You are the help of {name}." in command(store, "prompts", "diff", "1", "2").output
    assert command(store, "prompts", "restore", "1", "--publish").exit_code == 0
    assert command(store, "prompts", "show", "system").output == "You are the help of {name}.\n"
    assert command(store, "prompts", "show", "system", "--version", "2").output == "Be short.\n"
    assert prompts_of(site).version == "3.0"
    listed = command(store, "prompts", "list", "--site", "shop").output
    assert "settings of shop" in listed and "version 3 of the installation" in listed


def test_who_publishes_for_all_is_told_of_sites_with_words_of_their_own(store: Any, site: str) -> None:
    done = command(store, "prompts", "set", "welcome", "Hello all", "--publish").output
    assert "At shop its own welcome counts" in done
    assert "At shop" not in command(store, "prompts", "set", "welcome", "Hi", "--site", "shop", "--publish").output


def test_the_editor_keeps_what_was_written_in_the_draft(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsleep 0.1\nprintf "Be kind." > "$1"\ntouch -d "+2 seconds" "$1"\n', "utf-8")
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    assert "Kept in draft 1" in command(store, "prompts", "edit", "instructions").output
    assert versions_of("")[0].values == {"instructions": "Be kind."}
    assert "Nothing was changed" in command(store, "prompts", "edit", "instructions").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("set", "system", "Hi {nmae}"), "There are: {name} (the name of the site)"),
        (("set", "sistem", "Hi"), "Did you mean system?"),
        (("set", "system", "@/no/such/file"), "cannot be read"),
        (("set", "system", "Hi", "--site", "nowhere"), "No site has the key"),
        (("show", "nothing"), "There are: system"),
        (("publish",), "no draft"),
        (("restore", "9"), "no version 9"),
        (("diff",), "no draft to compare"),
    ],
)
def test_wrong_commands_are_told_in_a_sentence(store: Any, arguments: tuple[str, ...], says: str) -> None:
    done = command(store, "prompts", *arguments)
    assert done.exit_code == 1 and says in done.output


def test_the_old_command_does_not_write_what_nobody_would_see(store: Any, site: str) -> None:
    assert command(store, "site", "welcome", "shop", "--open", "Hello").exit_code == 0
    set_value(site, "welcome", "Published.", actor="a")
    publish(site, actor="a", force=True)
    done = command(store, "site", "welcome", "shop", "--open", "Unseen")
    assert done.exit_code == 1 and "deskhand prompts set welcome" in done.output


def test_every_value_is_a_field_of_what_is_in_force() -> None:
    assert set(RULES) | {"version"} == set(PromptValues.__dataclass_fields__)
