"""What agents are told of: made with what it tells of, told once in the way they chose, and not at night. Rows only; Slack and the
mail server have their own tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import (
    agents,
    claims,
    clock,
    erase,
    housekeeping,
    jobs,
    lease,
    mail,
    notification_preferences,
    notifications,
    routing_offers,
    routing_settings,
)
from bot import notifications_told as told
from bot.channel import Limits, Resend
from bot.desk import Desk, DeskAnswer, DeskCapability, DeskEvent, DeskPost, Posted
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.desk_messages import customer_name
from bot.events import JobSpec
from bot.mail import newest
from bot.messages import Inbound, Receipt
from bot.outbox import DeskOutbox
from bot.pages import Choice, Field, Row, Wanted, Words
from bot.receive import receive
from bot.store import read, sql, write
from bot.workplace import rooms
from tests.commanding import command
from tests.fakes.smtp import FakeMail

BERLIN = ZoneInfo("Europe/Berlin")


class Board(Desk):
    name = "board"
    place = "B1"
    capabilities = frozenset({DeskCapability.PAGES, DeskCapability.DIRECT, DeskCapability.DELETE})
    limits = Limits(timeout=5)
    resend = Resend.NATIVE


class House:
    """A desk that can tell one agent alone, two agents, and a clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN).timestamp()
        monkeypatch.setattr(clock, "now", lambda: self.at)
        self.outbox = DeskOutbox(Board())
        self.outbox.declare()
        self.count = 0
        self.all: list[DeskPost] = []
        """Everything that was ever shown."""
        self.shown: dict[str, str] = {}
        """Ids that the desk gave, by the key of the delivery."""

    def set(self, text: str) -> None:
        """The clock in Berlin: ``2026-11-18 20:30``."""
        self.at = datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()

    def ticket(self, who: str = "anna") -> str:
        """A conversation that waits for people."""
        got: Any = None
        for kind, text in (("message", "Where is my order?"), ("handoff", "")):
            event = Inbound(
                channel="widget", key=clock.new_id(), external_id=who, place=f"room-{who}", text=text, kind=kind
            )  # type: ignore[arg-type]
            got = receive([event])[0]
            assert isinstance(got, Receipt), got
        return str(got.conversation_id)

    def assign(self, conversation_id: str, to: str = "ana", by: str = "marko") -> None:
        write(lambda: claims.assign(conversation_id, agents.agent_named(to), by=by))  # type: ignore[arg-type]

    def pump(self, outcome: Callable[[Any], None] | None = None) -> list[DeskPost]:
        """Show what is due, as the host would; returns the messages to one agent. ``outcome`` says what becomes of those."""
        fresh = []
        for place in [
            row[0]
            for row in read(lambda: sql("SELECT DISTINCT place FROM delivery WHERE channel = 'desk:board'").fetchall())
        ]:
            while (claimed := self.outbox.claim(place)) is not None:
                assert isinstance(claimed.out, DeskPost)
                self.all.append(claimed.out)
                if claimed.out.op == "direct":
                    fresh.append(claimed.out)
                    if outcome is not None:
                        outcome(claimed)
                        continue
                self.count += 1
                self.shown[claimed.out.key] = f"m{self.count}"
                self.outbox.posted(claimed, Posted(f"m{self.count}", claimed.out.thread or f"m{self.count}"))
        return fresh

    def work(self) -> None:
        """What workers do: the jobs of notifications that are due."""
        specs = {spec.kind: spec for spec in told.specs()}
        told.rounds()
        for job_id, kind, _ in read(jobs.due):
            if kind in specs:
                jobs.claim_and_run(job_id, specs)

    def press(
        self, what: str, value: str = "", *, who: str = "T1:ana", key: str = "", page: str = "", **fields: str
    ) -> DeskAnswer:
        event = DeskEvent(
            desk="board",
            key=key or clock.new_id(),
            kind="press",
            who=who,
            what=what,
            value=value,
            fields=fields,
            page=page,
        )
        return receive_desk([event])[0]

    def say(self, words: str, who: str = "T1:ana") -> DeskAnswer:
        return receive_desk([DeskEvent(desk="board", key=clock.new_id(), kind="command", who=who, text=words)])[0]

    def act(self, conversation_id: str, who: str, kind: Any = "action", **more: Any) -> DeskAnswer:
        event = DeskEvent(
            desk="board",
            key=clock.new_id(),
            kind=kind,
            who=who,
            conversation_id=conversation_id,
            message=clock.new_id(),
            **more,
        )
        return receive_desk([event])[0]

    def prefer(self, name: str = "ana", **wanted: str) -> None:
        write(lambda: notification_preferences.change(agents.agent_named(name).id, wanted))  # type: ignore[union-attr]

    def rows(self, name: str = "ana") -> list[Any]:
        return read(
            lambda: sql(
                "SELECT n.kind, n.state, n.words, n.problem, n.direct_at, n.mail_at, n.read_at, n.folded FROM notification n"
                " JOIN agent a ON a.id = n.agent_id WHERE a.name = ? ORDER BY n.id",
                (name,),
            ).fetchall()
        )  # fmt: skip

    def prefs(self, name: str = "ana") -> notification_preferences.Preferences:
        return read(lambda: notification_preferences.of(self.id_of_now(name)))

    def id_of_now(self, name: str) -> str:
        return str(agents.agent_named(name).id)  # type: ignore[union-attr]

    def id_of(self, name: str) -> str:
        return str(read(lambda: agents.agent_named(name)).id)  # type: ignore[union-attr]


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch) -> House:
    def site() -> None:
        store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now())
        sql("INSERT INTO setting (key, value, changed_at) VALUES ('channel.widget', ?, 0)", ('{"pull": true, "max_text": 4000, "unit": "chars", "timeout": 15}',))  # fmt: skip

    lease.start("channels")
    write(site)
    for name in ("ana", "marko"):
        agents.add_agent(name, email=f"{name}@shop.example" if name == "ana" else "", actor="test")
        agents.link(name, "board", f"T1:{name}", actor="test")
    return House(monkeypatch)


