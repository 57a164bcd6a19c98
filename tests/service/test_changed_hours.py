"""Opening hours that change while tickets are open: what was left of their time is left in the new hours, and they say so."""

from __future__ import annotations

from typing import Any

import pytest

from bot import changed_hours, hours, service_levels, ticket_details
from bot.desk_actions import Action
from bot.service_targets import set_targets

from .conftest import DAY, HOUR, MINUTE, World, at
from .test_clocks import dues


@pytest.fixture
def open_shop(world: World) -> World:
    """Open from nine to five, with a ticket of this Wednesday at ten: the reply is due at two, the solution in six days."""
    world.agree()
    world.go(world.now + MINUTE)
    world.again()
    assert dues(world)[0] == pytest.approx(world.now + 4 * HOUR)
    return world


def close_at(world: World, hour: int) -> None:
    world.agree(closes=hour)


def test_open_tickets_follow_in_the_background_and_say_why(open_shop: World) -> None:
    world, opened = open_shop, open_shop.now
    world.go(at(21, 11))
    before = world.card()
    close_at(world, 12)
    assert dues(world)[0] == pytest.approx(opened + 4 * HOUR), "a job does it"
    world.go(world.now + MINUTE)
    # An hour of the reply's four has passed but for a minute; one is left today, and two tomorrow from nine on.
    assert dues(world)[0] == pytest.approx(at(22, 11, 1), abs=1)
    assert world.card().version > before.version and world.card().due == dues(world)[0]
    assert world.events()[-1] == ("due times moved", "", "opening hours")
    world.go(at(21, 16))
    assert world.told() == [] and world.alerts() == [], "the moment has moved, and nobody is told of the old one"
    world.go(at(22, 11, 2))
    (line,) = [post for post in world.told() if "overdue" in post.text]
    assert "11:01" in line.text
    assert world.store.read(lambda: changed_hours.waiting("s1")) == []


def test_longer_hours_move_them_nearer_and_what_is_late_stays_late(open_shop: World) -> None:
    world = open_shop
    world.go(at(21, 15))
    late = dues(world)
    assert [kind for kind, _, _ in world.events()].count("reply overdue") == 1
    world.agree(opens=9, closes=21)
    world.go(at(21, 15, 1))
    assert dues(world)[0] == late[0], "it was promised until two"
    # 43 hours and a minute are left on Wednesday at three: six today, then twelve a day.
    assert dues(world)[1] == pytest.approx(at(27, 10, 1), abs=1) and dues(world)[1] < late[1]
    assert [kind for kind, _, _ in world.events()].count("reply overdue") == 1


def test_changes_one_after_another_while_no_worker_runs_move_by_what_was_really_left(open_shop: World) -> None:
    world = open_shop
    world.go(at(21, 11, 1))
    close_at(world, 12)  # three hours are left: one counts today
    world.now = at(22, 10, 1)  # and one tomorrow until now
    close_at(world, 17)
    world.go(world.now + MINUTE)
    assert dues(world)[0] == pytest.approx(at(22, 11, 1), abs=1)
    assert [event for event, _, _ in world.events()].count("due times moved") == 2


def test_what_happens_before_the_job_counts_by_the_hours_that_were(open_shop: World) -> None:
    world, opened = open_shop, open_shop.now
    world.go(world.now + MINUTE)
    world.store.write(lambda: hours.set_mode("s1", "open"))
    world.priority("high")
    assert dues(world)[0] == pytest.approx(opened + 2 * HOUR)
    assert dues(world)[1] == pytest.approx(at(26, 10, 1), abs=1), "24 hours by day"
    world.go(world.now + MINUTE)
    assert dues(world)[1] == pytest.approx(opened + 24 * HOUR, abs=1), "open day and night now"


def test_closed_by_hand_moves_nothing_and_a_new_ticket_has_nothing_to_follow(open_shop: World) -> None:
    world = open_shop
    was = dues(world)
    world.store.write(lambda: hours.set_mode("s1", "closed"))
    world.go(world.now + MINUTE)
    assert dues(world) == was and world.events()[-1][0] != "due times moved", "nobody knows for how long"
    world.store.write(lambda: hours.set_mode("s1", "schedule"))
    close_at(world, 12)
    world.now += 1
    world.again()
    new = dues(world)
    world.go(world.now + MINUTE)
    assert dues(world) == new, "it was opened by the new hours"


def test_a_day_that_was_named_and_a_clock_that_stands_stay(open_shop: World) -> None:
    world = open_shop
    world.do("T1:ana", "action", action=Action.SNOOZE, value=str(2 * 24 * 60))
    left = world.ticket().resolve_left
    close_at(world, 12)
    world.go(world.now + MINUTE)
    assert (world.ticket().resolve_left, dues(world)[1]) == (left, None), "it is left in whatever hours there are then"
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.store.write(
        lambda: ticket_details.describe(
            world.conversation, subject="", description="", due_day="2026-10-30", actor="ana"
        )
    )
    day = dues(world)[1]
    close_at(world, 17)
    world.go(world.now + MINUTE)
    assert dues(world)[1] == day


def test_the_same_hours_for_another_week_are_no_change(open_shop: World) -> None:
    world = open_shop
    world.now += 3 * DAY
    world.agree()
    assert world.store.read(lambda: changed_hours.waiting("s1")) == []


def test_a_job_that_dies_half_way_moves_nobody_twice(open_shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = open_shop
    world.go(at(21, 11))
    close_at(world, 12)
    world.now += 10

    def dies(self: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(changed_hours.Change, "over", dies)
        with pytest.raises(SystemExit):
            service_levels.follow("s1")
    moved = dues(world)
    service_levels.follow("s1")
    assert dues(world) == moved and [event for event, _, _ in world.events()].count("due times moved") == 1
    rows = world.store.read(
        lambda: world.store.sql("SELECT count(*) FROM cursor WHERE name LIKE 'changed-hours.%'").fetchone()
    )
    assert rows[0] == 0 and world.store.read(lambda: changed_hours.waiting("s1")) == []


def test_who_comes_behind_one_that_has_moved_all_moves_nobody_again(open_shop: World) -> None:
    world = open_shop
    world.go(at(21, 11))
    close_at(world, 12)
    (change,) = world.store.read(lambda: changed_hours.waiting("s1"))
    world.now += 10
    service_levels.follow("s1")
    moved = dues(world)
    assert not world.store.write(lambda: service_levels._follow(world.conversation, change))
    assert dues(world) == moved


def test_what_was_left_is_left_in_the_hours_that_came_with_the_change(open_shop: World) -> None:
    """A worker was away for days, and what is known of the hours begins later by now."""
    world = open_shop
    world.go(at(21, 11))
    close_at(world, 12)
    world.now = at(26, 8)
    world.agree(closes=12)
    service_levels.follow("s1")
    assert dues(world)[0] == pytest.approx(at(22, 11), abs=MINUTE)


def test_new_targets_say_so_in_the_history(world: World) -> None:
    world.store.write(lambda: set_targets("", "normal", {"first_reply": 1_800.0}, actor="test"))
    world.run_due()
    assert world.events()[-1] == ("due times moved", "", "targets")
    service_levels.move()
    assert [event for event, _, _ in world.events()].count("due times moved") == 1
