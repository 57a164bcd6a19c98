"""What comes from a desk without a message of its own: a note from a form, an emoji of which only the message is told."""

from __future__ import annotations

from typing import Any

from bot import clock
from bot.desk import DeskAnswer, DeskEvent
from bot.desk_events import receive_desk
from tests.test_desks import World, world  # noqa: F401  the fixture


def told(kind: Any, **more: Any) -> DeskAnswer:
    return receive_desk([DeskEvent(desk="wall", key=clock.new_id(), kind=kind, who="T1:ana", place="W1", **more)])[0]


def test_a_note_from_a_form_is_shown_to_colleagues_and_never_to_the_customer(world: World) -> None:  # noqa: F811
    assert told("note", thread="m1", conversation_id=world.conversation, text="note: he was patient").code == "note"
    (post,) = world.pump()
    assert (post.op, post.author, post.text, post.thread) == ("message", "note", "note: he was patient", "m1")
    assert told("note", thread="m1", message="m50", text="in the thread").code == "note"
    assert world.pump() == [], "its writer's own message shows it already"
    assert [author for author, _ in world.said()].count("note") == 2


def test_an_emoji_is_found_by_the_message_it_is_on(world: World) -> None:  # noqa: F811
    world.customer("Thank you")
    (post,) = world.pump()
    assert told("reaction", message=f"m{world.count}", text="👍").code == "done"
    assert told("reaction", message="m999", text="👍").code == "unknown_thread"
    assert post.text == "Thank you"
    rows = world.store.read(
        lambda: [m.extra for m in world.store.Message.select().order_by(world.store.Message.seq.desc()).limit(1)]
    )
    assert "👍" in str(rows[0])


def test_a_form_that_was_refused_is_judged_anew_when_it_is_sent_again(world: World) -> None:  # noqa: F811
    def sent(zone: str) -> DeskAnswer:
        event = DeskEvent(
            desk="wall", key="form-1", kind="press", who="T1:ana", what="notify.save", page="notify.form", fields={"zone": zone}
        )  # fmt: skip
        return receive_desk([event])[0]

    for _ in range(2):
        refused = sent("Mars/Base")
        assert refused.code == "invalid" and "Europe/Berlin" in refused.errors["zone"]
    assert sent("Europe/Zagreb").code == "done"
    assert sent("Europe/Zagreb").code == "duplicate" and sent("Mars/Base").code == "duplicate", "done is done"


def test_a_word_in_somebody_elses_thread_is_no_word_to_us(world: World) -> None:  # noqa: F811
    answer = told("command", thread="m777", text="wow")
    assert (answer.code, answer.aside, answer.page) == ("unknown_thread", "", None)
    answer = told("press", conversation_id="gone", what="inbox.tab", value="mine")
    assert answer.code == "stale" and "deleted this conversation" in answer.aside