def board(post: DeskPost) -> list[Row]:
    """The lines of a message."""
    assert post.page is not None
    return [part for part in post.page.parts if isinstance(part, Row)]


def mails() -> list[Any]:
    return read(lambda: [one for one in newest() if one.kind == "notification"])


def customer_of(who: str) -> str:
    """How desks call the customer."""
    query = "SELECT c.id FROM conversation c JOIN identity i ON i.contact_id = c.contact_id WHERE i.external_id = ?"
    return read(lambda: customer_name(sql(query, (who,)).fetchone()[0]))


def occasion(mail_id: str) -> str:
    return str(read(lambda: sql("SELECT occasion FROM mail WHERE id = ?", (mail_id,)).fetchone()[0]))


def refuse(house: House, reason: str) -> Callable[[Any], None]:
    return lambda claimed: house.outbox.refused(claimed, reason)


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


def test_a_night_is_quiet_over_midnight_and_told_in_one_message_when_it_ends(house: House) -> None:
    house.prefer(quiet="20:00-08:00", zone="Europe/Berlin")
    house.set("2026-11-18 19:59")
    first = house.ticket("anna")
    house.assign(first)
    assert len(house.pump()) == 1
    house.set("2026-11-18 20:00")
    late = [house.ticket(who) for who in ("ben", "cleo", "dora")]
    house.assign(late[0])
    house.set("2026-11-19 00:30")
    house.assign(late[1])
    house.assign(late[2])
    house.work()
    assert house.pump() == []
    house.at += 1
    house.act(late[2], "T1:marko", action=Action.RESOLVE)
    house.set("2026-11-19 07:59")
    house.work()
    assert house.pump() == []
    house.set("2026-11-19 08:00")
    house.work()
    house.work()
    (post,) = house.pump()
    assert post.page is not None and post.page.title == "2 notifications" and len(board(post)) == 2
    assert house.press("notify.read", post.page.value).aside == "Marked as read: 2."
    house.work()
    assert house.pump() == []
    # Changed in the night: what waits follows the new hours.
    house.set("2026-11-19 21:00")
    house.assign(house.ticket("eva"))
    assert house.pump() == []
    house.prefer(quiet="off")
    house.work()
    assert len(house.pump()) == 1


