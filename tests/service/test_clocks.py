"""When a reply and a solution are due: opening hours over weekends and clock changes, priorities, targets, and snoozed tickets."""

from __future__ import annotations

from typing import Any

import pytest

from bot import hours, service_clocks, ticket_details
from bot.desk_actions import Action
from bot.events import OpeningHours
from bot.opening import after, before, between
from bot.service_targets import set_targets

from .conftest import DAY, HOUR, MINUTE, World, at


def dues(world: World) -> tuple[float | None, float | None]:
    row = world.ticket()
    return row.first_reply_due, row.resolve_due


def test_back_is_forth_and_what_lies_between(world: World) -> None:
    spans = ((at(21, 9), at(21, 17)), (at(22, 9), at(22, 17)), (at(26, 9), at(26, 17)))
    known = OpeningHours(zone="Europe/Berlin", open=spans)
    for start in (at(21, 3), at(21, 9), at(21, 12, 30), at(22, 18), at(26, 16), at(28, 1)):
        for seconds in (60.0, 3 * HOUR, 9 * HOUR, 20 * HOUR, 60 * HOUR):
            end = after(known, start, seconds)
            assert between(known, start, end) == pytest.approx(seconds), (start, seconds)
            assert between(known, before(known, end, seconds), end) == pytest.approx(seconds), (start, seconds)
    assert before(known, at(22, 10), 2 * HOUR) == at(21, 16) and before(known, at(26, 9), HOUR) == at(22, 16)
    assert before(None, 500.0, 100.0) == 400.0 and between(None, 5.0, 3.0) == 0.0
    nothing = OpeningHours(zone="UTC", open=())
    assert (before(nothing, 500.0, 100.0), between(nothing, 1.0, 3.0)) == (400.0, 2.0)


def test_due_times_count_open_hours_over_a_weekend_and_the_change_of_clocks(world: World) -> None:
    assert dues(world) == (pytest.approx(world.now + 4 * HOUR, abs=1), pytest.approx(world.now + 48 * HOUR, abs=1))
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert dues(world) == (None, None)
    world.now = at(23, 16)  # a Friday afternoon; on Sunday an hour comes twice
    world.agree()
    world.customer("It is broken again")
    assert dues(world) == (at(26, 12), at(2, 16, month=11)), "an hour on Friday, three on Monday; and six days of eight"
    assert world.ticket().opened_at == world.now
    world.priority("urgent")
    assert dues(world) == (at(23, 17), at(27, 12)), "a quarter of each"
    world.priority("low")
    assert dues(world) == (at(26, 16), at(10, 16, month=11))


def test_a_priority_does_not_bring_back_what_was_done(world: World) -> None:
    world.answer()
    row = world.ticket()
    assert (row.first_reply_due, row.first_reply_at) == (None, world.now)
    assert ("first reply", "ana", "") in world.events()
    world.now += HOUR
    world.priority("urgent")
    row = world.ticket()
    assert row.first_reply_due is None and row.resolve_due == pytest.approx(row.opened_at + 12 * HOUR)
    world.answer("T1:ana", "Still on it")
    assert [event for event, _, _ in world.events()].count("first reply") == 1


def test_each_time_it_is_opened_it_is_measured_anew(world: World) -> None:
    world.do("T1:ana", text="note: she was angry")
    held = world.do("T1:ana", text="One moment")
    assert world.ticket().first_reply_at is None, "a note is no reply, and neither is what is still held"
    world.do("T1:ana", "action", action=Action.UNDO, value=held.value)
    world.later()
    assert world.ticket().first_reply_at is None
    world.answer()
    first = world.ticket().first_reply_at
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert world.ticket().first_reply_at == first
    world.now += DAY
    world.customer("And now?")
    row = world.ticket()
    assert (row.first_reply_at, row.opened_at) == (None, world.now)
    assert row.first_reply_due == pytest.approx(world.now + 4 * HOUR)


def test_while_it_is_snoozed_the_solution_waits_and_the_customer_does_not(world: World) -> None:
    world.agree()
    world.again()
    world.do("T1:ana", "action", action=Action.SNOOZE, value="120")  # at ten; open until 17
    row = world.ticket()
    assert (row.resolve_due, row.resolve_left) == (None, pytest.approx(48 * HOUR))
    assert row.first_reply_due == pytest.approx(world.now + 4 * HOUR, abs=1)
    world.priority("high")
    row = world.ticket()
    assert (row.resolve_due, row.resolve_left) == (None, pytest.approx(24 * HOUR)), "less is left, and it still waits"
    until = row.snoozed_until
    world.go(until + 5 * MINUTE)
    row = world.ticket()
    assert row.snoozed_until is None and row.resolve_left is None
    assert row.resolve_due == pytest.approx(at(26, 12), abs=1), "24 open hours from twelve o'clock on Wednesday"
    world.do("T1:ana", "action", action=Action.SNOOZE, value="60")
    world.now += 30 * MINUTE
    world.do("T1:ana", "action", action=Action.CLAIM)
    assert world.ticket().resolve_due == pytest.approx(at(26, 12, 30), abs=1), (
        "somebody acts: it goes on, half an hour later"
    )
    world.do("T1:ana", "action", action=Action.SNOOZE, value="60")
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert dues(world) == (None, None) and world.ticket().resolve_left is None


