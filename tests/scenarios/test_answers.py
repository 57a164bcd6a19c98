"""Whole conversations through the whole product: a real socket, real processes, model servers over the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.llm import FakeLLM, Script
from tests.running import Deskhand
from tests.scenarios.talking import Customer

pytestmark = pytest.mark.once


@dataclass
class House:
    """A product with two providers: ``first`` is asked before ``second``. Tests share it."""

    product: Deskhand
    first: FakeLLM
    second: FakeLLM


def keys(kind: str, llm: FakeLLM) -> dict[str, str]:
    if kind == "openai":
        return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": llm.openai_url}
    return {"ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": llm.url}


@pytest.fixture(scope="module")
def plain(deskhands: Callable[..., Deskhand]) -> Deskhand:
    """A product without any key, which the tests share."""
    return deskhands()


@pytest.fixture(scope="module", params=["openai", "anthropic"])
def _house(request: pytest.FixtureRequest, deskhands: Callable[..., Deskhand]) -> Iterator[House]:
    order = ("openai", "anthropic") if request.param == "openai" else ("anthropic", "openai")
    with FakeLLM() as first, FakeLLM() as second:
        product = deskhands(**keys(order[0], first), **keys(order[1], second))
        # What was asked in one test is asked in the next one, too, and there somebody else shall answer it.
        for command in (("providers", "order", *order), ("plugins", "off", "reply_cache")):
            done = product.run(*command)
            assert done.returncode == 0, done.stderr
        yield House(product, first, second)
        product.end()


@pytest.fixture
def house(_house: House) -> House:
    """Without what the test before told the providers to say."""
    _house.first.clear()
    _house.second.clear()
    return _house


def test_without_any_key_the_knowledge_answers_with_sources(plain: Deskhand) -> None:
    with Customer(plain.base_url) as customer:
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


def test_a_provider_streams_and_one_answer_stays(house: House) -> None:
    house.first.script(Script(answer="You have thirty days. [1] Enjoy your garden. [9]", tokens_per_second=40, times=0))
    with Customer(house.product.base_url) as customer:
        customer.say("How many days do I have to return something?")
        (answer,) = customer.until(customer.answers)
        assert answer["type"] == "ai"
        assert answer["text"] == "You have thirty days. [1] Enjoy your garden."
        assert [s["n"] for s in answer["sources"]] == [1]
        deltas = [f for f in customer.frames if f["t"] == "delta"]
        assert len(deltas) > 1
        assert answer["text"].startswith(customer.drafts[answer["turn"]][1])


@pytest.mark.parametrize("fault", ["cut", "overload_mid", "cut_line", "malformed"])
def test_failover_in_mid_answer_shows_exactly_one_answer(house: House, fault: str) -> None:
    first, second = house.first, house.second
    # One that works is asked first also after the faults of the tests before.
    first.script(Script(answer="It is well.", times=1))
    first.script(
        Script(answer="The wrong half of an answer that breaks", fault=fault, after=4, tokens_per_second=30, times=0)
    )
    # Slow enough to be shown before it is stored.
    second.script(Script(answer="The whole answer of the second.", tokens_per_second=10, times=0))
    with Customer(house.product.base_url) as customer:
        customer.say("Hello")
        assert customer.until(customer.answers)[0]["text"] == "It is well."
        customer.say("How many days do I have to return something?")
        customer.until(lambda: len(customer.answers()) == 2)
        customer.say("Thank you, and goodbye.")
        found = customer.until(lambda: len(customer.answers()) == 3 and customer.answers())[1:]
        assert [a["text"] for a in found] == ["The whole answer of the second."] * 2
        shown = [f for f in customer.frames if f["t"] == "delta" and f["turn"] == found[0]["turn"]]
        attempts = sorted({f["attempt"] for f in shown})
        assert len(attempts) >= 2, "the draft of the first was shown and then replaced"
        assert found[0]["text"].startswith(customer.drafts[found[0]["turn"]][1])


def test_a_stop_keeps_the_part_that_was_shown(house: House) -> None:
    house.first.script(
        Script(answer="one two three four five six seven eight nine ten eleven twelve", tokens_per_second=6, times=0)
    )
    with Customer(house.product.base_url) as customer:
        customer.say("Count for me")
        delta = customer.frame(lambda f: f["t"] == "delta" and f["off"] > 0)
        customer.tell({"t": "stop", "conv": customer.conv, "turn": delta["turn"]})
        (answer,) = customer.until(customer.answers)
        assert answer["type"] == "stopped"
        assert answer["text"].startswith("one two")
        assert "twelve" not in answer["text"]


def test_whoever_connects_in_mid_answer_reads_the_draft(house: House) -> None:
    house.first.script(
        Script(answer="one two three four five six seven eight nine ten eleven twelve", tokens_per_second=8, times=0)
    )
    with Customer(house.product.base_url) as customer:
        customer.say("Count for me")
        customer.frame(lambda f: f["t"] == "delta" and f["off"] > 0)
        with Customer(house.product.base_url, token=customer.token) as late:
            synced = late.frame(lambda f: f["t"] == "msgs")
            assert synced["turn"]["text"].startswith("one two")
            late.drafts[synced["turn"]["id"]] = (synced["turn"]["attempt"], synced["turn"]["text"])
            (answer,) = late.until(late.answers)
            assert answer["text"].endswith("twelve")
            assert answer["text"].startswith(late.drafts[answer["turn"]][1])


def test_asking_for_a_person_without_a_desk_is_answered_honestly(plain: Deskhand) -> None:
    with Customer(plain.base_url) as customer:
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
        listed = plain.run("tickets", "list").stdout
        assert "1001" in listed
        assert "anna@example.com" in listed
        assert len(customer.answers()) == 1, "the AI is silent"
