"""Names that stand for data: stable in a conversation, unknown in another, sealed, and gone with it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot import clock
from bot.erase import erase_conversation
from bot.key_rotation import rotate_data_keys
from bot.messages import Inbound, Receipt
from bot.placeholders import placeholders_for, placeholders_of
from bot.receive import receive
from bot.standins import escape, restore
from bot.store import Placeholder, StoreUnavailable
from tests.patience import patient

MAIL, PHONE, CARD = ("EMAIL", "anna@example.com"), ("PHONE", "+49 171 1234567"), ("CARD", "4111 1111 1111 1111")


@pytest.fixture
def conversation(store: Any) -> str:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    return begin("anna")


def begin(who: str) -> str:
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id=who, place=who, text="Hello")])[0]
    assert isinstance(got, Receipt)
    return got.conversation_id


def rows(store: Any) -> list[Placeholder]:
    return store.read(lambda: list(Placeholder.select().order_by(Placeholder.kind, Placeholder.number)))


def test_a_value_keeps_its_name_through_the_conversation(store: Any, conversation: str) -> None:
    first = placeholders_for(conversation, [MAIL, PHONE])
    assert first == {MAIL: "⟦EMAIL_1⟧", PHONE: "⟦PHONE_1⟧"}
    later = placeholders_for(conversation, [("EMAIL", "ben@example.com"), MAIL])
    assert later == {("EMAIL", "ben@example.com"): "⟦EMAIL_2⟧", MAIL: "⟦EMAIL_1⟧"}
    assert [(row.kind, row.number) for row in rows(store)] == [("EMAIL", 1), ("EMAIL", 2), ("PHONE", 1)]


def test_two_ways_to_write_one_value_have_one_name(store: Any, conversation: str) -> None:
    ways = [
        ("EMAIL", "Anna@Example.COM"),
        MAIL,
        CARD,
        ("CARD", "4111-1111-1111-1111"),
        ("IBAN", "de89 3704"),
        ("IBAN", "DE893704"),
    ]
    assert list(placeholders_for(conversation, ways).values()) == [
        "⟦EMAIL_1⟧", "⟦EMAIL_1⟧", "⟦CARD_1⟧", "⟦CARD_1⟧", "⟦IBAN_1⟧", "⟦IBAN_1⟧",
    ]  # fmt: skip
    assert len(rows(store)) == 3


def test_other_conversations_have_names_of_their_own_and_nothing_shows_that_values_are_the_same(
    store: Any, conversation: str
) -> None:
    other = begin("ben")
    placeholders_for(conversation, [PHONE, MAIL])
    assert placeholders_for(other, [("EMAIL", "ben@example.com"), MAIL])[MAIL] == "⟦EMAIL_2⟧"
    digests = [row.digest for row in rows(store)]
    assert len(set(digests)) == len(digests) == 4
    stored = "".join(f"{row.digest}{row.value}" for row in rows(store))
    assert "example" not in stored and "1234567" not in stored


def test_they_go_with_the_conversation(store: Any, conversation: str) -> None:
    placeholders_for(conversation, [MAIL])
    erase_conversation(conversation)
    assert rows(store) == []
    assert placeholders_for(conversation, [MAIL]) == {MAIL: "⟦EMAIL_1⟧"}, "of a turn that is still running"
    assert rows(store) == []


def test_the_key_may_change(store: Any, conversation: str) -> None:
    placeholders_for(conversation, [MAIL])
    before = rows(store)[0].value
    rotate_data_keys("message", "test")
    assert rows(store)[0].value != before
    assert placeholders_for(conversation, [MAIL]) == {MAIL: "⟦EMAIL_1⟧"}


def test_many_at_once_agree(store: Any, conversation: str) -> None:
    values = [("EMAIL", f"{n}@example.com") for n in range(6)]

    def ask(shift: int) -> dict[tuple[str, str], str]:
        return placeholders_for(conversation, [*values[shift:], *values[:shift]])

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(ask, range(6)))
    assert all(one == said[0] for one in said)
    assert sorted(said[0].values()) == [f"⟦EMAIL_{n}⟧" for n in range(1, 7)]


def test_what_they_stand_for_is_known_in_their_conversation_alone(store: Any, conversation: str) -> None:
    placeholders_for(conversation, [MAIL, CARD])
    placeholders_for(conversation, [("EMAIL", "ANNA@example.com")])
    assert placeholders_of(conversation) == {"⟦EMAIL_1⟧": "anna@example.com", "⟦CARD_1⟧": "4111 1111 1111 1111"}
    assert placeholders_of(begin("ben")) == {}
    store.write(
        lambda: Placeholder.update(value="sealed:1:0123456789abcdef:AAAA").where(Placeholder.kind == "CARD").execute()
    )
    assert placeholders_of(conversation) == {"⟦EMAIL_1⟧": "anna@example.com"}, "what cannot be opened stays words"


def test_a_slow_disk_is_not_waited_for(store: Any, conversation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.placeholders.PATIENCE", 0.2)
    store.submit(lambda: time.sleep(1.0), lambda result, error: None)
    if not store.is_sqlite():
        for _ in range(20):
            store.submit(lambda: time.sleep(1.0), lambda result, error: None)
    begun = time.monotonic()
    assert placeholders_for(conversation, [MAIL]) == {MAIL: "⟦EMAIL_1⟧"}
    assert time.monotonic() - begun < patient(0.9)


def test_with_the_database_away_names_hold_for_once(
    store: Any, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise StoreUnavailable("away")

    monkeypatch.setattr("bot.placeholders.read", away)
    assert placeholders_for(conversation, [MAIL, ("EMAIL", "ANNA@example.com"), PHONE]) == {
        MAIL: "⟦EMAIL_1⟧", ("EMAIL", "ANNA@example.com"): "⟦EMAIL_1⟧", PHONE: "⟦PHONE_1⟧",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to ⟦EMAIL_1⟧!", "to anna@example.com!"),
        ("⟦ email_1 ⟧⟦EMAIL_01⟧", "anna@example.comanna@example.com"),
        ("⟦EMAIL_2⟧ and ⟦CUSTOMER_NO_7⟧", "(e-mail address) and (customer no)"),
        ("⟦x⟧ ⟦EMAIL⟧ ⟦", "⟦x⟧ ⟦EMAIL⟧ ⟦"),
    ],
)
def test_names_are_put_back_and_invented_ones_become_words(text: str, expected: str) -> None:
    assert restore(text, {"⟦EMAIL_1⟧": "anna@example.com"}) == expected


def test_a_text_from_outside_cannot_hold_a_name() -> None:
    assert restore(escape("my ⟦EMAIL_1⟧"), {"⟦EMAIL_1⟧": "x"}) == "my [EMAIL_1]"
