"""Anthropic's models. Needs a key from platform.claude.com."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import orjson

from bot import (
    AICapability,
    AIProvider,
    Delta,
    End,
    Image,
    PluginInfo,
    Prompt,
    Settings,
    Text,
    Usage,
    conclude_tool,
    hookimpl,
    parse_tool_call,
    render,
    setting,
)

from ._errors import MALFORMED, cut, from_event, malformed, translated
from ._keys import Address, Key
from ._sdk import CHECK, HEADERS, SDKProvider, prove, raw, timeouts
from ._sse import batches

if TYPE_CHECKING:
    import httpx2

PLUGIN = PluginInfo(
    title="Anthropic",
    summary="Answers with Anthropic's models.",
)

ADDRESS = "https://api.anthropic.com"
# From the fifth generation on models always think, as much as the effort lets them, and the token limit covers both.
_THINKING = re.compile(r"claude-[a-z]+-([5-9]|\d\d)\b")
THINKING_TOKENS = 2_000
_REASONS: dict[str, Literal["stop", "length", "tool", "refused"]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool",
    "refusal": "refused",
}
MAX_CALLS = 8
MAX_ARGUMENTS = 65_536
COURTESY = 2.0
"""Seconds to wait for the end of the stream once the stop reason is there."""
ALIVE = Text("")


class AnthropicSettings(Settings):
    """The key is all that is needed."""

    key: Key = setting(env="ANTHROPIC_API_KEY", label="API key", help="From platform.claude.com, API keys.")
    model: str = setting("claude-opus-5-5", env="DESKHAND_ANTHROPIC_MODEL", label="Model", min_length=1, max_length=100)
    base_url: Address = setting(
        "", env="ANTHROPIC_BASE_URL", label="Address", help="Only for a gateway of your own. Empty: Anthropic itself."
    )
    effort: Literal["auto", "low", "medium", "high"] = setting(
        "auto",
        env="DESKHAND_ANTHROPIC_EFFORT",
        label="Effort",
        help="auto is low for models that always think, so that answers begin soon; older models are not told.",
    )


class Anthropic(SDKProvider):
    """Anthropic's messages."""

    name: ClassVar[str] = "anthropic"
    capabilities = frozenset({AICapability.TOOLS, AICapability.VISION})

    def __init__(self, *, model: str, key: str, base_url: str, effort: str = "auto") -> None:
        super().__init__()
        self.model = model
        self._key, self._base_url = key, base_url
        thinks = _THINKING.match(model) is not None
        self._effort = ("low" if thinks else "") if effort == "auto" else effort
        self._thinking_tokens = THINKING_TOKENS if thinks else 0

    def connect(self) -> Any:
        import anthropic

        from ._http import make_client

        return anthropic.Anthropic(
            api_key=self._key,
            base_url=self._base_url,
            max_retries=0,
            default_headers=HEADERS,
            http_client=make_client(self._base_url),
        )

    def request(self, client: Any, prompt: Prompt, timeout: httpx2.Timeout) -> Any:
        words = render(prompt)
        messages: list[dict[str, Any]] = [
            {"role": role, "content": [*map(_picture, images), _words(text)] if images else text}
            for (role, text), images in zip(words.messages, words.images, strict=True)
        ]
        if words.articles:
            pictures = map(_picture, words.images[-1])
            messages[-1]["content"] = [_words(words.articles), *pictures, _words(words.messages[-1][1])]
        system = [{"type": "text", "text": text} for text in (words.system, words.guard) if text]
        more: dict[str, Any] = {"system": system} if system else {}
        if prompt.conclude:
            name, description, schema = conclude_tool()
            more["tools"] = [{"name": name, "description": description, "input_schema": schema}]
        if self._effort:
            more["output_config"] = {"effort": self._effort}
        return client.messages.with_streaming_response.create(
            model=self.model,
            max_tokens=prompt.max_tokens + self._thinking_tokens,
            messages=messages,
            stream=True,
            timeout=timeout,
            **more,
        )

    def read(self, response: httpx2.Response) -> Iterator[Delta]:
        answer = _Answer(response)
        try:
            for batch in batches(raw(response, answer.ended)):
                if not batch:
                    yield ALIVE
                for payload in batch:
                    yield answer.event(orjson.loads(payload))
        except MALFORMED as error:
            if not answer.stopped:
                raise malformed() from error
        # Both marks: a reason alone may come before the connection breaks, and then nothing proves that it was all.
        if not answer.stopped or not answer.ended:
            raise cut()
        yield Usage(answer.given, answer.written, answer.cached)
        for name, *arguments in answer.calls.values():
            if call := parse_tool_call(self.name, name, "".join(arguments)):
                yield call
        yield End(_REASONS.get(answer.ended[-1], "stop"))

    def check(self) -> None:
        """Ask for the model: proves address, key and name."""
        with translated():
            self.client.models.retrieve(self.model, timeout=timeouts(CHECK))


