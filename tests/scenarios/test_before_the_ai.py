"""Rules, answers given again and prompts through the whole product: an admin types a command, and the next customer notices."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.fakes.llm import FakeLLM, Script
from tests.patience import wait_for
from tests.running import Deskhand
from tests.scenarios.talking import Customer

QUESTION = "How many days do I have to return something?"


@pytest.mark.once
def test_commands_change_what_the_next_customer_hears(deskhand: Callable[..., Deskhand], llm: FakeLLM) -> None:
    product = deskhand(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
    llm.script(Script(answer="You have thirty days. [1]", times=0))

    def ask(text: str = QUESTION) -> tuple[str, str]:
        """Type and text of what a new customer hears. What no AI was asked for comes in one piece: as a draft, too, unless the
        message is faster."""
        with Customer(product.base_url) as customer:
            customer.say(text)
            (answer,) = customer.until(customer.answers, 30)
            pieces = [frame["text"] for frame in customer.frames if frame["t"] == "delta"]
            assert answer["type"] == "ai" or pieces in ([], [answer["text"]])
            return answer["type"], answer["text"]

    def command(*arguments: str) -> str:
        done = product.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert ask() == ("ai", "You have thirty days. [1]")
    # It is kept after it was shown.
    wait_for(lambda: QUESTION in command("cache", "show"), 15)
    asked = len(llm.requests)
    assert ask("how many days do I have to return something") == ("cache", "You have thirty days. [1]")
    assert len(llm.requests) == asked

    command("prompts", "set", "instructions", "Say du to everybody at {name}.", "--publish")
    assert ask()[0] == "ai"  # what was said before was said under other instructions
    assert "Say du to everybody at Fjord & Fern." in json.dumps(llm.requests[-1], default=str)

    command("auto-replies", "add", "Returns", "--phrase", "days return", "--answer", "**Thirty** days.")
    wait_for(lambda: ask() == ("auto", "**Thirty** days."), 5)
    assert "Returns would fire" in command("auto-replies", "test", QUESTION)
    command("auto-replies", "off", "Returns")
    wait_for(lambda: ask()[0] == "cache", 5)
