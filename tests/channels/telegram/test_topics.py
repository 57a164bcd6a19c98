"""Topics of a forum: a reaction finds the message it is on, although Telegram does not say in which topic that is."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bot import Inbound, Receipt, Refused, deliver, receive_events
from bot.accounts import ensure_default_site
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import BOT_ID, USERNAME

from .conftest import ANNA, BEN, GROUP, Running

PLACE = f"{GROUP}/7:{ANNA}"


def took(event: Inbound) -> Receipt | Refused:
    (outcome,) = receive_events([event])
    return outcome


def reactions(store: ModuleType, message: str) -> str:
    row: Any = store.read(lambda: store.sql("SELECT extra FROM message WHERE id = ?", (message,)).fetchall())
    return str(row)


def test_a_reaction_in_a_topic_finds_our_message(store: ModuleType, telegram: FakeTelegram, running: Running) -> None:
    ensure_default_site()
    running.inbox.answer = took
    running.listen()
    telegram.write(ANNA, f"@{USERNAME} hello", GROUP, message_thread_id=7, is_topic_message=True)
    telegram.write(ANNA, f"/new@{USERNAME}", GROUP, message_thread_id=7, is_topic_message=True)
    running.events(2)
    head = "SELECT ord, message, place FROM delivery WHERE channel = 'telegram' ORDER BY ord DESC LIMIT 1"
    number, message, place = store.read(lambda: store.sql(head).fetchall()[0])
    assert place == PLACE
    sent = running.send(place=place, text="Closed.")
    store.write(lambda: deliver.mark_sent(number, sent.platform_id))

    ours = next(n for n, one in telegram.world.messages[GROUP].items() if one["from"]["id"] == BOT_ID)
    assert sent.platform_id == f"{ours}@{GROUP}"
    telegram.react(BEN, ours, "👎", GROUP)
    telegram.react(ANNA, ours, "👍", GROUP)
    heard = running.events(3)[2]
    assert (heard.external_id, heard.subject) == (str(ANNA), sent.platform_id), "and nobody else's counts"
    telegram.wait(lambda: "👍" in reactions(store, message), 5)
    assert "👎" not in reactions(store, message)
    telegram.react(ANNA, ours, "", GROUP)
    running.events(4)
    telegram.wait(lambda: "👍" not in reactions(store, message), 5)


def test_a_number_in_another_chat_is_another_message(store: ModuleType) -> None:
    ensure_default_site()
    who = {"channel": "telegram", "external_id": str(ANNA)}
    assert isinstance(took(Inbound(key="a", place=str(ANNA), text="hello", **who)), Receipt)
    assert isinstance(took(Inbound(key="b", place=str(ANNA), kind="new", **who)), Receipt)
    (number,) = store.read(lambda: store.sql("SELECT ord FROM delivery ORDER BY ord DESC LIMIT 1").fetchone())
    store.write(lambda: deliver.mark_sent(number, "6"))
    reaction = Inbound(
        key="c", place=f"{GROUP}:{ANNA}", kind="reaction", text="👍", subject=f"6@{GROUP}", anywhere=True, **who
    )
    outcome = took(reaction)
    assert isinstance(outcome, Refused)
    assert outcome.code == "unknown_message"
