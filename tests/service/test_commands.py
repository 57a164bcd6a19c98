"""Targets and what is done about them by command, and how soon customers heard from people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot import clock, service_report
from bot.desk import Card, DeskEvent
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.service_targets import set_targets
from tests.commanding import command

from .conftest import DAY, HOUR, MINUTE, World, at


def run(world: World, *words: str) -> str:
    done = command(world.store, *words)
    assert done.exit_code == 0, done.output
    return str(done.output)


def refused(world: World, *words: str) -> str:
    before = world.store.read(lambda: world.store.ServiceTarget.select().count())
    done = command(world.store, *words)
    assert done.exit_code != 0 and "Traceback" not in done.output
    assert world.store.read(lambda: world.store.ServiceTarget.select().count()) == before
    return str(done.output)


def test_targets_are_set_for_all_or_one_site_shown_and_reset(world: World) -> None:
    assert "normal     4h             2d             default" in run(world, "targets", "show")
    out = run(world, "targets", "set", "urgent", "first-reply", "15m", "resolve", "4h")
    assert out.startswith("urgent: first reply 15m, solution 4h. Open tickets follow")
    out = run(world, "targets", "set", "urgent", "resolve", "1.5h", "--site", "demo")
    assert out.startswith("urgent at demo: first reply 15m, solution 1h 30m.")
    shown = run(world, "targets", "show", "--site", "demo")
    assert (
        "urgent     15m            1h 30m         set here and this site" in shown and "after 80% of the time" in shown
    )
    assert "Sites with targets of their own: demo" in run(world, "targets", "show")
    assert "high: first reply never" in run(world, "targets", "set", "high", "first-reply", "never")
    assert "Reset." in run(world, "targets", "reset", "urgent", "--site", "demo")
    assert "4h             set here" in run(world, "targets", "show", "--site", "demo")
    assert "Reset." in run(world, "targets", "reset") and "Nothing" in run(world, "targets", "reset")
    rows = world.store.read(lambda: list(world.store.Audit.select().order_by(world.store.Audit.id)))
    said = [(row.action, row.object) for row in rows if row.action.startswith("targets.")]
    assert said == [
        ("targets.set", "targets:urgent"), ("targets.set", "targets:urgent"), ("targets.set", "targets:high"),
        ("targets.reset", "targets:urgent"), ("targets.reset", "targets:all"),
    ]  # fmt: skip


def test_what_cannot_be_is_refused_by_the_name_of_its_field(world: World) -> None:
    for words, said in (
        (("urgent", "first-reply", "soon"), "first-reply: say how long"),
        (("urgent", "first-reply"), "first-reply: say how long"),
        (("urgent", "first-reply", "10s"), "first-reply: say how long"),
        (("urgent", "resolve", "400d"), "resolve: a target is from 1 minute to 366 days"),
        (("urgent", "first-reply", "0.5m"), "first-reply: a target is from 1 minute"),
        (("urgent", "reply", "5m"), "reply: there are first-reply and resolve"),
        (("urgent", "resolve", "5m", "resolve", "6m"), "resolve: it is given twice"),
        (("urgent", "first-reply", "2d"), "first-reply: 2d is longer than the solution may take (12h)"),
        (("very", "first-reply", "5m"), "very"),
        (("urgent", "first-reply", "5m", "--site", "nowhere"), "no site with the key nowhere"),
    ):
        assert said in refused(world, "targets", "set", *words), words
    assert "remind: a part of the target is from 10% to 95%" in refused(world, "targets", "policy", "--remind", "99%")
    assert "remind: say how long" in refused(world, "targets", "policy", "--remind", "soon")
    assert "remind: say off" in refused(world, "targets", "policy", "--remind", "never")


def test_what_is_done_before_and_after_is_one_setting(world: World) -> None:
    assert "alerts assignee, its priority stays" in run(world, "targets", "policy")
    out = run(world, "targets", "policy", "--remind", "10m", "--escalate", "both", "--raise")
    assert "10m before the time ends" in out and "alerts both, the ticket presses one step more" in out
    assert "Reminder: off" in run(world, "targets", "policy", "--remind", "off", "--no-raise")
    assert "alerts both, its priority stays" in run(world, "targets", "policy")
    audit = world.store.Audit
    told = audit.select().where(audit.action == "targets.policy").order_by(audit.id)
    row = world.store.read(lambda: list(told))[0]
    detail = row.detail if isinstance(row.detail, dict) else json.loads(row.detail)
    assert detail == {"remind": "10m", "escalate": "both", "raises": True}


def test_an_agent_asks_what_is_promised(world: World) -> None:
    event = DeskEvent(desk="wall", key=clock.new_id(), kind="command", who="T1:ana", place="W1", text="targets")
    (answer,) = receive_desk([event])
    assert answer.code == "done" and "urgent: first reply 1h, solution 12h" in answer.aside
    world.store.write(lambda: set_targets("s1", "urgent", {"first_reply": 300.0}, actor="test", site_key="demo"))
    event = DeskEvent(
        desk="wall", key=clock.new_id(), kind="command", who="T1:ana", place="W1", thread="m1", text="targets"
    )
    (answer,) = receive_desk([event])
    assert "urgent: first reply 5m, solution 12h" in answer.aside, "in a thread it is what its site promises"
    stranger = DeskEvent(desk="wall", key=clock.new_id(), kind="command", who="T1:no", place="W1", text="targets")
    assert receive_desk([stranger])[0].code == "not_linked"


def test_a_ticket_says_what_is_late(world: World) -> None:
    world.go(world.ticket().first_reply_due + MINUTE)
    assert "reply overdue since 2026-10-21 12:00 UTC" in run(world, "tickets", "list")
    world.answer()
    shown = run(world, "tickets", "show", "1001")
    assert "late          first reply (due 2026-10-21 12:00 UTC)" in shown and "reply overdue" in shown
    world.do("T1:ana", "action", action=Action.SNOOZE, value="60")
    assert "solution waits while snoozed" in run(world, "tickets", "list", "--state", "all")


def test_the_report_measures_every_time_that_people_had_a_ticket(world: World) -> None:
    world.now += 10 * MINUTE
    world.answer()
    world.now += 50 * MINUTE
    world.do("T1:ana", "action", action=Action.RESOLVE)
    world.now += HOUR
    world.customer("Again")
    world.priority("high")
    world.go(world.ticket().first_reply_due + HOUR)
    world.do("T1:bo", "action", action=Action.CLAIM)
    world.answer("T1:bo")
    world.go(world.ticket().resolve_due + HOUR)
    found = world.store.read(lambda: service_report.report(30))
    assert (found.all.cases, found.resolved) == (2, 1)
    assert found.all.reply == (pytest.approx((600 + 3 * HOUR) / 2, abs=2), pytest.approx(3 * HOUR, abs=2))
    assert found.all.solution == (pytest.approx(HOUR, abs=2), pytest.approx(HOUR, abs=2))
    assert (found.all.late_replies, found.all.late_solutions) == (1, 1)
    assert [line.name for line in found.priorities] == ["high"] and [line.name for line in found.sites] == ["demo"]
    agents = {line.name: (line.cases, line.late_replies, line.late_solutions) for line in found.agents}
    assert agents == {"ana": (1, 0, 0), "bo": (1, 0, 1), "nobody": (1, 1, 0)}
    out = run(world, "tickets", "report", "--days", "7")
    assert "Opened in the last 7 days: 2, resolved of them: 1." in out and "  bo " in out and "3.0 h" in out
    world.now += 40 * DAY
    assert "No ticket was opened in the last 30 days." in run(world, "tickets", "report")


def test_the_card_says_in_words_what_is_overdue() -> None:
    from channels.slack.card import card_blocks

    def text(**more: Any) -> str:
        card = Card(conversation_id="c", ticket=7, version=1, state="waiting", customer="Anna", **more)
        return json.dumps(card_blocks(card))

    late = text(overdue="reply", overdue_since=at(21, 14), due=at(22, 9))
    assert "Reply overdue since " in late and '"timestamp": ' in late and "Due " not in late
    assert "Solution overdue since " in text(overdue="solution", overdue_since=at(21, 14))
    assert "overdue" not in text(due=at(22, 9)) and "Due " in text(due=at(22, 9))
