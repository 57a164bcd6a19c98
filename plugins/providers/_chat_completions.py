"""OpenAI's chat completions over the wire, for OpenAI itself and for the many servers that speak the same."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson

from bot import (
    AICapability,
    Clocks,
    Delta,
    End,
    Image,
    Prompt,
    ProviderError,
    ProviderErrorKind,
    Text,
    Usage,
    Vectors,
    conclude_tool,
    parse_tool_call,
    render,
)

from ._errors import MALFORMED, cut, from_event, malformed, translated
from ._sdk import CHECK, HEADERS, SDKProvider, raw, timeouts
from ._sse import batches

if TYPE_CHECKING:
    import httpx2

_REASONS: dict[str, Literal["stop", "length", "tool", "refused"]] = {
    "length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
    "content_filter": "refused",
}
MAX_CALLS = 8
MAX_ARGUMENTS = 65_536
COURTESY = 2.0
"""Seconds to wait for the token count and the end once the finish reason is there."""
ALIVE = Text("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a server differs from OpenAI."""

    include_usage: bool = True
    """Ask for the token count by ``stream_options``."""
    max_tokens_field: str = "max_completion_tokens"
    tools: bool = True
    temperature: bool = False
    vision: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    """More parameters of the request."""


class ChatCompletions(SDKProvider):
    """One model behind one address. Subclasses only give it a name."""

    def __init__(self, *, model: str, key: str, base_url: str, dialect: Dialect, embedding_model: str = "") -> None:
        super().__init__()
        self.model, self.embedding_model = model, embedding_model
        self._key, self._base_url, self.dialect = key, base_url, dialect
        has = {
            AICapability.TOOLS: dialect.tools,
            AICapability.TEMPERATURE: dialect.temperature,
            AICapability.VISION: dialect.vision,
            AICapability.EMBED: bool(embedding_model),
        }
        self.capabilities = frozenset(c for c, yes in has.items() if yes)

    def connect(self) -> Any:
        import openai

        from ._http import make_client

        return openai.OpenAI(
            api_key=self._key or "none",
            base_url=self._base_url,
            max_retries=0,
            default_headers=HEADERS,
            http_client=make_client(self._base_url),
        )

    def request(self, client: Any, prompt: Prompt, timeout: httpx2.Timeout) -> Any:
        dialect, words = self.dialect, render(prompt, tools=self.dialect.tools)
        messages: list[dict[str, Any]] = [{"role": "system", "content": words.instructions}]
        spoken = [*words.messages[:-1], ("user", words.last)]
        for (role, text), images in zip(spoken, words.images, strict=True):
            messages.append({"role": role, "content": [*map(_picture, images), _words(text)] if images else text})
        more: dict[str, Any] = dict(dialect.extra)
        if dialect.include_usage:
            more["stream_options"] = {"include_usage": True}
        if dialect.temperature and prompt.temperature is not None:
            more["temperature"] = prompt.temperature
        if dialect.tools and prompt.conclude:
            name, description, schema = conclude_tool()
            function = {"name": name, "description": description, "parameters": schema}
            more["tools"] = [{"type": "function", "function": function}]
        # extra_body carries the token limit because its name differs between servers.
        body = {dialect.max_tokens_field: prompt.max_tokens}
        return client.chat.completions.with_streaming_response.create(
            model=self.model, messages=messages, stream=True, timeout=timeout, extra_body=body, **more
        )

    def read(self, response: httpx2.Response) -> Iterator[Delta]:
        answer = _Answer(response)
        try:
            for batch in batches(raw(response, answer.ended)):
                if not batch:
                    yield ALIVE
                for payload in batch:
                    if payload[-8:].strip() != b"[DONE]":
                        yield answer.chunk(orjson.loads(payload))
        except MALFORMED as error:
            if not answer.ended:
                raise malformed() from error
        if not answer.ended:
            raise cut()
        if answer.usage is not None:
            yield answer.usage
        for name, *arguments in answer.calls.values():
            if call := parse_tool_call(self.name, name, "".join(arguments)):
                yield call
        yield End("refused" if answer.refused else _REASONS.get(answer.ended[0], "stop"))

    def embed(self, texts: Sequence[str], clocks: Clocks) -> list[list[float]]:
        """See the contract. Numbers are asked for as numbers: smaller servers do not know the packed form."""
        with self._in_use() as client, translated():
            found = client.embeddings.create(
                model=self.embedding_model, input=list(texts), encoding_format="float", timeout=timeouts(clocks)
            )
        try:
            vectors = [row.embedding for row in sorted(found.data, key=lambda row: row.index)]
            told = getattr(getattr(found, "usage", None), "prompt_tokens", None)  # smaller servers count nothing
            return Vectors(vectors, tokens=told) if isinstance(told, int) and told > 0 else vectors
        except MALFORMED as error:
            raise malformed() from error

    def check(self) -> None:
        """Ask for the model; a server that does not know single models for its list; one without a list for one token."""
        with translated():
            import openai

            client = self.client.with_options(timeout=timeouts(CHECK))
            try:
                client.models.retrieve(self.model)
                return
            except openai.NotFoundError:
                pass
            try:
                known = {model.id for model in client.models.list()}
            except openai.NotFoundError:
                body: dict[str, Any] = {self.dialect.max_tokens_field: 1}
                ask = [{"role": "user", "content": "Hi"}]
                client.chat.completions.create(model=self.model, messages=ask, extra_body=body)
                return
            if not known & {self.model, f"models/{self.model}"}:
                raise ProviderError(ProviderErrorKind.CONFIG, f"does not know the model {self.model}")


