"""The pool that answers: real threads, the real OpenAI plugin, a model server over the wire, and a bus that may be away."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from bot import clock, lease, turns_process
from bot.messages import Attachment, Inbound, Receipt
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.stopping import request_stop
from bot.turns import running_turn
from bot.turns_process import Pool
from tests.fakes.llm import FakeLLM, Script
from tests.patience import patient, wait_for


@pytest.fixture
def pool(store: Any, valkey: Any, environment: Callable[..., None], llm: FakeLLM) -> Iterator[Pool]:
    environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("turns")
    registry = load_plugins("turns")
    made = Pool(8, registry)
    registry.on_overdue = made.on_overdue
    yield made
    made.drain()
    forget_plugins()


def say(pool: Pool, text: str, *, kind: Any = "message", wake: bool = True) -> str:
    got = receive(
        [Inbound(channel="test", key=clock.new_id(), external_id="anna", place="room", text=text, kind=kind)]
    )[0]
    assert isinstance(got, Receipt)
    if wake:
        pool.on_wake(got.conversation_id.encode())
    return got.conversation_id


def answers(store: Any) -> list[Any]:
    return store.read(
        lambda: list(store.Message.select().where(store.Message.author == "ai").order_by(store.Message.seq))
    )


def turn_rows(store: Any) -> list[Any]:
    return store.read(lambda: list(store.Turn.select().order_by(store.Turn.upto_seq)))


def test_a_question_gets_one_answer(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="It left today.", conclude={"confidence": 0.8, "quick_replies": ["Track it"]}))
    say(pool, "Where is my order?")
    (answer,) = wait_for(lambda: answers(store), 8)
    assert answer.body == "It left today." and answer.kind == "ai" and "Track it" in answer.extra
    (turn,) = turn_rows(store)
    assert (turn.state, turn.provider, turn.confidence) == ("done", "openai", 0.8)
    assert turn.first_delta_ms is not None and turn.output_tokens > 0


def test_the_sweep_finds_what_a_lost_wake_left(store: Any, pool: Pool, llm: FakeLLM) -> None:
    say(pool, "hello", wake=False)
    assert not answers(store)
    pool.sweep()
    wait_for(lambda: answers(store), 8)


def stored(place: str) -> str:
    """A question of somebody of their own, with its wake lost."""
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id=place, place=place, text="?")])[0]
    assert isinstance(got, Receipt)
    return got.conversation_id


def test_of_two_who_ask_at_once_none_waits_for_the_others_answer(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three four five six seven eight", tokens_per_second=10, times=0))
    pool.want(stored("warm"))
    wait_for(lambda: len(answers(store)) == 1 and pool.idle == 1, 8)
    both = [stored("anna"), stored("ben")]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1.0)  # both are here before the one idle thread gets to run
    try:
        for conversation in both:
            pool.want(conversation)
    finally:
        sys.setswitchinterval(interval)
    wait_for(lambda: set(both) <= set(pool.running), seconds=0.6)


def test_work_that_comes_while_the_last_thread_ends_is_not_left_lying(
    store: Any, pool: Pool, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm.script(Script(answer="Here.", times=0))
    monkeypatch.setattr(turns_process, "IDLE", 0.05)
    late = [stored("late")]

    class Late:
        """A queue that is filled just after its reader gave up waiting."""

        def __init__(self) -> None:
            self.inner: SimpleQueue[Any] = SimpleQueue()
            self.put = self.inner.put

        def get(self, timeout: float) -> Any:
            try:
                return self.inner.get(timeout=timeout)
            except Empty:
                if late:
                    pool.want(late.pop())
                raise

    monkeypatch.setattr(pool, "queue", Late())
    pool.want(stored("first"))
    wait_for(lambda: len(answers(store)) == 2, 8)
    wait_for(lambda: pool.threads == 0, 8)


def test_a_burst_before_the_first_delta_gets_one_answer(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="first", first_token_after=5), Script(answer="both", times=0))
    conversation = say(pool, "I have a question")
    wait_for(lambda: llm.requests, 8)
    began = time.monotonic()
    say(pool, "about my tent")
    (answer,) = wait_for(lambda: answers(store), 8)
    assert answer.body == "both" and time.monotonic() - began < patient(4)
    (turn,) = turn_rows(store)
    assert (turn.upto_seq, turn.state, turn.crashes) == (2, "done", 0)
    assert store.read(lambda: running_turn(conversation)) is None


def test_a_message_after_the_first_delta_gets_its_own_answer(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three four five six", tokens_per_second=12), Script(answer="the second", times=0))
    say(pool, "first?")
    wait_for(lambda: any(r.draft.text for r in pool.running.values()), 8)
    say(pool, "second?")
    found = wait_for(lambda: len(answers(store)) == 2 and answers(store), 8)
    assert [a.body for a in found] == ["one two three four five six", "the second"]


def test_a_question_in_mid_answer_is_what_the_next_turn_is_asked(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three four five six", tokens_per_second=20), Script(answer="To Spain as well."))
    conversation = say(pool, "Where is my order?")
    wait_for(lambda: (running := pool.running.get(conversation)) and running.released, 8)
    say(pool, "Do you ship to Spain?")
    wait_for(lambda: len(answers(store)) == 2, 8)
    first, second = llm.wait_ended(2)
    assert first["question"] == "Where is my order?"
    assert second["question"] == "Do you ship to Spain?", "it stands before the answer in the conversation"
    roles = [m["role"] for m in second["body"]["messages"] if m["role"] != "system"]
    assert roles == ["user", "assistant", "user"]


def test_a_stop_keeps_what_was_shown(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three four five six seven eight nine ten", tokens_per_second=8))
    conversation = say(pool, "count")
    wait_for(lambda: any(len(r.draft.text) > 8 for r in pool.running.values()), 8)
    turn_id, _ = store.read(lambda: running_turn(conversation))
    assert request_stop(conversation, turn_id)
    pool.on_wake(conversation.encode())
    (answer,) = wait_for(lambda: answers(store), 8)
    assert answer.kind == "stopped" and answer.body.startswith("one two") and not answer.body.endswith("ten")
    assert turn_rows(store)[0].state == "stopped"
    wait_for(lambda: not pool.running, 8)


def test_a_failing_provider_ends_in_a_person(store: Any, pool: Pool, llm: FakeLLM) -> None:
    from bot import switches

    switches.switch("offline", False, actor="test")
    llm.script(Script(fault="500", times=0))
    say(pool, "anybody?")
    (answer,) = wait_for(lambda: answers(store), 8)
    assert answer.kind == "fallback"
    ticket = store.read(store.Ticket.get)
    assert ticket.state == "open" and ticket.reason == "technical error"


def test_failover_in_mid_answer_shows_one_answer(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(
        Script(answer="wrong start of something long", fault="cut", after=2), Script(answer="The right one.", times=0)
    )
    say(pool, "tell me")
    (answer,) = wait_for(lambda: answers(store), 8)
    assert answer.body == "The right one."
    assert turn_rows(store)[0].attempt == 2


def test_a_handoff_is_a_typed_call(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(
        Script(
            answer="I will get somebody.", conclude={"confidence": 0.2, "handoff": {"reason": "angry", "summary": "s"}}
        )
    )
    conversation = say(pool, "this is outrageous")
    wait_for(lambda: answers(store), 8)
    assert store.read(lambda: store.Conversation.get_by_id(conversation)).state == "waiting"
    assert store.read(store.Ticket.get).reason == "angry"


def test_an_answer_after_the_customer_asked_for_a_person_is_not_shown(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="too late, my friend", tokens_per_second=10))
    say(pool, "hm")
    wait_for(lambda: any(r.draft.text for r in pool.running.values()), 8)
    say(pool, "", kind="handoff")
    wait_for(lambda: not pool.running, 8)
    assert not answers(store)
    turn = turn_rows(store)[0]
    assert turn.state == "superseded" and turn.draft


def test_what_is_said_to_people_begins_no_turn_again(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three", first_token_after=1.5), Script(answer="again", times=0))
    conversation = say(pool, "wait for it")
    wait_for(lambda: llm.requests, 8)
    say(pool, "", kind="handoff")
    say(pool, "and this is for you, Ana")
    wait_for(lambda: not pool.running, 8)
    turn = turn_rows(store)[0]
    assert (turn.state, turn.draft) == ("superseded", "one two three"), "the agent has it as a draft"
    assert len(llm.requests) == 1 and len(turn_rows(store)) == 1
    assert store.read(lambda: store.Conversation.get_by_id(conversation)).lease_owner == ""


def test_the_daily_cap_is_hard(store: Any, pool: Pool, llm: FakeLLM) -> None:
    store.write(lambda: store.Site.update(daily_tokens=1).execute())
    llm.script(Script(answer="paid", usage=(50, 50), times=0))
    say(pool, "one")
    wait_for(lambda: len(answers(store)) == 1, 8)
    asked = len(llm.requests)
    say(pool, "two")
    second = wait_for(lambda: len(answers(store)) == 2 and answers(store), 8)[1]
    assert second.kind in {"offline", "fallback"} and len(llm.requests) == asked


def spent(store: Any) -> int:
    rows = store.read(lambda: store.sql("SELECT tokens + held_tokens FROM spend WHERE scope = 'cap'").fetchall())
    return sum(row[0] for row in rows)


def test_a_stopped_answer_counts_against_the_cap(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three four five six seven eight nine ten", tokens_per_second=8))
    conversation = say(pool, "count")
    wait_for(lambda: any(len(r.draft.text) > 8 for r in pool.running.values()), 8)
    turn_id, _ = store.read(lambda: running_turn(conversation))
    assert request_stop(conversation, turn_id)
    pool.on_wake(conversation.encode())
    wait_for(lambda: answers(store), 8)
    assert wait_for(lambda: spent(store), 8) > 300, "the prompt and what was said of the answer"


def test_an_answer_that_was_begun_again_counts_twice(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="slow", first_token_after=5), Script(answer="quick", usage=(50, 50), times=0))
    say(pool, "first")
    wait_for(lambda: llm.requests, 8)
    say(pool, "second")
    wait_for(lambda: answers(store), 8)
    assert wait_for(lambda: (tokens := spent(store)) > 400 and tokens, 8)


HANGING = """
import threading
from bot import hookimpl

