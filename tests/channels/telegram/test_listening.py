"""What comes in: once, in order, only after the commit, and never so odd that it stops what comes after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from bot import ChannelDown, Receipt, Refused
from channels.telegram import commands, listening
from channels.telegram.reading import HONEST, Me, Reader
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import BOT_ID, USERNAME

from .conftest import ANNA, BEN, GROUP, Keeping, Running


def test_a_message_comes_in_with_its_key_its_person_and_its_place(telegram: FakeTelegram, running: Running) -> None:
    number = telegram.write(ANNA, "Where is my lamp?")
    (event,) = running.listen().events(1)
    assert event.key == f"tg:{BOT_ID}:{ANNA}:{number}"
    assert (event.external_id, event.place, event.text, event.kind) == ("1001", "1001", "Where is my lamp?", "message")
    assert (event.profile.name, event.profile.language, event.shared) == ("Anna Kovač", "hr", False)
    assert running.channel.start_link("ABC") == f"https://t.me/{USERNAME}?start=ABC"
    assert {one["command"] for one in telegram.world.commands} == {name for name, _ in commands.LIST}


def test_nothing_is_confirmed_before_it_is_committed(
    telegram: FakeTelegram, running: Running, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listening, "STORE_WAIT", 0.05)
    running.inbox.failing = 3
    for n in range(5):
        telegram.write(ANNA, f"m{n}")
    running.listen()
    assert [event.text for event in running.events(5)] == [f"m{n}" for n in range(5)]
    telegram.wait(lambda: telegram.world.noted("confirmed"))
    first = telegram.world.noted("confirmed")[0]["at"]
    polls = [one for one in telegram.world.noted("polled") if one["updates"] and one["at"] < first]
    assert len(polls) >= 4, "each failed commit was polled again"
    assert not telegram.world.updates


def test_what_a_stopped_process_had_not_confirmed_comes_again_and_counts_once(
    telegram: FakeTelegram, another: Callable[..., Running]
) -> None:
    inbox = Keeping()
    first = another(inbox)
    first.inbox.delay = 0.5
    telegram.write(ANNA, "one")
    first.listen()
    telegram.wait(lambda: telegram.world.noted("polled"))
    first.stop_listening()  # in the middle of the commit
    inbox.delay = 0
    telegram.write(ANNA, "two")
    second = another(inbox).listen()
    assert [event.text for event in second.events(2)] == ["one", "two"]
    telegram.wait(lambda: not telegram.world.updates)


def test_what_is_being_committed_when_the_channel_is_stopped_is_still_answered(
    telegram: FakeTelegram, running: Running
) -> None:
    running.inbox.answer = lambda event: Receipt(key=event.key, conversation_id="c", aside="The code is 7KQ2")
    running.inbox.delay = 0.5
    telegram.write(ANNA, "/continue")
    running.listen()
    telegram.wait(lambda: running.inbox.begun)
    running.stop_listening()
    assert len(running.inbox.events) == 1
    assert telegram.world.texts(ANNA)[-1:] == ["The code is 7KQ2"]


def test_edits_have_keys_of_their_own_and_name_their_message(telegram: FakeTelegram, running: Running) -> None:
    number = telegram.write(ANNA, "My lamp is blue")
    telegram.edit(ANNA, number, "My lamp is red")
    telegram.edit(ANNA, number, "My lamp is green")
    _, red, green = running.listen().events(3)
    assert (red.kind, red.subject, red.text) == ("edit", f"tg:{BOT_ID}:{ANNA}:{number}", "My lamp is red")
    assert green.text == "My lamp is green"
    assert green.key != red.key, "two edits in one second are two"


def test_odd_updates_are_left_out_and_the_next_one_comes_in(telegram: FakeTelegram, running: Running) -> None:
    telegram.world.privacy = False
    telegram.raw("future_thing", {"strange": [1, {"a": None}]})
    telegram.raw("message", {"no": "chat"})
    telegram.raw("message", None)
    telegram.raw("edited_message", {"chat": "?", "from": 3})
    telegram.raw("message_reaction", {"chat": {"id": ANNA}, "message_id": 1})
    telegram.raw("callback_query", {"id": "x"})
    telegram.write(ANNA, sticker={"file_id": "s", "emoji": "🙂"})
    telegram.write(ANNA, poll={"id": "p", "question": "?"})
    telegram.write(BEN, "", GROUP, new_chat_members=[{"id": BEN}])
    telegram.world.users[5] = {"id": 5, "is_bot": True, "first_name": "Spam", "username": "spam_bot"}
    telegram.world.chats[5] = {"id": 5, "type": "private"}
    telegram.write(5, "Buy now")
    telegram.write(ANNA, f"@{USERNAME} hi", GROUP, sender_chat={"id": -100999, "type": "channel"})
    telegram.write(
        BEN, "And now a real one", forward_origin={"type": "hidden_user", "sender_user_name": "x", "date": 1}
    )
    (event,) = running.listen().events(1)
    assert event.text == "And now a real one"
    telegram.wait(lambda: telegram.world.texts(ANNA) == [HONEST, HONEST])
    assert not running.trouble


def test_commands(telegram: FakeTelegram, running: Running) -> None:
    running.inbox.answer = lambda event: (
        Refused(key=event.key, code="unknown_conversation", message="There is none.")
        if event.kind == "new"
        else Receipt(key=event.key, conversation_id="c", aside="The code is 7KQ2" if event.kind == "continue" else "")
    )
    for text in (
        "/start",
        "/help",
        "/new",
        "/start newsletter",
        "/start SUMMER2026",
        "/start 7KQ2M-XV0ZA",
        "/continue",
        "/person my lamp is broken",
        "/shrug what",
    ):
        telegram.write(ANNA, text)
    events = running.listen().events(5)
    assert [(event.kind, event.text) for event in events] == [
        ("continue", "7KQ2M-XV0ZA"), ("continue", ""), ("message", "my lamp is broken"), ("handoff", ""), ("message", "/shrug what"),
    ]  # fmt: skip
    telegram.wait(lambda: len(telegram.world.said(ANNA)) == 7)
    assert set(telegram.world.texts(ANNA)) == {commands.HELLO, commands.HELP, commands.BEGIN, "The code is 7KQ2"}


def test_a_refusal_is_told_and_an_edit_of_nothing_is_not(telegram: FakeTelegram, running: Running) -> None:
    running.inbox.answer = lambda event: Refused(
        key=event.key,
        code="unknown_message" if event.kind == "edit" else "too_long",
        message="The message is too long. Shorten it.",
    )
    number = telegram.write(ANNA, "x" * 4_050)
    telegram.edit(ANNA, number, "y")
    running.listen()
    telegram.wait(lambda: not telegram.world.updates)
    telegram.wait_for_text(ANNA, "too long")
    assert len(telegram.world.said(ANNA)) == 1


def test_telegram_away_for_a_while_costs_nothing(telegram: FakeTelegram, running: Running, monkeypatch: Any) -> None:
    monkeypatch.setattr(listening, "WAITS", (0.05, 0.2))
    running.listen()
    telegram.wait(lambda: telegram.polled)
    telegram.down()
    telegram.write(ANNA, "Anybody there?")
    time.sleep(0.3)
    telegram.up()
    telegram.fail("502", "getUpdates", 2)
    telegram.fail("drop_after", "getUpdates")
    telegram.fail("429", "getUpdates", retry_after=1)
    (event,) = running.events(1)
    assert event.text == "Anybody there?"


def test_a_second_poller_is_named_and_waited_for(
    telegram: FakeTelegram, another: Callable[..., Running], monkeypatch: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(listening, "CONFLICT", 0.1)
    first, second = another().listen(), another().listen()
    said: list[str] = []

    def named() -> bool:
        said.extend(capfd.readouterr())
        return "second_poller" in "".join(said)

    telegram.wait(named)
    assert telegram.world.noted("refused", method="getUpdates", code=409)
    second.stop_listening()
    telegram.write(ANNA, "still here")
    first.events(1)
    assert not first.trouble


def test_a_refused_token_is_for_the_admin_and_is_never_shown(telegram: FakeTelegram, running: Running) -> None:
    telegram.world.revoked = True
    running.listen()
    telegram.wait(lambda: running.trouble)
    assert isinstance(running.trouble[0], ChannelDown)
    assert "BotFather" in str(running.trouble[0])
    with pytest.raises(ChannelDown):
        running.send(text="hi")
    assert telegram.world.token not in repr(running.trouble)


def test_a_webhook_that_was_left_behind_is_removed_and_its_backlog_kept(
    telegram: FakeTelegram, running: Running
) -> None:
    telegram.world.webhook = {"url": "http://127.0.0.1:1/x", "secret": ""}
    telegram.write(ANNA, "early bird")
    assert running.listen().events(1)[0].text == "early bird"
    assert not telegram.world.noted("dropped_pending")


def test_one_event_that_cannot_be_stored_holds_up_nobody_for_ever(
    telegram: FakeTelegram, running: Running, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listening, "STORE_WAIT", 0.02)
    running.inbox.poison = "POISON"
    telegram.write(ANNA, "POISON")
    telegram.write(BEN, "fine")
    telegram.write(ANNA, "also fine")
    running.listen()
    assert sorted(event.text for event in running.events(2)) == ["also fine", "fine"]
    telegram.wait_for_text(ANNA, "could not be stored")


def test_reading_never_raises() -> None:
    reader = Reader(Me(id=BOT_ID, username=USERNAME))
    for odd in (
        {},
        {"message": 3},
        {"message": {"chat": {"id": "x", "type": "private"}, "from": {}}},
        {"callback_query": []},
    ):
        assert all(one.ignored for one in reader.read(odd)), odd


def test_what_somebody_answers_to_comes_along_where_it_is_needed(telegram: FakeTelegram, running: Running) -> None:
    theirs = telegram.write(BEN, "Lamps arrive within two days.\n\nSo they say.", GROUP)
    said = telegram.world.messages[GROUP][theirs]
    asked = telegram.write(ANNA, f"@{USERNAME} is that true?", GROUP, reply_to_message=said)
    ours = telegram.world.add(ANNA, telegram.world.bot, text="Two days, or three on islands.")
    telegram.write(ANNA, "Which islands?", reply_to_message=ours, quote={"text": "three on islands", "position": 13})
    telegram.write(ANNA, "Thanks", reply_to_message=ours)
    telegram.edit(ANNA, asked, f"@{USERNAME} is that still true?", GROUP)
    assert [event.text for event in running.listen().events(4)] == [
        "> Ben: Lamps arrive within two days. So they say.\nis that true?",
        "> three on islands\nWhich islands?",
        "Thanks",
        "> Ben: Lamps arrive within two days. So they say.\nis that still true?",
    ]