def test_new_targets_move_open_tickets_and_not_what_is_done(world: World) -> None:
    opened = world.ticket().opened_at
    world.store.write(lambda: set_targets("", "normal", {"first_reply": 1_800.0, "resolve": 7_200.0}, actor="test"))
    assert dues(world)[0] == pytest.approx(opened + 4 * HOUR), "a job does it"
    before_ = world.card().version
    assert world.run_due()
    assert dues(world) == (pytest.approx(opened + 1_800), pytest.approx(opened + 7_200))
    assert world.card().version > before_ and world.card().due == pytest.approx(opened + 1_800)
    version = world.card().version
    from bot.service_levels import move

    move()
    assert world.card().version == version, "the same again changes nothing"
    world.store.write(lambda: set_targets("s1", "normal", {"first_reply": 0.0}, actor="test", site_key="demo"))
    world.run_due()
    assert dues(world) == (None, pytest.approx(opened + 7_200)), "this site promises no first reply"
    world.answer()
    world.store.write(lambda: set_targets("s1", "normal", {"first_reply": 600.0}, actor="test", site_key="demo"))
    world.run_due()
    assert dues(world)[0] is None, "it was replied to"
    world.do("T1:ana", "action", action=Action.RESOLVE)
    world.customer("Again")
    assert dues(world)[0] == pytest.approx(world.now + 600)


def test_a_target_that_comes_while_it_is_snoozed_waits_with_it(world: World) -> None:
    world.store.write(lambda: set_targets("", "normal", {"resolve": 0.0}, actor="test"))
    world.run_due()
    world.do("T1:ana", "action", action=Action.SNOOZE, value=str(24 * 60))
    until = world.ticket().snoozed_until
    assert (dues(world)[1], world.ticket().resolve_left) == (None, None), "nothing was promised"
    world.store.write(lambda: set_targets("", "normal", {"resolve": 5 * HOUR}, actor="test"))
    world.run_due()
    row = world.ticket()
    assert (row.resolve_due, row.resolve_left) == (None, pytest.approx(5 * HOUR, abs=1)), "it stands from the beginning"
    world.go(until + MINUTE)
    assert dues(world)[1] == pytest.approx(until + 5 * HOUR, abs=1)


def test_a_day_that_is_taken_off_while_it_is_snoozed_leaves_a_clock_that_stands(world: World) -> None:
    def describe(day: str) -> None:
        world.store.write(
            lambda: ticket_details.describe(world.conversation, subject="", description="", due_day=day, actor="ana")
        )

    describe("2026-10-30")
    world.do("T1:ana", "action", action=Action.SNOOZE, value="120")
    until = world.ticket().snoozed_until
    assert dues(world)[1] == pytest.approx(at(31, 1), abs=1), "a day stays where it is: midnight in UTC"
    describe("")
    assert dues(world)[1] is None and world.ticket().resolve_left == pytest.approx(48 * HOUR, abs=1)
    world.go(until + MINUTE)
    assert dues(world)[1] == pytest.approx(until + 48 * HOUR, abs=1)


def test_no_target_at_all_is_never_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.store.write(lambda: set_targets("", "normal", {"first_reply": 0.0, "resolve": 0.0}, actor="test"))
    world.run_due()
    assert dues(world) == (None, None) and world.card().due is None
    world.go(world.now + 30 * DAY)
    assert world.told() == [] and world.alerts() == []


def test_a_site_that_is_closed_by_hand_counts_by_its_schedule(world: World) -> None:
    world.agree()
    world.store.write(lambda: hours.set_mode("s1", "closed"))
    world.do("T1:ana", "action", action=Action.RESOLVE)
    world.go(at(21, 16))
    world.customer("Hello?")
    assert dues(world)[0] == pytest.approx(at(22, 12)), "an hour today, and three tomorrow: nobody knows when it opens"
    clocks: Any = world.store.read(lambda: service_clocks.of("nobody"))
    assert clocks is None
