"""What a customer who waits for a person hears: the place in the queue, an honest time, the countdown, the form."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot import (
    agents,
    clock,
    departures,
    hours,
    lease,
    waiting,
)
from bot.desk_actions import Action

from .conftest import HOUR, World


def test_with_somebody_there_the_place_in_the_queue_is_told_and_no_time_is_guessed(world: World) -> None:
    first, second = world.waits("anna"), world.waits("bert")
    assert world.system(first) == [("handoff", "I have passed this to my colleagues. One of them will answer here.")]
    assert world.system(second)[0][1].endswith("You are number 2 in the queue.")
    queue = world.queue(second)
    assert (queue.position, queue.waiting, queue.people, queue.expected, queue.form) == (2, 2, "here", None, False)
    assert queue.until == pytest.approx(queue.since + 180)


def test_positions_move_when_somebody_before_is_claimed_or_gives_up(world: World) -> None:
    a, b, c = (world.waits(who) for who in ("anna", "bert", "cleo"))
    assert world.act(a, Action.CLAIM).code == "done"
    assert [world.queue(x).position for x in (b, c)] == [1, 2]
    assert waiting.queues([a]) == {}, "who is talked to waits no longer"
    world.say(kind="cancel", who="bert")
    assert world.queue(c).position == 1


def test_a_snoozed_one_does_not_stand_in_the_way(world: World) -> None:
    a, b = world.waits("anna"), world.waits("bert")
    world.act(a, Action.SNOOZE, "60")
    assert world.queue(b).position == 1
    assert world.queue(a).position == 0
    world.now += 2 * HOUR
    assert [world.queue(x).position for x in (a, b)] == [1, 2]


def test_closed_says_when_it_opens_in_the_visitors_time_and_asks_for_an_address(world: World) -> None:
    world.hours((10, 18))
    conversation = world.waits(zone="Asia/Tokyo")
    ((kind, text),) = world.system(conversation)
    assert kind == "handoff_closed" and "(your time)" in text and "#1001" in text and "e-mail" in text
    queue = world.queue(conversation)
    assert (queue.people, queue.form, queue.until, queue.zone) == ("closed", True, None, "Europe/Berlin")
    assert queue.opens == pytest.approx(world.now + 10 * HOUR, abs=1)
    other = world.waits("bert", zone="no/zone")
    assert "(Europe/Berlin time)" in world.system(other)[0][1]


def test_an_admins_word_goes_before_the_schedule(world: World) -> None:
    world.hours((10, 18))
    world.store.write(lambda: hours.set_mode("s1", "open"))
    assert world.kinds(world.waits("anna")) == ["handoff"]
    world.store.write(lambda: hours.set_mode("s1", "closed"))
    ((kind, text),) = world.system(world.waits("bert"))
    assert kind == "handoff_closed" and "open again" not in text, "nobody knows when"
    world.store.write(lambda: hours.set_mode("s1", "schedule"))
    assert "open again" in world.system(world.waits("cleo"))[0][1]
    with pytest.raises(ValueError, match="no 'now and then'"):
        world.store.write(lambda: hours.set_mode("s1", "now and then"))


def test_everybody_away_is_not_closed(world: World) -> None:
    agents.set_available("ana", False, actor="test")
    ((kind, text),) = world.system(world.waits("anna"))
    assert kind == "handoff_away" and "away" in text and "usually takes" not in text, "nobody knows how long yet"
    agents.set_available("ana", True, actor="test")
    for number in range(5):
        conversation = world.waits(f"c{number}")
        reply_at = world.now + (number + 1) * 600
        world.store.write(lambda c=conversation, at=reply_at: world.store.sql(
            "UPDATE ticket SET first_reply_at = ? WHERE conversation_id = ?", (at, c)))  # fmt: skip
    agents.set_available("ANA", False, actor="test")
    assert "An answer usually takes about 30 minutes." in world.system(world.waits("bert"))[0][1]


def test_without_a_desk_it_is_a_ticket(world: World) -> None:
    lease.resign("desk:wall")
    ((kind, text),) = world.system(world.waits())
    assert kind == "handoff_no_desk" and text.startswith("Nobody from the team is connected here right now")


def test_where_nobody_is_linked_nobody_is_said_to_come(world: World) -> None:
    agents.add_agent("bo", actor="test")
    agents.add_agent("vi", role="viewer", actor="test")
    agents.link("vi", "wall", "T1:vi", actor="test")
    agents.set_available("ana", False, actor="test")
    assert world.kinds(world.waits("anna")) == ["handoff_away"], "bo is available, and has no eyes at any desk"
    world.store.write(lambda: departures.left("wall", "T1:ana"))
    conversation = world.waits("bert")
    ((kind, text),) = world.system(conversation)
    assert kind == "handoff_no_desk" and text.endswith("Leave your e-mail address and they will answer you there.")
    queue = world.queue(conversation)
    assert (queue.people, queue.form, queue.until) == ("none", True, None), (
        "no countdown: nobody could come before its end"
    )
    agents.link("bo", "console", "bo@house", actor="test")
    assert waiting.site_hours("s1").people == "none", "the console is not connected"
    agents.link("bo", "wall", "T1:bo", actor="test")
    waiting._known.clear()
    assert waiting.site_hours("s1").people == "here"
    assert world.kinds(world.waits("cleo")) == ["handoff"]


def test_who_left_an_address_is_not_asked_again(world: World) -> None:
    world.hours((10, 18))
    conversation = world.waits()
    world.say(kind="contact", email="anna@shop.example", name="Anna")
    world.say(kind="cancel")
    world.say(kind="handoff")
    assert world.kinds(conversation)[-1] == "handoff_noted"
    assert not world.queue(conversation).form


def claimed_after(world: World, seconds: float, who: str) -> None:
    conversation = world.waits(who)
    world.now += seconds
    world.act(conversation, Action.CLAIM)


def test_the_time_is_the_median_of_what_others_waited_and_of_nothing_else(world: World) -> None:
    for number, seconds in enumerate((60, 120, 180, 240)):
        claimed_after(world, seconds, f"c{number}")
    assert world.queue(world.waits("anna")).expected is None, "four are too few to say"
    world.store.write(lambda: world.store.Waited.delete().execute())
    for number, seconds in enumerate((60, 120, 180, 240, 300)):
        claimed_after(world, seconds, f"d{number}")
    conversation = world.waits("bert")
    assert world.queue(conversation).expected == pytest.approx(180, abs=1)
    assert "It usually takes about" in world.system(conversation)[0][1]
    world.now += 100
    # Of the four who waited longer than that: too few again, and nobody promises anything.
    assert world.queue(conversation).expected is None


def test_waits_of_other_hours_and_other_months_do_not_count(world: World) -> None:
    at = world.now

    def samples(hour: int, when: float) -> None:
        for number in range(6):
            world.store.Waited.create(id=clock.new_id(), site="s1", hour=hour % 24, seconds=60 + number, at=when)

    now = waiting._hour(at)
    world.store.write(lambda: samples(now + 12, at))
    world.store.write(lambda: samples(now, at - 40 * 86_400))
    assert world.store.read(lambda: waiting.usual("s1")) is None
    world.store.write(lambda: samples(now + 1, at))
    assert world.store.read(lambda: waiting.usual("s1")) == pytest.approx(62.5)
    assert world.store.read(lambda: waiting.usual("s2")) is None


def test_a_wait_while_nobody_could_come_is_no_example(world: World) -> None:
    agents.set_available("ana", False, actor="test")
    conversation = world.waits()
    world.now += HOUR
    world.act(conversation, Action.CLAIM)
    assert world.store.read(lambda: world.store.Waited.select().count()) == 0


def test_when_nobody_comes_an_address_is_asked_for_once_and_the_ticket_stays_open(world: World) -> None:
    conversation = world.waits()
    world.now += 170
    world.run_due()
    assert world.kinds(conversation) == ["handoff"]
    world.now += 20
    world.run_due()
    world.run_due()
    assert world.kinds(conversation) == ["handoff", "offline_form"]
    queue = world.queue(conversation)
    assert queue.form and queue.until is None and queue.position == 1, "they still stand in the queue"
    assert world.ticket(conversation).state == "open" and ("not claimed in time", "") in world.history(conversation)
    world.say(kind="contact", email="anna@shop.example", name="Anna", text="It is order 7")
    assert world.kinds(conversation)[-1] == "contact_saved" and not world.queue(conversation).form
    assert world.queue(conversation).email == "anna@shop.example"
    assert ("address left", "customer") in world.history(conversation)


def test_the_countdown_of_a_claimed_conversation_asks_nothing(world: World) -> None:
    conversation = world.waits()
    world.act(conversation, Action.CLAIM)
    world.now += 200
    world.run_due()
    assert world.kinds(conversation) == ["handoff", "joined"]


def test_a_released_conversation_counts_down_anew(world: World) -> None:
    conversation = world.waits()
    world.now += 100
    world.act(conversation, Action.CLAIM)
    world.act(conversation, Action.RELEASE)
    world.now += 100
    world.run_due()
    assert "offline_form" not in world.kinds(conversation), "the first countdown is void"
    world.now += 100
    world.run_due()
    assert world.kinds(conversation)[-1] == "offline_form"


def test_the_countdown_can_be_switched_off(world: World, environment: Callable[..., None]) -> None:
    import os

    environment(DESKHAND_HANDOFF_SECONDS="0", REDIS_URL=os.environ["REDIS_URL"])
    conversation = world.waits()
    assert world.queue(conversation).until is None
    world.now += 10_000
    world.run_due()
    assert world.kinds(conversation) == ["handoff"]


def test_where_there_is_no_form_an_address_alone_is_taken_for_one(world: World) -> None:
    conversation = world.waits()
    world.say("bert@shop.example")
    assert world.ticket(conversation).email == "", "nobody has asked for it yet"
    world.now += 200
    world.run_due()
    world.say("write to me at anna@shop.example please")
    assert world.ticket(conversation).email == "", "only an address and nothing else"
    world.say(" anna@shop.example ")
    assert world.ticket(conversation).email == "anna@shop.example"
    assert world.kinds(conversation)[-1] == "contact_saved"
    world.say("other@shop.example")
    assert world.ticket(conversation).email == "anna@shop.example"
