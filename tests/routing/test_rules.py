"""Which rule counts, where the thread is opened, and what becomes of it when the place cannot be used."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import agents, desk_posts, findings, hours, replies, routing, routing_rules
from bot.declarations import declare_desk
from bot.desk import EVERYBODY, DeskPost, Posted
from bot.desk_actions import Action
from bot.events import OpeningHours
from bot.routing_windows import inside, windows
from tests.routing.conftest import Wall, World

BERLIN = ZoneInfo("Europe/Berlin")


def case(world: World, **changed: Any) -> routing.Case:
    values: dict[str, Any] = {
        "site_id": "s1", "site": "demo", "channel": "widget", "language": "en", "priority": "normal", "at": world.now,
        "texts": lambda: ("Where is my order? I want my money back.",),
    }  # fmt: skip
    return routing.Case(**values | changed)


def fits(world: World, rule: routing_rules.RoutingRule, **changed: Any) -> str:
    return world.store.read(lambda: routing.why_not(rule, case(world, **changed)))  # type: ignore[no-any-return]


CONDITIONS: list[tuple[dict[str, str], dict[str, Any], str]] = [
    ({}, {}, ""),
    ({"site": "demo"}, {}, ""),
    ({"site": "demo"}, {"site_id": "s2", "site": "shop"}, "for the site demo, not shop"),
    ({"channel": "telegram, widget"}, {}, ""),
    ({"channel": "telegram,discord"}, {}, "for telegram or discord, not widget"),
    ({"language": "de"}, {"language": "de-AT"}, ""),
    ({"language": "de,fr"}, {}, "for de or fr, and the language is en"),
    ({"language": "de"}, {"language": ""}, "the language is not known"),
    ({"priority": "high,urgent"}, {"priority": "urgent"}, ""),
    ({"priority": "high,urgent"}, {}, "the priority high or urgent, not normal"),
    ({"words": "money back"}, {}, ""),
    ({"words": "order"}, {}, ""),  # says nothing on its own, and stands there all the same
    ({"words": "ord"}, {}, "nothing is said of ord"),
    ({"words": "refund, orders"}, {"texts": lambda: ("Were we refunded?",)}, ""),
    ({"words": "Rechnung"}, {"language": "de", "texts": lambda: ("Wo sind meine Rechnungen?",)}, ""),
    ({"words": "返金"}, {"texts": lambda: ("返金してください",)}, ""),
    ({"words": "c++"}, {"texts": lambda: ("Is there a course in C?",)}, ""),
    ({"site": "demo", "language": "de", "words": "money"}, {}, "the language is en"),
]


def test_every_condition_must_hold_and_the_first_that_does_not_is_named(world: World) -> None:
    for number, (values, changed, why) in enumerate(CONDITIONS):
        found = fits(world, world.rule(f"rule{number}", **values), **changed)
        assert (why in found) if why else (found == ""), (values, found)


def test_hours_are_the_sites_or_the_rules_own_on_the_sites_clocks(world: World) -> None:
    def at(text: str) -> float:
        return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN).timestamp()

    monday, night = at("2026-11-23 10:00"), at("2026-11-24 02:00")
    opened = OpeningHours(zone="Europe/Berlin", open=((at("2026-11-23 09:00"), at("2026-11-23 17:00")),))
    world.store.write(lambda: hours._store("s1", opened))
    closed, late = world.rule("closed", hours="closed"), world.rule("late", hours="mon 22:00-06:00")
    assert fits(world, closed, at=monday) == "it is for when the site is closed" and fits(world, closed, at=night) == ""
    assert fits(world, late, at=night) == ""
    assert fits(world, late, at=monday) == "it is for mon 22:00-06:00, and it is mon 10:00 (Europe/Berlin)"
    world.store.write(lambda: hours.set_mode("s1", "open"))
    assert fits(world, closed, at=night) != "" and fits(world, late, at=night) == "", "the zone stays known"
    # Nine o'clock is nine o'clock, on the day when the clocks change as well.
    assert inside(windows("sun 09:00-10:00"), at("2026-10-25 09:30"), "Europe/Berlin")
    assert inside(windows("fri-mon 00:00-24:00"), at("2026-11-22 12:00"), "Europe/Berlin")
    assert not inside(windows("fri-mon 00:00-24:00"), at("2026-11-24 00:00"), "Europe/Berlin")


def test_the_first_rule_that_fits_says_where_the_thread_is_and_it_stays_there(world: World) -> None:
    world.rule("billing", words="refund", place="W-BILLING")
    world.rule("german", language="de", place="W-GERMAN", agents="ben")
    world.rule("rest", priority="urgent", place="W-URGENT")
    plain = world.waits("a")
    refund = world.waits("b", "I want a refund", language="de")
    german = world.waits("c", "Wo ist mein Paket?", language="de")
    assert [world.place(one) for one in (plain, refund, german)] == ["W1", "W-BILLING", "W-GERMAN"]
    posts = world.pump()
    assert {post.place for post in posts if post.op == "card"} == {"W1", "W-BILLING", "W-GERMAN"}
    assert all(post.place == "W-BILLING" for post in posts if post.card and post.card.conversation_id == refund)
    # Resolved and opened again, and the rules are others by now: the same thread.
    world.claim("ana", refund)
    world.do("ana", refund, action=Action.RESOLVE)
    routing_rules.move("german", 1, actor="test")
    routing_rules.remove("billing", actor="test")
    world.waits("b", "And now?")
    assert world.place(refund) == "W-BILLING"
    assert [rule.position for rule in world.store.read(routing_rules.rules)] == [1, 2]


def test_replies_come_from_any_place_and_each_place_has_its_own_gate(world: World) -> None:
    world.rule("german", language="de", place="W-GERMAN")
    one = world.waits("c", "Wo ist mein Paket?", language="de")
    world.pump()
    thread = world.sql("SELECT thread FROM desk_thread WHERE conversation_id = ?", one)[0][0]
    world.store.write(lambda: replies.set_mode("wall", "W-GERMAN", "direct"))
    elsewhere = world.do("ana", "", "reply", text="Hallo", place="W1", thread=thread)
    assert elsewhere.code == "unknown_thread" and world.state(one) == ("waiting", ""), (
        "the same number in another place is another thread"
    )
    assert world.do("ana", "", "reply", text="Hallo", place="W-GERMAN", thread=thread).code == "sent"
    (known,) = world.outbox.threads()
    assert (known.place, known.thread, known.conversation_id) == ("W-GERMAN", thread, one)


def test_a_place_that_cannot_be_used_falls_back_and_admins_are_told_which_rule_it_is(
    world: World, environment: Any
) -> None:
    world.rule("german", language="de", place="W-WRONG", agents="ben", assign="round-robin")
    one = world.waits("c", "Wo ist mein Paket?", language="de")
    world.work()
    claimed = world.outbox.claim(one)
    assert claimed is not None and isinstance(claimed.out, DeskPost) and claimed.out.place == "W-WRONG"
    world.outbox.thread_gone(claimed, "The app is not a member of the channel.")
    world.outbox.thread_gone(claimed, "The app is not a member of the channel.")
    world.outbox.refused(claimed, "as the host does with every permanent failure")
    posts = world.pump()
    shown = [post for post in posts if post.thread or post.op == "card"]
    assert [post.op for post in shown][:2] == ["card", "event"] and {post.place for post in posts} == {"W1"}
    assert next(post.mention for post in posts if post.mention) == ("T1:ben",), (
        "the rule's people are asked all the same"
    )
    (notice,) = [post for post in posts if not post.thread and post.op == "event"]
    assert "routing rule german" in notice.text and "W-WRONG" in notice.text and "not a member" in notice.text
    (found,) = findings.places()
    assert found.what == "routing" and "german" in found.text and "deskhand routing set german place=" in found.fix
    # For ten minutes nobody tries it; then it is tried again, and what was put right counts.
    two = world.waits("d", "Hallo?", language="de")
    assert world.place(two) == "W1" and world.place(one) == "W1"
    world.now += routing.AGAIN
    three = world.waits("e", "Hallo?", language="de")
    assert world.place(three) == "W-WRONG"
    assert world.store.read(routing_rules.rules)[0].problem
    again = world.outbox.claim(three)
    assert again is not None
    world.outbox.posted(again, Posted("m77", "m77"))
    assert world.store.read(routing_rules.rules)[0].problem == "" and list(findings.places()) == []
    # Wrong once more on the same day: told once.
    four = world.waits("f", "Hallo?", language="de")
    refused = world.outbox.claim(four)
    assert refused is not None
    world.outbox.thread_gone(refused, "archived")
    assert [post for post in world.pump() if not post.thread and post.op == "event"] == []


def test_the_own_place_refused_is_no_matter_of_rules(world: World) -> None:
    one = world.waits()
    claimed = world.outbox.claim(one)
    assert claimed is not None
    assert world.store.write(lambda: desk_posts.open_at_own_place(one, "wall", "W1", "gone")) is False


@pytest.mark.parametrize(
    ("mention", "allowed", "alerted"),
    [("none", False, ()), ("team", False, ("T1:ana", "T1:carl")), ("channel", True, (EVERYBODY,))],
)
def test_who_is_alerted_when_a_thread_opens(
    world: World, mention: str, allowed: bool, alerted: tuple[str, ...]
) -> None:
    if allowed:
        world.set(mention_channel="on")
    world.rule("all", mention=mention, agents="ana,carl")
    agents.set_available("ben", False, actor="test")
    world.waits()
    found = [post.mention for post in world.pump() if post.mention]
    assert found == ([alerted] if alerted else [])
    if allowed:  # forbidden again, the rule alerts its agents
        world.set(mention_channel="off")
        world.waits("b")
        assert [post.mention for post in world.pump() if post.mention] == [("T1:ana", "T1:carl")]


def test_nobody_is_alerted_of_what_somebody_has_by_now(world: World) -> None:
    world.set(mention="team")
    one = world.waits()
    world.claim("ana", one)
    assert [post.mention for post in world.pump() if post.mention] == []


def test_offers_go_to_the_rules_agents_and_only_where_they_are_linked(world: World) -> None:
    world.rule("german", language="de", agents="carl,ben", assign="round-robin", mention="none")
    agents.add_agent("dora", actor="test")
    agents.link("dora", "elsewhere", "dora", actor="test")
    world.rule("far", priority="normal", agents="dora", assign="round-robin")
    german, far = world.waits("a", "Hallo", language="de"), world.waits("b", "Hello")
    world.work()
    assert world.offered(german) == "ben" and world.offered(far) == ""
    assert [post for post in world.pump() if post.mention or "offered" in post.text] == [], (
        "a quiet rule asks by the card alone"
    )
    assert world.card(german).offered == "Ben"
    # A second desk that she is linked at: threads there count.
    other = type("Other", (Wall,), {"name": "elsewhere", "place": "E1"})
    world.store.write(lambda: declare_desk(other()))
    world.store.write(lambda: desk_posts.open_threads(far))
    world.now += 60
    from bot import routing_offers

    routing_offers.run()
    assert world.offered(far) == "dora"
    # Off or removed, the rule asks nobody any more; what it opened stays.
    routing_rules.switch("german", False, actor="test")
    world.work()
    assert world.offered(german) == "" and world.offers(german) == [("ben", "withdrawn")]


def test_sealed_texts_are_read_for_topics_and_nothing_of_them_is_kept(world: World, environment: Any) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="1")
    world.rule("billing", words="refund", place="W-BILLING")
    one = world.waits("b", "I want a refund for Zanzibar")
    assert world.place(one) == "W-BILLING"
    kept = (
        world.sql("SELECT detail FROM ticket_event")
        + world.sql("SELECT detail FROM audit")
        + world.sql("SELECT rule_id FROM routed")
    )
    assert "Zanzibar" not in str(kept)


def test_a_rule_that_cannot_be_read_fits_nothing_and_costs_nobody_their_place_in_line(world: World) -> None:
    world.rule("broken", hours="mon-sun 00:00-24:00", place="W-BROKEN")
    world.rule("after", place="W-AFTER")
    world.store.write(lambda: world.store.sql("UPDATE routing_rule SET hours = 'monthly' WHERE name = 'broken'"))
    one = world.waits()
    assert world.state(one) == ("waiting", "") and world.place(one) == "W-AFTER"
    world.waits("b")
    (notice,) = [post for post in world.pump() if not post.thread and post.op == "event"]
    assert "routing rule broken" in notice.text and "it cannot be read" in notice.text
