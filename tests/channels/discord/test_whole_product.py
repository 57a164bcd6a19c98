"""The whole product with customers on Discord and agents in Slack: real SDKs, real processes, fakes over real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import ON_POSTGRES
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.patience import patient
from tests.running import Deskhand
from tests.scenarios.talking import Customer

ROOM = "C0HELP"
QUESTION = "How many days do I have to return something?"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[FakeDiscord, FakeSlack]]:
    with FakeDiscord() as discord, FakeSlack() as slack:
        discord.routes.ack_within = (
            15.0  # the tests of the channel hold the three seconds; here the machine may be busy
        )
        slack.space.add_channel(ROOM, "help").members.update({"U1", "U2"})
        yield discord, slack


@pytest.fixture(scope="module")
def product(
    request: pytest.FixtureRequest, both: tuple[FakeDiscord, FakeSlack], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deskhand]:
    discord, slack = both
    env = {
        **discord.env(),
        "SLACK_BOT_TOKEN": slack.space.bot_token, "SLACK_APP_TOKEN": slack.space.app_token, "SLACK_CHANNEL": ROOM,
        "DESKHAND_SLACK_API_URL": slack.url,
    }  # fmt: skip
    with installed(request, tmp_path_factory.mktemp("discord"), env) as one:
        done = one.run("agents", "add", "ana", "--slack", f"{slack.space.team}:U1")
        assert done.returncode == 0, done.stderr
        assert one.run("agents", "mode", "slack", ROOM, "direct").returncode == 0
        slack.wait(lambda: slack.sockets.open, 20)
        discord.wait(discord.connected, 20)
        yield one


@contextlib.contextmanager
def installed(request: pytest.FixtureRequest, folder: Path, env: dict[str, str]) -> Iterator[Deskhand]:
    """A product that runs until the end of the block, on the database under test."""
    server = request.getfixturevalue("postgres") if ON_POSTGRES else None
    database = server.fresh() if server is not None else ""
    product = Deskhand(folder / "data", {**env, **({"DATABASE_URL": database} if database else {})})
    try:
        product.start()
        yield product
    finally:
        product.end()
        if server is not None:
            server.drop(database)


@pytest.fixture
def discord(both: tuple[FakeDiscord, FakeSlack], product: Deskhand) -> FakeDiscord:
    return both[0]


@pytest.fixture
def slack(both: tuple[FakeDiscord, FakeSlack], product: Deskhand) -> FakeSlack:
    return both[1]


def in_thread(slack: FakeSlack, root: str, words: str, seconds: float = 20) -> dict[str, Any]:
    found = slack.wait(lambda: [m for m in slack.space.messages(ROOM, root) if words in str(m)], seconds)
    return dict(found[0])


def newest_card(slack: FakeSlack, before: int) -> str:
    roots = slack.wait(lambda: (found := slack.space.messages(ROOM)) and len(found) > before and found, 20)
    return str(roots[-1]["ts"])


def shown(discord: FakeDiscord, channel: str, words: str, seconds: float = 20) -> dict[str, Any]:
    """The message of ours that says ``words``."""

    def look() -> list[dict[str, Any]]:
        with discord.world.lock:
            return [
                one
                for one in discord.world.messages[channel].values()
                if one["author"]["id"] == discord.world.me
                and words in one["content"]
                and "writing …" not in one["content"]
            ]

    return dict(discord.wait(look, seconds)[0])


def button(discord: FakeDiscord, user: str, channel: str, label: str) -> str:
    def look() -> list[str]:
        with discord.world.lock:
            return [
                one["id"]
                for one in discord.world.messages[channel].values()
                for row in one["components"]
                if any(it["label"] == label for it in row["components"])
            ]

    return discord.press(user, channel, discord.wait(look)[-1], label)


def picture(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 48), (20, 120, 90)).save(out, kind)
    return out.getvalue()


def test_the_story_of_a_handoff(product: Deskhand, discord: FakeDiscord, slack: FakeSlack) -> None:
    before = len(slack.space.messages(ROOM))
    ana = discord.world.add_user("Anna")
    dm = discord.world.dm_of(ana)
    asked = discord.dm(ana, QUESTION)
    shown(discord, dm, "30 days")
    pressed = button(discord, ana, dm, "Talk to a person")
    discord.wait(lambda: discord.world.noted("interaction_acked", id=pressed, type=7))
    root = newest_card(slack, before)
    in_thread(slack, root, "How many days")
    slack.click("U1", ROOM, root, "Claim")

    # Words, a changed one and one that is taken back; a note stays inside.
    first = slack.reply("U1", ROOM, root, "You have *30 days*, Anna.")
    answer = shown(discord, dm, "30 days*")
    assert "**Ana" in answer["content"], "the agent's name"
    second = slack.reply("U1", ROOM, root, "Wrong window, sorry")
    shown(discord, dm, "Wrong window")
    slack.reply("U1", ROOM, root, "note: she sounds nice")
    slack.edit(ROOM, first, "You have 30 days from delivery, Anna.")
    slack.delete(ROOM, second)
    changed = shown(discord, dm, "from delivery, Anna")
    assert changed["id"] == answer["id"], "changed in place"
    discord.wait(lambda: "Wrong window" not in str(discord.world.texts(dm)))

    # The customer changes theirs, sends a picture, and likes the answer.
    discord.edit(dm, asked, "How many days do I have to return a lamp?")
    in_thread(slack, root, "return a lamp")
    photo = discord.dm(ana, "This is the lamp", files=(("photo.jpg", picture("JPEG"), "image/jpeg"),))
    in_thread(slack, root, "This is the lamp")
    slack.wait(lambda: any("photo" in str(m.get("files", "")) for m in slack.space.messages(ROOM, root)), 20)
    discord.react(ana, dm, answer["id"], "👍")
    slack.wait(lambda: slack.space.noted("reacted", ts=first, name="+1"), 20)
    discord.delete(dm, photo)

    # A file of the agent's.
    slack.share("U1", ROOM, root, ("label.png", picture("PNG"), "image/png"))
    discord.wait(lambda: "label" in str(discord.world.messages[dm]), 20)

    # Closed, rated, and open again in the same thread.
    slack.click("U1", ROOM, root, "Resolve")
    shown(discord, dm, "closed")
    rated = button(discord, ana, dm, "4 ★")
    discord.wait(lambda: discord.world.noted("interaction_acked", id=rated))
    slack.wait(lambda: "rated 4" in str(slack.space.message(ROOM, root)), 20)
    discord.dm(ana, "It is broken again")
    in_thread(slack, root, "broken again")
    assert len(slack.space.messages(ROOM)) == before + 1, "one thread"
    assert "sounds nice" not in str(discord.world.texts(dm))
    assert discord.world.token not in product.log()
    assert not [one for one in discord.world.noted("pings") if one["who"]]


def test_support_in_a_server_from_the_form_to_the_answer(
    product: Deskhand, discord: FakeDiscord, slack: FakeSlack
) -> None:
    before = len(slack.space.messages(ROOM))
    room = discord.world.add_channel(discord.world.add_guild())
    ana, ben = discord.world.add_user("Cleo"), discord.world.add_user("Ben")
    asked = discord.support(ana, room, QUESTION, subject="Returns")
    discord.wait(lambda: discord.world.noted("thread", channel=room))
    thread = discord.world.noted("thread", channel=room)[0]["thread"]
    shown(discord, thread, "30 days")
    assert discord.world.noted("interaction_acked", id=asked)
    discord.say(ben, thread, "I know better")
    discord.command(ana, thread, "person")
    root = newest_card(slack, before)
    slack.click("U1", ROOM, root, "Claim")
    slack.reply("U1", ROOM, root, "Hello from a person")
    shown(discord, thread, "Hello from a person")
    assert "I know better" not in str(slack.space.messages(ROOM, root))
    named = discord.mention(ben, room, QUESTION)
    shown(discord, named, "30 days")


def test_a_conversation_is_carried_from_one_channel_to_the_other(product: Deskhand, discord: FakeDiscord) -> None:
    with Customer(product.base_url) as customer:
        customer.say(QUESTION)
        customer.until(customer.answers)
        request = urllib.request.Request(
            f"{product.base_url}/api/v1/chat/continue",
            json.dumps({"session": customer.conv}).encode(),
            {"Authorization": f"Bearer {customer.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=patient(10)) as answer:
            told = json.load(answer)
    room = discord.world.add_channel(discord.world.add_guild())
    dora = discord.world.add_user("Dora")
    dm = discord.world.dm_of(dora)
    discord.command(dora, room, "continue", code=told["code"])
    refused = discord.wait(lambda: [one for one in discord.world.ephemerals if one["channel"] == room])
    assert "Others read along" in refused[0]["content"]
    discord.command(dora, dm, "continue", code=told["code"])
    discord.wait(lambda: [one for one in discord.world.ephemerals if one["channel"] == dm])
    discord.dm(dora, QUESTION)
    shown(discord, dm, "30 days")
    wires = Path(product.data) / "deskhand.sqlite3"
    if not ON_POSTGRES:
        with sqlite3.connect(f"file:{wires}?mode=ro", uri=True) as wire:
            found = wire.execute("SELECT conversation_id FROM route WHERE place = ? AND current", (dm,)).fetchone()
        assert found == (customer.conv,), "the same conversation"


def test_switched_off_and_on_again_nothing_is_lost(product: Deskhand, discord: FakeDiscord) -> None:
    emil = discord.world.add_user("Emil")
    dm = discord.world.dm_of(emil)
    identified = len(discord.world.noted("identify"))
    assert product.run("plugins", "off", "discord").returncode == 0
    discord.wait(lambda: not discord.connected(), 10)
    discord.dm(emil, QUESTION)
    assert product.run("plugins", "on", "discord").returncode == 0
    shown(discord, dm, "30 days", 30)
    assert len(discord.world.noted("identify")) == identified
    discord.world.revoked = True
    discord.dm(emil, "Are you still there?")
    discord.wait(lambda: discord.world.noted("refused"), 20)
    discord.world.revoked = False
    discord.world.token, old = discord.world.token.replace("fakeX", "fakeY"), discord.world.token
    discord.run(discord.gateway.drop())
    done = product.run("plugins", "set", "discord", f"bot_token={discord.world.token}")
    assert done.returncode == 0, done.stderr
    discord.wait(lambda: discord.world.texts(dm)[1:], 30)
    assert old not in product.log() + done.stdout
    assert product.run("plugins", "set", "discord", "--unset", "bot_token").returncode == 0
    discord.world.token = old


def test_killed_and_faulty_nothing_is_lost_and_nothing_doubled(product: Deskhand, discord: FakeDiscord) -> None:
    """The process of the channels is killed twice while people write, and requests go wrong all the time."""
    people = [discord.world.add_user(f"P{number}") for number in range(12)]
    identified = len(discord.world.noted("identify"))
    discord.faults.plan(3, 0.1, ("drop_before", "drop_after", "500_after", "429"), ("POST /channels/*/messages",))
    for number, person in enumerate(people):
        discord.dm(person, QUESTION)
        if number in {4, 8}:
            os.kill(product.pids()["channels"], signal.SIGKILL)
            discord.wait(lambda: not discord.connected(), 10)
            discord.wait(discord.connected, 30)
    for person in people:
        shown(discord, discord.world.dm_of(person), "30 days", 60)
    discord.faults.rate = 0.0
    answered = [sum("30 days" in text for text in discord.world.texts(discord.world.dm_of(one))) for one in people]
    assert answered == [1] * len(people)
    assert len(discord.world.noted("identify")) == identified, "sessions were resumed"


def test_setup_and_doctor_lead_the_admin(product: Deskhand, discord: FakeDiscord) -> None:
    said = product.run("doctor").stdout
    assert "/continue, /new, /person, /support" in said
    assert "deskhand discord setup" in said
    done = product.run("discord", "setup")
    assert done.returncode == 0, done.stderr
    assert f"client_id={discord.world.app}" in done.stdout
    assert sorted(discord.world.commands[""]) == ["continue", "new", "person", "support"]
    registered = len(discord.world.noted("command"))
    assert "all there already" in product.run("discord", "setup").stdout
    assert len(discord.world.noted("command")) == registered, "doing it again changes nothing"
    assert "token, intent and commands are right" in product.run("doctor").stdout
    discord.world.flags = 0
    assert "Message Content Intent" in product.run("doctor").stdout
    discord.world.flags = 1 << 19
    assert discord.world.token not in done.stdout + said + product.log()
