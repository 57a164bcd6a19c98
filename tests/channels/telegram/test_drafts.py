"""Answers that are shown while they are written: one message at the end, whatever goes wrong on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from bot import Outbound, Sent, Uncertain
from channels.telegram import drafts
from tests.fakes.telegram import FakeTelegram
from tests.patience import patient

from .conftest import ANNA, GROUP, Keeping, Running


def test_a_private_chat_sees_drafts_and_then_one_message(telegram: FakeTelegram, running: Running) -> None:
    for text in ("Your", "Your lamp", "Your lamp is"):
        running.draft("t1", text)
    numbers = {one["draft"] for one in telegram.world.noted("draft")}
    assert [one["text"] for one in telegram.world.noted("draft")] == ["Your", "Your lamp", "Your lamp is"]
    assert len(numbers) == 1
    assert 0 not in numbers
    running.send(text="Your lamp is here.", turn="t1")
    running.draft("t1", "late")
    assert telegram.world.texts(ANNA) == ["Your lamp is here."]
    assert len(telegram.world.noted("draft")) == 3


def test_a_group_sees_one_message_that_grows_slowly(
    telegram: FakeTelegram, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from channels.telegram import pacing

    monkeypatch.setattr(pacing, "DRAFT_EVERY", 0.2)
    place = f"{GROUP}:{ANNA}"
    began = time.monotonic()
    n = 0
    while len(shown := telegram.world.noted("sent") + telegram.world.noted("edited")) < 4:
        n += 1
        running.draft("t1", "word " * (n % 500) + str(n), place)
        assert time.monotonic() - began < patient(20)
    took = time.monotonic() - began
    sent = running.send(place=place, text="**All** of it", turn="t1")
    (message,) = telegram.world.said(GROUP)
    assert message["text"] == "All of it"
    assert sent.platform_id == f"{message['message_id']}@{GROUP}"
    assert n > len(shown), "most are left out"
    assert took > 0.2 * 3, "four of them need three pauses"


def test_where_telegram_takes_no_drafts_a_message_grows(telegram: FakeTelegram, running: Running) -> None:
    telegram.fail("error", "sendMessageDraft", error="Bad Request: TEXTDRAFT_PEER_INVALID")
    running.draft("t1", "One moment")
    assert telegram.world.texts(ANNA) == ["One moment …"]
    running.send(text="Here it is", turn="t1")
    assert telegram.world.texts(ANNA) == ["Here it is"]


def test_a_corrected_answer_takes_the_place_of_its_draft(telegram: FakeTelegram, running: Running) -> None:
    """A check at the end took something out: nobody reads it any more, in a private chat or in a group."""
    place = f"{GROUP}:{ANNA}"
    running.draft("t1", "30 days. The label costs €49.")
    running.draft("t2", "30 days. The label costs €49.", place)
    running.send(text="30 days.", turn="t1")
    running.send(place=place, text="30 days.", turn="t2")
    assert telegram.world.texts(ANNA) == ["30 days."] and telegram.world.texts(GROUP) == ["30 days."]


def test_an_uncertain_end_of_a_growing_message_is_repeated_without_a_double(
    telegram: FakeTelegram, running: Running
) -> None:
    place = f"{GROUP}:{ANNA}"
    running.draft("t1", "One moment", place)
    telegram.fail("drop_after", "editMessageText")
    with pytest.raises(Uncertain):
        running.send(place=place, text="Here it is", turn="t1")
    running.send(place=place, text="Here it is", turn="t1")
    assert telegram.world.texts(GROUP) == ["Here it is"]


def test_an_answer_of_which_nobody_knows_whether_it_is_there_is_never_taken_away(
    telegram: FakeTelegram, another: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "LOOK_EVERY", 0.02)
    inbox, place = Keeping(), f"{GROUP}:{ANNA}"
    first = another(inbox, uncertain="hold").listen()
    telegram.wait(lambda: inbox.kept)
    first.draft("t1", "One moment", place)
    first.channel.connection.pace._groups.clear()
    first.draft("t2", "Never finished", place)
    telegram.fail("drop_after", "editMessageText")
    with pytest.raises(Uncertain):
        first.send(place=place, text="Here it is", turn="t1")
    out = Outbound(key="k1", op="send", place=place, text="Here it is", turn="t1")
    assert first.channel.repeatable(out), "so the outbox does not hold it"
    assert not first.channel.repeatable(replace(out, turn="t9"))
    assert not first.channel.repeatable(replace(out, part=1))
    first.draft("t1", "", place)  # nor when it is taken back late
    for one in first.channel.drafts._turns.values():
        one.at -= drafts.STALE
    telegram.wait(lambda: telegram.world.texts(GROUP) == ["Here it is"])
    telegram.wait(lambda: "t2" not in first.channel.drafts._turns)  # tidied, and the answer left alone
    first.stop_listening()

    second = another(inbox, uncertain="hold").listen()
    telegram.wait(lambda: "t1" in second.channel.drafts._turns)
    assert second.channel.drafts._turns["t1"].finishing, "known after a restart, too"
    second.send(place=place, text="Here it is", turn="t1")
    assert telegram.world.texts(GROUP) == ["Here it is"]
    assert not second.channel.drafts._turns


def test_what_a_crash_leaves_is_finished_or_removed(
    telegram: FakeTelegram, another: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, place = Keeping(), f"{GROUP}:{ANNA}"
    first = another(inbox).listen()
    telegram.wait(lambda: inbox.kept)
    first.draft("t1", "First half", place)
    first.channel.connection.pace._groups.clear()
    first.draft("t2", "Other half", place)
    assert len(telegram.world.said(GROUP)) == 2
    first.stop_listening()  # and nothing more of it: another process leads now
    monkeypatch.setattr(drafts, "LOOK_EVERY", 0.05)
    second = another(inbox).listen()
    telegram.wait(lambda: "t1" in second.channel.drafts._turns)
    second.send(place=place, text="Whole", turn="t1")
    assert telegram.world.texts(GROUP) == ["Whole", "Other half …"]
    second.channel.drafts._turns["t2"].at -= drafts.STALE
    telegram.wait(lambda: telegram.world.texts(GROUP) == ["Whole"])


def test_an_answer_that_is_taken_back_leaves_nothing(telegram: FakeTelegram, running: Running) -> None:
    place = f"{GROUP}:{ANNA}"
    running.draft("t1", "Perhaps", place)
    running.draft("t1", "", place)
    assert telegram.world.texts(GROUP) == []
    assert isinstance(running.send(place=place, text="Surely", turn="t1"), Sent)
    assert telegram.world.texts(GROUP) == ["Surely"]