def _input(usage: dict[str, Any]) -> int:
    """What was read, from the cache or not: all of it counts against a budget of tokens."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(int(usage.get(name) or 0) for name in names)


def _words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(image: Image) -> dict[str, Any]:
    data = base64.b64encode(image.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": image.media, "data": data}}


def _string(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("not a text")
    return value


class _Answer:
    """What was said so far."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.ended: list[str] = []
        """The stop reason, once there is one."""
        self.stopped = False
        self.calls: dict[int, list[str]] = {}
        """Name and pieces of arguments of each tool call, by block."""
        self.given = 0
        self.cached = 0
        """Of what was given, that came from the cache."""
        self.written = 0

    def event(self, event: dict[str, Any]) -> Delta:
        """Take an event in. Most give a text or, as pings do, a sign of life."""
        kind = event["type"]
        if kind == "content_block_delta":
            delta = event["delta"]
            if delta["type"] == "text_delta":
                return Text(_string(delta["text"]))
            if delta["type"] == "input_json_delta":
                self._collect(event["index"], _string(delta["partial_json"]))
        elif kind == "content_block_start":
            return self._begin(event["index"], event["content_block"])
        elif kind == "message_start":
            usage = event["message"].get("usage") or {}
            self.given, self.cached = _input(usage), int(usage.get("cache_read_input_tokens") or 0)
            return Usage(self.given, 0, self.cached)
        elif kind == "message_delta":
            self._finish(event)
        elif kind == "message_stop":
            self.stopped = True
        elif kind == "error" and not self.stopped:
            raise from_event(event)
        return ALIVE

    def _begin(self, index: int, block: dict[str, Any]) -> Text:
        if block["type"] == "tool_use":
            if len(self.calls) >= MAX_CALLS:
                raise ValueError("too many tool calls")
            self.calls[index] = [_string(block["name"])]
        elif block["type"] == "text":
            return Text(_string(block.get("text") or ""))
        return ALIVE

    def _collect(self, index: int, piece: str) -> None:
        call = self.calls.get(index)
        if call is not None and sum(map(len, call)) < MAX_ARGUMENTS:
            call.append(piece)

    def _finish(self, event: dict[str, Any]) -> None:
        from ._http import hurry

        usage = event.get("usage") or {}
        self.given = _input(usage) or self.given
        self.written = int(usage.get("output_tokens") or 0)
        if reason := event["delta"].get("stop_reason"):
            self.ended.append(_string(reason))
            hurry(self._response, COURTESY)


@hookimpl
def settings_schema() -> type[Settings]:
    return AnthropicSettings


@hookimpl
def ai_provider(settings: AnthropicSettings) -> AIProvider:
    key = settings.key.get_secret_value()
    address = settings.base_url or ADDRESS
    return Anthropic(model=settings.model, key=key, base_url=address, effort=settings.effort)


@hookimpl
def health_check(settings: AnthropicSettings) -> str:
    return prove(ai_provider(settings))
