"""Buttons that are pressed and reactions: taken once, answered, and refused aloud where they are somebody else's."""

from __future__ import annotations

from bot import Receipt, Refused
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import BOT_ID

from .conftest import ANNA, BEN, GROUP, Running


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
