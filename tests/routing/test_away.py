"""Who goes away is asked no more, and what they have is kept or given back as an admin says."""

from __future__ import annotations

import pytest

from bot import agents, presence, routing_offers
from bot.desk_actions import Action
from tests.routing.conftest import World


@pytest.mark.parametrize("how", ["away", "off", "left", "unseen"])
def test_who_goes_away_is_asked_no_more_and_it_goes_on_at_once(world: World, how: str) -> None:
    world.set(assign="round-robin")
    one = world.waits()
    world.work()
    world.pump()
    assert world.offered(one) == "ana"
    if how == "away":
        world.do("ana", one, action=Action.AWAY)
    elif how == "off":
        agents.set_active("ana", False, actor="test")
    elif how == "left":
        world.do("ana", "", "left")
    else:  # the desk says so of itself: seen at the next look, within a minute
        presence.told("wall", {"T1:ana": "away", "T1:ben": "here"})
        routing_offers.run()
    world.work()
    assert world.offers(one) == [("ana", "away"), ("ben", "open")]
    assert "Ana is away." in next(post.text for post in world.pump() if post.mention)
    if how == "away":
        world.do("ana", one, action=Action.BACK)
        world.work()
        assert world.offered(one) == "ben", "an offer stands although somebody is back"


def test_what_somebody_has_who_stays_away_is_kept_or_given_back_after_minutes_without_a_reply(world: World) -> None:
    world.set(assign="round-robin")
    kept = world.waits("kept")
    world.claim("ana", kept)
    agents.set_available("ana", False, actor="ana")
    world.work(24 * 3_600)
    assert world.state(kept) == ("human", "ana"), "kept, unless an admin says otherwise"
    world.set(on_away="release:10")
    agents.set_available("ana", True, actor="ana")
    world.work(3_600)
    assert world.state(kept) == ("human", "ana")
    answered = world.waits("answered")
    world.claim("ana", answered)
    world.pump()
    agents.set_available("ANA", False, actor="ana")
    world.work(5 * 60)
    thread = world.sql("SELECT thread FROM desk_thread WHERE conversation_id = ?", answered)[0][0]
    world.do("ana", "", "reply", text="One moment", place="W1", thread=thread)
    world.later()
    world.work(5 * 60 + 2)
    assert world.state(kept)[0] == "waiting" and world.state(answered) == ("human", "ana")
    assert world.heard(kept)[-1] == "I am looking for a colleague who can go on with this."
    assert ("given back", "ana") in world.history(kept) and world.offered(kept) == "ben", "it goes the same way again"
    told = [post.text for post in world.pump() if post.op == "event"]
    assert any("Ana is away and has not answered for 10 minutes" in text for text in told)
    world.work(5 * 60)
    assert world.state(answered)[0] == "waiting"
    # Who was away before the setting was made counts from then on.
    world.set(on_away="keep")
    agents.set_available("ana", True, actor="ana")
    world.claim("ana", answered)
    agents.set_available("ana", False, actor="ana")
    world.work(3_600)
    world.set(on_away="release:5")
    world.work(299)
    assert world.state(answered) == ("human", "ana")
    world.work(2)
    assert world.state(answered)[0] == "waiting"
    # Back in time: nothing is taken from her.
    last = world.waits("last")
    agents.set_available("ana", True, actor="ana")
    world.claim("ana", last)
    agents.set_available("ana", False, actor="ana")
    world.work(60)
    agents.set_available("ana", True, actor="ana")
    world.work(3_600)
    assert world.state(last) == ("human", "ana")


def test_who_is_asked_once_more_is_not_said_to_be_away(world: World) -> None:
    world.set(assign="round-robin", lapse="2")
    for name in ("ben", "carl"):
        agents.set_available(name, False, actor=name)
    one = world.waits()
    world.work()
    world.pump()
    world.work(121)
    assert world.offers(one) == [("ana", "lapsed")]
    agents.set_available("ana", False, actor="ana")
    agents.set_available("ana", True, actor="ana")
    world.work()
    assert world.offers(one) == [("ana", "withdrawn"), ("ana", "open")]
    (told,) = [post.text for post in world.pump() if post.mention]
    assert told == "This is offered to Ana: claim it or answer within 2 minutes, or it goes to the next one."


def test_what_is_given_to_somebody_who_is_away_already_goes_back_as_well(world: World) -> None:
    world.set(on_away="release:10")
    agents.set_available("ana", False, actor="ana")
    world.work(3_600)
    one = world.waits()
    world.claim("ben", one)
    world.do("ben", one, action=Action.TRANSFER, value="ana")
    assert world.state(one) == ("human", "ana")
    world.work(599)
    assert world.state(one) == ("human", "ana")
    world.work(2)
    assert world.state(one) == ("waiting", "")


def test_the_minutes_count_from_when_somebody_went_the_last_time(world: World) -> None:
    world.set(on_away="release:10")
    one = world.waits()
    world.claim("ana", one)
    agents.set_available("ana", False, actor="ana")
    world.work(60)
    agents.set_available("ana", True, actor="ana")
    world.work(500)
    agents.set_available("ana", False, actor="ana")
    world.work(60)
    assert world.state(one) == ("human", "ana"), "away for one minute, and not for eleven"
    world.work(541)
    assert world.state(one) == ("waiting", "")
