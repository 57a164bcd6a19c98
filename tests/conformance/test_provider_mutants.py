"""Providers that are broken on purpose: the kit names the promise that each of them breaks.

The good one speaks to a model over TCP: a request is a line of JSON, an answer is lines of JSON that end with ``{"end": …}``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import Generator, Iterator
from typing import Any, ClassVar

import pytest

from bot import (
    AICapability,
    AIProvider,
    Delta,
    DeltaStream,
    End,
    Prompt,
    PromptMessage,
    ProviderError,
    ProviderErrorKind,
    Text,
    ToolCall,
    Usage,
)
from bot.testing import ModelDouble, ProviderConformance, model_stage, provider_promises
from bot.testing.promises import promises_of

KEY = "key-s3cret-77"
KINDS = {"key": "config", "limit": "rate_limited", "bad": "request"}


class Oracle(ModelDouble):
    secrets = (KEY,)

    def __init__(self) -> None:
        self.port = 0
        self.scripts: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.streams = 0

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = (await reader.readline()).decode()
        self.asked.append(body)
        script = self.scripts.pop(0) if self.scripts else {"text": "?"}
        order = json.loads(body)
        self.streams += 1
        gone = asyncio.ensure_future(reader.read())
        try:
            await self._say(writer, script, order["messages"][-1]["text"], gone)
        except ConnectionError:
            pass
        finally:
            self.streams -= 1
            gone.cancel()
            writer.close()

    async def _say(
        self, writer: asyncio.StreamWriter, script: dict[str, Any], question: str, gone: asyncio.Future[bytes]
    ) -> None:
        def line(**what: Any) -> None:
            writer.write(json.dumps(what).encode() + b"\n")

        if "error" in script:
            return line(**script)
        if script.get("silent"):
            return await gone and None
        words = script["text"].replace("{question}", question).split(" ")
        for number, word in enumerate(words):
            if script.get("seconds"):
                await asyncio.wait({gone}, timeout=script["seconds"] / len(words))
                if gone.done():
                    return None
            line(text=word if number == len(words) - 1 else f"{word} ")
            await writer.drain()
        if script.get("garbage"):
            writer.write(b"<html>\n")
            return None
        if script.get("cut"):
            return None
        if script.get("conclude"):
            line(tool=script["conclude"])
        line(usage=script.get("usage", (0, 0)))
        return line(end=script.get("end", "stop"))

    def answer(self, text: str, usage: Any = (0, 0), seconds: float = 0.0, conclude: Any = None) -> None:
        self.scripts.append({"text": text, "usage": usage, "seconds": seconds, "conclude": conclude})

    def cut_short(self, text: str) -> None:
        self.scripts.append({"text": text, "end": "length"})

    async def trouble(self, kind: str, seconds: float = 0.0) -> None:
        if kind == "outage":
            return await self.stop()
        words = {"refused_key": "key", "rate_limited": "limit", "bad_request": "bad", "broken": "fault"}
        if kind in words:
            return self.scripts.append({"error": words[kind], "seconds": seconds})
        return self.scripts.append({"text": "one two three ", kind: True})

    def requests(self) -> list[str]:
        return list(self.asked)

    def open_streams(self) -> int:
        return self.streams


class Pythia(AIProvider):
    name = "pythia"
    model = "smoke-1"
    capabilities = frozenset({AICapability.TOOLS, AICapability.VISION})
    threaded = False

    def __init__(self, port: int) -> None:
        self.port = port

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        try:
            peer = socket.create_connection(("127.0.0.1", self.port), 5)
        except OSError:
            raise ProviderError(ProviderErrorKind.TEMPORARY, "nobody is there") from None

        def abort() -> None:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

        return DeltaStream(self.deltas(peer, prompt), abort)

    def order(self, prompt: Prompt) -> dict[str, Any]:
        tools = ["conclude"] if prompt.conclude else []
        said = [{"text": one.text, "images": self.pictures(one)} for one in prompt.messages]
        return {"messages": said, "tools": tools, "max": prompt.max_tokens, "key": KEY}

    def pictures(self, message: PromptMessage) -> list[str]:
        return [base64.b64encode(image.data).decode() for image in message.images]

    def deltas(self, peer: socket.socket, prompt: Prompt) -> Generator[Delta, None, None]:
        with peer, peer.makefile("rb") as lines:
            peer.sendall(json.dumps(self.order(prompt)).encode() + b"\n")
            try:
                for line in lines:
                    for delta in self.read(json.loads(line)):
                        yield delta
                        if isinstance(delta, End):
                            return
            except (OSError, ValueError):
                raise ProviderError(ProviderErrorKind.TEMPORARY, "the answer broke") from None
            yield from self.broken()

    def broken(self) -> Iterator[Delta]:
        raise ProviderError(ProviderErrorKind.TEMPORARY, "the answer ended too soon")

    def read(self, said: dict[str, Any]) -> Iterator[Delta]:
        if "error" in said:
            kind = ProviderErrorKind(KINDS.get(said["error"], "temporary"))
            raise ProviderError(kind, f"the oracle says {said['error']}", retry_after=said.get("seconds") or None)
        if "text" in said:
            yield Text(said["text"])
        if "tool" in said:
            yield ToolCall("conclude", said["tool"])
        if "usage" in said:
            yield Usage(*said["usage"])
        if "end" in said:
            yield End(said["end"])


class TestPythia(ProviderConformance):
    plugin = "pythia"
    provider = Pythia
    model = Oracle
    capabilities = Pythia.capabilities

    def make(self, model: Any) -> AIProvider:
        return Pythia(model.port)


BREAKS: dict[type[Pythia], tuple[str, ...]] = {}


def breaks(*promises: str) -> Any:
    """Name the promises that a mutant breaks, without ``test_``."""

    def note(mutant: type[Pythia]) -> type[Pythia]:
        BREAKS[mutant] = tuple(f"test_{name}" for name in promises)
        return mutant

    return note


@breaks("pictures_reach_the_model")
class Shortsighted(Pythia):
    def pictures(self, message: PromptMessage) -> list[str]:
        return []


@breaks("it_says_who_it_is")
class Nameless(Pythia):
    model = ""


@breaks("an_answer_arrives_whole_and_ends")
class Endless(Pythia):
    def read(self, said: dict[str, Any]) -> Iterator[Delta]:
        return (one for one in super().read(said) if not isinstance(one, End))

    def broken(self) -> Iterator[Delta]:
        return iter(())


@breaks("difficult_texts_arrive_whole")
class Ascii(Pythia):
    def read(self, said: dict[str, Any]) -> Iterator[Delta]:
        for one in super().read(said):
            yield Text(one.text.encode("ascii", "replace").decode()) if isinstance(one, Text) else one


@breaks("words_arrive_while_they_are_written")
class Keeping(Pythia):
    """Tells all at the end."""

    def deltas(self, peer: socket.socket, prompt: Prompt) -> Generator[Delta, None, None]:
        yield from list(super().deltas(peer, prompt))


@breaks("closing_ends_the_request")
class Clinging(Pythia):
    """Does not let go of a connection."""

    kept: ClassVar[list[socket.socket]] = []

    def deltas(self, peer: socket.socket, prompt: Prompt) -> Generator[Delta, None, None]:
        self.kept.append(peer.dup())
        yield from super().deltas(peer, prompt)


@breaks("the_cost_is_told")
class Free(Pythia):
    def read(self, said: dict[str, Any]) -> Iterator[Delta]:
        return (one for one in super().read(said) if not isinstance(one, Usage))


@breaks("the_conclusion_arrives_parsed")
class Insisting(Pythia):
    """Offers the tool always."""

    def order(self, prompt: Prompt) -> dict[str, Any]:
        return {**super().order(prompt), "tools": ["conclude"]}


@breaks("the_limit_of_tokens_is_an_end_of_its_own")
class Limitless(Pythia):
    def read(self, said: dict[str, Any]) -> Iterator[Delta]:
        return (End() if isinstance(one, End) else one for one in super().read(said))


@breaks(
    "a_refused_key_is_for_an_admin",
    "a_rate_limit_tells_how_long_to_wait",
    "a_bad_request_says_nothing_about_the_models_health",
)
class Vague(Pythia):
    """Everything is temporary."""

    def read(self, said: dict[str, Any]) -> Iterator[Delta]:
        if "error" in said:
            raise ProviderError(ProviderErrorKind.TEMPORARY, "no")
        yield from super().read(said)


@breaks("a_fault_is_temporary_and_tried_once")
class Repeating(Pythia):
    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        for last in (False, True):
            try:
                return iter(list(super().stream(prompt)))
            except ProviderError:
                if last:
                    raise
        raise AssertionError


@breaks("an_outage_is_temporary")
class Raw(Pythia):
    """Lets the operating system's error pass."""

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        peer = socket.create_connection(("127.0.0.1", self.port), 5)
        return DeltaStream(self.deltas(peer, prompt), peer.close)


