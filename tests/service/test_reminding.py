"""Before a due time one is reminded, after it one alert is given: once each, whatever happens in between."""

from __future__ import annotations

import threading

import pytest

from bot import agents, clock, jobs, notification_preferences, presence, service_levels
from bot.desk_actions import Action
from bot.erase import erase_conversation
from bot.messages import Inbound
from bot.receive import receive
from bot.service_clocks import LOOK
from bot.service_targets import set_policy, set_targets
from bot.workplace import rooms

from .conftest import DAY, HOUR, MINUTE, World, at


def policy(world: World, **rules: object) -> None:
    world.store.write(lambda: set_policy(**rules, actor="test"))  # type: ignore[arg-type]


def test_nobody_has_it_the_thread_is_reminded_once_and_alerted_once(world: World) -> None:
    world.agree()
    world.again()
    world.go(world.now + 3 * HOUR + 11 * MINUTE)
    assert world.told() == [], "48 of 240 minutes are left"
    world.go(at(21, 13, 30))
    (post,) = world.told()
    assert "first reply is due at 14:00 (Europe/Berlin), in about 30 minutes. Nobody has claimed this." in post.text
    assert (post.mention, post.actions, post.thread) == ((), (Action.CLAIM,), "m1")
    assert world.card().overdue == "" and world.alerts() == []
    world.go(at(21, 14, 10))
    (post,) = world.told()
    assert post.text == "The first reply is overdue: it was due at 14:00 (Europe/Berlin). Nobody has claimed this."
    assert post.mention == ("T1:eva",), "nobody has it: the admins hear of it"
    assert [name for name, _ in world.alerts()] == ["eva"]
    card = world.card()
    assert (card.overdue, card.overdue_since) == ("reply", at(21, 14))
    assert world.events()[-1] == ("reply overdue", "", "")
    row = world.ticket()
    assert row.first_reply_breached_at == at(21, 14) and row.resolve_breached_at is None
    world.go(at(21, 23))
    assert world.told() == [] and len(world.alerts()) == 1
    world.answer()
    card = world.card()
    assert (card.overdue, card.due) == ("", world.ticket().resolve_due)
    assert world.ticket().first_reply_breached_at == at(21, 14), "what was late stays late"


def test_who_has_it_is_reminded_alone_and_alerted_in_the_thread(world: World) -> None:
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.go(world.now + 3 * HOUR + 15 * MINUTE)
    assert world.told() == []
    ((person, kind, ref),) = [one for one in world.alone() if one[1] == service_levels.REMINDER]
    assert (person, kind) == ("T1:ana", "targets.reminder")
    said = world.store.write(lambda: rooms.said(kind, str(ref)))
    assert (
        said is not None and "The first reply of ticket #1001 is due at 12:00 (UTC), in about 45 minutes." in said.text
    )
    world.store.write(lambda: world.store.sql("UPDATE desk_thread SET link = 'https://desk.example/1'"))
    said = world.store.write(lambda: rooms.said(kind, str(ref)))
    assert said is not None and said.page is not None and "https://desk.example/1" in repr(said.page)
    world.go(world.now + HOUR)
    (post,) = world.told()
    assert post.mention == ("T1:ana",) and post.actions == ()
    assert [name for name, _ in world.alerts()] == ["ana"]
    assert world.events()[-1] == ("reply overdue", "", "ana")
    assert world.store.write(lambda: rooms.said(kind, str(ref))) is None, (
        "a reminder that comes late has nothing to say"
    )


@pytest.mark.parametrize(
    ("rule", "state", "heard"),
    [
        ("assignee", "here", ("T1:ana",)),
        ("assignee", "away", ("T1:ana", "T1:eva")),
        ("admins", "here", ("T1:eva",)),
        ("both", "here", ("T1:ana", "T1:eva")),
        ("nobody", "here", ()),
    ],
)
def test_who_is_alerted_is_a_setting_and_an_alert_is_not_given_to_an_empty_chair(
    world: World, rule: str, state: str, heard: tuple[str, ...]
) -> None:
    policy(world, escalate=rule)
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.now = world.ticket().first_reply_due + 1
    presence.told("wall", {"T1:ana": state})  # type: ignore[dict-item]
    assert world.run_due() and world.store.read(jobs.due) is not None
    (post,) = world.told()
    assert post.mention == heard
    assert sorted(f"T1:{name}" for name, _ in world.alerts()) == sorted(heard)


def test_done_just_before_nothing_is_said(world: World) -> None:
    due = world.ticket().first_reply_due
    world.now = due - 49 * MINUTE
    world.answer()
    world.go(due + HOUR)
    assert world.told() == [] and world.alerts() == [] and world.ticket().first_reply_breached_at is None
    resolve = world.ticket().resolve_due
    world.now = resolve - 1
    world.do("T1:ana", "action", action=Action.RESOLVE)
    world.go(resolve + DAY)
    assert "overdue" not in " ".join(post.text for post in world.told())
    assert world.ticket().resolve_breached_at is None


