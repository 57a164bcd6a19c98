"""The customer deleted the conversation: who goes on in its thread is told so, and nothing is sent."""

from __future__ import annotations

from bot import clock
from bot.desk import DeskAnswer, DeskEvent
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.erase import erase_conversation
from tests.test_desks import World, world  # noqa: F401  the fixture


def test_words_and_clicks_in_the_thread_of_what_was_deleted_are_answered(world: World) -> None:  # noqa: F811
    world.do("T1:ana", "action", action=Action.CLAIM)
    erased = world.conversation
    erase_conversation(erased)
    (world.conversation,) = world.store.read(world.outbox.due)
    assert [post.op for post in world.pump()] == ["card"], (
        "the last one; what it leaves behind tells nobody that the ticket moved"
    )
    for answer in (
        world.do("T1:ana", text="It left yesterday."),
        world.do("T1:ana", "note", text="He was angry."),
        world.do("T1:ana", "action", action=Action.RESOLVE),
        clicked(erased),
    ):
        assert answer.code == "stale" and "deleted this conversation" in answer.aside
    assert world.store.read(lambda: world.store.Message.select().count()) == 0
    assert world.store.read(lambda: world.store.Reply.select().count()) == 0


def test_what_people_say_in_other_threads_is_none_of_our_business(world: World) -> None:  # noqa: F811
    erase_conversation(world.conversation)
    event = DeskEvent(
        desk="wall",
        key=clock.new_id(),
        kind="reply",
        who="T1:ana",
        place="W1",
        thread="m99",
        message="x",
        text="Lunch?",
    )
    (answer,) = receive_desk([event])
    assert (answer.code, answer.aside) == ("unknown_thread", "")
    assert world.do("T1:ana", "delete", message="m5").code == "unknown_thread"


def clicked(conversation_id: str) -> DeskAnswer:
    """A button that an agent alone was shown: it names the conversation."""
    event = DeskEvent(
        desk="wall", key=clock.new_id(), kind="action", who="T1:ana", conversation_id=conversation_id, action=Action.CLAIM
    )  # fmt: skip
    return receive_desk([event])[0]
