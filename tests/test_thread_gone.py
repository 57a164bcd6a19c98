"""Somebody deleted a ticket's thread, or its channel: the ticket goes on in another one, and nothing that was said is missing."""

from __future__ import annotations

from bot import clock
from bot.desk import DeskAnswer, DeskEvent, DeskPost, Posted
from bot.desk_events import receive_desk
from bot.erase import erase_conversation
from tests.test_desks import World, world  # noqa: F401  the fixture


def test_a_ticket_whose_thread_is_gone_goes_on_in_another_with_what_was_said(world: World) -> None:  # noqa: F811
    world.customer("Is anybody there?")
    world.customer("Hello?")
    claimed = world.outbox.claim(world.conversation)
    assert claimed is not None and isinstance(claimed.out, DeskPost) and claimed.out.thread == "m1"
    world.outbox.thread_gone(claimed, "deleted")
    world.outbox.refused(claimed, "deleted")  # as the host does with every permanent failure: nothing to do any more
    card, transcript = world.pump()
    assert (card.op, card.thread, card.subject) == ("card", "", "")
    assert transcript.thread == "m3" and "goes on here" in transcript.text
    assert "Is anybody there?" in transcript.text and transcript.text.endswith("Hello?")
    states = dict(
        world.store.read(lambda: world.store.sql("SELECT state, count(*) FROM delivery GROUP BY state").fetchall())
    )
    assert set(states) == {"sent", "superseded"}
    world.customer("And now?")
    (post,) = world.pump()
    assert (post.text, post.thread) == ("And now?", "m3")
    refused = world.do("T1:ana", text="I write where I always wrote")  # into m1
    assert refused.code == "cannot" and "another thread" in refused.aside, "nothing is dropped without a word"
    elsewhere = writes("W9", "m1")
    assert (elsewhere.code, elsewhere.aside) == ("unknown_thread", ""), "a thread of people's own in another place"
    erase_conversation(world.conversation)
    for thread in ("m1", "m3"):
        gone = writes("W1", thread)
        assert gone.code == "stale" and "deleted this conversation" in gone.aside, "it goes on nowhere any more"


def writes(place: str, thread: str) -> DeskAnswer:
    event = DeskEvent(
        desk="wall", key=clock.new_id(), kind="reply", who="T1:ana", place=place, thread=thread, message=clock.new_id(), text="I go on",
    )  # fmt: skip
    return receive_desk([event])[0]


def test_two_who_find_the_thread_gone_open_one_other(world: World) -> None:  # noqa: F811
    world.customer("One")
    claimed = world.outbox.claim(world.conversation)
    assert claimed is not None
    world.outbox.thread_gone(claimed, "deleted")
    world.outbox.thread_gone(claimed, "deleted")
    assert [post.op for post in world.pump()] == ["card", "event"]


def test_it_is_opened_where_threads_are_opened_now_and_answered_there(world: World) -> None:  # noqa: F811
    world.customer("One")
    claimed = world.outbox.claim(world.conversation)
    assert claimed is not None
    type(world.outbox.desk).place = "W2"
    try:
        world.outbox.declare()
        world.outbox.thread_gone(claimed, "archived")
        head = world.outbox.claim(world.conversation)
        assert head is not None and isinstance(head.out, DeskPost) and (head.out.op, head.out.place) == ("card", "W2")
        world.outbox.posted(head, Posted("m77", "m77"))
    finally:
        type(world.outbox.desk).place = "W1"
    rows = world.store.read(lambda: world.store.sql("SELECT place, thread FROM desk_thread").fetchall())
    assert [tuple(row) for row in rows] == [("W2", "m77")]