@hookimpl
def filter_inbound(message):
    if "hang" in message.text:  # in C, where no exception reaches it
        lock = threading.Lock()
        lock.acquire()
        lock.acquire(timeout=30)
    return message
"""


def test_a_plugin_that_hangs_costs_its_deadline_and_not_the_answer(
    store: Any, valkey: Any, environment: Callable[..., None], llm: FakeLLM, tmp_path: Any
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "hanging.py").write_text(HANGING)
    environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url, DESKHAND_PLUGINS_DIR=str(folder))
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("turns")
    registry = load_plugins("turns")
    pool = Pool(4, registry)
    registry.on_overdue = pool.on_overdue
    try:
        llm.script(Script(answer="Here I am.", times=0))
        say(pool, "please hang")
        (answer,) = wait_for(lambda: answers(store), seconds=12)
        assert answer.body == "Here I am."
        say(pool, "and again hang", wake=True)
        assert wait_for(lambda: len(answers(store)) == 2, seconds=3), "the plugin is left out for a while"
    finally:
        pool.drain()
        forget_plugins()


def test_a_turn_that_cannot_even_begin_goes_to_a_person(store: Any, pool: Pool, llm: FakeLLM, monkeypatch: Any) -> None:
    from bot import turns

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("this row cannot be read")

    conversation = say(pool, "hello", wake=False)
    monkeypatch.setattr(turns, "last_messages", broken)
    for _ in range(turns.MAX_CRASHES):
        pool.want(conversation)
        wait_for(lambda: not pool.waiting and not pool.running, 8)
        time.sleep(0.1)
    wait_for(lambda: store.read(lambda: store.Conversation.get_by_id(conversation)).state == "waiting", 8)
    assert store.read(store.Ticket.get).state == "open"


def change(pool: Pool, conversation: str, kind: Any, key: str, text: str = "") -> None:
    event = Inbound(
        channel="test", key=clock.new_id(), external_id="anna", place="room", text=text, kind=kind, subject=key
    )
    got = receive([event])[0]
    assert isinstance(got, Receipt), got
    pool.on_wake(conversation.encode())


def ask(pool: Pool, text: str, *files: Attachment) -> str:
    got = receive([Inbound(channel="test", key="q1", external_id="anna", place="room", text=text, files=files)])[0]
    assert isinstance(got, Receipt), got
    pool.on_wake(got.conversation_id.encode())
    return got.conversation_id


def test_a_question_that_is_changed_before_the_first_word_is_answered_as_it_is_now(
    store: Any, pool: Pool, llm: FakeLLM
) -> None:
    llm.script(Script(answer="no", first_token_after=5), Script(answer="You asked: {question}", times=0))
    conversation = ask(pool, "Where is my oder?")
    wait_for(lambda: llm.requests, 8)
    change(pool, conversation, "edit", "q1", "Where is my order?")
    (answer,) = wait_for(lambda: answers(store), 8)
    assert "Where is my order?" in answer.body
    (turn,) = turn_rows(store)
    assert (turn.state, turn.crashes) == ("done", 0)


def test_a_question_that_is_deleted_gets_no_answer(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="no", first_token_after=5, times=0))
    conversation = ask(pool, "Where is my order?")
    wait_for(lambda: llm.requests, 8)
    change(pool, conversation, "delete", "q1")
    wait_for(lambda: [turn.state for turn in turn_rows(store)] == ["superseded"], 8)
    wait_for(lambda: not pool.running, 8)
    row = store.read(lambda: store.Conversation.get_by_id(conversation))
    assert not answers(store) and not row.needs and row.lease_owner == ""
    llm.script(Script(answer="Yes?", times=0))
    say(pool, "Something else")
    wait_for(lambda: len(answers(store)) == 1, 8)


def test_what_is_changed_after_words_were_shown_keeps_its_one_answer(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="one two three four five six", tokens_per_second=12), Script(answer="again", times=0))
    conversation = ask(pool, "Where is my oder?")
    wait_for(lambda: pool.running.get(conversation) and pool.running[conversation].released, 8)
    change(pool, conversation, "edit", "q1", "Where is my order?")
    wait_for(lambda: answers(store), 8)
    wait_for(lambda: not pool.running, 8)
    assert [answer.body for answer in answers(store)] == ["one two three four five six"]


def test_the_model_is_told_of_files_in_words(store: Any, pool: Pool, llm: FakeLLM) -> None:
    llm.script(Script(answer="{question}", times=0))
    ask(pool, "", Attachment(name="note.txt", content=b"hello"), Attachment(name="setup.exe", content=b"MZ"))
    (answer,) = wait_for(lambda: answers(store), 8)
    assert "[file: note.txt, text/plain]" in answer.body and "[setup.exe was not taken:" in answer.body
