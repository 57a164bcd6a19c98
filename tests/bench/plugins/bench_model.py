"""A model in the process: fifty tokens at once, so that what is measured is Deskhand and nothing behind it."""

from __future__ import annotations

from collections.abc import Iterator

from bot import AIProvider, Delta, End, PluginInfo, Prompt, Text, hookimpl

PLUGIN = PluginInfo(title="Bench model", summary="Answers with fifty tokens, at once.", on=True)
TOKENS = tuple(Text(f"tok{number} ") for number in range(50))
END = End("stop")


class BenchModel(AIProvider):
    name = "bench_model"
    model = "fifty-tokens"
    threaded = False

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        yield from TOKENS
        yield END


@hookimpl
def ai_provider(settings: object) -> AIProvider:
    return BenchModel()
