"""An admin adds a provider, puts it first and switches it off while customers are served: no process is started again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.llm import FakeLLM, Script
from tests.patience import wait_for
from tests.running import Deskhand
from tests.scenarios.talking import Customer

KEY = "sk-second-key-9876"


def told(product: Deskhand, *words: str, text: str | None = None) -> str:
    ended = product.run("providers", *words, text=text)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert KEY not in ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.once
def test_the_fleet_changes_under_running_processes(deskhand: Callable[..., Deskhand], llm: FakeLLM) -> None:
    llm.script(Script(answer="Hello! How can I help you?", conclude={"confidence": 0.95}, times=0))
    product = deskhand(OPENAI_API_KEY="sk-first", OPENAI_BASE_URL=llm.openai_url)
    pids = product.pids()

    def asked(customer: Customer, words: str) -> str:
        """The model that answers."""
        before = len(customer.answers())
        customer.say(words)
        customer.until(lambda: len(customer.answers()) > before, 40)
        return str(llm.requests[-1]["model"])

    with Customer(product.base_url) as customer:
        assert asked(customer, "Hello") == "gpt-5.5"
        told(product, "add", "small", "openai", "model=small-1", "key", text=f"{KEY}\n")
        told(product, "order", "small")
        # This conversation keeps its voice; another one begins with who is first now.
        assert asked(customer, "Hello there") == "gpt-5.5"
        with Customer(product.base_url) as other:
            assert asked(other, "Hello") == "small-1"
            told(product, "off", "small")
            assert asked(other, "Thank you") == "gpt-5.5"
        told(product, "on", "small")
        told(product, "off", "openai")
        assert asked(customer, "Thanks a lot") == "small-1"
    assert product.pids() == pids
    listed = told(product, "list")
    assert "small" in listed and "added, by the plugin openai" in listed
    shown = wait_for(
        lambda: (m := product.get("/metrics")[1].decode()) and "openai/gpt-5.5" in m and m, 20, "it is counted"
    )
    assert 'deskhand_provider_attempts{outcome="ok",provider="openai/gpt-5.5"}' in shown
    assert KEY not in product.log()
