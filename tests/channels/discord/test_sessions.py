"""The gateway on bad days: resuming, lost sessions, the budget of new sessions."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import pytest

from channels.discord import listening
from channels.discord.budget import LONG, SHORT, allowance
from tests.fakes.discord import FakeDiscord

from .conftest import Running, identifies, stored_and_stopped, talking


@pytest.mark.parametrize("how", ["reconnect", "drop", "invalidate", "close"])
def test_an_interrupted_connection_is_resumed_and_costs_no_new_session(
    discord: FakeDiscord, running: Running, how: str
) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    discord.dm(ana, "before")
    running.wait_for(1)
    with discord.silence():
        discord.dm(ana, "in between")
    interrupt = {
        "reconnect": discord.gateway.reconnect,
        "drop": discord.gateway.drop,
        "invalidate": lambda: discord.gateway.invalidate(resumable=True),
        "close": lambda: discord.gateway.close(4000),
    }[how]
    discord.run(interrupt())
    discord.wait(lambda: discord.world.noted("resume", known=True))
    running.wait_for(2)
    discord.dm(ana, "after")
    running.wait_for(3)
    assert running.inbox.texts() == ["before", "in between", "after"]
    assert identifies(discord) == 1


def test_the_next_process_resumes_the_session_of_the_last(
    discord: FakeDiscord, running: Running, another: Callable[..., Running]
) -> None:
    ana = talking(discord, running)
    running.stop_listening()
    discord.wait(lambda: not discord.gateway.open)
    discord.dm(ana, "while nobody listened")
    another(inbox=running.inbox).listen()
    running.wait_for(2)
    assert running.inbox.texts() == ["one", "while nobody listened"]
    assert identifies(discord) == 1
    assert len(discord.world.noted("resume", known=True)) == 1


def test_what_a_crash_took_is_sent_again_by_the_resumed_session(
    discord: FakeDiscord, running: Running, another: Callable[..., Running]
) -> None:
    ana = talking(discord, running)
    discord.wait(lambda: json.loads(running.inbox.stored or "{}").get("seq", 0) >= 2)
    stored = running.inbox.stored
    discord.dm(ana, "two")
    running.wait_for(2)
    running.stop_listening()
    running.inbox.stored = stored  # as if the process had died before it saved
    del running.inbox.events[1]
    running.inbox.seen = {running.inbox.events[0].key: running.inbox.events[0].body_hash}
    another(inbox=running.inbox).listen()
    running.wait_for(2)
    assert running.inbox.texts() == ["one", "two"]


def change(running: Running, **stored: object) -> None:
    running.inbox.stored = json.dumps({**json.loads(running.inbox.stored), **stored})


def test_a_session_is_resumed_elsewhere_when_its_address_is_gone(
    discord: FakeDiscord, running: Running, another: Callable[..., Running]
) -> None:
    ana = stored_and_stopped(discord, running)
    change(running, url="ws://127.0.0.1:9/")
    another(inbox=running.inbox).listen()
    running.wait_for(2)
    discord.dm(ana, "three")
    running.wait_for(3)
    assert running.inbox.texts() == ["one", "two", "three"]
    assert identifies(discord) == 1, "the session itself was good"
    discord.wait(lambda: json.loads(running.inbox.stored)["url"] == discord.gateway.url)


def test_an_outage_does_not_cost_the_session(
    discord: FakeDiscord, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "LONGEST_PAUSE", 0.1)
    ana = talking(discord, running)
    discord.wait(lambda: json.loads(running.inbox.stored or "{}").get("session"))
    discord.down()
    time.sleep(1.5)  # many attempts more than an address or a session is given
    discord.dm(ana, "two")
    discord.up()
    running.wait_for(2)
    assert running.inbox.texts() == ["one", "two"]
    assert identifies(discord) == 1


def test_a_number_that_discord_does_not_know_begins_a_new_session(
    discord: FakeDiscord, running: Running, another: Callable[..., Running]
) -> None:
    stored_and_stopped(discord, running)
    change(running, seq=10_000)
    another(inbox=running.inbox).listen()
    running.wait_for(2)
    assert running.inbox.texts() == ["one", "two"]
    assert (len(discord.world.noted("resume")), identifies(discord)) == (1, 2)


@pytest.mark.parametrize(("code", "resumes"), [(4009, 1), (4000, 5)])
def test_a_session_that_cannot_be_resumed_is_given_up(
    discord: FakeDiscord,
    running: Running,
    another: Callable[..., Running],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    resumes: int,
) -> None:
    monkeypatch.setattr(listening, "LONGEST_PAUSE", 0.1)
    stored_and_stopped(discord, running)
    discord.gateway.closes_resumes = code
    another(inbox=running.inbox).listen(connected=False)
    running.wait_for(2)
    assert running.inbox.texts() == ["one", "two"]
    assert (len(discord.world.noted("resume")), identifies(discord)) == (resumes, 2)


def test_a_silent_connection_is_given_up(discord: FakeDiscord, running: Running) -> None:
    discord.gateway.heartbeat, discord.gateway.acks = 0.1, False
    running.channel.heartbeat_timeout = 0.5
    running.listen()
    discord.wait(lambda: discord.world.noted("heartbeat"))
    discord.wait(lambda: discord.world.noted("resume", known=True))
    discord.gateway.acks = True
    discord.dm(discord.world.add_user("Ana"), "hello")
    running.wait_for(1)
    assert identifies(discord) == 1


def test_the_last_tenth_of_the_budget_is_not_touched(discord: FakeDiscord, running: Running) -> None:
    discord.gateway.remaining = 100
    running.listen(connected=False)
    discord.wait(lambda: running.trouble)
    words = str(running.trouble[0])
    assert type(running.trouble[0]).__name__ == "ChannelDown"
    assert "100 of 1000 are left" in words
    assert "possible again at 20" in words
    assert identifies(discord) == 0


def test_the_budget_survives_a_crash_loop(discord: FakeDiscord, another: Callable[..., Running]) -> None:
    inbox = another().inbox
    for _ in range(3):
        one = another(inbox=inbox).listen()
        one.stop_listening()
        discord.gateway.forget_sessions()
        inbox.stored = json.dumps({**json.loads(inbox.stored), "session": ""})
    last = another(inbox=inbox)
    before = len(discord.world.noted("call", route="GET /gateway/bot"))
    last.listen(connected=False)
    discord.wait(lambda: len(discord.world.noted("call", route="GET /gateway/bot")) > before)
    time.sleep(0.2)
    assert identifies(discord) == 3, "the fourth of an hour waits"


def test_how_long_a_new_session_waits() -> None:
    def wait(used: list[float], remaining: int = 1_000) -> float:
        found = allowance(10_000.0, used, total=1_000, remaining=remaining, reset_after=600)
        return -1.0 if found.refused else found.wait

    assert wait([]) == 0
    assert wait([9_999.0, 9_998.0]) == 0
    assert wait([9_990.0] * 3) == SHORT - 10
    assert wait([9_990.0] * 20) == LONG - 10
    assert wait([100.0] * 20) == 0, "of an earlier hour"
    assert wait([100.0] * 500) == -1
    assert wait([], remaining=101) == 0
    assert wait([], remaining=100) == -1


def test_another_bot_begins_anew(discord: FakeDiscord, running: Running) -> None:
    running.inbox.stored = json.dumps({"bot": "7", "session": "old", "seq": 5, "url": "ws://127.0.0.1:1/", "at": 1.0})
    running.listen()
    discord.dm(discord.world.add_user("Ana"), "hello")
    running.wait_for(1)
    assert not discord.world.noted("resume")


@pytest.mark.parametrize("stored", ["", "not json", "[]", '{"spots": 5}', '{"spots": {"1": {"x": 1}}}', '{"seq": "x"}'])
def test_a_stored_position_that_cannot_be_read_is_begun_anew(
    discord: FakeDiscord, running: Running, stored: str
) -> None:
    running.inbox.stored = stored
    running.listen()
    discord.dm(discord.world.add_user("Ana"), "hello")
    running.wait_for(1)
    assert running.trouble == []


def test_stopping_leaves_a_session_that_can_be_resumed(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    running.stop_listening()
    (left,) = discord.wait(lambda: discord.world.noted("disconnected"))
    assert left["code"] not in {1000, 1001}
    assert discord.gateway.sessions


def test_a_stop_is_heard_at_any_moment(discord: FakeDiscord, running: Running) -> None:
    """Also in the instant in which a connection is just made, where ``asyncio.wait_for`` of Python 3.11 loses it."""
    chance = random.Random(7)
    for _ in range(25):
        running.listen(connected=False)
        time.sleep(chance.random() * 0.1)
        running.stop_listening(within=5)
