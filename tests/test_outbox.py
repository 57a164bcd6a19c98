"""Deliveries walk their states: nothing is sent before its row says so, and an unknown outcome is settled, not guessed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot import clock, deliver, lease
from bot.channel import Channel, Limits, Resend
from bot.messages import Inbound, Outbound, Receipt, Sent
from bot.outbox import Outbox
from bot.receive import receive
from bot.splitting import measure, split
from bot.store.statements import Place, insert_message


class Board(Channel):
    name = "board"
    limits = Limits(max_text=40, timeout=5)
    resend = Resend.NONE

    async def send(self, out: Outbound) -> Sent:
        return Sent("1")


class Remembering(Board):
    resend = Resend.NONCE


class Readable(Board):
    resend = Resend.READBACK

    async def find(self, key: str, place: str) -> Sent | None:
        return None


@pytest.fixture
def conversation(store: Any) -> Iterator[str]:
    deliver.forget_declarations()
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("channels")
    store.write(lambda: deliver.declare(Board()))
    got = receive([Inbound(channel="board", key="k", external_id="anna", place="room", text="hello")])[0]
    assert isinstance(got, Receipt)
    yield got.conversation_id
    deliver.forget_declarations()


def answer(store: Any, conversation_id: str, text: str) -> str:
    message_id = clock.new_id()

    def work() -> None:
        row = store.sql(
            "UPDATE conversation SET seq = seq + 1, rev = rev + 1 WHERE id = ? RETURNING seq, rev", (conversation_id,)
        )
        insert_message(
            message_id, conversation_id, Place(*row.fetchone()), author="ai", body=text, created_at=clock.now()
        )
        deliver.plan(conversation_id, message_id, text)

    store.write(work)
    return message_id


def rows(store: Any) -> list[Any]:
    return store.read(lambda: list(store.Delivery.select().order_by(store.Delivery.ord)))


def age(store: Any, seconds: float) -> None:
    """Let time pass for every delivery."""
    store.write(
        lambda: store.Delivery.update(
            next_at=store.Delivery.next_at - seconds,
            first_sent_at=store.Delivery.first_sent_at - seconds,
            created_at=store.Delivery.created_at - seconds,
        ).execute()
    )


def test_a_long_answer_becomes_ordered_parts_within_the_limit(store: Any, conversation: str) -> None:
    answer(store, conversation, "The first paragraph is here.\n\nThe second paragraph is there.")
    found = rows(store)
    assert [(d.part, d.parts, d.state) for d in found] == [(0, 2, "pending"), (1, 2, "pending")]
    outbox = Outbox(Board())
    first = outbox.claim("room")
    assert first is not None and first.out.text == "The first paragraph is here."
    assert outbox.claim("room") is None, "only the head of a place is in flight"
    outbox.sent(first, Sent("p1"))
    second = outbox.claim("room")
    assert second is not None and second.out.text == "The second paragraph is there."


def test_the_claim_is_committed_before_the_first_byte(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    claimed = Outbox(Board()).claim("room")
    assert claimed is not None
    (row,) = rows(store)
    assert (row.state, row.attempts, row.owner) == ("sending", 1, lease.owner())
    assert row.first_sent_at is not None and row.next_at > clock.now() + 14


def test_certainly_not_sent_comes_again_and_counts(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    outbox = Outbox(Board())
    claimed = outbox.claim("room")
    assert claimed is not None
    outbox.not_sent(claimed, "connection refused")
    assert outbox.claim("room") is None
    age(store, 10)
    again = outbox.claim("room")
    assert again is not None and not again.settle and again.out.attempt == 2 and again.out.key == claimed.out.key


def test_the_platforms_waiting_time_wins_and_is_no_attempt(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    outbox = Outbox(Board())
    claimed = outbox.claim("room")
    assert claimed is not None
    outbox.not_sent(claimed, "429", retry_after=30)
    (row,) = rows(store)
    assert row.attempts == 0 and 29 < row.next_at - clock.now() <= 30


def test_an_unknown_outcome_waits_for_the_grace_and_is_settled_by_capability(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    outbox = Outbox(Board())
    claimed = outbox.claim("room")
    assert claimed is not None
    outbox.perhaps(claimed, "timeout")
    assert outbox.claim("room") is None
    age(store, 16)
    settle = outbox.claim("room")
    assert settle is not None and settle.settle and settle.out.attempt == 2
    assert outbox.step(settle) == "send"
    assert Outbox(Board(), uncertain="hold").step(settle) == "hold"
    assert Outbox(Readable()).step(settle) == "find"
    assert Outbox(Remembering()).step(settle) == "send"
    age(store, 200)
    outbox.perhaps(settle, "timeout")
    age(store, 16)
    late = outbox.claim("room")
    assert late is not None and Outbox(Remembering(), uncertain="hold").step(late) == "hold", "the nonce is forgotten"


def test_what_can_be_repeated_without_a_double_is_never_held(store: Any, conversation: str) -> None:
    class Growing(Board):
        def repeatable(self, out: Outbound) -> bool:
            return out.turn == "t1"

    answer(store, conversation, "hi")
    outbox = Outbox(Board(), uncertain="hold")
    claimed = outbox.claim("room")
    assert claimed is not None
    outbox.perhaps(claimed, "timeout")
    age(store, 16)
    settle = outbox.claim("room")
    assert settle is not None and outbox.step(settle) == "hold"
    for op in ("edit", "delete", "react"):
        assert outbox.step(replace(settle, out=replace(settle.out, op=op))) == "send", op
    growing = Outbox(Growing(), uncertain="hold")
    assert growing.step(settle) == "hold"
    assert growing.step(replace(settle, out=replace(settle.out, turn="t1"))) == "send"


def test_what_is_sent_again_and_again_without_an_answer_is_given_up(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    outbox, sends = Outbox(Board()), 0
    while (claimed := outbox.claim("room")) is not None and sends < 50:
        sends += 1
        outbox.perhaps(claimed, "timeout")
        age(store, 16)
    assert sends == deliver.MAX_ATTEMPTS, "or a customer could get thousands of copies in a day"
    assert rows(store)[0].state == "dead"


def test_looking_for_a_delivery_is_no_attempt(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    outbox = Outbox(Readable())
    for _ in range(2 * deliver.MAX_ATTEMPTS):
        claimed = outbox.claim("room")
        assert claimed is not None
        outbox.perhaps(claimed, "could not look: the platform is away")
        age(store, 16)
    assert rows(store)[0].attempts == 1


def test_a_send_whose_end_could_not_be_written_down_is_settled_by_the_same_process(
    store: Any, conversation: str
) -> None:
    answer(store, conversation, "hi")
    outbox = Outbox(Board())
    assert outbox.claim("room") is not None  # and then the database was away
    assert outbox.claim("room") is None, "it may be in flight"
    age(store, 16)
    settle = outbox.claim("room")
    assert settle is not None and settle.settle


def test_a_process_that_lost_its_delivery_changes_nothing_but_that_it_arrived(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    outbox = Outbox(Board())
    mine = outbox.claim("room")
    assert mine is not None

    def somebody_else() -> None:
        store.Delivery.update(owner="channels-2").execute()

    store.write(somebody_else)
    outbox.not_sent(mine, "connection refused")
    outbox.perhaps(mine, "timeout")
    outbox.missing(mine)
    outbox.refused(mine, "blocked")
    outbox.hold(mine)
    assert [(d.state, d.owner) for d in rows(store)] == [("sending", "channels-2")]
    outbox.sent(mine, Sent("p1"))
    assert [(d.state, d.platform_id) for d in rows(store)] == [("sent", "p1")]


def test_one_of_two_claims_of_the_same_head_wins(store: Any, conversation: str, monkeypatch: Any) -> None:
    answer(store, conversation, "hi")
    plain, seen = deliver.sql, []

    class Read:
        """The head as it was read, before the other process took it."""

        def __init__(self, row: Any) -> None:
            self.fetchone = lambda: row

    def overtaken(text: str, params: Any = ()) -> Any:
        found = plain(text, params)
        if text.startswith("SELECT ord") and not seen:
            seen.append(found.fetchone())
            plain("UPDATE delivery SET state = 'sending', owner = 'channels-2', next_at = ?", (clock.now() + 15,))
            return Read(seen[0])
        return found

    monkeypatch.setattr(deliver, "sql", overtaken)
    assert Outbox(Board()).claim("room") is None
    assert [d.owner for d in rows(store)] == ["channels-2"]


def test_a_later_attempt_that_was_not_made_leaves_the_first_uncertain(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    outbox = Outbox(Remembering())
    claimed = outbox.claim("room")
    assert claimed is not None
    outbox.perhaps(claimed, "timeout")
    age(store, 16)
    settle = outbox.claim("room")
    assert settle is not None
    outbox.not_sent(settle, "429", retry_after=200)
    age(store, 200)
    late = outbox.claim("room")
    assert late is not None and late.settle, (
        "the platform has forgotten the nonce by now: it must not just be sent again"
    )


def test_who_slept_since_the_claim_knows_that_it_is_late(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    claimed = Outbox(Board()).claim("room")
    assert claimed is not None and not claimed.late
    assert replace(claimed, at=claimed.at - 6).late


def test_what_a_dead_process_was_sending_is_settled_too(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    outbox = Outbox(Board())
    assert outbox.claim("room") is not None
    store.write(lambda: lease._free(lease.owner()))
    assert outbox.claim("room") is None, "not before the grace"
    age(store, 16)
    settle = outbox.claim("room")
    assert settle is not None and settle.settle


def test_a_refused_delivery_does_not_block_its_successor(store: Any, conversation: str) -> None:
    answer(store, conversation, "one")
    answer(store, conversation, "two")
    outbox = Outbox(Board())
    claimed = outbox.claim("room")
    assert claimed is not None
    outbox.refused(claimed, "blocked by the user")
    following = outbox.claim("room")
    assert following is not None and following.out.text == "two"
    assert [d.state for d in rows(store)] == ["dead", "sending"]


def test_an_old_delivery_is_given_up_with_its_reason(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    age(store, 25 * 3600)
    assert Outbox(Board()).claim("room") is None
    (row,) = rows(store)
    assert row.state == "dead" and "too old" in row.error


def test_a_crashing_delivery_is_given_up(store: Any, conversation: str) -> None:
    answer(store, conversation, "hi")
    store.write(lambda: store.Delivery.update(crashes=deliver.MAX_CRASHES).execute())
    assert Outbox(Board()).claim("room") is None
    assert rows(store)[0].state == "dead"


@pytest.mark.parametrize("unit", ["chars", "utf16", "bytes"])
@pytest.mark.parametrize(
    "text", ["a" * 500, "wörd " * 90, "🙂" * 200, "line\n" * 80, "```py\n" + "x = 1\n" * 60 + "```\nafter", ""]
)
def test_parts_fit_in_the_platforms_own_unit(unit: Any, text: str) -> None:
    limits = Limits(max_text=64, unit=unit)
    parts = split(text, limits)
    assert all(measure(part, limits) <= 64 for part in parts)
    kept = "".join(parts).replace("```py\n", "").replace("```", "").replace("\n", "").replace(" ", "")
    assert kept == text.replace("```py\n", "").replace("```", "").replace("\n", "").replace(" ", "")


def test_a_cut_inside_code_closes_and_reopens_the_fence() -> None:
    parts = split("```py\n" + "x = 1\n" * 20 + "```", Limits(max_text=60))
    assert all(part.count("```") == 2 for part in parts)
    assert all(part.startswith("```py\n") for part in parts)


def test_an_id_that_the_platform_gave_twice_sends_nothing_twice(store: Any, conversation: str) -> None:
    answer(store, conversation, "one")
    answer(store, conversation, "two")
    outbox = Outbox(Board())
    for _ in range(2):
        claimed = outbox.claim("room")
        assert claimed is not None
        outbox.sent(claimed, Sent("same"))
    assert [d.state for d in rows(store)] == ["sent", "sent"]


def test_a_place_that_backs_off_is_not_due(store: Any, conversation: str) -> None:
    answer(store, conversation, "one")
    answer(store, conversation, "two")
    outbox = Outbox(Board())
    assert outbox.due() == ["room"]
    claimed = outbox.claim("room")
    assert claimed is not None
    outbox.not_sent(claimed, "429", retry_after=30)
    assert outbox.due() == [], "its second delivery waits for its head"
