"""The first reply claims. Taking it back gives the conversation back, unless something else has happened since."""

from __future__ import annotations

from bot import waiting
from bot.desk_actions import Action
from tests.test_desks import World, world  # noqa: F401  the fixture


def undo(world: World, value: str = "") -> str:  # noqa: F811
    answer = world.do("T1:ana", "action", action=Action.UNDO, value=value)
    assert answer.code == "done", answer
    return answer.aside


def test_taking_the_first_reply_back_gives_the_conversation_back(world: World) -> None:  # noqa: F811
    since = world.ticket().waiting_since
    world.do("T1:ana", text="oops")
    world.pump()
    assert "waits for an agent again" in undo(world)
    assert (world.row().state, world.row().assignee, world.ticket().state) == ("waiting", "", "open")
    assert abs(world.ticket().waiting_since - since) < 0.5, "the customer keeps their place in the queue"
    assert waiting.queues([world.conversation])[world.conversation].position == 1
    author, text = world.said()[-1]
    assert author == "system" and "looking for a colleague" in text
    (card,) = [post.card for post in world.pump() if post.op == "card"]
    assert card is not None and card.state == "waiting" and Action.CLAIM in card.actions
    assert world.do("T1:ana", text="now").code == "held", "it can be claimed again"
    assert world.row().state == "human"


def test_the_claim_stays_when_it_was_made_by_the_button(world: World) -> None:  # noqa: F811
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.do("T1:ana", text="oops")
    assert "again" not in undo(world)
    assert world.row().state == "human" and world.row().assignee == "ana"


def test_the_claim_stays_when_another_reply_followed(world: World) -> None:  # noqa: F811
    held = world.do("T1:ana", text="oops")
    world.do("T1:ana", text="Hello")
    assert "again" not in undo(world, held.value)
    assert world.row().state == "human"
    world.later()
    assert [text for author, text in world.said() if author == "agent"] == ["Hello"]


def test_the_claim_of_somebody_else_stays(world: World) -> None:  # noqa: F811
    held = world.do("T1:ana", text="oops")
    world.do("T1:ana", "action", action=Action.TRANSFER, value="@marko")
    assert "again" not in undo(world, held.value)
    assert world.row().assignee == "marko"
