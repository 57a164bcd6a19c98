"""What agents are told of, once, and what is over before its turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot import (
    agents,
    clock,
    housekeeping,
    notification_preferences,
    notifications,
    routing_offers,
    routing_settings,
)
from bot import notifications_told as told
from bot.desk import DeskEvent
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.desk_messages import customer_name
from bot.messages import Inbound
from bot.receive import receive
from bot.store import read, sql, write

from .conftest import House, board, mails


def test_who_is_given_a_conversation_is_told_once_by_a_message_of_their_own(house: House) -> None:
    ticket = house.ticket()
    house.assign(ticket)
    (post,) = house.pump()
    number, name = read(lambda: (sql("SELECT number FROM ticket").fetchone()[0], customer_name(ticket)))
    (line,) = board(post)
    assert (post.person, post.op, line.title, line.text) == (
        "T1:ana",
        "direct",
        f"#{number} · {name}",
        "Marko gave this to you.",
    )
    assert "Where is my order?" not in str(post), "nothing of what the customer wrote"
    (row,) = house.rows()
    assert row[:2] == ("assignment", "posted") and row[4] == house.at and row[5] is None
    house.work()
    assert house.pump() == [] and house.rows("marko") == []
    # A transfer tells the next one; the one who did it is told nothing, and who had it neither.
    house.act(ticket, "T1:ana", action=Action.TRANSFER, value="marko")
    (post,) = house.pump()
    assert post.person == "T1:marko" and board(post)[0].text == "Ana gave this to you."
    house.act(ticket, "T1:ana", action=Action.CLAIM)
    house.act(house.ticket("ben"), "T1:ana", action=Action.CLAIM)
    house.act(ticket, "T1:marko", action=Action.TRANSFER, value="marko")
    assert house.pump() == [] and len(house.rows()) == 1


def test_a_redelivery_tells_nobody_again_and_neither_does_a_job_that_runs_twice(house: House) -> None:
    ticket = house.ticket()
    event = DeskEvent(
        desk="board", key="k1", kind="action", who="T1:marko", conversation_id=ticket, action=Action.TRANSFER, value="ana"
    )  # fmt: skip
    assert [receive_desk([event])[0].code for _ in range(2)] == ["done", "duplicate"]
    assert write(lambda: notifications.notify(house.id_of("ana"), "breach", ticket, "late/1", "It is late.")) is True
    house.at += 3_600  # not what folds, but the occasion
    assert write(lambda: notifications.notify(house.id_of("ana"), "breach", ticket, "late/1", "It is late.")) is False
    house.prefer(assignment="mail", breach="mail")
    assert len(house.pump()) == 2
    told.tell(house.id_of("ana"))
    assert house.pump() == [] and mails() == []


def test_the_same_of_a_ticket_within_ten_minutes_is_one_while_it_is_unread(house: House) -> None:
    ticket, ana = house.ticket(), house.id_of("ana")

    def breach(number: int) -> bool:
        return bool(write(lambda: notifications.notify(ana, "breach", ticket, f"late/{number}", f"Late, {number}.")))

    assert [breach(1), breach(2)] == [True, False]
    (post,) = house.pump()
    assert board(post)[0].text == "Late, 2.", "the newest words, once"
    house.at += 599
    assert breach(3) is False and house.pump() == [] and read(lambda: notifications.unread(ana)) == 1
    house.at += 2
    assert breach(4) is True, "ten minutes are over"
    assert house.press("notify.read", house.pump()[0].page.value).code == "done"  # type: ignore[union-attr]
    assert breach(5) is True, "what was read folds nothing"
    assert write(lambda: notifications.notify(ana, "mention", ticket, "m/1", "Marko mentioned you.")) is True, (
        "another kind"
    )


def test_a_message_is_read_by_its_button_by_acting_and_all_at_once(house: House) -> None:
    first, second, third = (house.ticket(who) for who in ("anna", "ben", "cleo"))
    for one in (first, second, third):
        house.assign(one)
    ana = house.id_of("ana")
    posts = house.pump()
    assert read(lambda: notifications.unread(ana)) == 3
    read_press = [press for press in board(posts[0])[0].presses if press.what == "notify.read"]
    assert house.press("notify.read", read_press[0].value, key="p1").aside == "Marked as read."
    assert house.press("notify.read", read_press[0].value, key="p1").code == "duplicate"
    assert house.press("notify.read", read_press[0].value).code == "stale", "twice"
    assert house.press("notify.read", posts[1].page.value, who="T1:marko").code == "stale", "somebody else's"  # type: ignore[union-attr]
    assert read(lambda: notifications.unread(ana)) == 2
    house.act(second, "T1:ana", "note", text="I look into it")
    assert read(lambda: notifications.unread(ana)) == 1, "who acts in it knows"
    assert house.press("notify.read_all", f"{house.at - 1}").code == "stale", (
        "what came after the page was made stays unread"
    )
    assert house.press("notify.read_all", f"{house.at}").code == "done"
    assert read(lambda: notifications.unread(ana)) == 0
    for who, code in (("T1:nobody", "not_linked"), ("T1:off", "not_allowed")):
        if code == "not_allowed":
            agents.add_agent("off", role="viewer", actor="test")
            agents.link("off", "board", who, actor="test")
        assert house.press("notify.read", "x", who=who).code == code


def test_what_was_read_or_is_over_before_its_turn_is_not_sent(house: House) -> None:
    first, second, third = (house.ticket(who) for who in ("anna", "ben", "cleo"))
    for one in (first, second, third):
        house.assign(one)
    house.at += 1
    house.act(first, "T1:marko", action=Action.RESOLVE)
    house.act(second, "T1:ana", "note", text="seen")
    house.act(third, "T1:marko", action=Action.TRANSFER, value="marko")
    assert house.pump() == [], "resolved, known, with somebody else"
    assert [row[1] for row in house.rows()] == ["moot", "moot", "moot"]
    assert read(lambda: notifications.unread(house.id_of("ana"))) == 0
    house.at += 1
    house.act(first, "T1:marko", "note", text="@ana this is how it was solved")
    (post,) = house.pump()
    assert board(post)[0].text == "Marko mentioned you.", "what comes after the end is not over by it"


def test_a_new_ticket_is_told_to_agents_who_are_there_and_asked_for_it(house: House) -> None:
    house.ticket("nobody asked")
    assert house.pump() == [] and house.rows() == []
    house.prefer("ana", request="direct")
    house.prefer("marko", request="direct")
    agents.set_available("marko", False, actor="test")
    ticket = house.ticket("ben")
    (post,) = house.pump()
    assert post.person == "T1:ana" and board(post)[0].text == "This waits for somebody: asked for a person."
    assert [press.label for press in board(post)[0].presses] == ["Claim", "Read"]
    agents.set_available("marko", True, actor="test")
    house.act(ticket, "T1:ana", action=Action.CLAIM)
    assert read(lambda: notifications.unread(house.id_of("ana"))) == 0
    house.act(ticket, "T1:ana", action=Action.RELEASE)
    (post,) = house.pump()
    assert post.person == "T1:marko", "not who gave it back"
    house.act(ticket, "T1:ana", action=Action.RESOLVE)
    house.at += notifications.FOLD
    receive([Inbound(channel="widget", key=clock.new_id(), external_id="ben", place="room-ben", text="Not solved")])
    assert {post.person for post in house.pump()} == {"T1:ana", "T1:marko"}, "opened again by the customer"
    taken = house.ticket("cleo")
    house.act(taken, "T1:marko", action=Action.CLAIM)
    assert house.pump() == [], "taken before its turn"


def test_an_offer_is_told_while_it_stands_and_a_late_reply_while_it_is_late(house: House) -> None:
    routing_settings.change({"assign": "round-robin", "lapse": "5"}, actor="test")
    agents.set_available("marko", False, actor="test")
    ticket = house.ticket()
    routing_offers.run()
    (post,) = house.pump()
    assert post.person == "T1:ana" and "offered to you" in board(post)[0].text
    assert read(lambda: notifications.unread(house.id_of("ana"))) == 1
    house.at += 301
    routing_offers.run()
    assert read(lambda: notifications.unread(house.id_of("ana"))) == 0, "it lapsed"
    other = house.ticket("ben")
    routing_offers.run()
    house.act(other, "T1:marko", action=Action.CLAIM)
    assert [post.person for post in house.pump()] == [], "taken before its turn"
    routing_settings.change({"assign": "nobody"}, actor="test")
    ana = house.id_of("ana")
    write(lambda: notifications.notify(ana, "breach", ticket, f"breach/{ticket}/first_reply/1", "Late."))
    house.at += 1
    write(lambda: sql("UPDATE ticket SET first_reply_at = ? WHERE conversation_id = ?", (house.at, ticket)))
    assert house.pump() == [], "somebody has answered"


def test_colleagues_who_are_named_are_told_once_and_only_where_it_is_meant(house: House) -> None:
    ticket = house.ticket()
    house.act(ticket, "T1:ana", "reply", text="Hello @marko is my colleague")
    assert house.rows("marko") == [], "in words to the customer an @ is theirs"
    house.act(ticket, "T1:ana", "note", text="@Marko, @marko. and @ana and mail me@marko.example")
    assert [row[0] for row in house.rows("marko")] == ["mention"] and house.rows("ana") == []
    (post,) = house.pump()
    assert post.person == "T1:marko" and board(post)[0].text == "Ana mentioned you." and "mail me" not in str(post)
    house.press("notify.read", post.page.value, who="T1:marko")  # type: ignore[union-attr]
    house.act(ticket, "T1:ana", "reply", text="Ask him", mentions=("T1:marko", "T1:nobody"))
    assert len(house.rows("marko")) == 2
    house.press("notify.read_all", f"{house.at}", who="T1:marko")
    event = DeskEvent(
        desk="board", key="e1", kind="reply", who="T1:ana", conversation_id=ticket, place="B1", message="r9", text="note: hm"
    )  # fmt: skip
    receive_desk([event])
    for key in ("e2", "e3"):
        edited = replace(event, key=key, kind="edit", text="note: hm, @marko", mentions=("T1:marko",))
        assert receive_desk([edited])[0].code == "done"
    assert len(house.rows("marko")) == 3, "who is named by an edit is told, once for each message"


def test_what_is_not_theirs_any_more_is_over_and_a_colleague_s_word_is_not(house: House) -> None:
    house.prefer(quiet="20:00-08:00", zone="Europe/Berlin", digest="09:00")
    house.set("2026-11-18 23:00")
    first, second, third = (house.ticket(who) for who in ("anna", "ben", "cleo"))
    for one in (first, second):
        house.assign(one)
    house.at += 1
    house.act(first, "T1:marko", action=Action.RELEASE)
    house.act(second, "T1:marko", action=Action.RETURN)
    house.act(third, "T1:marko", "note", text="@ana please know this")
    house.at += 1
    house.act(third, "T1:marko", action=Action.RESOLVE)
    agents.set_active("ana", False, actor="test")
    house.set("2026-11-19 09:00")
    house.work()
    assert house.pump() == [], "who may not act any more is told nothing, by no digest either"
    assert {row[1] for row in house.rows()} == {"moot"}
    agents.set_active("ana", True, actor="test")
    house.prefer(digest="off")
    house.set("2026-11-19 23:00")
    fourth, fifth = house.ticket("dora"), house.ticket("emil")
    house.assign(fourth)
    house.act(fifth, "T1:marko", "note", text="@ana please know this")
    house.at += 1
    house.act(fourth, "T1:marko", action=Action.RELEASE)
    house.act(fifth, "T1:marko", action=Action.RESOLVE)
    house.set("2026-11-20 08:00")
    house.work()
    (post,) = house.pump()
    assert [row.text for row in board(post)] == ["Marko mentioned you."]


def test_another_thing_of_the_same_ticket_is_a_notification_of_its_own(house: House) -> None:
    ticket, ana = house.ticket(), house.id_of("ana")
    for kind in ("first_reply", "resolve"):
        occasion = f"breach/{ticket}/{kind}/1"
        assert write(lambda one=occasion: notifications.notify(ana, "breach", ticket, one, f"{one} is late."))  # type: ignore[misc]
    house.assign(ticket)
    assert write(lambda: notifications.notify(ana, "breach", ticket, f"breach/{ticket}/resolve/2", "Late.")) is False
    house.at += 1
    write(lambda: sql("UPDATE ticket SET first_reply_at = ? WHERE conversation_id = ?", (house.at, ticket)))
    assert [board(post)[0].text for post in house.pump()] == ["Late.", "Marko gave this to you."], "the answer ends one"


def test_an_agent_who_cannot_be_told_holds_up_nobody_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ana", "marko"):
        house.prefer(name, quiet="20:00-08:00", zone="Europe/Berlin")
    house.set("2026-11-18 23:00")
    house.assign(house.ticket("anna"), "ana", by="cli:root")
    house.assign(house.ticket("ben"), "marko", by="cli:root")
    house.set("2026-11-19 08:00")
    first, whole = min(house.id_of("ana"), house.id_of("marko")), notification_preferences.of

    def broken(agent_id: str) -> notification_preferences.Preferences:
        if agent_id == first:
            raise ValueError("a row that cannot be read")
        return whole(agent_id)

    monkeypatch.setattr(notification_preferences, "of", broken)
    with pytest.raises(ValueError, match="cannot be read"):
        told.rounds()
    monkeypatch.setattr(notification_preferences, "of", whole)
    assert len(house.pump()) == 1
    told.rounds()
    assert len(house.pump()) == 1, "and they, once it can be"


def test_who_may_not_act_is_told_nothing_and_old_rows_go(house: House) -> None:
    ticket = house.ticket()
    agents.add_agent("vic", role="viewer", actor="test")
    agents.set_active("marko", False, actor="test")
    for name in ("vic", "marko"):
        assert write(lambda name=name: notifications.notify(house.id_of(name), "breach", ticket, "x", "Late.")) is False  # type: ignore[misc]
    house.assign(ticket, by="cli:root")
    (post,) = house.pump()
    assert board(post)[0].text == "An admin gave this to you."
    house.at += 89 * 86_400
    housekeeping.retention()
    assert len(house.rows()) == 1
    house.at += 2 * 86_400
    housekeeping.retention()
    assert house.rows() == [] and read(lambda: sql("SELECT count(*) FROM notification_post").fetchone()[0]) == 0
