"""Codes that are none, groups that move while a button is pressed, events that can never be stored."""

from __future__ import annotations

import gc
import random
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from bot import Button, Inbound, Receipt, Refused, StoreUnavailable, carry_over, receive_events, save_cursor
from bot.accounts import ensure_default_site
from channels.telegram import commands, webhook
from channels.telegram.memory import NAME, written
from channels.telegram.places import Moves
from channels.telegram.plain_calls import PlainCalls
from channels.telegram.reading import Me
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import BOT_ID, USERNAME

from .conftest import ANNA, BEN, Running


def test_a_code_is_what_the_core_makes_and_nothing_else() -> None:
    for _ in range(50):
        code = "".join(random.choice(carry_over._LETTERS) for _ in range(carry_over.LENGTH))
        offer = carry_over.Offer(code=code, expires_at=0)
        for shown in (offer.code, offer.shown):
            asked = commands.command_of(f"/start {shown}", USERNAME)
            assert asked is not None
            assert (asked.kind, asked.code) == ("continue", shown)
    for other in ("SUMMER2026", "NEWSLETTER", "A1B2C3", "ABCDE123456", "ABCDE-1234", "abcde12345", "FROM-A-FLYER"):
        asked = commands.command_of(f"/start {other}", USERNAME)
        assert asked is not None
        assert (asked.kind, asked.say) == ("", commands.HELLO), other


def test_a_button_in_a_group_that_moved_meanwhile_is_answered_all_the_same(
    telegram: FakeTelegram, running: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    old, new = -57, -1_009_957
    telegram.world.group(old, kind="group")
    telegram.world.group(new)
    running.listen().send(place=f"{old}:{ANNA}", text="Rate it", buttons=(Button(label="5", value="rate:5"),))
    with telegram.world.lock:
        query = telegram.press(ANNA, "5", old)
        telegram.world.moved[old] = new
    telegram.wait(lambda: telegram.world.noted("refused", method="editMessageReplyMarkup"))
    assert telegram.world.answers[query]
    telegram.wait(lambda: not running.channel.intake._after)  # type: ignore[union-attr]
    gc.collect()
    assert "never retrieved" not in "".join(capfd.readouterr())
    assert not running.trouble


def test_an_event_that_can_never_be_stored_is_refused_after_a_few_calls(
    store: ModuleType, telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or Telegram would bring it for a day, and nothing of that chat behind it."""
    ensure_default_site()
    save_cursor(NAME, written(Me(id=BOT_ID, username=USERNAME), Moves(), {}))

    def receive(events: Sequence[Inbound]) -> Sequence[Receipt | Refused]:
        if any("POISON" in event.text for event in events):
            raise ValueError("cannot be stored")
        return receive_events(list(events))

    monkeypatch.setattr(webhook, "receive_events", receive)
    plain = PlainCalls(telegram.world.token, telegram.url)

    def call(person: int, text: str, number: int) -> None:
        sender = {"id": person, "is_bot": False, "first_name": "Anna"}
        chat = {"id": person, "type": "private"}
        message: dict[str, Any] = {"message_id": number, "from": sender, "chat": chat, "date": 1, "text": text}
        webhook.take({"update_id": number, "message": message}, plain, str(BOT_ID))

    for _ in range(webhook.GIVE_UP - 1):
        with pytest.raises(StoreUnavailable):
            call(ANNA, "POISON", 5)
        call(BEN, "fine", 6)
    call(ANNA, "POISON", 5)
    telegram.wait_for_text(ANNA, "could not be stored")
    call(ANNA, "And this?", 7)
    rows = store.read(lambda: store.sql("SELECT body FROM message WHERE author = 'customer' ORDER BY body").fetchall())
    assert [body for (body,) in rows] == ["And this?", "fine"]
    assert not webhook._failed
