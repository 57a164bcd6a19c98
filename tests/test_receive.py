"""What comes in is stored once, in order, without gaps, whatever is sent again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bot import clock, handoff
from bot.messages import Inbound, Profile, Receipt, Refused
from bot.receive import receive, receive_soon
from tests.patience import patient


@pytest.fixture
def site(store: Any) -> Iterator[str]:
    store.write(lambda: store.Site.create(id=clock.new_id(), key="demo", name="Demo", created_at=clock.now()))
    return "demo"


def message(
    text: str = "Where is my order?", *, key: str = "k1", place: str = "room", who: str = "anna", **more: Any
) -> Inbound:
    return Inbound(channel="test", key=key, external_id=who, place=place, text=text, **more)


def one(event: Inbound) -> Receipt | Refused:
    return receive([event])[0]


def rows(store: Any, conversation_id: str) -> list[tuple[int, int, str, str]]:
    query = store.Message.select().where(store.Message.conversation == conversation_id).order_by(store.Message.seq)
    return store.read(lambda: [(m.seq, m.rev, m.author, m.body) for m in query])


def test_a_message_gets_a_conversation_and_the_first_place(store: Any, site: str) -> None:
    got = one(message())
    assert isinstance(got, Receipt)
    assert (got.seq, got.rev, got.duplicate) == (1, 1, False)
    assert rows(store, got.conversation_id) == [(1, 1, "customer", "Where is my order?")]


def test_a_redelivery_gets_the_first_receipt_and_stores_nothing(store: Any, site: str) -> None:
    first = one(message())
    again = one(message())
    assert isinstance(first, Receipt) and isinstance(again, Receipt)
    assert again.duplicate and (again.message_id, again.seq) == (first.message_id, first.seq)
    assert len(rows(store, first.conversation_id)) == 1


def test_the_same_key_with_another_text_is_refused_and_named(store: Any, site: str) -> None:
    one(message("yes"))
    refused = one(message("no"))
    assert isinstance(refused, Refused) and refused.code == "key_reused" and refused.field == "cid"


def test_simultaneous_redeliveries_store_one_message(store: Any, site: str) -> None:
    one(message("hello", key="k0"))
    outcomes: list[Any] = []
    gate = threading.Barrier(8)

    def deliver() -> None:
        gate.wait()
        outcomes.append(one(message("twice?", key="k9")))

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {type(o) for o in outcomes} == {Receipt}
    assert len({o.message_id for o in outcomes}) == 1
    assert sorted(o.duplicate for o in outcomes) == [False] + [True] * 7
    assert [r[0] for r in rows(store, outcomes[0].conversation_id)] == [1, 2]


def test_many_writers_leave_no_gap(store: Any, site: str) -> None:
    first = one(message("start", key="s"))
    assert isinstance(first, Receipt)
    threads = [
        threading.Thread(target=lambda n=n: [one(message(f"{n}-{i}", key=f"{n}-{i}")) for i in range(10)])
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = rows(store, first.conversation_id)
    assert [r[0] for r in stored] == list(range(1, 62))
    assert sorted(r[1] for r in stored) == list(range(1, 62))


def test_receive_soon_answers_after_the_commit(store: Any, site: str) -> None:
    done = threading.Event()
    seen: list[Any] = []

    def after(outcome: Any, error: Any) -> None:
        seen.append((outcome, error))
        done.set()

    receive_soon(message(), after)
    assert done.wait(patient(5))
    outcome, error = seen[0]
    assert error is None and outcome.seq == 1
    assert len(rows(store, outcome.conversation_id)) == 1


def test_what_no_database_takes_is_cleaned_and_the_rest_kept(store: Any, site: str) -> None:
    got = one(message("a\x00b\r\nc\ud800d \u202ee\t "))
    assert isinstance(got, Receipt)
    assert rows(store, got.conversation_id)[0][3] == "ab\ncd \u202ee"


@pytest.mark.parametrize("text", ["", "   ", "\x00\x01"])
def test_an_empty_message_is_refused(store: Any, site: str, text: str) -> None:
    refused = one(message(text))
    assert isinstance(refused, Refused) and (refused.code, refused.field) == ("empty", "text")


def test_a_long_message_is_refused_with_both_numbers(store: Any, site: str) -> None:
    refused = one(message("x" * 4_001))
    assert isinstance(refused, Refused) and refused.code == "too_long"
    assert "4,001" in refused.message and "4,000" in refused.message


def test_somebody_elses_place_is_refused(store: Any, site: str) -> None:
    one(message())
    refused = one(message("let me in", key="k2", who="mallory"))
    assert isinstance(refused, Refused) and refused.code == "not_yours"


def test_an_unknown_site_is_refused(store: Any) -> None:
    refused = one(message(site="nowhere"))
    assert isinstance(refused, Refused) and refused.code == "unknown_site"


def test_one_bad_event_takes_nobody_with_it(store: Any, site: str) -> None:
    good, bad, better = receive([message(key="a"), message("", key="b"), message("more", key="c")])
    assert isinstance(good, Receipt) and isinstance(bad, Refused) and isinstance(better, Receipt)
    assert (good.seq, better.seq) == (1, 2)


def test_asking_for_a_person_makes_one_ticket_and_says_so(store: Any, site: str) -> None:
    first = one(message())
    asked = one(message("", key="h1", kind="handoff"))
    one(message("", key="h2", kind="handoff"))
    assert isinstance(first, Receipt) and isinstance(asked, Receipt) and asked.seq == 2
    conversation = store.read(lambda: store.Conversation.get_by_id(first.conversation_id))
    assert (conversation.state, conversation.needs, conversation.answered) == ("waiting", False, 2)
    said = rows(store, first.conversation_id)
    assert len(said) == 2 and said[1][2] == "system" and "#1001" in said[1][3]
    assert store.read(lambda: store.Ticket.select().count()) == 1


def test_an_address_is_checked_and_kept_on_the_ticket(store: Any, site: str) -> None:
    one(message())
    bad = one(message("", key="c1", kind="contact", profile=Profile(name="Anna", email="anna at home")))
    assert isinstance(bad, Refused) and bad.field == "email"
    good = one(message("call me", key="c2", kind="contact", profile=Profile(name="Anna", email="anna@example.com")))
    assert isinstance(good, Receipt)
    ticket = store.read(store.Ticket.get)
    assert (ticket.name, ticket.email, ticket.state) == ("Anna", "anna@example.com", "open")


def test_a_resolved_conversation_is_opened_again_within_seven_days(store: Any, site: str) -> None:
    first = one(message())
    one(message("", key="r", kind="resolve"))
    assert isinstance(first, Receipt)
    again = one(message("one more thing", key="k2"))
    assert isinstance(again, Receipt) and again.conversation_id == first.conversation_id
    conversation = store.read(lambda: store.Conversation.get_by_id(first.conversation_id))
    assert conversation.state == "ai" and conversation.needs


def test_people_get_their_conversation_back_when_it_is_opened_again(store: Any, site: str) -> None:
    first = one(message())
    one(message("", key="h", kind="handoff"))
    one(message("", key="r", kind="resolve"))
    one(message("still broken", key="k2"))
    assert isinstance(first, Receipt)
    conversation = store.read(lambda: store.Conversation.get_by_id(first.conversation_id))
    ticket = store.read(store.Ticket.get)
    assert (conversation.state, conversation.needs, ticket.state) == ("waiting", False, "open")


def test_after_the_window_a_new_conversation_begins(store: Any, site: str) -> None:
    first = one(message())
    one(message("", key="r", kind="resolve"))
    assert isinstance(first, Receipt)
    old = clock.now() - 8 * 86_400
    store.write(
        lambda: (
            store.Conversation.update(resolved_at=old).where(store.Conversation.id == first.conversation_id).execute()
        )
    )
    again = one(message("hello again", key="k2"))
    assert isinstance(again, Receipt) and again.conversation_id != first.conversation_id and again.seq == 1


@pytest.mark.parametrize(
    ("address", "fine"),
    [("anna@example.com", True), ("a.b+c@sub.example.co", True), ("", False), ("anna", False), ("a@b", False),
     ("a@b.c", False), ("a b@example.com", False), ("a@example.com\nBcc: x@y.zz", False), ("x" * 250 + "@example.com", False)],
)  # fmt: skip
def test_addresses(address: str, fine: bool) -> None:
    assert (handoff.email_problem(address) == "") is fine


def test_many_events_share_transactions_and_one_bad_one_takes_nobody_with_it(
    store: Any, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot import receive as module

    shared: list[int] = []
    together = module.write_together

    def counted(works: Any, *expected: Any) -> Any:
        shared.append(len(works))
        return together(works, *expected)

    monkeypatch.setattr(module, "write_together", counted)
    events = [message(f"m{n}", key=f"k{n}") for n in range(30)]
    events[3] = message("m2", key="k2")  # brought twice
    events[4] = message("changed", key="k1")  # the key of another
    events[5] = message("  ", key="empty")
    events[6] = message("", key="odd", kind="edit", subject="nothing")
    outcomes = receive(events)
    assert shared == [24, 5]
    assert [outcome.key for outcome in outcomes] == [event.key for event in events]
    refused = [outcome.code for outcome in outcomes if isinstance(outcome, Refused)]
    assert refused == ["key_reused", "empty", "unknown_message"]
    stored = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert [outcome.seq for outcome in stored if not outcome.duplicate] == list(range(1, 27))
    assert [outcome.key for outcome in stored if outcome.duplicate] == ["k2"]
    again = [outcome for outcome in receive(events) if isinstance(outcome, Receipt)]
    assert all(outcome.duplicate for outcome in again)
    assert [outcome.seq for outcome in again] == [outcome.seq for outcome in stored]


def test_a_file_that_is_not_taken_is_said_to_who_sent_it(store: Any, site: str) -> None:
    from bot.messages import Attachment

    good = Attachment(name="letter.txt", content=b"Dear shop", type="text/plain")
    odd = Attachment(name="run.exe", content=b"MZ" + b"\0" * 64, type="application/x-msdownload")
    large = Attachment(name="film.mp4", size=40_000_000, problem="too_large")
    mixed = one(message("Look", key="k1", files=(good, odd, large)))
    fine = one(message("And this", key="k2", files=(good,)))
    assert isinstance(mixed, Receipt) and isinstance(fine, Receipt)
    assert "run.exe was not taken" in mixed.aside and "film.mp4 was not taken" in mixed.aside
    assert "letter" not in mixed.aside and fine.aside == ""
