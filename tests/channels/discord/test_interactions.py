"""Interactions whose commit takes long: Discord is told within its three seconds that the answer follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot import Button, Receipt, Refused
from channels.discord import interactions
from tests.fakes.discord import FakeDiscord

from .conftest import Running


@pytest.fixture
def stalled(discord: FakeDiscord, running: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The database takes longer than Discord waits; all of it sooner."""
    monkeypatch.setattr(interactions, "DEFER_AFTER", 0.2)
    running.listen()
    running.inbox.delay = 0.8
    return running


def acked(discord: FakeDiscord, interaction: str) -> int:
    (row,) = discord.wait(lambda: discord.world.noted("interaction_acked", id=interaction))
    return int(row["type"])


def asides(discord: FakeDiscord, number: int = 1) -> list[str]:
    return [
        one["content"]
        for one in discord.wait(lambda: len(discord.world.ephemerals) >= number and discord.world.ephemerals)
    ]


def with_button(discord: FakeDiscord, running: Running) -> tuple[str, str, str]:
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    return ana, dm, running.send(place=dm, text="Shall I?", buttons=(Button(label="Yes", value="v"),)).platform_id


def test_a_code_is_shown_however_long_it_took_to_make(discord: FakeDiscord, stalled: Running) -> None:
    stalled.inbox.answer = lambda event: Receipt(key=event.key, conversation_id="c", aside="The code is ABCD.")
    ana = discord.world.add_user("Ana")
    asked = discord.command(ana, discord.world.dm_of(ana), "continue")
    assert acked(discord, asked) == 5
    assert stalled.inbox.events == [], "told to wait before the commit"
    assert asides(discord) == ["The code is ABCD."]


def test_a_button_is_answered_after_a_slow_commit(discord: FakeDiscord, stalled: Running) -> None:
    stalled.inbox.answer = lambda event: Receipt(key=event.key, conversation_id="c", aside="A person comes.")
    ana, dm, ours = with_button(discord, stalled)
    assert acked(discord, discord.press(ana, dm, ours, "Yes")) == 6
    assert discord.world.messages[dm][ours]["components"], "not before it is committed"
    assert asides(discord) == ["A person comes."]
    shown = discord.world.messages[dm][ours]
    assert (shown["components"], shown["content"]) == ([], "Shall I?\n-# ✓ Yes")


@pytest.mark.parametrize("slow", [False, True])
def test_a_thumb_may_be_pressed_again_and_takes_no_button_away(
    discord: FakeDiscord, stalled: Running, slow: bool
) -> None:
    stalled.inbox.delay = 0.8 if slow else 0.0
    stalled.inbox.answer = lambda event: Receipt(key=event.key, conversation_id="c", aside="Thank you.", stays=True)
    ana, dm, ours = with_button(discord, stalled)
    discord.press(ana, dm, ours, "Yes")
    assert asides(discord) == ["Thank you."]
    shown = discord.world.messages[dm][ours]
    assert (shown["content"], len(shown["components"])) == ("Shall I?", 1)


def test_a_button_that_is_refused_late_stays_as_it_is(discord: FakeDiscord, stalled: Running) -> None:
    stalled.inbox.answer = lambda event: Refused(key=event.key, code="unknown_message", message="This is over.")
    ana, dm, ours = with_button(discord, stalled)
    assert acked(discord, discord.press(ana, dm, ours, "Yes")) == 6
    assert asides(discord) == ["This is over."]
    shown = discord.world.messages[dm][ours]
    assert (shown["content"], len(shown["components"])) == ("Shall I?", 1)


def test_what_was_asked_in_a_form_is_shown_for_good_after_a_slow_commit(discord: FakeDiscord, stalled: Running) -> None:
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    assert acked(discord, discord.support(ana, dm, "my lamp is broken")) == 5
    assert discord.wait(lambda: discord.world.texts(dm)) == ["You asked:\n> my lamp is broken"]
    assert discord.world.ephemerals == []


def test_a_form_is_shown_at_once_while_something_else_waits_there(discord: FakeDiscord, stalled: Running) -> None:
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    discord.dm(ana, "with a file", files=(("a.txt", b"hello", "text/plain"),))
    discord.command(ana, dm, "person")
    assert acked(discord, discord.command(ana, dm, "support")) == 9
    assert stalled.inbox.of("handoff") == []


def test_what_a_process_that_died_had_told_to_wait_is_answered_by_the_next(
    discord: FakeDiscord, stalled: Running, another: Callable[..., Running]
) -> None:
    stalled.inbox.answer = lambda event: Receipt(key=event.key, conversation_id="c", aside="The code is ABCD.")
    ana = discord.world.add_user("Ana")
    discord.dm(ana, "hello")
    stalled.wait_for(1)
    stalled.inbox.delay, stalled.inbox.failing = 0.0, 100_000
    asked = discord.command(ana, discord.world.dm_of(ana), "continue")
    assert acked(discord, asked) == 5
    stalled.stop_listening()
    stalled.inbox.failing = 0
    following: Any = another(inbox=stalled.inbox).listen()
    following.wait_for(1, "continue")
    assert asides(discord) == ["The code is ABCD."]


def test_a_quick_answer_needs_no_waiting(discord: FakeDiscord, stalled: Running) -> None:
    stalled.inbox.delay = 0.0
    ana = discord.world.add_user("Ana")
    asked = discord.command(ana, discord.world.dm_of(ana), "person")
    assert acked(discord, asked) == 4
    assert asides(discord) == ["You asked for a person."]
