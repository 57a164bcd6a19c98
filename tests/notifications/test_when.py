"""When and how: quiet hours, digests, the way that is left, preferences, the list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from bot import (
    agents,
    claims,
    notification_preferences,
    notifications,
)
from bot import notifications_told as told
from bot.desk_actions import Action
from bot.pages import Choice, Field, Row, Wanted, Words
from bot.store import read, sql, write
from bot.workplace import rooms
from tests.commanding import command

from .conftest import House, board, customer_of, mails, occasion, refuse


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
