"""The whole product with a customer on Telegram and agents in Slack: real SDKs, real processes, fakes over real sockets."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from channels.telegram import commands
from tests.fakes.slack import FakeSlack
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import USERNAME
from tests.patience import patient
from tests.running import Deskhand
from tests.scenarios.talking import Customer

from .conftest import ANNA, BEN, GROUP
from .installation import installed

ROOM = "C0HELP"
QUESTION = "How many days do I have to return something?"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[FakeTelegram, FakeSlack]]:
    with FakeTelegram() as telegram, FakeSlack() as slack:
        telegram.world.group(GROUP)
        slack.space.add_channel(ROOM, "help").members.update({"U1", "U2"})
        yield telegram, slack


@pytest.fixture(scope="module")
def product(
    request: pytest.FixtureRequest, both: tuple[FakeTelegram, FakeSlack], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deskhand]:
    telegram, slack = both
    env = {
        **telegram.env,
        "SLACK_BOT_TOKEN": slack.space.bot_token, "SLACK_APP_TOKEN": slack.space.app_token, "SLACK_CHANNEL": ROOM,
        "DESKHAND_SLACK_API_URL": slack.url,
    }  # fmt: skip
    with installed(request, tmp_path_factory.mktemp("telegram"), env) as one:
        done = one.run("agents", "add", "ana", "--slack", f"{slack.space.team}:U1")
        assert done.returncode == 0, done.stderr
        assert one.run("agents", "mode", "slack", ROOM, "direct").returncode == 0
        slack.wait(lambda: slack.sockets.open, 45)
        telegram.wait(lambda: "message_reaction" in telegram.world.allowed)
        yield one


@pytest.fixture
def telegram(both: tuple[FakeTelegram, FakeSlack], product: Deskhand) -> FakeTelegram:
    return both[0]


@pytest.fixture
def slack(both: tuple[FakeTelegram, FakeSlack], product: Deskhand) -> FakeSlack:
    return both[1]


def in_thread(slack: FakeSlack, root: str, words: str, seconds: float = 45) -> dict[str, Any]:
    found = slack.wait(lambda: [m for m in slack.space.messages(ROOM, root) if words in str(m)], seconds)
    return dict(found[0])


def newest_card(slack: FakeSlack, before: int) -> str:
    roots = slack.wait(lambda: (found := slack.space.messages(ROOM)) and len(found) > before and found, 45)
    return str(roots[-1]["ts"])


def picture(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 48), (20, 120, 90)).save(out, kind)
    return out.getvalue()


def test_the_story_of_a_handoff(product: Deskhand, telegram: FakeTelegram, slack: FakeSlack) -> None:
    before = len(slack.space.messages(ROOM))
    asked = telegram.write(ANNA, QUESTION)
    telegram.wait_for_text(ANNA, "30 days")
    assert telegram.world.noted("action", chat=ANNA, action="typing"), "somebody writes"
    thumb = telegram.press(ANNA, "👎")
    telegram.wait(lambda: telegram.world.answers[thumb])
    assert "Thank you for telling" in telegram.world.answers[thumb]["text"]
    query = telegram.press(ANNA, "Talk to a person")
    telegram.wait(lambda: telegram.world.answers[query])
    root = newest_card(slack, before)
    in_thread(slack, root, "How many days")
    slack.click("U1", ROOM, root, "Claim")

    # Words, a changed one and one that is taken back; a note stays inside.
    first = slack.reply("U1", ROOM, root, "You have *30 days*, Anna.")
    shown = telegram.wait_for_text(ANNA, "30 days, Anna")
    second = slack.reply("U1", ROOM, root, "Wrong window, sorry")
    telegram.wait_for_text(ANNA, "Wrong window")
    slack.reply("U1", ROOM, root, "note: she sounds nice")
    slack.edit(ROOM, first, "You have 30 days from delivery, Anna.")
    slack.delete(ROOM, second)
    changed = telegram.wait_for_text(ANNA, "from delivery, Anna")
    assert changed["message_id"] == shown["message_id"], "changed in place"
    telegram.wait(lambda: "Wrong window" not in str(telegram.world.texts(ANNA)))

    # The customer changes theirs, sends a photo, and likes the answer.
    telegram.edit(ANNA, asked, "How many days do I have to return a lamp?")
    in_thread(slack, root, "return a lamp")
    telegram.send_file(ANNA, "photo", picture("JPEG"), caption="This is the lamp")
    in_thread(slack, root, "This is the lamp")
    slack.wait(lambda: any("photo" in str(m.get("files", "")) for m in slack.space.messages(ROOM, root)), 45)
    telegram.send_file(ANNA, "document", b"MZ" + bytes(64), file_name="run.exe", caption="And my program")
    in_thread(slack, root, "And my program")
    telegram.wait_for_text(ANNA, "run.exe was not taken")
    telegram.react(ANNA, shown["message_id"], "👍")

    # A file of the agent's.
    slack.share("U1", ROOM, root, ("label.png", picture("PNG"), "image/png"))
    sent = telegram.wait(lambda: [one for one in telegram.world.said(ANNA) if "photo" in one or "document" in one], 45)
    assert len(sent) == 1

    # Closed, rated, and open again in the same thread.
    slack.click("U1", ROOM, root, "Resolve")
    telegram.wait_for_text(ANNA, "closed")
    rated = telegram.press(ANNA, "4 ★")
    telegram.wait(lambda: telegram.world.answers[rated])
    assert "rating" in telegram.world.answers[rated]["text"]
    slack.wait(lambda: "rated 4" in str(slack.space.message(ROOM, root)), 45)
    telegram.write(ANNA, "It is broken again")
    in_thread(slack, root, "broken again")
    assert len(slack.space.messages(ROOM)) == before + 1, "one thread"
    assert "sounds nice" not in str(telegram.world.texts(ANNA))
    assert telegram.world.token not in product.log()


def test_a_new_conversation_is_a_new_thread(product: Deskhand, telegram: FakeTelegram, slack: FakeSlack) -> None:
    telegram.world.user(1010, "Cleo")
    before = len(slack.space.messages(ROOM))
    telegram.write(1010, "/person My lamp is broken")
    root = newest_card(slack, before)
    in_thread(slack, root, "My lamp is broken")
    telegram.write(1010, "/new")
    telegram.wait_for_text(1010, "Your next message begins a new one")
    telegram.write(1010, "/person My chair, too")
    other = newest_card(slack, before + 1)
    in_thread(slack, other, "My chair, too")
    assert other != root


def test_from_the_website_to_telegram_in_the_same_thread(
    product: Deskhand, telegram: FakeTelegram, slack: FakeSlack
) -> None:
    telegram.world.user(1011, "Dora")
    before = len(slack.space.messages(ROOM))
    with Customer(product.base_url) as customer:
        customer.say("My lamp arrived broken")
        customer.until(customer.answers)
        customer.tell({"t": "handoff", "cid": "ab" * 16, "conv": customer.conv})
        root = newest_card(slack, before)
        slack.click("U1", ROOM, root, "Claim")
        request = urllib.request.Request(
            f"{product.base_url}/api/v1/chat/continue",
            data=json.dumps({"session": customer.conv}).encode(),
            headers={"Authorization": f"Bearer {customer.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=patient(10)) as answer:
            offer = json.load(answer)
    (link,) = [one["url"] for one in offer["links"] if "t.me" in one["url"]]
    assert link.startswith(f"https://t.me/{USERNAME}?start=")
    telegram.write(1011, "/start " + link.partition("start=")[2])
    telegram.wait(lambda: telegram.world.said(1011))
    slack.reply("U1", ROOM, root, "Hello again, here on Telegram")
    telegram.wait_for_text(1011, "here on Telegram")
    telegram.write(1011, "That was easy")
    in_thread(slack, root, "That was easy")
    assert len(slack.space.messages(ROOM)) == before + 1, "the same thread"
    telegram.write(1011, "/start " + link.partition("start=")[2])
    telegram.wait_for_text(1011, "was used before")
    telegram.write(1011, f"/continue@{USERNAME}", GROUP)
    telegram.wait_for_text(GROUP, "Others read along")


def test_in_a_group_two_people_have_two_conversations(product: Deskhand, telegram: FakeTelegram) -> None:
    telegram.write(ANNA, "Nice weather", GROUP)
    mine = telegram.write(ANNA, f"@{USERNAME} {QUESTION}", GROUP)
    first = telegram.wait(lambda: [one for one in telegram.world.said(GROUP) if "30 days" in one["text"]])[0]
    assert first["reply_to_message"] == {"message_id": mine}
    telegram.write(BEN, f"@{USERNAME} {QUESTION}", GROUP)
    telegram.wait(lambda: len([one for one in telegram.world.said(GROUP) if "30 days" in one["text"]]) == 2)
    telegram.write(BEN, "/start", BEN)
    telegram.wait_for_text(BEN, commands.HELLO)


def test_killed_and_faulty_nothing_is_lost(product: Deskhand, telegram: FakeTelegram) -> None:
    """The process of the channels is killed twice while people write, and polls go wrong all the time."""
    people = range(2_000, 2_012)
    for person in people:
        telegram.world.user(person, f"P{person}")
    telegram.faults.plan(3, 0.3, ("drop_before", "drop_after", "502"), ("getUpdates",))
    for number, person in enumerate(people):
        if number in {4, 8}:
            # Sends that a kill catches take 25 s to be settled (tests/test_outbox.py): here it catches what comes in.
            telegram.wait(lambda: all("30 days" in str(telegram.world.texts(one)) for one in people[:number]))  # noqa: B023
        telegram.write(person, QUESTION)
        if number in {4, 8}:
            os.kill(product.pids()["channels"], signal.SIGKILL)
    telegram.wait(lambda: all("30 days" in str(telegram.world.texts(person)) for person in people), 60)
    telegram.faults.rate = 0.0
    answered = [sum("30 days" in text for text in telegram.world.texts(person)) for person in people]
    assert sum(answered) - len(people) <= 2, "twice at most where a kill left nobody to tell"


def test_switched_off_it_is_silent_and_switched_on_it_catches_up(product: Deskhand, telegram: FakeTelegram) -> None:
    telegram.world.user(1012, "Emil")
    assert product.run("plugins", "off", "telegram").returncode == 0
    quiet = len(telegram.world.noted("polled"))
    telegram.wait(lambda: "channel_stopped" in product.log())
    telegram.write(1012, QUESTION)
    waiting = list(telegram.world.updates)
    assert waiting, "Telegram keeps it"
    assert len(telegram.world.noted("polled")) <= quiet + 1
    assert product.run("plugins", "on", "telegram").returncode == 0
    telegram.wait_for_text(1012, "30 days")


def test_doctor_names_the_bot_and_the_privacy_mode(product: Deskhand, telegram: FakeTelegram) -> None:
    said = product.run("doctor").stdout
    assert f"@{USERNAME}" in said
    assert "Privacy mode is on" in said
