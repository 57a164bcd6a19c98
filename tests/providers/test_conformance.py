"""The providers behind an SDK run the kit that every provider runs: bot.testing.ProviderConformance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bot import AICapability, AIProvider
from bot.testing import ModelDouble, ProviderConformance
from plugins.providers.anthropic import Anthropic
from plugins.providers.compatible import Compatible
from plugins.providers.openai import OpenAI
from tests.fakes.llm import FakeLLM, Script
from tests.providers.conftest import make_anthropic, make_compatible, make_openai

KEYS = ("sk-secret-1", "sk-secret-2", "sk-secret-3")
FAULTS = {
    "refused_key": "401",
    "rate_limited": "429",
    "bad_request": "400",
    "broken": "500",
    "cut": "cut",
    "garbage": "malformed",
    "silent": "stall_first",
}


class OpenAIModel(ModelDouble):
    secrets = KEYS
    limit = "length"

    def __init__(self) -> None:
        self.llm = FakeLLM()

    def start(self) -> None:
        self.llm.__enter__()

    def stop(self) -> None:
        self.llm.stop()

    def answer(
        self, text: str, usage: tuple[int, int] = (0, 0), seconds: float = 0.0, conclude: dict[str, Any] | None = None
    ) -> None:
        speed = len(text.split()) / seconds if seconds else 0.0
        self.llm.script(
            Script(answer=text, usage=usage if any(usage) else None, tokens_per_second=speed, conclude=conclude)
        )

    def cut_short(self, text: str) -> None:
        self.llm.script(Script(answer=text, conclude=None, finish=self.limit))

    def trouble(self, kind: str, seconds: float = 0.0) -> None:
        if kind == "outage":
            self.llm.vanish()
        else:
            self.llm.script(
                Script(answer="one two three four", fault=FAULTS[kind], after=3, retry_after=seconds or None)
            )

    def requests(self) -> Sequence[str]:
        return [json.dumps(one["body"]) for one in self.llm.requests]

    def open_streams(self) -> int:
        return self.llm.open_streams


class AnthropicModel(OpenAIModel):
    limit = "max_tokens"


class TestOpenAI(ProviderConformance):
    plugin = "openai"
    provider = OpenAI
    model = OpenAIModel
    capabilities = frozenset({AICapability.TOOLS, AICapability.VISION, AICapability.EMBED})

    def make(self, model: Any) -> AIProvider:
        return make_openai(model.llm)


class TestCompatible(ProviderConformance):
    plugin = "compatible"
    provider = Compatible
    model = OpenAIModel
    capabilities = frozenset({AICapability.TOOLS, AICapability.TEMPERATURE, AICapability.VISION})

    def make(self, model: Any) -> AIProvider:
        return make_compatible(model.llm, vision=True)


class TestAnthropic(ProviderConformance):
    plugin = "anthropic"
    provider = Anthropic
    model = AnthropicModel
    capabilities = frozenset({AICapability.TOOLS, AICapability.VISION})

    def make(self, model: Any) -> AIProvider:
        return make_anthropic(model.llm)


def test_nothing_is_left_out() -> None:
    assert (TestOpenAI.not_declared, TestCompatible.not_declared, TestAnthropic.not_declared) == ({}, {}, {})
