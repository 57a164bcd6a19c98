"""A model server that misbehaves, and two providers that talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from bot.ai import (
    AIProvider,
)
from plugins.providers import anthropic, openai
from tests.fakes.llm import FakeLLM


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def first(llm: FakeLLM) -> Iterator[AIProvider]:
    """Anthropic, whose model the scripts call ``A``."""
    provider = anthropic.ai_provider(anthropic.AnthropicSettings(key="k", model="A", base_url=llm.url))
    provider.warm()
    yield provider
    provider.close()


@pytest.fixture
def second(llm: FakeLLM) -> Iterator[AIProvider]:
    """OpenAI, whose model the scripts call ``B``."""
    provider = openai.ai_provider(openai.OpenAISettings(key="k", model="B", base_url=llm.openai_url))
    provider.warm()
    yield provider
    provider.close()
