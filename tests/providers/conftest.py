"""The model fake, and each provider pointed at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot import AIProvider, Clocks, Passage, Prompt, PromptMessage
from tests.fakes.llm import FakeLLM

Make = Callable[..., AIProvider]
_made: list[AIProvider] = []


def _kept(provider: AIProvider) -> AIProvider:
    _made.append(provider)
    return provider


@pytest.fixture(autouse=True)
def _close_what_was_made() -> Iterator[None]:
    yield
    while _made:
        _made.pop().close()


def make_openai(llm: FakeLLM, **more: Any) -> AIProvider:
    from plugins.providers import openai

    return _kept(
        openai.ai_provider(openai.OpenAISettings(**{"key": "sk-secret-1", "base_url": llm.openai_url, **more}))
    )


def make_compatible(llm: FakeLLM, **more: Any) -> AIProvider:
    from plugins.providers import compatible

    settings = {"key": "sk-secret-2", "base_url": llm.openai_url, "model": "small-1", **more}
    return _kept(compatible.ai_provider(compatible.CompatibleSettings(**settings)))


def make_anthropic(llm: FakeLLM, **more: Any) -> AIProvider:
    from plugins.providers import anthropic

    return _kept(
        anthropic.ai_provider(anthropic.AnthropicSettings(**{"key": "sk-secret-3", "base_url": llm.url, **more}))
    )


MAKERS = {"openai": make_openai, "anthropic": make_anthropic, "compatible": make_compatible}


@pytest.fixture(params=["openai", "anthropic", "compatible"])
def make(request: pytest.FixtureRequest, llm: FakeLLM) -> Make:
    """Make the provider of this round, pointed at ``llm``; closed at the end."""
    return lambda at=llm, **more: MAKERS[request.param](at, **more)


@pytest.fixture
def provider(make: Make) -> AIProvider:
    return make()


REFUNDS = Passage(
    id="p1", article_id="a1", title="Refunds", heading="Time", text="Refunds take 5 days.", updated="2026-05-01"
)
LABEL = Passage(id="p2", article_id="a2", title="Returns", text="Print the label.", url="https://shop.example/returns")


def ask(text: str = "How long do refunds take?", **more: Any) -> Prompt:
    """A prompt with two passages and short clocks."""
    fields: dict[str, Any] = {
        "system": "You help the customers of a shop.",
        "messages": (PromptMessage("user", text),),
        "passages": (REFUNDS, LABEL),
        "clocks": Clocks(connect=1.0, first_token=5.0, between_tokens=5.0),
    }
    return Prompt(**{**fields, **more})
