"""One turn, one answer: whoever lost the conversation, the turn or the AI's turn to speak stores nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot import clock, lease, spending, turns
from bot.events import Answer, Reason
from bot.lease import LostLease
from bot.messages import Inbound, Receipt, Source
from bot.receive import _store as store_event
from bot.receive import receive
from bot.stopping import request_stop
from bot.turns import Account, Begun
from tests.patience import patient


@pytest.fixture
def conversation(store: Any) -> Iterator[str]:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("test")
    return say("Where is my order?")


def say(text: str, kind: Any = "message") -> str:
    got = receive(
        [Inbound(channel="test", key=clock.new_id(), external_id="anna", place="room", text=text, kind=kind)]
    )[0]
    assert isinstance(got, Receipt)
    return got.conversation_id


def begin(store: Any, conversation_id: str, **how: Any) -> Begun:
    begun = store.write(lambda: turns.begin(conversation_id, **how))
    assert begun is not None
    return begun


def end(store: Any, begun: Begun, text: str = "On its way. [1]", **more: Any) -> turns.Ended:
    account = Account(input_tokens=70, output_tokens=30)
    return store.write(lambda: turns.end(begun, Answer(text=text, **more), account))


def bodies(store: Any, conversation_id: str) -> list[tuple[int, str, str]]:
    query = store.Message.select().where(store.Message.conversation == conversation_id).order_by(store.Message.seq)
    return store.read(lambda: [(m.seq, m.author, m.body) for m in query])


def state(store: Any, conversation_id: str) -> Any:
    return store.read(lambda: store.Conversation.get_by_id(conversation_id))


def test_a_turn_ends_with_one_answer_and_gives_the_conversation_back(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    source = Source(n=1, passage_id="p", title="Orders")
    assert end(store, begun, sources=(source,), choices=("More",)) == turns.Ended(stored=True, deliveries=True)
    assert bodies(store, conversation)[1] == (2, "ai", "On its way. [1]")
    after = state(store, conversation)
    assert (after.answered, after.needs, after.lease_owner) == (1, False, "")
    assert store.write(lambda: turns.begin(conversation)) is None
    with pytest.raises(LostLease):
        end(store, begun)
    assert len(bodies(store, conversation)) == 2


def test_tokens_are_booked_and_the_cap_is_counted_down(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    assert begun.tokens_left == 2_000_000
    end(store, begun)
    say("and now?")
    assert begin(store, conversation).tokens_left == 2_000_000 - 100


def test_a_message_during_the_answer_opens_the_next_turn(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    say("and the invoice?")
    ended = end(store, begun)
    assert ended.more
    assert store.write(lambda: turns.begin(conversation)) is None, "its thread goes on with it; no other one begins"
    second = begin(store, conversation, restart=True)
    assert second.turn_id != begun.turn_id and second.upto_seq == 2
    end(store, second, "Here it is.")
    assert [b[1] for b in bodies(store, conversation)] == ["customer", "customer", "ai", "ai"]
    assert not state(store, conversation).needs


def test_a_restart_covers_the_new_message_and_the_old_attempt_stores_nothing(store: Any, conversation: str) -> None:
    old = begin(store, conversation)
    say("no, the other one")
    new = begin(store, conversation, restart=True)
    assert (new.turn_id, new.upto_seq) == (old.turn_id, 2) and new.attempt > old.attempt and not new.poisoned
    end(store, new)
    with pytest.raises(LostLease):
        end(store, old)
    assert [b[1] for b in bodies(store, conversation)] == ["customer", "customer", "ai"]


def test_an_owner_that_slept_through_its_lease_stores_nothing(store: Any, conversation: str) -> None:
    asleep = begin(store, conversation)
    store.write(lambda: store.Conversation.update(lease_until=0, lease_owner="").execute())
    assert store.read(turns.wanted) == [conversation]
    other = begin(store, conversation)
    assert other.lease.fence > asleep.lease.fence
    end(store, other, "from the other")
    with pytest.raises(LostLease):
        end(store, asleep, "from the sleeper")
    assert bodies(store, conversation)[-1][2] == "from the other"


def test_an_answer_after_a_person_took_over_is_kept_as_a_draft_and_never_shown(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    say("", kind="handoff")
    ended = end(store, begun, "too late")
    assert not ended.stored and ended.why == "waiting"
    assert "ai" not in [b[1] for b in bodies(store, conversation)]
    turn = store.read(store.Turn.get)
    assert (turn.state, turn.draft) == ("superseded", "too late")


def test_a_turn_that_kills_processes_goes_to_a_person(store: Any, conversation: str) -> None:
    for crash in range(turns.MAX_CRASHES):
        assert not begin(store, conversation).poisoned, crash
        store.write(lambda: store.Conversation.update(lease_until=0, lease_owner="").execute())
    assert begin(store, conversation).poisoned


def test_a_turn_given_back_at_shutdown_is_no_crash(store: Any, conversation: str) -> None:
    for _ in range(turns.MAX_CRASHES + 1):
        begun = begin(store, conversation)
        assert not begun.poisoned
        store.write(lambda begun=begun: turns.let_go(begun))


def test_a_stop_takes_no_later_question_with_it(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    assert request_stop(conversation, begun.turn_id)
    say("And this?")
    store.write(lambda: lease._free(lease.owner()))  # its process died before it stopped
    again = begin(store, conversation)
    assert (again.turn_id, again.stop, again.upto_seq) == (begun.turn_id, True, 1)
    assert end(store, again, "On its", type="stopped").more, "the later question wants a turn of its own"
    assert begin(store, conversation, restart=True).upto_seq == 2


def test_a_stop_is_a_row(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    assert request_stop(conversation, begun.turn_id)
    assert store.read(lambda: turns.stop_asked(begun.turn_id))
    end(store, begun, "On its", type="stopped")
    assert not request_stop(conversation, begun.turn_id)


def test_a_handoff_in_the_answer_makes_a_ticket_and_silences_the_ai(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    say("please")
    ended = end(store, begun, "I will fetch somebody.", handoff_reason="wants a refund", handoff_summary="Order late.")
    assert ended.stored and not ended.more
    assert [b[1] for b in bodies(store, conversation)] == ["customer", "customer", "ai", "system"]
    ticket = store.read(store.Ticket.get)
    assert (ticket.reason, ticket.summary, ticket.state) == ("wants a refund", "Order late.", "open")
    assert state(store, conversation).state == "waiting"
    say("hello?")
    assert store.write(lambda: turns.begin(conversation)) is None


def test_two_processes_cannot_hold_one_conversation(store: Any, conversation: str) -> None:
    begin(store, conversation)
    ours = lease._owner
    lease._owner = "another"
    try:
        assert store.write(lambda: turns.begin(conversation)) is None
    finally:
        lease._owner = ours


def test_failpoint_before_commit_leaves_nothing_behind(store: Any, conversation: str) -> None:
    from bot import failpoints

    begun = begin(store, conversation)
    failpoints.plan("turn.before_commit=raise")
    with pytest.raises(failpoints.FailpointError):
        end(store, begun)
    failpoints.plan("")
    assert len(bodies(store, conversation)) == 1
    assert end(store, begun).stored


def while_committing(store: Any, text: str) -> threading.Thread:
    """A message that is stored but for its commit, which comes 0.3 s later."""
    inside = threading.Event()

    def work() -> None:
        event = Inbound(channel="test", key=clock.new_id(), external_id="anna", place="room", text=text)
        store_event(event)
        inside.set()
        time.sleep(0.3)

    thread = threading.Thread(target=store.write, args=(work,))
    thread.start()
    assert inside.wait(patient(5))
    return thread


def test_a_message_committed_while_the_answer_is_gets_its_turn(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    other = while_committing(store, "and this?")
    assert end(store, begun, "first").more
    other.join()
    assert state(store, conversation).needs


def test_a_message_committed_while_a_turn_begins_is_in_it(store: Any, conversation: str) -> None:
    end(store, begin(store, conversation), "first")
    store.write(lambda: store.Conversation.update(needs=True).execute())
    other = while_committing(store, "and this?")
    assert begin(store, conversation).upto_seq == 3
    other.join()


# The day's cap, and turns without a word ------------------------------------------------------------------------------------


def spent(store: Any) -> int:
    rows = store.read(lambda: list(store.Spend.select().where(store.Spend.scope == spending.CAP)))
    return sum(row.tokens + row.held_tokens for row in rows)


def test_answers_that_run_side_by_side_do_not_all_find_the_cap_open(store: Any, conversation: str) -> None:
    store.write(lambda: store.Site.update(daily_tokens=5_000).execute())
    others = []
    for number in range(3):
        got = receive(
            [Inbound(channel="test", key=clock.new_id(), external_id=f"c{number}", place=f"r{number}", text="Hello?")]
        )[0]
        assert isinstance(got, Receipt)
        others.append(begin(store, got.conversation_id))
    assert [begun.tokens_left > 0 for begun in others] == [True, True, False], "each sets about 3,100 aside"  # type: ignore[operator]
    assert others[2].reserved == 0
    for begun in others:
        end(store, begun)
    assert spent(store) == 3 * 100, "what was set aside is given back, what was used is booked"
    assert begin(store, conversation).tokens_left == 5_000 - 300


def test_a_turn_taken_over_keeps_what_was_set_aside_once(store: Any, conversation: str) -> None:
    old = begin(store, conversation)
    assert spent(store) == old.reserved > 2_000
    say("no, the other one")
    new = begin(store, conversation, restart=True)
    assert (new.reserved, spent(store), new.tokens_left) == (old.reserved, old.reserved, 2_000_000)
    store.write(lambda: turns.spend(old, Account(input_tokens=7)))
    end(store, new)
    assert spent(store) == 107


def test_a_turn_that_nobody_wants_any_more_gives_back_what_it_set_aside(store: Any, conversation: str) -> None:
    begin(store, conversation)
    store.write(lambda: store.Conversation.update(lease_until=0, lease_owner="").execute())  # its process died
    say("", kind="handoff")
    store.write(lambda: store.Conversation.update(needs=True).execute())
    assert store.write(lambda: turns.begin(conversation)) is None
    assert spent(store) == 0


def test_midnight_gives_back_to_the_day_it_was_taken_from(store: Any, conversation: str, monkeypatch: Any) -> None:
    at = 1_790_000_000.0 // 86_400 * 86_400 - 5
    monkeypatch.setattr(clock, "now", lambda: at)
    store.write(lambda: store.Conversation.update(due_at=0).execute())
    begun = begin(store, conversation)
    monkeypatch.setattr(clock, "now", lambda: at + 10)
    end(store, begun)
    rows = store.read(lambda: {(r.day, r.scope): (r.tokens, r.held_tokens) for r in store.Spend.select()})
    before, after = min(rows)[0], max(rows)[0]
    assert before < after and rows.pop((before, "cap")) == (0, 0), "given back where it was taken from"
    assert rows.pop((after, "cap")) == (100, 0), "the cap is charged on the day on which it is paid"
    assert rows == {(before, scope): (100, 0) for scope in spending.SCOPES}, "budgets on the day on which it began"


def test_a_rule_without_words_leaves_no_empty_answer_and_no_hole(store: Any, conversation: str) -> None:
    begun = begin(store, conversation)
    ended = end(store, begun, "", handoff_reason="a word", handoff_code=Reason.KEYWORD)
    assert ended.stored and not ended.more
    assert [b[:2] for b in bodies(store, conversation)] == [(1, "customer"), (2, "system")]
    after = state(store, conversation)
    assert (after.state, after.seq, after.lease_owner, after.needs) == ("waiting", 2, "", False)
    revs = store.read(lambda: [m.rev for m in store.Message.select().order_by(store.Message.rev)])
    assert revs == [1, 2] and after.rev == 2
    assert store.read(store.Ticket.get).reason_code == "keyword"


def test_the_turns_of_a_conversation_are_counted_since_the_ai_has_it(store: Any, conversation: str) -> None:
    end(store, begin(store, conversation))
    say("and now?")
    again = begin(store, conversation)
    assert (again.turns, again.tokens) == (1, 100)
    end(store, again)
    say("", kind="handoff")
    say("", kind="cancel")
    say("hello again")
    assert begin(store, conversation).turns == 0