def test_a_due_time_that_has_moved_leaves_old_jobs_with_nothing_to_do(world: World) -> None:
    world.go(world.ticket().first_reply_due - 40 * MINUTE)
    assert len(world.told()) == 1
    world.priority("low")
    world.pump()
    due = world.ticket().first_reply_due
    world.go(due - 2 * HOUR)
    assert world.told() == [], "what was due at the old time is void"
    world.go(due - HOUR)
    assert len(world.told()) == 1, "and of the new one somebody is reminded, too"
    world.priority("urgent")
    world.run_due()
    (post,) = world.told()
    assert "overdue" in post.text and post.mention == ("T1:eva",), "an hour from the beginning: long over"
    world.priority("low")
    assert world.card().overdue == "" and world.card().due == pytest.approx(due)
    world.go(due + MINUTE)
    assert world.told() == [] and len(world.alerts()) == 1, "no second alert"
    assert (world.card().overdue, world.card().overdue_since) == ("reply", due), "but the card says what is true"


def test_a_snooze_moves_the_solution_and_its_reminder(world: World) -> None:
    world.answer()
    world.pump()
    due = world.ticket().resolve_due
    world.now = due - 11 * HOUR
    world.do("T1:ana", "action", action=Action.SNOOZE, value=str(24 * 60))
    world.go(due + HOUR)
    assert world.told() == [] and world.ticket().resolve_breached_at is None
    world.go(due + 24 * HOUR - MINUTE)
    assert [kind for _, kind, _ in world.alone()] == [service_levels.REMINDER]
    world.go(due + 24 * HOUR + MINUTE)
    (post,) = world.told()
    assert "The solution is overdue" in post.text and world.card().overdue == "solution"


def test_the_same_job_twice_two_workers_and_a_restart_do_nothing_twice(world: World) -> None:
    due = world.ticket().first_reply_due
    for moment, lines in ((due - 40 * MINUTE, 1), (due + 1, 1)):
        world.now = moment
        gate = threading.Barrier(4)

        def work(gate: threading.Barrier = gate) -> None:
            gate.wait()
            service_levels.look(world.conversation)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert world.run_due(), (
            "the job itself comes after that: its process had died before it could say that it was done"
        )
        assert len(world.told()) == lines
    assert [event for event, _, _ in world.events()].count("reply overdue") == 1 and len(world.alerts()) == 1
    world.store.write(lambda: jobs.enqueue_again(LOOK, world.conversation, f"{due:.6f}"))
    assert world.run_due() and world.told() == [] and len(world.alerts()) == 1


def test_what_no_job_saw_is_a_fact_and_nobody_is_alerted_of_what_is_done(world: World) -> None:
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.now = world.ticket().first_reply_due + HOUR
    world.answer()
    row = world.ticket()
    assert row.first_reply_breached_at == pytest.approx(world.now - HOUR)
    assert world.events()[-2:] == [("reply overdue", "", "ana"), ("first reply", "ana", "")], "and who had it is named"
    world.now = row.resolve_due + HOUR
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert world.ticket().resolve_breached_at == row.resolve_due
    assert ("solution overdue", "", "ana") in world.events()
    world.run_due()
    assert "overdue" not in " ".join(post.text for post in world.told()) and world.alerts() == []


def test_the_rounds_find_what_a_lost_job_left(world: World) -> None:
    world.store.write(lambda: world.store.Job.delete().execute())
    world.now = world.ticket().first_reply_due + HOUR
    assert not world.run_due()
    service_levels.sweep()
    (post,) = world.told()
    assert "overdue" in post.text
    service_levels.sweep()
    assert world.told() == []


def test_an_erased_conversation_is_told_of_no_more(world: World) -> None:
    due = world.ticket().first_reply_due
    world.now = due + 1
    service_levels.look(world.conversation)
    assert erase_conversation(world.conversation)
    world.run_due()
    service_levels.look(world.conversation)
    assert [post.text for post in world.told() if "overdue" in post.text] == []
    left = world.store.read(
        lambda: world.store.sql("SELECT count(*) FROM delivery WHERE message LIKE 'due:%'").fetchone()[0]
    )
    assert left == 0


def test_a_reminder_may_come_so_long_before_or_not_at_all_and_a_breach_may_raise(world: World) -> None:
    policy(world, remind="10m", raises=True)
    due = world.ticket().first_reply_due
    world.go(due - 11 * MINUTE)
    service_levels.look(world.conversation)
    assert world.told() == []
    world.store.write(lambda: set_policy(remind="off", actor="test"))
    world.go(due - MINUTE)
    assert world.told() == []
    world.go(due + MINUTE)
    assert len(world.told()) == 1 and world.ticket().priority == "high"
    assert [event for event, _, _ in world.events()][-2:] == ["reply overdue", "priority"]
    resolve = world.ticket().resolve_due
    assert resolve == pytest.approx(world.ticket().opened_at + 24 * HOUR)
    world.go(resolve + MINUTE)
    assert world.ticket().priority == "urgent" and len(world.told()) == 1


