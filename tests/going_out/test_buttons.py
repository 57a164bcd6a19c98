"""Buttons under what goes to a chat platform: choices, a person, thumbs, a rating."""

from __future__ import annotations

from typing import Any

import pytest

from bot import handoff
from bot.channel import Channel
from bot.messages import Receipt

from .conftest import Able, Plain, Roomy, Wall


def test_answers_offer_their_choices_and_a_person(world: Any) -> None:
    w = world(Able(), Wall())
    w.answer("Which one do you mean, exactly, please?", choices=("Red", "Blue"), type="offline")
    (out,) = w.drain()
    assert [button.label for button in out.buttons] == ["Red", "Blue", "Talk to a person", "👍", "👎"]
    assert out.buttons[0].value == f"c0:{out.key}" and out.buttons[2].value == "person"
    assert all(len(button.value.encode()) <= 64 for button in out.buttons)
    w.event(out.buttons[1].value, kind="button")
    assert w.last("customer").text == "Blue"
    w.answer("Blue it is, see the list [1].", type="ai", sources=())
    w.event("person", kind="button")
    assert w.drain()[-1].author == "system"


@pytest.mark.parametrize(("channel", "asks"), [(Able(), False), (Roomy(), True)])
def test_a_closed_conversation_asks_for_a_rating_by_buttons(
    world: Any, store: Any, channel: Channel, asks: bool
) -> None:
    w = world(channel, Wall())
    w.waits()
    store.write(lambda: handoff.resolve(w.conversation, by="ana"))
    out = w.drain()[-1]
    assert [button.value for button in out.buttons] == [f"rate:{n}" for n in range(1, 6)]
    assert ("from 1 (bad) to 5" in out.text) is asks, "as far as there is room for it"
    got = w.event("rate:5", kind="button")
    assert isinstance(got, Receipt) and got.aside
    plain = world(Plain())
    store.write(lambda: handoff.resolve(plain.conversation, by="customer"))
    assert all(not out.buttons and "from 1" not in out.text for out in plain.drain())
