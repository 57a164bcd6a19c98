"""Words in a thread that nobody knows yet: they leave no trace, and are read once it turns out to be ours. Rows only."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bot import clock, desk_posts
from bot.desk import DeskAnswer, DeskEvent
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from tests.test_desks import World, world  # noqa: F401  the fixture


@pytest.fixture
def unknown(world: World) -> World:  # noqa: F811
    """The card was posted, and nobody knows where."""
    world.store.write(lambda: world.store.sql("UPDATE desk_thread SET thread = NULL"))
    return world


def settle(world: World) -> None:  # noqa: F811
    world.store.write(lambda: desk_posts.opened(world.conversation, "wall", "m1"))


def ledger(world: World) -> int:  # noqa: F811
    query = "SELECT count(*) FROM ledger WHERE channel = 'desk:wall'"
    return int(world.store.read(lambda: world.store.sql(query).fetchone())[0])


def test_the_same_event_is_taken_once_the_thread_is_known(unknown: World) -> None:
    for kind in ("reply", "edit", "delete", "note", "command"):
        assert unknown.do("T1:ana", kind, text="Hello", key=f"k-{kind}").code == "unknown_thread"
    assert ledger(unknown) == 0 and unknown.outbox.late_threads() == [], "not known yet"
    settle(unknown)
    (late,) = unknown.outbox.late_threads()
    assert (late.place, late.thread, late.known) == ("W1", "m1", {})
    assert unknown.do("T1:ana", text="Hello", key="k-reply", message="r1").code == "held"
    assert unknown.do("T1:ana", text="Hello", key="k-reply", message="r1").code == "duplicate"
    assert unknown.outbox.late_threads()[0].known == {"r1": "Hello"}
    unknown.outbox.caught_up(late)
    assert unknown.outbox.late_threads() == []


def test_a_button_makes_the_thread_one_to_be_read(unknown: World) -> None:
    assert unknown.do("T1:ana", text="Hello").code == "unknown_thread"
    event = DeskEvent(
        desk="wall", key="press", kind="action", who="T1:ana", place="W1", thread="m1", message="m1", action=Action.CLAIM,
        conversation_id=unknown.conversation,
    )  # fmt: skip
    assert receive_desk([event])[0].code == "done"
    assert [one.thread for one in unknown.outbox.late_threads()] == ["m1"]


def test_only_what_was_said_in_the_place_of_a_card_that_may_be_there_is_a_reason_to_read(
    unknown: World,
) -> None:
    elsewhere = DeskEvent(
        desk="wall", key="else", kind="reply", who="T1:ana", place="W2", thread="m1", message="m1", text="?"
    )
    assert receive_desk([elsewhere])[0].code == "unknown_thread"
    unknown.store.write(lambda: unknown.store.sql("UPDATE delivery SET first_sent_at = NULL"))
    assert unknown.do("T1:ana", text="Nothing can be written under what was never posted").code == "unknown_thread"
    settle(unknown)
    assert unknown.outbox.late_threads() == [] and ledger(unknown) == 0


def test_talk_elsewhere_with_no_card_on_its_way_leaves_nothing(world: World) -> None:  # noqa: F811
    event = DeskEvent(
        desk="wall", key="talk", kind="reply", who="T1:ana", place="W1", thread="t9", message="t10", text="?"
    )
    assert [receive_desk([event])[0].code for _ in range(2)] == ["unknown_thread"] * 2
    assert ledger(world) == 0 and world.outbox.late_threads() == []


def test_an_outage_is_caught_up_with_under_a_card_that_is_found_after_it(unknown: World) -> None:
    """What was said while the desk was away was told to nobody."""
    assert unknown.outbox.threads() == []
    settle(unknown)
    assert [one.thread for one in unknown.outbox.late_threads()] == ["m1"]


def test_words_at_the_moment_in_which_the_thread_becomes_known_are_taken_or_read(unknown: World, store: Any) -> None:
    """Whoever records the post has not committed when the words come."""
    recorded, answers = threading.Event(), []  # type: ignore[var-annotated]

    def record() -> None:
        with store.db.connection_context(), store.db.atomic():
            desk_posts.opened(unknown.conversation, "wall", "m1")
            recorded.set()
            talking.join(0.5)  # on PostgreSQL the words look for the thread meanwhile

    def talk() -> None:
        recorded.wait(5)
        answers.append(unknown.do("T1:ana", text="Now", key=clock.new_id()))

    talking = threading.Thread(target=talk)
    talking.start()
    record()
    talking.join()
    (answer,) = answers
    assert isinstance(answer, DeskAnswer)
    assert answer.code == "held" or unknown.outbox.late_threads(), "it is not lost"
