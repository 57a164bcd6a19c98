"""A card that has to wait holds up nobody's words: it is overtaken, and shows the newest when it comes."""

from __future__ import annotations

import pytest

from bot import clock
from bot.deliver import Claimed
from bot.desk import DeskPost
from bot.desk_actions import Action
from tests.test_desks import World, world  # noqa: F401  the fixture


def take(world: World) -> Claimed:  # noqa: F811
    claimed = world.outbox.claim(world.conversation)
    assert claimed is not None and isinstance(claimed.out, DeskPost)
    return claimed


def test_a_change_of_a_card_that_waits_is_overtaken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    real, ahead = clock.now, [0.0]
    monkeypatch.setattr(clock, "now", lambda: real() + ahead[0])
    world.do("T1:ana", "action", action=Action.CLAIM)
    card = take(world)
    assert card.out.op == "card"  # type: ignore[union-attr]
    world.outbox.not_sent(card, "Slack asked for a pause", 30.0)
    world.customer("Hello? Is somebody there?")
    assert world.outbox.due() == [world.conversation]
    assert [post.text for post in world.pump() if post.op == "message"] == ["Hello? Is somebody there?"]
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert world.pump() == [] and world.outbox.due() == [], "the card waits, and one is enough"
    ahead[0] += 31
    (late,) = world.pump()
    assert late.card is not None and late.card.state == "resolved"


def test_a_card_that_opens_the_thread_and_one_that_may_have_been_sent_are_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    real, ahead = clock.now, [0.0]
    monkeypatch.setattr(clock, "now", lambda: real() + ahead[0])
    world.do("T1:ana", "action", action=Action.CLAIM)
    card = take(world)
    world.customer("First")
    assert world.outbox.claim(world.conversation) is None, "in flight: nobody knows yet"
    world.outbox.perhaps(card, "no answer")
    assert world.outbox.claim(world.conversation) is None, "perhaps sent"
    ahead[0] += 600
    world.outbox.missing(take(world))
    world.pump()
    world.customer("Second")
    words = take(world)
    world.outbox.thread_gone(words, "somebody deleted it")
    opening = take(world)
    assert opening.out.op == "card" and not opening.out.thread  # type: ignore[union-attr]
    world.outbox.not_sent(opening, "later", 30.0)
    world.customer("Third")
    assert world.outbox.claim(world.conversation) is None, "without a thread there is nowhere to say it"
    ahead[0] += 31
    assert [post.op for post in world.pump()][:2] == ["card", "event"]
