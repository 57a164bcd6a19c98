"""How long it takes is told from waits that began alike: place in line, conversations in hand, and agents who are really there."""

from __future__ import annotations

from typing import Any

import pytest

from bot import agents, clock, presence, waiting
from bot.desk_actions import Action
from bot.expected_waits import Sample, expected, load

from .conftest import World
from .month import by_load, errors, month, plain_median


def told(seconds: list[float], load_then: float | None = 1.0, **more: Any) -> float | None:
    options = {"hour": 10, "now": 1.0, **more}
    return expected([Sample(one, 10, load_then) for one in seconds], **options)


def test_like_cases_count_and_too_few_of_them_say_nothing() -> None:
    assert load(0, 0, 2) == 0.5 and load(2, 4, 2) == 2.5 and load(1, 0, 0) == 2.0
    assert told([60, 120, 180, 240, 300]) == 180 and told([60, 120, 180, 240]) is None
    assert told([10, 20, 30, 40, 50, 60]) == 35, "half lies below"
    assert told([60] * 20, load_then=8.0) is None, "twenty who stood in quite another line"
    assert told([60] * 6, load_then=1.3) == 60
    assert told([60, 120, 180, 240, 300], waited=100) is None and told([60, 120, 180, 240, 300, 360], waited=100) == 140
    assert told([60] * 9, hour=22) is None, "at night it is another house"
    assert expected([Sample(60, 23, 1.0)] * 6, hour=0, now=1.0) == 60, "midnight lies between"
    assert told([60] * 5, load_then=None) == 60 and told([60] * 5, now=None) == 60, "nobody wrote down how it stood"
    mixed = [Sample(40, 10, 0.5)] * 8 + [Sample(400, 10, 3.0)] * 8
    assert expected(mixed, hour=10, now=0.5) == 40 and expected(mixed, hour=10, now=3.0) == 400


@pytest.mark.parametrize("seed", [1, 2])
def test_in_a_month_it_is_nearer_to_the_truth_than_a_plain_median(seed: int) -> None:
    waits = month(seed, 18)
    old, new = (errors(waits, tell, every=12) for tell in (plain_median, by_load))
    assert new.median < 0.8 * old.median and new.mean < 0.6 * old.mean and new.nine_of_ten < 0.6 * old.nine_of_ten
    assert new.told > 0.93 * old.told, "and hardly anybody is told less"
    old, new = (errors(waits, tell, every=6, waited=300.0) for tell in (plain_median, by_load))
    assert new.median < old.median and new.mean < old.mean, "also of what is left after five minutes"


def test_how_it_stood_is_written_down_with_each_wait(world: World) -> None:
    agents.add_agent("bo", actor="test")
    first, second = world.waits("anna"), world.waits("bert")
    world.act(first, Action.CLAIM)
    third = world.waits("cleo")
    rows = [(row.wait_ahead, row.wait_busy, row.wait_there) for row in map(world.ticket, (first, second, third))]
    assert rows == [(0, 0, 2), (1, 0, 2), (1, 1, 2)]
    world.now += 60
    world.act(third, Action.CLAIM)
    got = world.store.read(lambda: world.store.Waited.select().order_by(world.store.Waited.at.desc()).first())
    assert (got.ahead, got.busy, got.there) == (1, 1, 2) and got.seconds == pytest.approx(60, abs=1)


def test_a_longer_line_and_fewer_agents_are_told_a_longer_time(world: World) -> None:
    agents.add_agent("bo", actor="test")
    for name in ("ana", "bo"):
        agents.link(name, "wall", f"T1:{name}", actor="test")
    at = world.now

    def samples() -> None:
        for ahead, there, seconds in ((0, 2, 30), (1, 2, 90), (2, 2, 200), (0, 1, 95), (1, 1, 300)):
            for number in range(6):
                world.store.Waited.create(
                    id=clock.new_id(), site="s1", hour=waiting._hour(at), seconds=seconds + number, at=at - 60,
                    ahead=ahead, busy=0, there=there,
                )  # fmt: skip

    world.store.write(samples)
    a, b, c = (world.waits(who) for who in ("anna", "bert", "cleo"))
    short, middle, long = (world.queue(one).expected for one in (a, b, c))
    assert short is not None and middle is not None and long is not None and short < middle < long
    assert "It usually takes about 2 minutes" in world.system(b)[0][1]
    world.act(a, Action.CLAIM)
    world.act(a, Action.RESOLVE)
    moved = world.queue(b).expected
    assert moved == pytest.approx(short, abs=5), "who has moved up is told what is told at that place"
    presence.told("wall", {"T1:bo": "quiet"})
    alone = world.queue(world.waits("dora")).expected
    world.act(b, Action.CLAIM)
    world.act(b, Action.RESOLVE)
    assert alone is None or alone > long, "one agent for a line of three: longer, or nobody can say"
    assert world.queue(c).people == "here"


def test_who_waits_while_agents_leave_is_told_how_it_stands_now(world: World) -> None:
    agents.add_agent("bo", actor="test")
    for name in ("ana", "bo"):
        agents.link(name, "wall", f"T1:{name}", actor="test")

    def samples() -> None:
        for there, seconds in ((2, 60), (1, 600)):
            for number in range(6):
                world.store.Waited.create(
                    id=clock.new_id(), site="s1", hour=waiting._hour(world.now), seconds=seconds + number, at=world.now - 60,
                    ahead=0, busy=0, there=there,
                )  # fmt: skip

    world.store.write(samples)
    conversation = world.waits("anna")
    two = world.queue(conversation).expected
    assert two is not None and two < 70
    presence.told("wall", {"T1:bo": "away"})
    one = world.queue(conversation).expected
    assert one is not None and one > 500, "of two agents one has gone: nobody is told about a minute any more"
    presence.told("wall", {"T1:bo": "here"})
    assert world.queue(conversation).expected == pytest.approx(two, abs=5)


def test_when_everybody_is_away_or_wants_quiet_nobody_is_promised(world: World) -> None:
    agents.add_agent("bo", actor="test")
    for name in ("ana", "bo"):
        agents.link(name, "wall", f"T1:{name}", actor="test")
    presence.told("wall", {"T1:ana": "away", "T1:bo": "quiet"})
    assert world.kinds(world.waits("anna")) == ["handoff_away"]
    presence.told("wall", {"T1:bo": "here"})
    assert world.kinds(world.waits("bert")) == ["handoff"]
    agents.set_available("bo", False, actor="test")
    waiting._known.clear()
    assert world.kinds(world.waits("cleo")) == ["handoff_away"] and waiting.site_hours("s1").people == "away"
    world.now += presence.FRESH + 1
    assert world.kinds(world.waits("dora")) == ["handoff"], "what was told five minutes ago is known no more"
