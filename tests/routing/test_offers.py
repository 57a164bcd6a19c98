"""Round robin: who is asked, in which order, and how much one takes."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from bot import agents, routing_offers
from bot.desk_actions import Action
from tests.routing.conftest import NAMES, World


def test_without_a_rule_or_a_setting_nothing_is_offered_and_nothing_is_written(world: World) -> None:
    one = world.waits()
    assert world.sql("SELECT count(*) FROM job WHERE kind LIKE 'routing%'") == [(0,)]
    routing_offers.run()
    world.claim("ben", one)
    assert world.offers(one) == [] and world.state(one) == ("human", "ben")


def test_they_are_asked_in_turn_and_mentioned_once_and_the_customer_hears_of_a_person_only_when_one_comes(
    world: World,
) -> None:
    world.set(assign="round-robin")
    asked = []
    for number in range(6):
        conversation = world.waits(f"c{number}")
        world.work()
        asked.append(world.offered(conversation))
    assert asked == [*NAMES, *NAMES], "one after the other, by name at the beginning"
    assert world.state(conversation) == ("waiting", "") and len(world.heard(conversation)) == 1
    assert world.card(conversation).offered == "Carl"
    posts = world.pump()
    (told,) = [post for post in posts if post.mention and post.key and post.thread == posts[-1].thread]
    assert told.mention == ("T1:carl",) and "offered to Carl" in told.text and "within 5 minutes" in told.text
    assert Counter(post.mention for post in posts if post.mention) == {(f"T1:{name}",): 2 for name in NAMES}
    assert world.pump() == []
    assert ("offered", "carl") in world.history(conversation)
    words = world.sql(
        "SELECT n.words FROM notification n JOIN agent a ON a.id = n.agent_id WHERE a.name = 'carl' AND n.kind = 'assignment'"
        " AND n.conversation_id = ?", conversation,
    )  # fmt: skip
    assert len(words) == 1 and "offered to you" in words[0][0]
    # A claim is the person's own: only now the customer is told who is there.
    world.claim("carl", conversation)
    assert world.heard(conversation)[1:] == ["Carl is here now."] and world.offers(conversation) == [("carl", "taken")]
    assert world.card(conversation).offered == ""


def test_a_reply_takes_the_offer_and_a_faster_colleague_ends_it(world: World) -> None:
    world.set(assign="round-robin")
    one, two = world.waits("one"), world.waits("two")
    world.work()
    assert (world.offered(one), world.offered(two)) == ("ana", "ben")
    world.pump()
    thread = world.sql("SELECT thread FROM desk_thread WHERE conversation_id = ?", one)[0][0]
    answer = world.do("ana", "", "reply", text="It left yesterday.", place="W1", thread=thread)
    assert answer.code == "held" and world.state(one) == ("human", "ana")
    world.claim("carl", two)
    assert world.offers(one) == [("ana", "taken")] and world.offers(two) == [("ben", "withdrawn")]
    # Carl has just had a turn of his own making; Ben's is longer ago than Carl's, Ana's longest.
    three = world.waits("three")
    world.work()
    assert world.offered(three) == "ana"


def test_what_is_not_taken_goes_to_the_next_one_and_to_nobody_twice(world: World) -> None:
    world.set(assign="round-robin", lapse="2")
    one = world.waits()
    world.work()
    assert world.offered(one) == "ana"
    world.pump()
    world.work(119)
    assert world.offered(one) == "ana"
    world.work(2)
    assert world.offers(one) == [("ana", "lapsed"), ("ben", "open")]
    told = world.pump()
    assert [post.mention for post in told if post.op == "event"] == [("T1:ben",)]
    assert "Ana did not take it in time" in next(post.text for post in told if post.op == "event")
    world.work(121)
    world.work(121)
    assert [state for _, state in world.offers(one)] == ["lapsed"] * 3 and world.offered(one) == ""
    last = [post for post in world.pump() if post.op == "event"][-1]
    assert "Nobody else is free" in last.text and last.mention == ()
    world.work(3_600)
    assert len(world.offers(one)) == 3, "nobody is asked for ever"
    assert world.heard(one)[1:] == []
    # Who comes back is asked once more; a new wait asks everybody again.
    agents.set_available("ben", False, actor="ben")
    agents.set_available("ben", True, actor="ben")
    world.work()
    assert world.offered(one) == "ben"
    world.claim("ben", one)
    world.do("ben", one, action=Action.RELEASE)
    world.work()
    assert world.offered(one) == "ana"


def test_nobody_gets_more_than_they_take_and_room_is_used_as_soon_as_it_is_there(world: World) -> None:
    world.set(assign="round-robin", capacity="1")
    agents.set_capacity("carl", "2", actor="test")
    many = [world.waits(f"c{number}") for number in range(6)]
    world.work()
    assert Counter(map(world.offered, many)) == {"ana": 1, "ben": 1, "carl": 2, "": 2}
    assert [world.offered(one) for one in many[4:]] == ["", ""], "who waits longest is first"
    ana = next(one for one in many if world.offered(one) == "ana")
    world.claim("ana", ana)
    world.work()
    assert world.offered(many[4]) == "", "what she has counts, too"
    world.do("ana", ana, action=Action.RESOLVE)
    world.work()
    assert world.offered(many[4]) == "ana"
    # Snoozed does not count; awake it does.
    world.claim("ana", many[4])
    world.do("ana", many[4], action=Action.SNOOZE, value="60")
    world.work()
    assert world.offered(many[5]) == "ana"
    # Who takes more by themselves loses what they were only offered.
    seven = world.waits("c6")
    world.claim("ana", seven)
    world.work()
    assert world.offered(many[5]) == "" and world.offers(many[5])[-1] == ("ana", "withdrawn")
    agents.set_capacity("ben", "0", actor="test")
    world.work()
    assert world.offered(many[5]) == "ben"


def test_what_presses_is_offered_first_and_what_is_hidden_not_at_all(world: World) -> None:
    world.set(capacity="1", assign="round-robin")
    for name in ("ben", "carl"):
        agents.set_available(name, False, actor=name)
    first, second, third = world.waits("a"), world.waits("b"), world.waits("c")
    world.do("ben", first, action=Action.SNOOZE, value="30")
    world.do("ben", third, action=Action.PRIORITY, value="urgent")
    world.work()
    assert [world.offered(one) for one in (first, second, third)] == ["", "", "ana"]
    world.do("ben", third, action=Action.RESOLVE)
    world.work()
    assert [world.offered(one) for one in (first, second)] == ["", "ana"]


def test_of_forty_at_once_nobody_gets_more_than_one_and_everyone_is_offered_once(world: World) -> None:
    world.set(assign="round-robin", capacity="1")
    many = [world.waits(f"c{number}") for number in range(8)]
    world.set(assign="round-robin")
    gate = threading.Barrier(40)
    failed: list[BaseException] = []

    def look() -> None:
        gate.wait()
        try:
            routing_offers.run()
        except BaseException as error:
            failed.append(error)

    def claim() -> None:
        gate.wait()
        try:
            world.do("carl", many[0], action=Action.CLAIM)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=claim if number % 10 == 0 else look) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    routing_offers.run()
    counts = world.store.read(routing_offers.loads)
    assert counts == {"ana": 1, "ben": 1, "carl": 1}, "full, and never more than that"
    assert world.sql("SELECT count(*) FROM agent_offer WHERE state = 'open'") == [(2,)]
    assert len(world.sql("SELECT DISTINCT message FROM delivery WHERE message LIKE 'offer:%'")) == len(
        world.sql("SELECT id FROM agent_offer")
    ), "each is told once"


def test_two_handoffs_and_one_place_left(world: World) -> None:
    world.set(assign="round-robin", capacity="1")
    for name in ("ben", "carl"):
        agents.set_available(name, False, actor=name)
    gate, made = threading.Barrier(2), []

    def ask(who: str) -> None:
        gate.wait()
        made.append(world.waits(who))
        routing_offers.run()

    threads = [threading.Thread(target=ask, args=(who,)) for who in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(map(world.offered, made)) == {"ana": 1, "": 1}


def test_a_worker_that_dies_after_an_offer_was_stored_asks_nobody_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.set(assign="round-robin")
    one, two = world.waits("one"), world.waits("two")

    for dying in ("desk.before_offer_commit", "desk.after_offer_commit"):

        def dies(point: str, dying: str = dying) -> None:
            if point == dying:
                raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(routing_offers, "failpoint", dies)
            with pytest.raises(SystemExit):
                routing_offers.run()
    assert len(world.offers(one)) == 1, "before the commit nothing was stored, after it everything"
    world.work()
    routing_offers.run()
    assert (world.offers(one), world.offers(two)) == ([("ana", "open")], [("ben", "open")])
    claimed = world.outbox.claim(one)
    assert claimed is not None
    mentions = Counter(post.mention for post in world.pump() if post.mention)
    assert mentions[("T1:ben",)] == 1 and len(world.sql("SELECT id FROM notification WHERE kind = 'assignment'")) == 2


def test_switched_off_while_an_offer_stands_nobody_is_asked_any_more(world: World) -> None:
    world.set(assign="round-robin")
    one = world.waits()
    world.work()
    world.set(assign="nobody")
    world.work()
    assert world.offers(one) == [("ana", "withdrawn")] and world.state(one) == ("waiting", "")


def test_erased_it_is_gone_with_its_offers_and_its_place_is_free(world: World) -> None:
    from bot.erase import erase_conversation

    world.set(assign="round-robin", capacity="1")
    for name in ("ben", "carl"):
        agents.set_available(name, False, actor=name)
    one, two = world.waits("one"), world.waits("two")
    world.work()
    assert (world.offered(one), world.offered(two)) == ("ana", "")
    erase_conversation(one)
    assert world.offers(one) == [] and world.sql("SELECT 1 FROM routed WHERE conversation_id = ?", one) == []
    world.work()
    assert world.offered(two) == "ana"
    refused = world.claim("ana", one)
    assert refused.code == "stale"


def test_a_line_that_comes_late_tells_the_minutes_that_are_left(world: World) -> None:
    world.set(assign="round-robin")
    world.waits()
    world.work()
    world.now += 200
    (told,) = [post.text for post in world.pump() if post.mention]
    assert "within 2 minutes, or" in told


def test_switched_off_the_thread_does_not_say_that_nobody_is_free(world: World) -> None:
    world.set(assign="round-robin")
    world.waits()
    world.work()
    world.pump()
    world.set(assign="nobody")
    world.work()
    assert [post.text for post in world.pump() if post.op == "event"] == [
        "It is offered to nobody any more: it waits for whoever claims it first."
    ]


def test_a_step_of_a_conversation_reads_no_offers_that_are_over(world: World) -> None:
    from bot.routing_settings import assigning
    from bot.store import is_sqlite

    if not is_sqlite():
        return  # PostgreSQL takes the index of the open ones by itself
    asked: list[str] = []
    connection = world.store.db.connection()
    connection.set_trace_callback(asked.append)
    try:
        assert world.store.read(assigning) is False
    finally:
        connection.set_trace_callback(None)
    (query,) = [one for one in asked if "agent_offer" in one]
    plan = " ".join(row[3] for row in world.sql(f"EXPLAIN QUERY PLAN {query}"))
    assert "SEARCH agent_offer USING INDEX agent_offer_open" in plan, plan
