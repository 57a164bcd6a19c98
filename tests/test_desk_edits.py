"""Agents change or delete what they wrote: nothing that is meant for colleagues gets out by a change, and nobody is left guessing."""

from __future__ import annotations

from typing import Any

import pytest

from bot import agents, replies
from bot.desk_actions import Action
from bot.store import StoreUnavailable
from tests.test_desks import World, world  # noqa: F401  the fixture


@pytest.mark.parametrize("text", ["note: the customer lies", "// the customer lies", "🔒the customer lies"])
def test_a_held_reply_that_becomes_a_note_never_reaches_the_customer(world: World, text: str) -> None:  # noqa: F811
    world.do("T1:ana", text="the customer lies", message="r1")
    changed = world.do("T1:ana", "edit", text=text, message="r1")
    assert changed.code == "note" and "does not see it" in changed.aside
    world.later()
    assert world.said()[-1] == ("note", "the customer lies")
    assert [author for author, _ in world.said()].count("agent") == 0
    assert world.do("T1:ana", "edit", text="note: I was wrong", message="r1").code == "done"
    assert world.do("T1:ana", "edit", text="without its mark", message="r1").code == "done"
    assert world.said()[-1] == ("note", "without its mark"), "a note stays one"


def test_a_reply_that_was_sent_cannot_become_a_note(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="hello", message="r1")
    world.later()
    rev = world.row().rev
    refused = world.do("T1:ana", "edit", text="note: the customer lies", message="r1")
    assert refused.code == "cannot" and "sent already" in refused.aside and "delete it" in refused.aside
    assert world.said()[-1] == ("agent", "hello") and world.row().rev == rev


def test_a_change_into_a_command_is_not_shown_and_not_done(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="I will close this", message="r1")
    held = world.do("T1:ana", "edit", text="!resolve", message="r1", action=Action.RESOLVE)
    assert held.code == "done" and "Taken back" in held.aside and "new message" in held.aside
    world.do("T1:ana", text="hello", message="r2")
    world.later()
    sent = world.do("T1:ana", "edit", text="!resolve", message="r2", action=Action.RESOLVE)
    assert sent.code == "cannot" and "still sees it" in sent.aside
    assert [text for author, text in world.said() if author == "agent"] == ["hello"]
    assert world.row().state == "human"


def test_a_change_of_what_was_never_sent_says_so(world: World) -> None:  # noqa: F811
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert world.do("T1:ana", text="one more thing", message="r1").code == "resolved"
    changed = world.do("T1:ana", "edit", text="one more thing!", message="r1")
    assert changed.code == "cannot" and "never went to the customer" in changed.aside
    world.do("T1:ana", "action", action=Action.REOPEN)
    held = world.do("T1:ana", text="oops", message="r2")
    world.do("T1:ana", "action", action=Action.UNDO, value=held.value)
    assert "never went to the customer" in world.do("T1:ana", "edit", text="oops?", message="r2").aside


def test_a_deleted_message_keeps_no_words(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="secret one", message="r1")
    world.later()
    world.do("T1:ana", text="note: secret two", message="r2")
    world.do("T1:ana", text="secret three", message="r3")
    for message in ("r1", "r2", "r3"):
        assert world.do("T1:ana", "delete", message=message).code == "done"
    world.later()
    kept = world.store.read(
        lambda: [
            *world.store.sql("SELECT body FROM message WHERE author IN ('agent', 'note')").fetchall(),
            *world.store.sql("SELECT body FROM reply").fetchall(),
        ]
    )
    assert kept and {row[0] for row in kept} == {""}


def test_a_deletion_follows_though_its_author_is_no_agent_any_more(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="hello", message="r1")
    world.later()
    agents.set_active("ana", False, actor="test")
    assert world.do("T1:ana", "delete", message="r1").code == "done"
    assert world.said()[-1] == ("agent", "")


def test_a_note_takes_no_question_from_the_ai(world: World) -> None:  # noqa: F811
    world.do("T1:ana", "action", action=Action.RETURN)
    world.customer("Where is my second order?")
    before = world.row().answered
    world.do("T1:ana", text="note: vip")
    assert world.row().needs and world.row().answered == before


def test_a_reply_moves_what_is_answered_only_while_people_have_it(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="first")
    world.later()
    assert world.row().answered == world.row().seq
    held = world.do("T1:ana", text="second")
    world.store.write(
        lambda: world.store.sql("UPDATE conversation SET state = 'ai' WHERE id = ?", (world.conversation,))
    )
    world.customer("And my other order?")
    before = world.row().answered
    world.later()
    assert held.code == "held" and world.said()[-1] == ("agent", "second")
    assert world.row().answered == before and world.row().needs


def test_two_rows_at_once_are_tried_again_and_nothing_is_called_a_twin_that_is_none(
    world: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, failing = replies.reply, [1]

    def clashes(*given: Any) -> Any:
        done = real(*given)
        if failing[0]:
            failing[0] -= 1
            # As when another process makes the same row at this moment.
            world.store.sql("INSERT INTO site (id, key, name, created_at) SELECT id, key, name, created_at FROM site")
        return done

    monkeypatch.setattr(replies, "reply", clashes)
    assert world.do("T1:ana", text="once", message="r1").code == "held"
    failing[0] = 99
    with pytest.raises(StoreUnavailable):
        world.do("T1:ana", text="twice", message="r2", key="k2")
    failing[0] = 0
    assert world.do("T1:ana", text="twice", message="r2", key="k2").code == "held", "it comes again, and is taken"
    assert world.do("T1:ana", text="twice", message="r2", key="k3").code == "duplicate"
    world.later()
    assert [text for author, text in world.said() if author == "agent"] == ["once", "twice"]
