"""Words that are there already are one piece: each passes everything that looks at an answer, and costs as much as many."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from bot import AIProvider, Delta, End, Prompt, ProviderError, ProviderErrorKind, Text, ToolCall
from bot.ai import Clocks
from bot.clocked import Clocked

WORDS = [f"word{number} " for number in range(50)]


class InProcess(AIProvider):
    """Never waits for anything outside the process."""

    name, threaded = "here", False

    def __init__(self, stream: Callable[[], Iterator[Delta]]) -> None:
        self._stream = stream

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        return self._stream()


class Elsewhere(InProcess):
    """Runs in a thread of its own."""

    name, threaded = "elsewhere", True


def clocked(provider: AIProvider) -> Clocked:
    return Clocked(provider, Prompt(system="", messages=()), Clocks())


def texts(deltas: list[Delta]) -> list[str]:
    return [delta.text for delta in deltas if isinstance(delta, Text)]


def test_of_a_provider_that_never_waits_the_first_words_come_alone_and_the_rest_together() -> None:
    closed: list[bool] = []

    def stream() -> Iterator[Delta]:
        try:
            yield from map(Text, WORDS[:30])
            yield ToolCall("conclude", {})
            yield from map(Text, WORDS[30:])
            yield End("stop")
        finally:
            closed.append(True)

    heard = list(clocked(InProcess(stream)))
    assert texts(heard)[0] == WORDS[0]
    at = next(place for place, delta in enumerate(heard) if isinstance(delta, ToolCall))
    assert "".join(texts(heard[:at])) == "".join(WORDS[:30]), "what was said before the call is heard before it"
    assert "".join(texts(heard)) == "".join(WORDS) and heard[-1] == End("stop")
    assert len(heard) < len(WORDS) and closed == [True]


def test_a_reader_that_is_behind_catches_up() -> None:
    said = threading.Event()

    def stream() -> Iterator[Delta]:
        yield Text(WORDS[0])
        yield from map(Text, WORDS[1:])
        yield ToolCall("conclude", {})
        yield End("length")
        said.set()

    heard: list[Delta] = []
    for delta in clocked(Elsewhere(stream)):
        heard.append(delta)
        if len(heard) == 1:
            assert said.wait(10), "the reader is slow, the provider is not"
    assert len(heard) <= 4 and "".join(texts(heard)) == "".join(WORDS)
    assert heard[-2:] == [ToolCall("conclude", {}), End("length")]


@pytest.mark.parametrize("kind", [InProcess, Elsewhere])
def test_a_failure_behind_words_is_still_a_failure(kind: type[InProcess]) -> None:
    def stream() -> Iterator[Delta]:
        yield from map(Text, WORDS)
        raise ProviderError(ProviderErrorKind.TEMPORARY, "cut")

    heard: list[Delta] = []
    with pytest.raises(ProviderError, match="cut"):
        heard.extend(clocked(kind(stream)))
    assert texts(heard)[0].startswith(WORDS[0])
