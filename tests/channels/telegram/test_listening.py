"""What comes in: once, in order, only after the commit, and never so odd that it stops what comes after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from bot import ChannelDown, Receipt, Refused
from channels.telegram import commands, fetching, listening
from channels.telegram.reading import HONEST, Me, Reader
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import BOT_ID, USERNAME

from .conftest import ANNA, BEN, GROUP, Keeping, Running

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 500


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


def test_edits_have_keys_of_their_own_and_name_their_message(telegram: FakeTelegram, running: Running) -> None:
    number = telegram.write(ANNA, "My lamp is blue")
    telegram.edit(ANNA, number, "My lamp is red")
    telegram.edit(ANNA, number, "My lamp is green")
    _, red, green = running.listen().events(3)
    assert (red.kind, red.subject, red.text) == ("edit", f"tg:{BOT_ID}:{ANNA}:{number}", "My lamp is red")
    assert green.text == "My lamp is green"
    assert green.key != red.key, "two edits in one second are two"


@pytest.mark.parametrize(
    ("kind", "more", "name", "type_"),
    [
        ("photo", {}, "photo-101.jpg", "image/jpeg"),
        ("document", {"file_name": "bill.pdf", "mime_type": "application/pdf"}, "bill.pdf", "application/pdf"),
        ("voice", {"duration": 3}, "voice.ogg", "audio/ogg"),
        ("audio", {"mime_type": "audio/mpeg"}, "audio.mp3", "audio/mpeg"),
        ("video", {}, "video.mp4", "video/mp4"),
    ],
)
def test_files_come_by_their_bytes_with_their_caption(
    telegram: FakeTelegram, running: Running, kind: str, more: dict[str, Any], name: str, type_: str
) -> None:
    telegram.send_file(ANNA, kind, PNG, caption="Look", **more)
    (event,) = running.listen().events(1)
    (file,) = event.files
    assert (event.text, file.name, file.type, file.content, file.problem) == ("Look", name, type_, PNG, "")


def test_a_file_that_is_too_large_or_gone_is_named_and_the_words_come_in(
    telegram: FakeTelegram, running: Running
) -> None:
    telegram.send_file(ANNA, "document", b"x", file_name="film.mov", file_size=40_000_000, caption="My film")
    telegram.send_file(ANNA, "document", b"y" * 20_000_001, file_name="sly.bin", file_size=5)
    telegram.write(ANNA, document={"file_id": "gone", "file_unique_id": "g", "file_name": "gone.txt"})
    telegram.fail("drop_before", "file")
    telegram.send_file(ANNA, "document", b"second try", file_name="ok.txt")
    large, sly, gone, fine = running.listen().events(4, 45)
    assert (large.text, large.files[0].problem, large.files[0].size) == ("My film", "too_large", 40_000_000)
    assert (sly.files[0].problem, gone.files[0].problem) == ("too_large", "unavailable")
    assert fine.files[0].content == b"second try"


def test_in_a_group_only_what_is_meant_for_the_bot_comes_in(telegram: FakeTelegram, running: Running) -> None:
    telegram.world.privacy = False
    mine = telegram.world.add(GROUP, telegram.world.bot, text="An answer")
    telegram.write(ANNA, "Did anybody see my cat?", GROUP)
    telegram.write(ANNA, f"@{USERNAME}, where is my lamp?", GROUP)
    telegram.write(
        BEN, "and mine?", GROUP, reply_to_message={"message_id": mine["message_id"], "from": telegram.world.bot}
    )
    telegram.write(BEN, "/person@other_bot", GROUP)
    for bare in ("/start", "/new", "/person", "/continue", "/help", "/start 7KQ2MXV0ZA"):
        telegram.write(BEN, bare, GROUP)  # any bot's
    telegram.write(BEN, f"/person@{USERNAME}", GROUP)
    first, second, third = running.listen().events(3)
    assert (first.place, first.text, first.shared) == (f"{GROUP}:{ANNA}", "where is my lamp?", True)
    assert (second.place, second.text) == (f"{GROUP}:{BEN}", "and mine?")
    assert (third.place, third.kind) == (f"{GROUP}:{BEN}", "handoff")
    telegram.wait(lambda: not telegram.world.updates)
    assert (len(running.inbox.events), telegram.world.texts(GROUP)) == (3, ["An answer"]), "nothing said to others"


def test_each_topic_of_a_forum_is_a_place(telegram: FakeTelegram, running: Running) -> None:
    telegram.write(ANNA, f"@{USERNAME} hello", GROUP, message_thread_id=7, is_topic_message=True)
    telegram.write(ANNA, f"@{USERNAME} hi", GROUP, message_thread_id=9)
    topic, plain = running.listen().events(2)
    assert topic.place == f"{GROUP}/7:{ANNA}"
    assert plain.place == f"{GROUP}:{ANNA}", "a thread of replies is no topic"


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


def test_a_pressed_button_comes_in_once_is_answered_and_gone(telegram: FakeTelegram, running: Running) -> None:
    from bot import Button

    running.inbox.answer = lambda event: Receipt(key=event.key, conversation_id="c", aside="Thank you.")
    buttons = (Button(label="Yes", value="c0:abc"), Button(label="Talk to a person", value="person"))
    sent = running.listen().send(text="Did that help?", buttons=buttons)
    query = telegram.press(ANNA, "Yes")
    again = telegram.press_data(ANNA, int(sent.platform_id), "c0:abc")
    telegram.wait(lambda: telegram.world.answers[query] and telegram.world.answers[again])
    (event,) = running.inbox.events
    assert (event.kind, event.text, event.place, event.subject) == ("button", "c0:abc", "1001", sent.platform_id)
    assert telegram.world.answers[query] == {"text": "Thank you.", "alert": False}
    telegram.wait(lambda: "reply_markup" not in telegram.world.said(ANNA)[0])


def test_a_thumb_may_be_pressed_again_and_takes_no_button_away(telegram: FakeTelegram, running: Running) -> None:
    from bot import Button

    running.inbox.answer = lambda event: Receipt(key=event.key, conversation_id="c", aside="Thank you.", stays=True)
    buttons = tuple(
        Button(label=one, value=value) for one, value in (("Person", "person"), ("👍", "up:k"), ("👎", "down:k"))
    )
    running.listen().send(text="It costs 5.", buttons=buttons)
    for label in ("👎", "👍"):
        query = telegram.press(ANNA, label)
        telegram.wait(lambda query=query: telegram.world.answers[query])
        assert telegram.world.answers[query]["text"] == "Thank you."
    (row,) = telegram.world.said(ANNA)[0]["reply_markup"]["inline_keyboard"]
    assert [one["text"] for one in row] == ["Person", "👍", "👎"]


def test_a_button_of_somebody_else_is_refused_aloud_and_stays(telegram: FakeTelegram, running: Running) -> None:
    from bot import Button

    running.inbox.answer = lambda event: Refused(
        key=event.key, code="not_yours", message="This is not your conversation."
    )
    running.listen().send(place=f"{GROUP}:{ANNA}", text="Rate it", buttons=(Button(label="5", value="r5"),))
    query = telegram.press(BEN, "5", GROUP)
    telegram.wait(lambda: telegram.world.answers[query])
    assert telegram.world.answers[query] == {"text": "This is not your conversation.", "alert": True}
    assert telegram.world.said(GROUP)[0]["reply_markup"]


def test_reactions_find_our_message_or_theirs(telegram: FakeTelegram, running: Running) -> None:
    ours = running.listen().send(text="Done")
    telegram.wait(lambda: "message_reaction" in telegram.world.allowed)
    theirs = telegram.write(ANNA, "Thanks")
    known = {ours.platform_id, f"tg:{BOT_ID}:{ANNA}:{theirs}"}
    running.inbox.answer = lambda event: (
        Refused(key=event.key, code="unknown_message", message="?")
        if event.kind == "reaction" and event.subject not in known
        else Receipt(key=event.key, conversation_id="c")
    )
    telegram.react(ANNA, int(ours.platform_id), "👍")
    telegram.react(ANNA, theirs, "❤")
    telegram.react(ANNA, int(ours.platform_id), "")
    events = [event for event in running.events(4) if event.kind == "reaction"]
    assert {(event.subject, event.text, event.gone) for event in events} == {
        (ours.platform_id, "👍", False), (f"tg:{BOT_ID}:{ANNA}:{theirs}", "❤", False), (ours.platform_id, "👍", True),
    }  # fmt: skip
    assert telegram.world.texts(ANNA) == ["Done"], "nobody was told of the miss"


def test_a_group_that_moves_keeps_its_place(telegram: FakeTelegram, another: Callable[..., Running]) -> None:
    old, new = -55, -1_009_955
    telegram.world.group(old, kind="group")
    inbox = Keeping()
    running = another(inbox).listen()
    telegram.write(ANNA, f"@{USERNAME} one", old)
    running.events(1)
    telegram.upgrade(old, new)
    telegram.write(ANNA, f"@{USERNAME} two", new)
    one, two = running.events(2)
    assert one.place == two.place == f"{old}:{ANNA}"
    running.send(place=one.place, text="answer")
    assert telegram.world.texts(new) == ["answer"]
    running.stop_listening()
    telegram.write(ANNA, f"@{USERNAME} three", new)
    assert another(inbox).listen().events(3)[2].place == f"{old}:{ANNA}", "also after a restart"


def test_a_move_that_is_only_learned_by_sending(telegram: FakeTelegram, running: Running) -> None:
    old, new = -56, -1_009_956
    telegram.world.group(old, kind="group")
    telegram.world.group(new)
    telegram.world.moved[old] = new
    running.listen()
    sent = running.send(place=f"{old}:{ANNA}", text="Hello")
    assert sent.platform_id.endswith(f"@{new}")
    assert telegram.world.texts(new) == ["Hello"]
    assert running.send(place=f"{old}:{ANNA}", op="edit", text="Hello again", subject=sent.platform_id)
    assert telegram.world.texts(new) == ["Hello again"]


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
    telegram.wait(lambda: telegram.world.noted("refused", method="getUpdates", code=409))
    second.stop_listening()
    telegram.write(ANNA, "still here")
    first.events(1)
    assert not first.trouble
    assert "second_poller" in "".join(capfd.readouterr())


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


def test_a_file_that_cannot_be_fetched_now_is_fetched_with_the_next_poll(
    telegram: FakeTelegram, running: Running, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listening, "STORE_WAIT", 0.02)
    monkeypatch.setattr(fetching, "PAUSE", 0.02)
    telegram.fail("drop_before", "file", 4)
    telegram.write(BEN, "words of somebody else")
    telegram.send_file(ANNA, "photo", PNG, caption="Look")
    telegram.write(ANNA, "Do you see it?")
    events = {event.text: event for event in running.listen().events(3)}
    assert [file.content for file in events["Look"].files] == [PNG]
    texts = [event.text for event in running.inbox.events if event.external_id == str(ANNA)]
    assert texts == ["Look", "Do you see it?"], "in their order"


def test_a_file_that_can_never_be_fetched_holds_nobody_up(
    telegram: FakeTelegram, running: Running, monkeypatch: Any
) -> None:
    monkeypatch.setattr(listening, "STORE_WAIT", 0.02)
    monkeypatch.setattr(fetching, "PAUSE", 0.01)
    telegram.fail("drop_before", "file", 100)
    telegram.send_file(ANNA, "photo", PNG, caption="Look")
    telegram.write(ANNA, "Hello?")
    look, hello = running.listen().events(2)
    assert (look.text, look.files[0].problem, hello.text) == ("Look", "unavailable", "Hello?")


def test_a_flood_of_files_is_taken_a_few_at_a_time(telegram: FakeTelegram, running: Running) -> None:
    for number in range(40):
        telegram.send_file(ANNA, "document", b"%d" % number, file_name=f"{number}.txt")
        telegram.send_file(BEN, "document", b"%d" % number, file_name=f"{number}.txt")
    running.listen().events(80, 45)
    mine = [event.files[0].content for event in running.inbox.events if event.external_id == str(ANNA)]
    assert mine == [b"%d" % number for number in range(40)]


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
