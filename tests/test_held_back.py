"""Budgets and the pace in whole turns: real threads, real plugins, a model server over the wire. Every step stands in the answer log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot import clock, lease, switches
from bot.messages import Inbound, Receipt
from bot.plugin_settings import change
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.turns_process import Pool
from tests.fakes.llm import FakeLLM, Script
from tests.patience import wait_for


@pytest.fixture
def pool(store: Any, environment: Callable[..., None], llm: FakeLLM) -> Iterator[Pool]:
    environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url, DESKHAND_OPENAI_MODEL="gpt-4.1-mini")
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("turns")
    registry = load_plugins("turns")
    for name in ("grounding", "reply_cache", "escalation_no_answer", "pii_shield"):
        if name in registry.plugins:
            switches.switch(name, False, actor="test")
    registry.on_changed()
    made = Pool(8, registry)
    llm.script(Script(answer="It costs 5.", usage=(900, 100), times=0))
    yield made
    made.drain()
    forget_plugins()
    environment(OPENAI_API_KEY=None, OPENAI_BASE_URL=None, DESKHAND_OPENAI_MODEL=None)


def settings(pool: Pool, plugin: str, **values: str) -> None:
    stored = change(pool.registry.plugins[plugin], {}, values)
    assert switches.store_settings(plugin, "{}", stored, actor="test", changed=tuple(values))
    pool.registry.on_changed()


def ask(store: Any, pool: Pool, text: str, who: str = "anna") -> dict[str, Any]:
    """Ask, wait for what is said to it, and return its row."""
    before = store.read(lambda: store.AnswerLog.select().count())
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id=who, place=who, text=text)])[0]
    assert isinstance(got, Receipt)
    pool.on_wake(got.conversation_id.encode())

    def row() -> Any:
        query = store.AnswerLog.select().order_by(store.AnswerLog.at.desc()).dicts()
        return store.read(lambda: query.first() if query.count() > before else None)

    return dict(wait_for(row, 8))


def requests(llm: FakeLLM) -> int:
    return len(llm.requests)


def test_what_an_answer_cost_and_how_sure_it_is_stand_in_its_row(store: Any, pool: Pool, llm: FakeLLM) -> None:
    row = ask(store, pool, "What does it cost?")
    assert (row["type"], row["provider"], row["model"]) == ("ai", "openai", "gpt-4.1-mini")
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (900, 100, 900 * 0.4 + 100 * 1.6)
    assert row["first_ms"] is not None and 0 <= row["first_ms"] <= row["total_ms"]
    assert row["stated"] == 0.9 and row["confidence"] is not None
    assert len(row["question"]) == 32 and "cost" not in row["question"]
    spent = store.read(lambda: store.Spend.get(store.Spend.scope == "all"))
    assert (spent.tokens, spent.cost, spent.held_tokens, spent.held_cost) == (1_000, row["cost"], 0, 0)


def test_the_steps_of_a_budget_change_who_answers_and_nobody_is_left_alone(
    store: Any, pool: Pool, llm: FakeLLM
) -> None:
    settings(pool, "budgets", conversation_tokens="1000", quotes_at="100")
    assert ask(store, pool, "What does it cost?")["type"] == "ai"
    asked = requests(llm)
    row = ask(store, pool, "And the other one?")
    assert row["steps"] == "person" and row["handoff"] == "policy" and requests(llm) == asked
    message = store.read(lambda: store.Message.get_by_id(row["message"]))
    assert "as much as I may today" in message.body and message.author == "ai"
    ticket = store.read(store.Ticket.get)
    assert "budget" in ticket.reason and ticket.state == "open"
    assert ask(store, pool, "Hello", who="ben")["type"] == "ai", "it was that conversation's budget alone"


def test_near_the_end_a_cheaper_model_answers_if_there_is_one(store: Any, pool: Pool, llm: FakeLLM) -> None:
    settings(pool, "budgets", conversation_tokens="1200")
    ask(store, pool, "What does it cost?")
    row = ask(store, pool, "And the other one?")
    assert (row["type"], row["steps"], row["model"]) == ("ai", "cheap", "gpt-4.1-mini")


def test_where_nobody_is_cheaper_the_same_model_goes_on_until_the_next_step(
    store: Any, pool: Pool, llm: FakeLLM
) -> None:
    settings(pool, "openai", model="gpt-5.5")
    settings(pool, "budgets", conversation_tokens="1200")
    ask(store, pool, "What does it cost?")
    row = ask(store, pool, "And the other one?")
    assert (row["type"], row["steps"], row["model"]) == ("ai", "", "gpt-5.5")


def test_near_the_end_answers_are_quoted_and_say_so(store: Any, pool: Pool, llm: FakeLLM) -> None:
    from bot.articles import ArticleText, save_articles

    text = "Shipping costs 5 euros for each parcel within the country and takes three days."
    save_articles([ArticleText(source="test:x", path="shipping.md", title="Shipping costs", body=text)])
    settings(pool, "budgets", conversation_tokens="1050")
    assert ask(store, pool, "What does shipping cost?")["type"] == "ai"
    asked = requests(llm)
    row = wait_for(lambda: (found := ask(store, pool, "How much are shipping costs for a parcel?")) and found, 8)
    assert (row["type"], row["steps"], row["cost"]) == ("offline", "quotes", 0) and requests(llm) == asked


def test_the_same_question_again_and_again_gets_the_earlier_answer_without_a_model(
    store: Any, pool: Pool, llm: FakeLLM
) -> None:
    first = ask(store, pool, "What does it cost?")
    ask(store, pool, "what does it cost")
    asked = requests(llm)
    row = ask(store, pool, "WHAT does it cost???")
    assert (row["type"], row["steps"], row["cost"]) == ("cache", "repeat", 0) and requests(llm) == asked
    said = store.read(lambda: [m.body for m in store.Message.select().where(store.Message.author == "ai")])
    assert said == ["It costs 5."] * 3 and row["question"] == first["question"]
    assert "Talk to a person" in store.read(lambda: store.Message.get_by_id(row["message"]).extra)
    other = ask(store, pool, "What does it cost?", who="ben")
    assert other["type"] == "ai" and other["steps"] == "", "somebody else's question is not theirs"


def test_a_burst_is_answered_later_in_one_answer_and_nothing_is_dropped(store: Any, pool: Pool, llm: FakeLLM) -> None:
    settings(pool, "slow_down", burst="2", longest="3")
    ask(store, pool, "one?")
    ask(store, pool, "two?")
    count = store.read(lambda: store.AnswerLog.select().count())
    began = clock.now()
    for text in ("three?", "four?"):
        got = receive([Inbound(channel="test", key=clock.new_id(), external_id="anna", place="anna", text=text)])[0]
        assert isinstance(got, Receipt)
        pool.on_wake(got.conversation_id.encode())
        wait_for(lambda: store.read(lambda: store.Turn.select().where(store.Turn.put_off > 0).count()), 8)

    def answered() -> bool:
        pool.sweep()
        return bool(store.read(lambda: store.AnswerLog.select().count()) > count)

    assert not answered()
    wait_for(answered, 8)
    assert clock.now() - began >= 1.4
    row = store.read(lambda: store.AnswerLog.select().order_by(store.AnswerLog.at.desc()).dicts().first())
    assert row["steps"] == "slowed" and row["type"] == "ai"
    turn = store.read(lambda: store.Turn.get_by_id(row["turn"]))
    assert turn.upto_seq == 6, "both questions have their answer" and turn.crashes == 0
    assert store.read(lambda: store.Conversation.get().needs) is False


def test_a_person_can_take_over_what_was_put_off(store: Any, pool: Pool, llm: FakeLLM) -> None:
    settings(pool, "slow_down", burst="1", longest="60")
    ask(store, pool, "one?")
    got = receive([Inbound(channel="test", key="two", external_id="anna", place="anna", text="two?")])[0]
    assert isinstance(got, Receipt)
    pool.on_wake(got.conversation_id.encode())
    wait_for(lambda: store.read(lambda: store.Turn.select().where(store.Turn.put_off > 0).count()), 8)
    receive([Inbound(channel="test", key="person", external_id="anna", place="anna", kind="handoff")])
    assert store.read(lambda: store.Conversation.get().state) == "waiting"
    pool.sweep()
    assert store.read(lambda: store.AnswerLog.select().count()) == 1


def test_what_was_put_off_is_stopped_at_once(store: Any, pool: Pool, llm: FakeLLM) -> None:
    from bot.stopping import request_stop

    settings(pool, "slow_down", burst="1", longest="60")
    ask(store, pool, "one?")
    for text in ("two?", "three?", "four?"):
        got = receive([Inbound(channel="test", key=text, external_id="anna", place="anna", text=text)])[0]
        assert isinstance(got, Receipt)
    pool.on_wake(got.conversation_id.encode())
    turn = wait_for(lambda: store.read(lambda: store.Turn.select().where(store.Turn.put_off > 0).first()), 8)
    assert request_stop(got.conversation_id, turn.id)
    pool.on_wake(got.conversation_id.encode())
    wait_for(lambda: store.read(lambda: store.Turn.get_by_id(turn.id)).state == "stopped", 8)
    assert store.read(lambda: store.Conversation.get().needs) is False
