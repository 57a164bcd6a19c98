"""What providers said, kept in files, so that answer tests run again without keys, cost nothing and say the same each time.

A recording belongs to one prompt: its name is a hash of everything that the provider was told, but for the random marks that are new
in every request. A prompt that has changed has none, and that is a failure with a name, never a call. Only what the provider said is
kept: no key, no request, and never what a placeholder stands for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from bot.ai import (
    AICapability,
    AIProvider,
    Delta,
    DeltaStream,
    End,
    Prompt,
    ProviderError,
    ProviderErrorKind,
    Text,
    ToolCall,
    Usage,
)
from bot.prompting import render

FORMAT = 1
PROVIDER = "provider.json"
LARGEST = 2_000_000
"""Bytes of one recording that are read."""
_TOKEN = re.compile(r"\w{6,}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class RecordingError(Exception):
    """Recordings cannot be written or used. A sentence for people."""


def key_of(prompt: Prompt, *, tools: bool) -> str:
    """The name of a prompt: equal for equal words, whatever random marks a request has."""
    prompt = replace(prompt, canary="mark" if prompt.canary else "")
    first, again = render(prompt, tools=tools), render(prompt, tools=tools)
    words = "\x1e".join(
        _without_marks(one, other)
        for one, other in (
            (first.instructions, again.instructions),
            (first.articles, again.articles),
            *(
                (f"{role}\x1d{text}", text_)
                for (role, text), (_, text_) in zip(first.messages, again.messages, strict=True)
            ),
        )
    )
    pictures = [hashlib.sha256(image.data).hexdigest() for message in prompt.messages for image in message.images]
    facts = [prompt.task, prompt.max_tokens, prompt.temperature, prompt.conclude and tools, *pictures]
    return hashlib.sha256(f"{words}\x1f{facts}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _without_marks(one: str, other: str) -> str:
    """Two renderings of one prompt differ only in what is drawn anew for each request."""
    drawn = {a for a, b in zip(_TOKEN.findall(one), _TOKEN.findall(other), strict=False) if a != b}
    return _TOKEN.sub(lambda found: "·" if found[0] in drawn else found[0], one) if drawn else one


def folder_of(root: Path, provider: str, model: str) -> Path:
    return root / "~".join(_UNSAFE.sub("-", part) for part in (provider, model or "default"))


class Recorder(AIProvider):
    """A provider whose answers are kept."""

    def __init__(self, inner: AIProvider, root: Path) -> None:
        self.inner = inner
        self.name, self.model = inner.name, inner.model  # type: ignore[misc]
        self.capabilities = inner.capabilities
        self.threaded = inner.threaded  # type: ignore[misc]
        self._folder = folder_of(root, inner.name, inner.model)
        self._folder.mkdir(parents=True, exist_ok=True)
        facts = {"format": FORMAT, "name": inner.name, "model": inner.model, "capabilities": sorted(inner.capabilities)}
        _write(self._folder / PROVIDER, facts)

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        stream = self.inner.stream(prompt)
        kept = self._kept(prompt, stream)
        return DeltaStream(kept, stream.abort) if isinstance(stream, DeltaStream) else kept

    def _kept(self, prompt: Prompt, stream: Iterator[Delta]) -> Generator[Delta, None, None]:
        deltas: list[Delta] = []
        try:
            for delta in stream:
                deltas.append(delta)
                if isinstance(delta, End):
                    self._keep(prompt, deltas)
                yield delta
        finally:
            if (close := getattr(stream, "close", None)) is not None:
                close()

    def _keep(self, prompt: Prompt, deltas: list[Delta]) -> None:
        packed = [_packed(delta) for delta in _joined(deltas)]
        said = orjson.dumps(packed).decode()
        if any(value and value in said for value in prompt.placeholders.values()):
            return  # the provider has said what it was never told: nothing to keep for others
        key = key_of(prompt, tools=AICapability.TOOLS in self.capabilities)
        _write(self._folder / f"{key}.json", {"format": FORMAT, "key": key, "deltas": packed})

    def warm(self) -> None:
        self.inner.warm()

    def check(self) -> None:
        self.inner.check()

    def close(self) -> None:
        self.inner.close()


def _joined(deltas: list[Delta]) -> Iterator[Delta]:
    """One text for a row of texts: what is shown in the end does not depend on how it was cut."""
    text = ""
    for delta in deltas:
        if isinstance(delta, Text):
            text += delta.text
            continue
        if text:
            yield Text(text)
            text = ""
        yield delta
    if text:
        yield Text(text)


def _packed(delta: Delta) -> list[Any]:
    match delta:
        case Text(text):
            return ["text", text]
        case ToolCall(name, arguments):
            return ["tool", name, arguments]
        case Usage():
            return ["usage", delta.input_tokens, delta.output_tokens]
        case End(reason):
            return ["end", reason]


def _unpacked(row: list[Any]) -> Delta:
    match row:
        case ["text", str(text)]:
            return Text(text)
        case ["tool", str(name), dict(arguments)]:
            return ToolCall(name, arguments)
        case ["usage", int(asked), int(said)]:
            return Usage(input_tokens=asked, output_tokens=said)
        case ["end", "stop" | "length" | "tool" | "refused" as reason]:
            return End(reason)
    raise ValueError("a row of a recording is not known")


def _write(path: Path, value: dict[str, Any]) -> None:
    try:
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".recording-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(
                orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS)
            )
        os.replace(draft, path)
    except OSError as error:
        raise RecordingError(
            f"{path.parent} cannot be written ({error.strerror}). The recordings are not whole: make room and record again."
        ) from None


@dataclass(frozen=True, slots=True)
class Missing:
    """A prompt of which there is no recording."""

    provider: str
    model: str
    why: str


class Replayed(AIProvider):
    """Says what was recorded, and nothing else. It waits for nothing, and calls nobody."""

    threaded = False

    def __init__(self, folder: Path, facts: dict[str, Any], missed: threading.local) -> None:
        self.name, self.model = str(facts["name"]), str(facts["model"])  # type: ignore[misc]
        known = {capability.value for capability in AICapability}
        self.capabilities = frozenset(AICapability(one) for one in facts["capabilities"] if one in known)
        self._folder, self._missed = folder, missed

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        path = self._folder / f"{key_of(prompt, tools=AICapability.TOOLS in self.capabilities)}.json"
        try:
            if path.stat().st_size > LARGEST:
                raise ValueError("it is too large")
            value = orjson.loads(path.read_bytes())
            deltas = [_unpacked(row) for row in value["deltas"]]
            if value.get("format") != FORMAT or not deltas or not isinstance(deltas[-1], End):
                raise ValueError("it is not whole")
        except FileNotFoundError:
            self._miss("there is no recording of this prompt: it was never recorded, or it has changed since")
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._miss(f"the recording {path.name} cannot be used ({error})")
        else:
            yield from deltas

    def _miss(self, why: str) -> None:
        self._missed.last = Missing(self.name, self.model, why)
        raise ProviderError(ProviderErrorKind.REQUEST, why)


class Recordings:
    """The recordings below a folder, as providers."""

    def __init__(self, root: Path) -> None:
        """Raises :class:`RecordingError` when there are none."""
        self._missed = threading.local()
        self.providers: list[AIProvider] = []
        for path in sorted(root.glob(f"*/{PROVIDER}")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                self.providers.append(Replayed(path.parent, orjson.loads(path.read_bytes()), self._missed))
        if not self.providers:
            raise RecordingError(f"{root} has no recordings. Make them once, with keys: deskhand eval --record {root}")

    def missed(self) -> Missing | None:
        """What this thread has asked for in vain since the last call."""
        last = getattr(self._missed, "last", None)
        self._missed.last = None
        return last
