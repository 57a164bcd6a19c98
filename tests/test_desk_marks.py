"""The mark on an agent's own message: it says at last what is true, also when the truth is that nobody knows."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bot import clock, deliver, desk_posts
from bot.channel import Channel, Limits, Resend
from bot.desk import DeskPost, Posted
from bot.desk_actions import Action
from bot.messages import Outbound, Sent
from bot.outbox import Outbox
from tests.patience import patient
from tests.test_desks import World, world  # noqa: F401  the fixture


class Phone(Channel):
    name = "widget"
    limits = Limits(timeout=5)
    resend = Resend.NONE


@pytest.fixture
def phone(world: World) -> Outbox:  # noqa: F811
    """The customer is where messages have to be sent to, and one says nothing about whether it arrived."""
    outbox = Outbox(Phone(), uncertain="hold")
    outbox.declare()
    deliver.forget_declarations()
    return outbox


def marks(world: World) -> list[str]:  # noqa: F811
    return [post.mark for post in world.pump() if post.op == "mark"]


def taken(phone: Outbox, text: str) -> deliver.Claimed:
    """The delivery with this text; what comes before it is sent."""
    while (claimed := phone.claim("room")) is not None:
        assert isinstance(claimed.out, Outbound)
        if claimed.out.text == text:
            return claimed
        phone.sent(claimed, Sent(clock.new_id()))
    raise AssertionError(f"nothing says {text!r}")


def test_a_reply_of_which_nobody_knows_whether_it_arrived_gets_a_warning(world: World, phone: Outbox) -> None:  # noqa: F811
    world.do("T1:ana", text="hello", message="r1")
    world.later()
    claimed = taken(phone, "hello")
    assert set(marks(world)) == {"queued"}
    phone.hold(claimed)
    assert marks(world) == ["failed"]


def test_a_mark_that_is_taken_while_its_message_arrives_is_followed_by_the_true_one(
    world: World,  # noqa: F811
    phone: Outbox,
    store: Any,
) -> None:
    world.do("T1:ana", text="hello", message="r1")
    world.later()
    claimed = taken(phone, "hello")
    sent, done = threading.Event(), threading.Event()

    def arrives() -> None:
        with store.db.connection_context(), store.db.atomic():
            deliver.mark_sent(claimed.ord, "p1")
            desk_posts.followed(claimed.message)  # it sees the mark that waits, and plans no other
            sent.set()
            done.wait(0.5)  # on PostgreSQL the mark is taken meanwhile

    thread = threading.Thread(target=arrives)
    thread.start()
    assert sent.wait(patient(5))
    shown = marks(world)
    done.set()
    thread.join()
    shown += marks(world)
    assert shown[-1] == "sent"


def test_a_message_that_arrives_while_its_mark_is_taken_plans_the_true_one(
    world: World,  # noqa: F811
    phone: Outbox,
    store: Any,
) -> None:
    world.do("T1:ana", text="hello", message="r1")
    world.later()
    claimed = taken(phone, "hello")
    shown: list[str] = []
    thread = threading.Thread(target=lambda: phone.sent(claimed, Sent("p1")))
    with store.db.connection_context(), store.db.atomic():
        head = world.outbox.claim(world.conversation) if not store.is_sqlite() else None
        while head is not None:  # up to the mark, which is taken in this very transaction
            assert isinstance(head.out, DeskPost)
            shown.append(head.out.mark)
            world.outbox.posted(head, Posted(clock.new_id(), head.out.thread or "m1"))
            head = world.outbox.claim(world.conversation)
        thread.start()
        thread.join(0.4)
    thread.join(patient(20))
    shown += marks(world)
    assert shown[-1] == "sent"


def test_what_is_taken_back_or_becomes_a_note_is_not_marked_as_on_its_way(world: World) -> None:  # noqa: F811
    held = world.do("T1:ana", text="oops", message="r1")
    assert marks(world) == ["queued"]
    world.do("T1:ana", "action", action=Action.UNDO, value=held.value)
    assert marks(world) == [""]
    world.do("T1:ana", text="for us", message="r2")
    assert marks(world) == ["queued"]
    world.do("T1:ana", "edit", text="note: for us", message="r2")
    assert marks(world) == [""]


def test_only_the_first_mark_of_a_message_says_that_there_is_none_yet(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="It left yesterday.", message="r1")
    assert [(post.mark, post.first) for post in world.pump() if post.op == "mark"] == [("queued", True)]
    world.later()
    assert [(post.mark, post.first) for post in world.pump() if post.op == "mark"] == [("sent", False)]
    world.do("T1:ana", text="note: he is nice", message="r2")
    held = world.do("T1:ana", text="oops", message="r3")
    world.do("T1:ana", "action", action=Action.UNDO, value=held.value)
    assert [(post.mark, post.first) for post in world.pump() if post.op == "mark"] == [("", True)], "nothing was shown"
