"""The whole story of a handoff through real processes and the real SDKs, on a good day, with Slack away, and with everybody killed.

A question to the AI, a wish for a person, a card, a race for it, replies, an edit, a deletion, a file, a note, an emoji, the end with
summary, transcript and rating, and the same thread again when the customer comes back.
"""

from __future__ import annotations

import re
import struct
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.desk_run import PLUGINS
from tests.conftest import ON_POSTGRES
from tests.fakes.llm import FakeLLM, Script
from tests.fakes.slack import FakeSlack
from tests.fakes.smtp import FakeMail
from tests.patience import patient, wait_for
from tests.running import Deskhand
from tests.scenarios.patient import Patient, Room

ROOM = "C0SUPPORT"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\x00" + b"\xff\x00\x00" * 2 + b"\x00" + b"\x00\xff\x00" * 2)) + _chunk(b"IEND", b"")
)  # fmt: skip
POINTS = (
    "receive.before_commit", "receive.before_ack", "turn.before_commit", "desk.before_posted", "desk.after_posted", "desk.before_commit",
    "desk.after_commit", "desk.before_ack", "desk.before_reply_commit", "desk.after_reply_commit", "out.after_claim", "out.before_bytes",
    "out.after_bytes", "job.after_claim", "job.before_done",
)  # fmt: skip


@dataclass
class World:
    """Everything around the product, shared by the stories."""

    product: Deskhand
    slack: FakeSlack
    mail: FakeMail
    once: Path
    killed: list[str] = field(default_factory=list)

    def kill_at(self, *points: str) -> None:
        """The next process that passes one of these points is killed there."""
        for point in points:
            self.killed.append(point)
            (self.once / point).unlink()

    def all_killed(self, seconds: float = 30.0) -> None:
        wait_for(lambda: all((self.once / point).exists() for point in self.killed), seconds,
                 f"killed at {[p for p in self.killed if not (self.once / p).exists()]}")  # fmt: skip


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("story")
    once = folder / "once"
    once.mkdir()
    for point in POINTS:
        (once / point).touch()
    more = {"DATABASE_URL": request.getfixturevalue("postgres").fresh()} if ON_POSTGRES else {}
    with FakeSlack() as slack, FakeMail(folder, tls="starttls", auth=True) as mail, FakeLLM() as llm:
        llm.default = Script(
            answer=lambda asked: "The lamp of Anna is broken." if "Write the summary" in asked.prompt else "Let me see."
        )
        # Slack redelivers for one second instead of six minutes, and our patience with it is scaled alike.
        slack.sockets.retries, slack.sockets.ack_within = (0.0, 0.5, 0.5), 2.0
        product = Deskhand(
            folder / "data",
            {
                "SLACK_BOT_TOKEN": slack.space.bot_token, "SLACK_APP_TOKEN": slack.space.app_token, "SLACK_CHANNEL": ROOM,
                "DESKHAND_SLACK_API_URL": slack.url, "SMTP_URL": mail.url, "DESKHAND_MAIL_FROM": "Lamps <help@shop.example>",
                "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": llm.openai_url, "DESKHAND_PLUGINS_DIR": str(PLUGINS), "CHAOS_PATIENCE": "0.05", "CHAOS_POST_SECONDS": "2.5",
                "DESKHAND_FAILPOINTS": ";".join(f"{point}=kill" for point in POINTS), "DESKHAND_FAILPOINTS_ONCE": str(once),
                "DESKHAND_RESTART_PAUSE": "0.3", **more,
            },
        )  # fmt: skip
        try:
            product.start()
            for name, user in (("ana", "U1"), ("ben", "U2")):
                done = product.run("agents", "add", name, "--slack", f"{slack.space.team}:{user}")
                assert done.returncode == 0, done.stderr
            hold(product, False)
            slack.wait(lambda: slack.sockets.open, 20)
            yield World(product, slack, mail, once)
        finally:
            product.end()


def nothing(_: World, __: Room, ___: Patient) -> None:
    """A good day."""


def hold(product: Deskhand, yes: bool) -> None:
    """Whether replies are held for their five seconds. Most of a story does without, to be short."""
    done = product.run("agents", "mode", "slack", ROOM, "gated" if yes else "direct")
    assert done.returncode == 0, done.stderr


Trouble = Callable[[World, Room, Patient], None]