def test_an_agent_whom_no_desk_knows_or_who_wants_no_messages_leaves_it_to_the_thread(world: World) -> None:
    agents.add_agent("zoe", actor="test")
    from bot.claims import assign

    zoe = world.store.read(lambda: agents.agent_named("zoe"))
    world.store.write(lambda: assign(world.conversation, zoe, by="cli:test"))
    world.pump()
    world.go(world.ticket().first_reply_due - 40 * MINUTE)
    (post,) = world.told()
    assert "is due" in post.text and post.mention == () and "Nobody" not in post.text


def test_who_wants_no_such_messages_or_has_a_quiet_night_leaves_the_reminder_to_the_thread(world: World) -> None:
    ana = world.store.read(lambda: agents.agent_named("ana"))
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.pump()
    world.store.write(lambda: notification_preferences.change(ana.id, {"breach": "none"}))
    world.go(world.ticket().first_reply_due - 40 * MINUTE)
    (post,) = world.told()
    assert "is due" in post.text and post.mention == ()
    assert [kind for _, kind, _ in world.alone() if kind == service_levels.REMINDER] == []


def test_a_due_time_that_comes_back_after_its_moment_is_seen_at_once(world: World) -> None:
    due = world.ticket().first_reply_due
    world.go(due - HOUR)
    world.priority("low")
    world.go(due + 30 * MINUTE)
    assert world.told() == [], "its job came and found nothing"
    world.priority("normal")
    assert world.ticket().first_reply_due == pytest.approx(due) and world.run_due()
    (post,) = world.told()
    assert "overdue" in post.text and len(world.alerts()) == 1


def test_a_reminder_for_who_has_given_it_away_meanwhile_is_not_told(world: World) -> None:
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.now = world.ticket().first_reply_due - 40 * MINUTE
    service_levels.look(world.conversation)
    ((person, kind, ref),) = [one for one in world.alone() if one[1] == service_levels.REMINDER]
    assert person == "T1:ana" and world.store.write(lambda: rooms.said(kind, str(ref))) is not None
    world.do("T1:ana", "action", action=Action.TRANSFER, value="bo")
    assert world.store.write(lambda: rooms.said(kind, str(ref))) is None, "bo has it: ana need not come"
    world.do("T1:bo", "action", action=Action.RELEASE)
    assert world.store.write(lambda: rooms.said(kind, str(ref))) is None


def test_an_alert_for_an_agent_whom_no_desk_knows_is_heard_by_the_admins(world: World) -> None:
    agents.add_agent("zoe", actor="test")
    from bot.claims import assign

    zoe = world.store.read(lambda: agents.agent_named("zoe"))
    world.store.write(lambda: assign(world.conversation, zoe, by="cli:test"))
    world.pump()
    world.now = world.ticket().first_reply_due + 1
    service_levels.look(world.conversation)
    (post,) = world.told()
    assert "overdue" in post.text and post.mention == ("T1:eva",)
    assert [name for name, _ in world.alerts()] == ["eva", "zoe"]


def test_one_ticket_that_cannot_be_looked_at_does_not_hold_up_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot import service_clocks

    first = world.conversation
    for kind, text in (("message", "Another thing"), ("handoff", "")):
        receive([Inbound(channel="widget", key=clock.new_id(), external_id="bert", place="b", text=text, kind=kind)])
    every = sorted(
        row[0] for row in world.store.read(lambda: world.store.sql("SELECT conversation_id FROM ticket").fetchall())
    )
    assert len(every) == 2 and first in every
    world.store.write(lambda: world.store.Job.delete().execute())
    known = service_clocks.of

    def of(conversation_id: str) -> object:
        if conversation_id == every[0]:
            raise RuntimeError("a row that nobody can read")
        return known(conversation_id)

    monkeypatch.setattr(service_clocks, "of", of)
    world.store.write(lambda: set_targets("", "normal", {"first_reply": 2 * HOUR}, actor="test"))
    with pytest.raises(RuntimeError, match="nobody can read"):
        service_levels.move()
    row = world.store.read(lambda: world.store.Ticket.get(world.store.Ticket.conversation == every[1]))
    assert row.first_reply_due == pytest.approx(row.opened_at + 2 * HOUR), (
        "the job fails and is seen; the others have moved"
    )
    world.now = row.first_reply_due + HOUR
    service_levels.sweep()
    row = world.store.read(lambda: world.store.Ticket.get(world.store.Ticket.conversation == every[1]))
    assert row.first_reply_breached_at == row.first_reply_due
