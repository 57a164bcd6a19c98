"""``Inbound(kind="new")`` in the core: a place is left, and what was left can still be answered and rated."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bot import Inbound, Receipt, Refused, deliver, handoff, receive_events
from bot.accounts import ensure_default_site

PLACE = {"channel": "chatty", "external_id": "7", "place": "7"}


def came(key: str, **values: Any) -> Receipt | Refused:
    (outcome,) = receive_events([Inbound(key=key, **PLACE, **values)])
    return outcome


def stored(store: ModuleType, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    return list(store.read(lambda: store.sql(statement, values).fetchall()))


def test_the_next_message_begins_another_conversation(store: ModuleType) -> None:
    ensure_default_site()
    first = came("a", text="My lamp is broken")
    left = came("b", kind="new")
    again = came("b", kind="new")
    second = came("c", text="Do you sell chairs?")
    assert isinstance(first, Receipt)
    assert isinstance(left, Receipt)
    assert isinstance(again, Receipt)
    assert isinstance(second, Receipt)
    assert left.conversation_id == first.conversation_id != second.conversation_id
    assert again.duplicate
    assert came("d", text="And tables?").conversation_id == second.conversation_id  # type: ignore[union-attr]
    (state,) = stored(store, "SELECT state FROM conversation WHERE id = ?", first.conversation_id)
    assert state == ("resolved",)
    said = stored(store, "SELECT body FROM message WHERE conversation_id = ? ORDER BY seq DESC", first.conversation_id)
    assert said[0] == (handoff.LEFT,)
    waiting = stored(store, "SELECT place FROM delivery WHERE conversation_id = ?", first.conversation_id)
    assert waiting == [("7",)], "it is told there although the place is another conversation's now"


def test_there_is_nothing_to_leave(store: ModuleType) -> None:
    ensure_default_site()
    refused = came("a", kind="new")
    assert isinstance(refused, Refused)
    assert refused.code == "unknown_conversation"


def test_a_closed_conversation_can_be_left_and_is_not_opened_again(store: ModuleType) -> None:
    ensure_default_site()
    first = came("a", text="Hello")
    came("b", kind="resolve")
    left = came("c", kind="new")
    assert isinstance(left, Receipt)
    assert left.aside == handoff.LEFT
    assert came("d", text="Hello again").conversation_id != first.conversation_id  # type: ignore[union-attr]


def test_the_rating_under_the_last_words_belongs_to_what_was_left(store: ModuleType) -> None:
    ensure_default_site()
    first = came("a", text="Hello")
    came("b", kind="new")
    came("c", text="Something else")
    assert isinstance(first, Receipt)
    (number,) = stored(
        store, "SELECT ord FROM delivery WHERE conversation_id = ? ORDER BY ord DESC LIMIT 1", first.conversation_id
    )
    store.write(lambda: deliver.mark_sent(number[0], "900"))
    rated = came("e", kind="button", text="rate:4", subject="900")
    assert isinstance(rated, Receipt), rated
    assert rated.conversation_id == first.conversation_id
    assert stored(store, "SELECT score FROM rating WHERE conversation_id = ?", first.conversation_id) == [(4,)]