def story(
    world: World, name: str, before: Trouble = nothing, middle: Trouble = nothing, after: Trouble = nothing
) -> None:
    """From the first question to the second visit. ``before``, ``middle`` and ``after`` are what goes wrong, and when."""
    slack, room, address = world.slack, Room(world.slack, ROOM), f"{name}@example.com"
    with Patient(world.product.base_url) as customer:
        before(world, room, customer)
        customer.surely("send", text="My lamp is broken.")
        customer.until(customer.answers, 30)
        customer.surely("handoff")
        customer.surely("contact", name="Anna", email=address)
        room.find(40)
        number = re.search(r"#(\d+)", room.title())
        assert number is not None and "Waiting" in room.title()
        slack.wait(lambda: room.having("My lamp is broken."), 20)
        confirm(world, address)

        # The race: both press at once, one wins, and the loser is told who.
        slack.click_at_once(("U1", "U2"), ROOM, room.thread, "Claim")
        room.press("U1", "Claim", lambda: "is on it" in room.title())
        customer.until(lambda: customer.told("joined"), 30)
        assert len(customer.told("joined")) == 1, "exactly one of the two claims wins"
        agent = "U1" if "Ana" in room.title() else "U2"

        first = room.write(agent, "You have <https://shop.example/r|30 days> :wave:")
        wrong = room.write(agent, "This is for somebody else")
        customer.until(lambda: len(customer.of("agent")) == 2, 40)
        slack.edit(ROOM, first, "You have 60 days :wave:")
        slack.delete(ROOM, wrong)
        customer.until(lambda: customer.texts("agent") == ["You have 60 days 👋"], 40)

        middle(world, room, customer)
        slack.share(agent, ROOM, room.thread, ("label.png", PNG, "image/png"), text="The label")
        note(world, room, agent)
        room.write(agent, "note: he is patient")
        customer.surely("send", text="Thank you <!channel> & goodbye")
        customer.until(lambda: any(m.get("text") == "The label" for m in customer.of("agent")), 40)
        thanks = slack.wait(lambda: room.having("goodbye"), 40)[0]
        assert "<!channel>" not in thanks["text"], "nobody is called by a customer"
        slack.react(agent, ROOM, thanks["ts"], "heart")
        files_and_emoji(world, room, customer)
        after(world, room, customer)

        room.press(agent, "Resolve", lambda: "Resolved" in room.title())
        customer.until(lambda: customer.told("resolved"), 30)
        slack.wait(lambda: "The lamp of Anna is broken." in room.card(), 40)
        ticket = wait_for(
            lambda: (
                (out := world.product.run("tickets", "show", number[1]).stdout) and "The lamp of Anna" in out and out
            ),
            30,
        )
        assert "resolved" in ticket
        (transcript,) = wait_for(lambda: sent_to(world, address, "Your conversation with"), 30)
        assert "You have 60 days" in transcript.text and "> My lamp is broken." in transcript.text
        customer.surely("rating", rating=5)
        slack.wait(
            lambda: "rated 5" in room.card() or world.product.run("tickets", "show", number[1]).stdout.count("5 of 5"),
            20,
        )

        customer.surely("send", text="It is broken again")
        slack.wait(lambda: room.having("broken again") and "Waiting" in room.title(), 40)
        nothing_twice(world, room, customer)


def files_and_emoji(world: World, room: Room, customer: Patient) -> None:
    """The agent's label is at the customer's with its bytes, the customer's photograph in the thread; and an emoji each way."""
    label = next(m for m in customer.of("agent") if m["text"] == "The label")
    (file,) = label["files"]
    assert file["name"] == "label.png" and customer.fetch(file["url"])[:8] == PNG[:8]
    photo = customer.bring("broken lamp.png", PNG, "image/png")
    customer.surely("send", text="Here it is", files=[photo])

    def posted() -> list[dict[str, Any]]:
        return [one for message in room.shown() if message.get("bot_id") for one in message.get("files") or []]

    (shown,) = world.slack.wait(posted, 40)
    assert shown["title"] == "broken lamp.png" and world.slack.space.contents[shown["id"]][:8] == PNG[:8]
    customer.surely("react", id=label["id"], emoji="👍")
    world.slack.wait(
        lambda: any("+1" in one.get("reactions", {}) for one in room.shown() if one["text"] == "The label"), 40
    )
    customer.until(
        lambda: any("❤" in str(m.get("reactions")) for m in customer.messages.values() if "goodbye" in m["text"]), 40
    )


def confirm(world: World, address: str) -> None:
    """Press the button behind the link in the mail."""
    (asked,) = wait_for(lambda: sent_to(world, address, "confirm your address"), 30)
    link = re.search(r"http://\S+?(/w/confirm/[\w-]+)", asked.text)
    assert link is not None

    def pressed() -> bool:
        try:
            with urllib.request.urlopen(world.product.base_url + link[1], data=b"", timeout=patient(10)) as page:
                return b"is confirmed" in page.read()
        except OSError:
            return False  # web is just being started again

    wait_for(pressed, 20)


def sent_to(world: World, address: str, subject: str) -> list[Any]:
    return [one for one in world.mail.mails if one.to == [address] and subject in one.message["Subject"]]


def note(world: World, room: Room, agent: str) -> None:
    """By the card's button and its form; again if the form did not get through."""
    from channels.slack.forms import FIELD

    views = len(world.slack.space.views)
    room.press(agent, "Note", lambda: len(world.slack.space.views) > views)
    view = list(world.slack.space.opened)[-1]

    def kept() -> bool:
        return bool(room.having("likes red lamps"))

    for _ in range(4):
        if view in world.slack.space.opened:
            world.slack.submit(agent, view, {FIELD: "She likes red lamps"})
        try:
            world.slack.wait(kept, 12)
            break
        except AssertionError:
            continue
    assert len(room.having("likes red lamps")) == 1