def _words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(image: Image) -> dict[str, Any]:
    data = base64.b64encode(image.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{image.media};base64,{data}"}}


def _string(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("not a text")
    return value


class _Answer:
    """What was said so far."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.ended: list[str] = []
        """The finish reason, once there is one."""
        self.calls: dict[int, list[str]] = {}
        """Name and pieces of arguments of each tool call."""
        self.usage: Usage | None = None
        self.refused = False

    def chunk(self, chunk: dict[str, Any]) -> Text:
        """Take a chunk in and return its text, often empty: then it is a sign of life."""
        said = ALIVE
        if choices := chunk.get("choices"):
            choice = choices[0]
            delta = choice.get("delta")
            if delta:
                text = delta.get("content")
                said = Text(_string(text)) if text else self._silent(delta)
            if (reason := choice.get("finish_reason")) and not self.ended:
                self._finish(_string(reason), chunk)
        elif chunk.get("error") and not self.ended:
            raise from_event(chunk)
        if usage := chunk.get("usage"):
            cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
            self.usage = Usage(
                int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0), int(cached or 0)
            )
        return said

    def _silent(self, delta: dict[str, Any]) -> Text:
        """A delta without text: the role, thinking, a piece of a tool call, or a refusal."""
        if tools := delta.get("tool_calls"):
            for piece in tools:
                self._collect(piece)
        elif refusal := delta.get("refusal"):
            self.refused = True
            return Text(_string(refusal))
        return ALIVE

    def _finish(self, reason: str, chunk: dict[str, Any]) -> None:
        from ._http import hurry

        if reason == "error":
            raise from_event(chunk)
        self.ended.append(reason)
        hurry(self._response, COURTESY)

    def _collect(self, piece: dict[str, Any]) -> None:
        """The name comes first, the arguments in any number of pieces."""
        function = piece.get("function") or {}
        index = int(piece.get("index") or 0)
        if index not in self.calls and len(self.calls) >= MAX_CALLS:
            raise ValueError("too many tool calls")
        call = self.calls.setdefault(index, [""])
        if name := function.get("name"):
            call[0] = _string(name)
        if (arguments := function.get("arguments")) and sum(map(len, call)) < MAX_ARGUMENTS:
            call.append(arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode())
