"""What was written while no session was there is read from open places: in order, once, and nothing holds it up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from channels.discord import catching_up
from tests.fakes.discord import FakeDiscord

from .conftest import Running, identifies, lost_session, stored_and_stopped, talking


def test_after_a_lost_session_open_places_are_read_again_in_order(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    people = [discord.world.add_user(f"Person{n}") for n in range(5)]
    for user in people:
        discord.dm(user, "before")
    running.wait_for(5)
    dm = discord.world.dm_of(people[0])
    wrong = discord.dm(people[0], "wrogn")
    running.wait_for(6)
    lost_session(discord, running)
    for user in people:
        for number in range(3):
            discord.dm(user, f"missed {number}")
    discord.edit(dm, wrong, "wrong")
    discord.up()
    discord.dm(people[0], "after")
    running.wait_for(6 + 15 + 1, seconds=20)
    discord.wait(lambda: running.inbox.of("edit"))
    discord.dm(people[0], "at the end")
    running.wait_for(6 + 15 + 2)
    mine = [one.text for one in running.inbox.of("message") if one.place == dm]
    assert mine == ["before", "wrogn", "missed 0", "missed 1", "missed 2", "after", "at the end"]
    assert [one.text for one in running.inbox.of("edit")] == ["wrong"]
    assert identifies(discord) == 2


def test_a_session_that_discord_ends_is_replaced_and_what_was_missed_is_read(
    discord: FakeDiscord, running: Running
) -> None:
    ana = talking(discord, running)
    with discord.silence():
        discord.dm(ana, "two")
    discord.run(discord.gateway.invalidate(resumable=False))
    running.wait_for(2)
    assert running.inbox.texts() == ["one", "two"]
    assert identifies(discord) == 2


def reads(discord: FakeDiscord) -> int:
    return len(discord.world.noted("call", route="GET /channels/*/messages"))


@pytest.mark.parametrize("refused", ["401 0", "403 0", "403 40001", "400 50035", "404 0"])
def test_a_refusal_is_no_sign_that_nothing_was_written(
    discord: FakeDiscord,
    running: Running,
    another: Callable[..., Running],
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
) -> None:
    monkeypatch.setattr(catching_up, "LATER", 0.1)
    ana = stored_and_stopped(discord, running)
    discord.gateway.forget_sessions()
    discord.fail("error", "GET /channels/*/messages", times=2, error=refused)
    another(inbox=running.inbox).listen()
    running.wait_for(2)
    discord.dm(ana, "three")
    running.wait_for(3)
    assert running.inbox.texts() == ["one", "two", "three"]
    discord.wait(lambda: not json.loads(running.inbox.stored)["missing"])


def test_a_place_that_is_gone_or_cannot_be_seen_holds_nothing_up(
    discord: FakeDiscord, running: Running, another: Callable[..., Running]
) -> None:
    stored_and_stopped(discord, running)
    discord.gateway.forget_sessions()
    discord.fail("error", "GET /channels/*/messages", error="403 50001")
    another(inbox=running.inbox).listen()
    discord.wait(lambda: reads(discord))
    discord.wait(lambda: identifies(discord) == 2 and not json.loads(running.inbox.stored)["missing"])
    assert reads(discord) == 1
    assert running.inbox.texts() == ["one"]


def test_a_place_that_is_refused_for_ever_is_given_up(
    discord: FakeDiscord, running: Running, another: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "LATER", 0.02)
    stored_and_stopped(discord, running)
    discord.gateway.forget_sessions()
    discord.fail("error", "GET /channels/*/messages", times=50, error="400 99999")
    another(inbox=running.inbox).listen()
    discord.wait(lambda: reads(discord) == catching_up.MOST_TIMES)
    discord.wait(lambda: not json.loads(running.inbox.stored)["missing"])
    assert reads(discord) == catching_up.MOST_TIMES


def test_one_message_that_makes_no_sense_takes_no_other_with_it(
    discord: FakeDiscord, running: Running, another: Callable[..., Running]
) -> None:
    ana = stored_and_stopped(discord, running)
    discord.gateway.forget_sessions()
    dm = discord.world.dm_of(ana)
    discord.world.messages[dm]["odd"] = {"id": discord.world.snowflake(), "author": "who?", "content": 5}
    discord.dm(ana, "three")
    another(inbox=running.inbox).listen()
    running.wait_for(3)
    assert running.inbox.texts() == ["one", "two", "three"]


def test_more_than_a_page_is_caught_up_with(discord: FakeDiscord, running: Running) -> None:
    ana = talking(discord, running)
    lost_session(discord, running)
    for number in range(230):
        discord.dm(ana, f"missed {number}")
    discord.up()
    running.wait_for(231, seconds=20)
    assert running.inbox.texts() == ["one", *(f"missed {n}" for n in range(230))]


def test_a_crash_while_catching_up_is_caught_up_with(
    discord: FakeDiscord, running: Running, another: Callable[..., Running]
) -> None:
    ana = talking(discord, running)
    lost_session(discord, running)
    discord.dm(ana, "missed")
    discord.fail("500", "GET /channels/*/messages", times=30)
    discord.up()
    discord.wait(lambda: json.loads(running.inbox.stored).get("missing") and identifies(discord) == 2)
    running.stop_listening()
    discord.faults.scripted.clear()
    discord.dm(ana, "written later")  # the resumed session tells it at once
    another(inbox=running.inbox).listen()
    running.wait_for(3)
    assert running.inbox.texts() == ["one", "missed", "written later"]
    discord.wait(lambda: not json.loads(running.inbox.stored)["missing"])
    assert identifies(discord) == 2


def test_the_time_of_an_outage_does_not_count_as_heard(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    discord.dm(discord.world.add_user("Ana"), "one")
    running.wait_for(1)
    discord.wait(lambda: json.loads(running.inbox.stored or "{}").get("at"))
    discord.down()
    away = time.time()
    time.sleep(1.2)
    running.run(_save(running))
    assert json.loads(running.inbox.stored)["at"] < away + 0.5


async def _save(running: Running) -> None:
    await running.inbox.save_cursor(running.channel.memory.text())