def nothing_twice(world: World, room: Room, customer: Patient) -> None:
    """Everything that was said is in both places, once, and what is internal in one only."""
    assert customer.texts("agent") == ["You have 60 days 👋", *customer.texts("agent")[1:]]
    texts = customer.texts("agent") + customer.texts("customer")
    assert len(texts) == len(set(texts)), "nothing is shown to the customer twice"
    assert "patient" not in str(customer.messages) and "red lamps" not in str(customer.messages), "notes stay inside"
    mirrored = [one["text"] for one in room.shown() if one.get("username", "").endswith("· customer")]
    assert len(mirrored) == len(set(mirrored)) and sum("goodbye" in one for one in mirrored) == 1
    assert [one["text"] for one in customer.of("agent")].count("The label") == 1
    assert sum(bool(one.get("files")) and bool(one.get("bot_id")) for one in room.shown()) == 1, (
        "the photograph is there once"
    )
    assert len(world.slack.space.messages(ROOM)) == room.before + 1, "one thread, also the second time"
    assert not world.slack.space.noted("refused_blocks")
    log = world.product.log()
    assert (
        world.slack.space.bot_token not in log
        and world.slack.space.app_token not in log
        and "lamp is broken" not in log
    )


def test_the_whole_story(world: World) -> None:
    story(world, "anna")


def test_the_same_with_slack_away_for_ten_minutes_in_the_middle(world: World) -> None:
    """Scaled: Slack redelivers for one second, and is away for three times as long."""

    def away(world: World, room: Room, customer: Patient) -> None:
        agent = "U1" if "Ana" in room.title() else "U2"
        mine, wrong = room.write(agent, "Before it went away"), room.write(agent, "This was wrong")
        customer.until(lambda: {"Before it went away", "This was wrong"} <= set(customer.texts("agent")), 30)
        world.slack.down()
        written = [f"while Slack was away {n}" for n in range(3)]
        for text in written:
            customer.surely("send", text=text)
        room.write(agent, "Written into the void")
        world.slack.edit(ROOM, mine, "Before it went away, corrected")
        world.slack.delete(ROOM, wrong)
        gave_up = len(world.slack.space.noted("gave_up"))
        time.sleep(3.0)
        world.slack.wait(lambda: len(world.slack.space.noted("gave_up")) >= max(gave_up, 2), 10)
        world.slack.up()
        customer.until(
            lambda: {"Written into the void", "Before it went away, corrected"} <= set(customer.texts("agent")), 40
        )
        customer.until(lambda: "This was wrong" not in customer.texts("agent"), 40)
        there = world.slack.wait(
            lambda: (
                len(found := [m["text"] for m in room.shown() if "while Slack was away" in m["text"]]) >= 3 and found
            ),
            40,
        )
        assert there == written, "in order, each once"

    story(world, "berta", middle=away)


def killed_by(world: World, point: str, act: Callable[[str], None]) -> None:
    """Do something that passes the point, and again if that was too early: what Slack tells nobody is found without passing it."""
    world.kill_at(point)
    for _ in range(8):
        act(point)
        try:
            world.all_killed(8.0)
            return
        except AssertionError:
            continue
    world.all_killed()


def test_the_same_with_every_process_killed_at_every_point_of_the_desk(world: World) -> None:
    """web, turns, channels and a worker each die at the named points they pass, once each."""

    def at_the_beginning(world: World, _: Room, __: Patient) -> None:
        world.kill_at("receive.before_commit", "turn.before_commit", "desk.before_posted", "job.after_claim")

    def in_the_middle(world: World, room: Room, customer: Patient) -> None:
        agent = "U1" if "Ana" in room.title() else "U2"
        replies: list[str] = []
        words: list[str] = []

        def reply(point: str) -> None:
            replies.append(f"One more, {len(replies)}: {point}")
            room.write(agent, replies[-1])

        def say(point: str) -> None:
            words.append(f"And then, {len(words)}: {point}")
            customer.surely("send", text=words[-1])

        for point in ("desk.before_commit", "desk.after_commit", "desk.before_ack"):
            killed_by(world, point, reply)
        hold(world.product, True)
        for point in ("desk.before_reply_commit", "desk.after_reply_commit"):
            killed_by(world, point, reply)
        hold(world.product, False)
        for point in (
            "receive.before_ack",
            "out.after_claim",
            "out.before_bytes",
            "out.after_bytes",
            "desk.after_posted",
        ):
            killed_by(world, point, say)
        customer.until(lambda: set(replies) <= set(customer.texts("agent")), 60)
        for text in words:
            world.slack.wait(lambda text=text: room.having(text), 60)

    def at_the_end(world: World, _: Room, __: Patient) -> None:
        world.kill_at("job.before_done")

    story(world, "clara", before=at_the_beginning, middle=in_the_middle, after=at_the_end)
    world.all_killed()
    assert sorted(world.killed) == sorted(POINTS), "everybody was killed everywhere"