@pytest.mark.parametrize(
    ("zone", "quiet", "at", "ends"),
    [
        ("Europe/Berlin", "20:00-08:00", "2026-03-29T01:30+01:00", "2026-03-29T08:00+02:00"),  # the night with 23 hours
        (
            "Europe/Berlin",
            "22:00-02:30",
            "2026-03-29T01:59+01:00",
            "2026-03-29T03:30+02:00",
        ),  # an end that does not exist
        ("Europe/Berlin", "22:00-02:30", "2026-10-25T02:10+02:00", "2026-10-25T02:30+02:00"),  # an end that comes twice
        ("Europe/Berlin", "22:00-02:30", "2026-10-25T02:10+01:00", "2026-10-25T02:30+01:00"),
        ("Europe/Berlin", "20:00-08:00", "2026-10-25T07:59+01:00", "2026-10-25T08:00+01:00"),
        ("America/New_York", "12:00-13:00", "2026-11-18T12:00-05:00", "2026-11-18T13:00-05:00"),
        ("Asia/Kolkata", "20:00-08:00", "2026-11-18T15:00+00:00", "2026-11-19T02:30+00:00"),
        ("UTC", "20:00-08:00", "2026-11-18T08:00+00:00", ""),
        ("UTC", "20:00-08:00", "2026-11-18T19:59:59+00:00", ""),
        ("UTC", "12:00-13:00", "2026-11-18T13:00+00:00", ""),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(zone: str, quiet: str, at: str, ends: str) -> None:
    begins, _, until = quiet.partition("-")
    hours = tuple(int(one[:2]) * 60 + int(one[3:]) for one in (begins, until))
    known = notification_preferences.Preferences(zone=zone, quiet=hours)  # type: ignore[arg-type]
    found = known.quiet_until(datetime.fromisoformat(at).timestamp())
    assert found == (datetime.fromisoformat(ends).timestamp() if ends else None)


def test_a_digest_comes_once_a_day_at_its_hour_and_not_for_nothing(house: House) -> None:
    house.set("2026-10-23 07:00")
    house.prefer(digest="08:00", zone="Europe/Berlin", assignment="none")
    house.set("2026-10-23 08:00")
    house.work()
    assert house.pump() == [], "nothing to say"
    house.at += 600
    ticket, other = house.ticket(), house.ticket("ben")
    house.assign(ticket)
    house.work()
    assert house.pump() == [] and house.rows()[0][1] == "silent", "today's was empty, and is not made up for"
    for day in ("2026-10-24", "2026-10-25", "2026-10-26"):  # the clock is set back in the second night
        house.set(f"{day} 07:59")
        house.work()
        assert house.pump() == []
        house.set(f"{day} 08:00")
        house.work()
        house.work()
        (post,) = house.pump()
        assert post.page is not None and post.page.title == f"Your day in Deskhand, {day}"
        assert post.page.parts[0] == Words(
            "Open and yours: 1, overdue: 1\nWaiting for somebody: 1\nUnread notifications: 1"
        )
        house.at += 3_600
        house.work()
        assert house.pump() == []
    house.set("2026-10-27 21:00")
    house.work()
    assert house.pump() == [], "too late for today's"
    house.act(ticket, "T1:ana", action=Action.RESOLVE)
    house.act(other, "T1:ana", action=Action.RESOLVE)
    house.set("2026-10-28 08:05")
    house.work()
    assert house.pump() == []
    house.prefer(digest="08:10")
    house.set("2026-10-28 08:10")
    house.work()
    assert house.pump() == [], "the day had its digest"


def test_a_digest_tells_what_the_night_kept_and_nothing_tells_it_again(house: House) -> None:
    house.prefer(quiet="20:00-08:00", digest="08:00", zone="Europe/Berlin")
    house.set("2026-11-18 23:00")
    house.assign(house.ticket())
    house.set("2026-11-19 08:00")
    house.work()
    (post,) = house.pump()
    assert post.page is not None and post.page.title.startswith("Your day") and len(board(post)) == 1
    assert house.rows()[0][4] == house.at
    house.work()
    assert house.pump() == []


def test_a_way_that_cannot_be_is_followed_by_the_other_one_and_says_so(
    house: House, environment: Callable[..., None]
) -> None:
    house.assign(house.ticket("anna"))
    house.pump(refuse(house, "Their account may have ended"))
    (row,) = house.rows()
    assert row[1] == "failed" and "no mail server" in row[3], "there is no other way here: it stays in the list"
    environment(SMTP_URL="smtp://127.0.0.1:1")
    house.assign(house.ticket("ben"))
    house.pump(refuse(house, "Their account may have ended"))
    (letter,) = mails()
    row = house.rows()[1]
    assert row[1] == "posted" and "Their account may have ended" in row[3] and letter.to == "ana@shop.example"
    assert "Marko gave this to you" in letter.subject and customer_of("ben") in letter.text
    write(lambda: told.ended(occasion(letter.id), "dead", "550 no such user"))
    assert house.rows()[1][1] == "failed" and house.pump() == [], "each way once"
    house.prefer("marko", assignment="mail")
    house.assign(house.ticket("cleo"), to="marko", by="ana")
    house.work()
    (post,) = house.pump()
    (row,) = house.rows("marko")
    assert (
        post.person == "T1:marko"
        and row[1] == "posted"
        and row[3] == "This agent has no mail address."
        and len(mails()) == 1
    )
    said = house.say("notifications", "T1:marko")
    assert "This agent has no mail address." in said.aside
    # Perhaps it was posted: nobody tells it twice.
    house.assign(house.ticket("dora"))
    house.pump(house.outbox.hold)
    assert house.rows()[2][1] == "posted" and len(mails()) == 1
    # An account that is linked no more, and a desk that is off.
    write(lambda: sql("DELETE FROM agent_identity WHERE external_id = 'T1:ana'"))
    house.assign(house.ticket("eva"))
    assert house.rows()[3][3] == told.NO_ACCOUNT and len(mails()) == 2


def test_mail_is_one_for_what_happens_at_once_and_not_sent_when_it_is_known(
    house: House, environment: Callable[..., None]
) -> None:
    environment(SMTP_URL="smtp://127.0.0.1:1")
    house.prefer(assignment="mail")
    tickets = [house.ticket(who) for who in ("anna", "ben <script>*x*")]
    write(lambda: [claims.assign(one, agents.agent_named("ana"), by="marko") for one in tickets])  # type: ignore[arg-type]
    house.work()
    house.work()
    (letter,) = mails()
    assert letter.subject == "2 notifications" and "<script>" not in letter.html and house.pump() == []
    assert write(lambda: told.wanted(occasion(letter.id))) is True
    house.press("notify.read_all", f"{house.at}")
    assert write(lambda: told.wanted(occasion(letter.id))) is False, "read before it was sent"


def test_preferences_are_a_form_that_says_what_is_wrong_with_each_field(house: House) -> None:
    form = rooms.page(Wanted(desk="board", who="T1:ana", name="notify.preferences", zone="Europe/Berlin"))
    fields = {part.name: part for part in form.parts if isinstance(part, Field | Choice)}
    assert [fields[kind].chosen for kind in notification_preferences.KINDS] == [
        ("direct",),
        ("none",),
        ("direct",),
        ("direct",),
    ]  # type: ignore[union-attr]
    assert fields["zone"].value == "Europe/Berlin", "as the desk knows it"  # type: ignore[union-attr]
    assert (form.kind, form.submit, form.what) == ("form", "Save", "notify.save")
    wrong = house.press(
        "notify.save", assignment="pigeon", quiet_from="25:00", quiet_to="08:00", zone="Mars/Olympus", digest="noon", digest_way="none",
        request="mail",
    )  # fmt: skip
    assert wrong.code == "invalid"
    assert set(wrong.errors) == {"assignment", "quiet_from", "zone", "digest", "digest_way"}
    assert house.prefs() == notification_preferences.Preferences(), "nothing of it was kept"
    for fields_, field in (
        ({"quiet_from": "20:00", "quiet_to": ""}, "quiet_to"), ({"quiet_from": "8:00", "quiet_to": "08:00"}, "quiet_to"),
        ({"quiet_from": "20:00", "quiet_to": "08:00", "digest": "07:30"}, "digest"),
    ):  # fmt: skip
        assert set(house.press("notify.save", **fields_).errors) == {field}
    good = house.press("notify.save", key="s1", assignment="mail", request="direct", quiet_from="20:00", quiet_to="8",
                       zone="Europe/Berlin", digest="08:30", digest_way="mail")  # fmt: skip
    assert good.code == "done" and "quiet=20:00-08:00" in good.aside
    assert house.press("notify.save", key="s1", quiet_from="", quiet_to="").code == "duplicate"
    known = house.prefs()
    assert (known.ways["assignment"], known.quiet, known.digest, known.digest_way) == ("mail", (1200, 480), 510, "mail")
    form = rooms.page(Wanted(desk="board", who="T1:ana", name="notify.preferences", zone="UTC"))
    shown = {part.name: part.value for part in form.parts if isinstance(part, Field)}
    assert shown == {"quiet_from": "20:00", "quiet_to": "08:00", "zone": "Europe/Berlin", "digest": "08:30"}
    assert house.press("notify.save", quiet_from="", quiet_to="", digest="").code == "done"
    assert (house.prefs().quiet, house.prefs().digest) == (None, None)
    stranger = rooms.page(Wanted(desk="board", who="T1:nobody", name="notify.preferences"))
    assert stranger.submit == "" and house.press("notify.save", who="T1:nobody", zone="UTC").code == "not_linked"
    assert house.say("notify quiet=20-7 mention=none").code == "done" and house.prefs().quiet == (1200, 420)
    for words in ("notify pigeon=yes", "notify quiet", "notify quiet=20:00"):
        said = house.say(words)
        assert said.code == "cannot" and said.aside.endswith("Nothing was changed."), words
    opened = house.say("notify")
    assert opened.page is not None and opened.page.name == "notify.preferences"


def test_the_list_shows_what_was_told_how_and_opening_it_from_the_inbox_reads_it(house: House) -> None:
    empty = rooms.page(Wanted(desk="board", who="T1:ana", name="notify.list"))
    assert isinstance(empty.parts[0], Words) and empty.parts[0].text.startswith("No notifications")
    tickets = [house.ticket(f"c{number}") for number in range(18)]
    for one in tickets:
        house.assign(one)
        house.at += 1
    house.pump()
    page = rooms.page(Wanted(desk="board", who="T1:ana", name="notify.list", zone="Europe/Berlin"))
    rows = [part for part in page.parts if isinstance(part, Row)]
    assert len(rows) == 15 and page.parts[0] == Words("Unread: 18", "quiet") and "told 12:0" in rows[0].quiet
    assert all(len(row.presses) <= 3 for row in rows)
    again = house.press("notify.read", rows[0].presses[-1].value, page="notify.list")
    assert again.page is not None and again.page.parts[0] == Words("Unread: 17", "quiet")
    opened = house.press("notify.open")
    assert (
        opened.page is not None
        and sum("new" in part.quiet for part in opened.page.parts if isinstance(part, Row)) == 14
    )
    assert read(lambda: notifications.unread(house.id_of("ana"))) == 3, "what was not shown is not read"
    assert house.say("notifications").page.kind == "aside"  # type: ignore[union-attr]
    house.at += 15 * 86_400
    assert house.say("notifications").aside == "No notifications in the last two weeks."
    assert isinstance(rooms.page(Wanted(desk="board", who="T1:x", name="notify.list")).parts[0], Words)


def test_erasing_a_conversation_forgets_its_notifications_and_unsays_what_named_the_customer(
    house: House, environment: Callable[..., None]
) -> None:
    environment(SMTP_URL="smtp://127.0.0.1:1")
    first, second = house.ticket("anna"), house.ticket("ben")
    house.assign(first)
    (post,) = house.pump()
    house.prefer(mention="mail")
    for one in (first, second):
        write(
            lambda one=one: notifications.notify(house.id_of("ana"), "mention", one, f"m/{one}", "Marko mentioned you.")
        )  # type: ignore[misc]
    house.work()
    (letter,) = mails()
    name = customer_of("anna")
    assert name in letter.text
    erase.erase_conversation(first)
    house.work()
    (again,) = mails()
    assert name not in again.text and again.subject.endswith("Marko mentioned you.") and again.id != letter.id
    assert [row[0] for row in house.rows()] == ["mention"]
    house.pump()
    unsaid = [(one.person, one.subject) for one in house.all if one.op == "delete" and one.person]
    assert unsaid == [("T1:ana", house.shown[post.key])]
    kept = read(
        lambda: (
            sql("SELECT words, problem FROM notification").fetchall()
            + sql("SELECT problem FROM notification_post").fetchall()
        )
    )
    assert name not in str(kept)


def test_a_digest_that_named_a_customer_goes_with_the_conversation(
    house: House, environment: Callable[..., None]
) -> None:
    environment(SMTP_URL="smtp://127.0.0.1:1")
    house.set("2026-11-18 12:00")
    first, second = house.ticket("anna"), house.ticket("ben")
    house.prefer("ana", digest="08:00", zone="Europe/Berlin")
    house.prefer("marko", digest="08:00", digest_way="mail", zone="Europe/Berlin", mention="none")
    house.act(second, "T1:ana", "note", text="@marko look")
    write(lambda: sql("UPDATE agent SET email = 'marko@shop.example' WHERE name = 'marko'"))
    for one in (first, second):
        house.assign(one)
    (early, _) = house.pump()
    house.act(first, "T1:ana", "note", text="@marko look")
    house.set("2026-11-18 12:01")
    house.assign(first, "marko", by="cli:root")
    house.assign(first, "ana")
    house.pump()
    house.set("2026-11-19 08:00")
    house.work()
    name, other = customer_of("anna"), customer_of("ben")
    (digest,) = [one for one in house.pump() if one.page is not None and one.page.title.startswith("Your day")]
    (letter,) = mails()
    assert name in str(digest.page) and other in str(digest.page) and name in letter.text and other in letter.text
    house.at += 60
    erase.erase_conversation(first)
    (again,) = mails()
    assert again.id != letter.id and name not in again.text and other in again.text and "Your day" in again.subject
    house.pump()
    unsaid = {one.subject for one in house.all if one.op == "delete" and one.person}
    assert {house.shown[early.key], house.shown[digest.key]} <= unsaid


def test_what_a_message_told_besides_is_told_again_when_it_goes_with_an_erased_conversation(house: House) -> None:
    house.prefer(quiet="20:00-08:00", zone="Europe/Berlin")
    house.set("2026-11-18 23:00")
    first, second = house.ticket("anna"), house.ticket("ben")
    for one in (first, second):
        house.assign(one)
    house.set("2026-11-19 08:00")
    house.work()
    (both,) = house.pump()
    assert len(board(both)) == 2
    erase.erase_conversation(first)
    house.work()
    (again,) = house.pump()
    assert [row.title.partition(" · ")[2] for row in board(again)] == [customer_of("ben")]
    assert (house.shown[both.key], "T1:ana") in {(one.subject, one.person) for one in house.all if one.op == "delete"}
    house.work()
    assert house.pump() == []


def test_a_message_that_was_under_way_when_its_customer_was_erased_is_deleted_when_it_is_shown(house: House) -> None:
    house.prefer(quiet="20:00-08:00", zone="Europe/Berlin")
    house.set("2026-11-18 23:00")
    first, second = house.ticket("anna"), house.ticket("ben")
    for one in (first, second):
        house.assign(one)
    house.set("2026-11-19 08:00")
    house.work()

    def late(claimed: Any) -> None:
        erase.erase_conversation(first)
        house.outbox.posted(claimed, Posted("late", ""))

    (both,) = house.pump(late)
    assert len(board(both)) == 2
    house.work()
    (again,) = house.pump()
    assert [row.title.partition(" · ")[2] for row in board(again)] == [customer_of("ben")]
    assert [(one.subject, one.person) for one in house.all if one.op == "delete" and one.person] == [("late", "T1:ana")]
    house.work()
    assert house.pump() == []


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


def test_the_command_line_sets_and_shows_it(house: House, store: Any) -> None:
    house.assign(house.ticket())
    house.pump()
    done = command(
        store,
        "agents",
        "notify",
        "ana",
        "assignment=mail",
        "quiet=20:00-08:00",
        "digest=08:00",
        "zone=Europe/Berlin",
        "email=a@b.example",
    )
    assert done.exit_code == 0, done.output
    assert (
        "assignment=mail" in done.output
        and "quiet=20:00-08:00 digest=08:00 digest-by=direct zone=Europe/Berlin email=a@b.example" in done.output
    )
    shown = command(store, "agents", "notify", "ana").output
    assert "Unread: 1" in shown and "assignment" in shown and "told by message" in shown
    for words, said in (
        (("ana", "quiet=late"), "from when to when"),
        (("nobody",), "no agent called"),
        (("ana", "email=x"), "cannot be used"),
    ):
        failed = command(store, "agents", "notify", *words)
        assert failed.exit_code == 1 and said in failed.output and "Traceback" not in failed.output
    assert command(store, "agents", "notify", "ana", "digest-by=mail", "digest=off").output.count("digest=off") == 1


# With a real mail server ------------------------------------------------------------------------------------------------


@pytest.fixture
def server(environment: Callable[..., None], tmp_path: Path) -> Iterator[FakeMail]:
    """A mail server, and SMTP_URL that names it."""
    mail.forget_server()
    with FakeMail(tmp_path, tls="off", auth=False) as made:
        environment(SMTP_URL=made.url)
        yield made
    environment(SMTP_URL=None)
    mail.forget_server()


def deliver(house: House) -> None:
    """The jobs that send mails."""
    house.work()
    specs = {"mail": JobSpec(kind="mail", run=mail.send, timeout=150.0)}
    for job_id, kind, _ in read(jobs.due):
        if kind == "mail":
            jobs.claim_and_run(job_id, specs)


def test_a_mail_tells_once_and_keeps_no_words_and_one_that_is_refused_is_told_here(
    house: House, server: FakeMail
) -> None:
    house.prefer(assignment="mail", breach="mail")
    ticket = house.ticket()
    house.assign(ticket)
    for _ in range(3):
        deliver(house)
    (taken,) = server.mails
    assert taken.message["To"] == "ana@shop.example" and "Marko gave this to you" in taken.text
    assert customer_of("anna") in taken.text and "Where is my order?" not in taken.text
    (row,) = house.rows()
    assert row[5] == house.at and row[4] is None and mails()[0].text == mails()[0].html == "", "nothing of it is kept"
    # Read while the server was busy: not sent.
    server.script("451 try later")
    house.assign(house.ticket("ben"))
    deliver(house)
    assert mails()[0].state == "pending"
    house.press("notify.read_all", f"{house.at}")
    house.at += 120
    deliver(house)
    assert len(server.mails) == 1 and house.rows()[1][1] == "moot" and [one.state for one in mails()] == ["sent"]
    # The address is none: the other way, which says so.
    server.script("550 no such user")
    house.assign(house.ticket("cleo"))
    deliver(house)
    (post,) = house.pump()
    assert post.person == "T1:ana" and "The mail could not be delivered" in house.rows()[2][3]
    assert house.rows()[2][4] == house.at and len(server.mails) == 1


def test_without_a_server_at_the_last_moment_it_is_told_here(
    house: House, server: FakeMail, environment: Callable[..., None]
) -> None:
    house.prefer(assignment="mail")
    house.assign(house.ticket())
    house.work()
    environment(SMTP_URL=None)
    deliver(house)
    (post,) = house.pump()
    assert post.person == "T1:ana" and "no mail server" in house.rows()[0][3] and server.mails == []
    house.work()
    assert house.pump() == []


def test_a_process_that_dies_in_between_loses_and_doubles_nothing(house: House, server: FakeMail) -> None:
    """Killed after the claim of a post, before what it became was written: the next process settles it."""
    house.assign(house.ticket())
    claimed = house.outbox.claim("personal:T1:ana")
    assert claimed is not None, "and here the process died"
    house.at += 60
    again = DeskOutbox(Board())
    found = again.claim("personal:T1:ana")
    assert found is not None and found.settle and found.out.key == claimed.out.key
    again.posted(found, Posted("m1", "m1"))
    house.outbox.posted(claimed, Posted("m1", "m1"))
    assert again.claim("personal:T1:ana") is None
    assert [row[4] for row in house.rows()] == [house.at]