@breaks("a_cut_stream_is_never_a_short_answer")
class Hopeful(Pythia):
    def broken(self) -> Iterator[Delta]:
        yield End()


@breaks("garbage_is_an_error")
class Tolerant(Pythia):
    def deltas(self, peer: socket.socket, prompt: Prompt) -> Generator[Delta, None, None]:
        try:
            yield from super().deltas(peer, prompt)
        except ProviderError:
            yield End()


@breaks("a_silent_stream_can_be_ended_from_outside")
class Deaf(Pythia):
    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        return iter([Text("Let me think."), End()])


@breaks("many_threads_share_it", "it_keeps_nothing_between_questions")
class Remembering(Pythia):
    said = ""

    def order(self, prompt: Prompt) -> dict[str, Any]:
        type(self).said += prompt.question
        time.sleep(0.05)
        return {**super().order(prompt), "messages": [{"text": type(self).said, "images": []}]}


@breaks("no_error_shows_a_key_or_the_customers_words")
class Leaking(Pythia):
    def read(self, said: dict[str, Any]) -> Iterator[Delta]:
        if "error" in said:
            raise ProviderError(ProviderErrorKind.TEMPORARY, f"{KEY} was refused")
        yield from super().read(said)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(provider_promises, "PATIENCE", 1.0)
    monkeypatch.setattr(model_stage, "PATIENCE", 5.0)
    yield
    while Clinging.kept:
        Clinging.kept.pop().close()


@pytest.mark.parametrize(
    ("mutant", "promise"),
    [pytest.param(mutant, name, id=f"{mutant.__name__}-{name}") for mutant, names in BREAKS.items() for name in names],
)
def test_a_broken_provider_breaks_its_promise(mutant: type[Pythia], promise: str) -> None:
    body = {
        "provider": mutant,
        "model": Oracle,
        "capabilities": Pythia.capabilities,
        "make": lambda self, model: mutant(model.port),
    }
    with pytest.raises(AssertionError):
        getattr(type(mutant.__name__, (ProviderConformance,), body)(), promise)()


def test_no_promise_is_left_that_nobody_breaks() -> None:
    assert TestPythia.not_declared == {}
    assert {name for name, _ in promises_of(ProviderConformance)} == {
        name for names in BREAKS.values() for name in names
    }
