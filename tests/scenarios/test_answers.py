"""Whole conversations through the whole product: a real socket, real processes, model servers over the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fakes.llm import FakeLLM, Script
from tests.running import Deskhand
from tests.scenarios.talking import Customer


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


@pytest.fixture
def two() -> Iterator[tuple[FakeLLM, FakeLLM]]:
    with FakeLLM() as first, FakeLLM() as second:
        yield first, second


def test_without_any_key_the_knowledge_answers_with_sources(deskhand: Callable[..., Deskhand]) -> None:
    product = deskhand()
    with Customer(product.base_url) as customer:
        customer.say("How many days do I have to return something?")
        (answer,) = customer.until(customer.answers)
        assert answer["type"] == "offline"
        assert "[1]" in answer["text"]
        assert answer["sources"][0]["n"] == 1
        assert "return" in answer["sources"][0]["title"].lower()
        customer.say("What is the airspeed velocity of an unladen swallow?")
        unknown = customer.until(lambda: len(customer.answers()) == 2 and customer.answers())[1]
        assert not unknown["sources"]
        assert "Talk to a person" in unknown["choices"]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_provider_streams_and_one_answer_stays(deskhand: Callable[..., Deskhand], llm: FakeLLM, kind: str) -> None:
    product = deskhand(**keys(kind, llm))
    llm.script(Script(answer="You have thirty days. [1] Enjoy your garden. [9]", tokens_per_second=40, times=0))
    with Customer(product.base_url) as customer:
        customer.say("How many days do I have to return something?")
        (answer,) = customer.until(customer.answers)
        assert answer["type"] == "ai"
        assert answer["text"] == "You have thirty days. [1] Enjoy your garden."
        assert [s["n"] for s in answer["sources"]] == [1]
        deltas = [f for f in customer.frames if f["t"] == "delta"]
        assert len(deltas) > 1
        assert answer["text"].startswith(customer.drafts[answer["turn"]][1])


def keys(kind: str, llm: FakeLLM) -> dict[str, str]:
    if kind == "openai":
        return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": llm.openai_url}
    return {"ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": llm.url}


@pytest.mark.parametrize("fault", ["cut", "overload_mid", "cut_line", "malformed"])
@pytest.mark.parametrize("order", [("openai", "anthropic"), ("anthropic", "openai")])
def test_failover_in_mid_answer_shows_exactly_one_answer(
    deskhand: Callable[..., Deskhand], two: tuple[FakeLLM, FakeLLM], order: tuple[str, str], fault: str
) -> None:
    first, second = two
    product = deskhand(**keys(order[0], first), **keys(order[1], second))
    product.run("providers", "order", *order)
    first.script(
        Script(answer="The wrong half of an answer that breaks", fault=fault, after=4, tokens_per_second=30, times=0)
    )
    second.script(Script(answer="The whole answer of the second.", times=0))
    with Customer(product.base_url) as customer:
        customer.say("How many days do I have to return something?")
        customer.until(customer.answers)
        customer.say("Thank you, and goodbye.")
        found = customer.until(lambda: len(customer.answers()) == 2 and customer.answers())
        assert [a["text"] for a in found] == ["The whole answer of the second."] * 2
        shown = [f for f in customer.frames if f["t"] == "delta" and f["turn"] == found[0]["turn"]]
        attempts = sorted({f["attempt"] for f in shown})
        assert len(attempts) >= 2, "the draft of the first was shown and then replaced"
        assert found[0]["text"].startswith(customer.drafts[found[0]["turn"]][1])


def test_a_stop_keeps_the_part_that_was_shown(deskhand: Callable[..., Deskhand], llm: FakeLLM) -> None:
    product = deskhand(**keys("openai", llm))
    llm.script(
        Script(answer="one two three four five six seven eight nine ten eleven twelve", tokens_per_second=6, times=0)
    )
    with Customer(product.base_url) as customer:
        customer.say("Count for me")
        delta = customer.frame(lambda f: f["t"] == "delta" and f["off"] > 0)
        customer.tell({"t": "stop", "conv": customer.conv, "turn": delta["turn"]})
        (answer,) = customer.until(customer.answers)
        assert answer["type"] == "stopped"
        assert answer["text"].startswith("one two")
        assert "twelve" not in answer["text"]


def test_whoever_connects_in_mid_answer_reads_the_draft(deskhand: Callable[..., Deskhand], llm: FakeLLM) -> None:
    product = deskhand(**keys("openai", llm))
    llm.script(
        Script(answer="one two three four five six seven eight nine ten eleven twelve", tokens_per_second=8, times=0)
    )
    with Customer(product.base_url) as customer:
        customer.say("Count for me")
        customer.frame(lambda f: f["t"] == "delta" and f["off"] > 0)
        with Customer(product.base_url, token=customer.token) as late:
            synced = late.frame(lambda f: f["t"] == "msgs")
            assert synced["turn"]["text"].startswith("one two")
            late.drafts[synced["turn"]["id"]] = (synced["turn"]["attempt"], synced["turn"]["text"])
            (answer,) = late.until(late.answers)
            assert answer["text"].endswith("twelve")
            assert answer["text"].startswith(late.drafts[answer["turn"]][1])


def test_asking_for_a_person_without_a_desk_is_answered_honestly(deskhand: Callable[..., Deskhand]) -> None:
    product = deskhand()
    with Customer(product.base_url) as customer:
        customer.say("Hello")
        customer.until(customer.answers)
        customer.tell({"t": "handoff", "cid": "ab" * 16, "conv": customer.conv})
        said: Any = customer.until(
            lambda: [m for m in customer.messages.values() if m.get("type") == "handoff_no_desk"]
        )
        assert "#1001" in said[0]["text"]
        customer.tell(
            {
                "t": "contact",
                "cid": "cd" * 16,
                "conv": customer.conv,
                "name": "Anna",
                "email": "anna@example.com",
                "text": "Please call",
            }
        )
        customer.until(lambda: [m for m in customer.messages.values() if m.get("type") == "contact_saved"])
        customer.say("Anybody there?")
        listed = product.run("tickets", "list").stdout
        assert "1001" in listed
        assert "anna@example.com" in listed
        assert len(customer.answers()) == 1, "the AI is silent"
