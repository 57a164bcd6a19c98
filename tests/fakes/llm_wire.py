"""How the two APIs look on the wire: OpenAI chat completions and Anthropic messages, as their servers send them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import orjson

from tests.fakes.llm_script import Asked, Script

_PIECE = re.compile(r"\s*\S+\s*$|\s*\S+")
_BLOCK_END = re.compile(r"^</articles [0-9a-z]+>\n*", re.M)
_NUMBERED = re.compile(r"^\[\d+\]", re.M)


def pieces(text: str) -> list[str]:
    """Tokens: words with the space before them."""
    return _PIECE.findall(text) or ([text] if text else [])


def _texts(content: Any) -> tuple[str, int]:
    if isinstance(content, str):
        return content, 0
    parts = [p for p in content or [] if isinstance(p, dict)]
    images = sum(p.get("type") in ("image", "image_url") for p in parts)
    return "\n\n".join(p.get("text", "") for p in parts if p.get("type") == "text"), images


def understand(body: dict[str, Any], number: int) -> Asked:
    """Find the customer's words behind the articles in the last user message."""
    users = [m for m in body.get("messages", []) if isinstance(m, dict) and m.get("role") == "user"]
    prompt, images = _texts(users[-1].get("content")) if users else ("", 0)
    ends = list(_BLOCK_END.finditer(prompt))
    block, question = (prompt[: ends[-1].start()], prompt[ends[-1].end() :]) if ends else ("", prompt)
    return Asked(
        question=question.strip(), prompt=prompt, passages=len(_NUMBERED.findall(block)), images=images, number=number
    )


def _split(raw: str) -> list[str]:
    third = max(1, len(raw) // 3)
    return [raw[i : i + third] for i in range(0, len(raw), third)]


class OpenAIWire:
    """``POST …/chat/completions``."""

    name = "openai"
    comment = b": keep-alive\n\n"

    def __init__(self, body: dict[str, Any], script: Script, asked: Asked) -> None:
        self.script = script
        self.stream = bool(body.get("stream"))
        self.include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self.id = f"chatcmpl-{asked.number}"
        self.model = body.get("model", "")
        self.prompt_tokens = len(orjson.dumps(body.get("messages", []))) // 4
        names = {t.get("function", {}).get("name") for t in body.get("tools") or []}
        self.tool = (
            (script.conclude_raw or (script.conclude is not None and orjson.dumps(script.conclude).decode()))
            if "conclude" in names
            else ""
        )
        self._head = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": self.model,
        }
        frame = orjson.dumps(
            {
                **self._head,
                "choices": [{"index": 0, "delta": {"content": "@"}, "logprobs": None, "finish_reason": None}],
            }
        )
        self._before, self._after = (b"data: " + frame + b"\n\n").split(b'"@"')

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + orjson.dumps({**self._head, "choices": [choice]}) + b"\n\n"

    def start(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def token(self, text: str) -> bytes:
        return self._before + orjson.dumps(text) + self._after

    def finish_reason(self) -> str:
        return self.script.finish or ("tool_calls" if self.tool else "stop")

    def usage(self, tokens: int) -> dict[str, int]:
        used = self.script.usage or (self.prompt_tokens, tokens)
        return {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)}

    def end(self, tokens: int) -> Iterator[bytes]:
        if self.tool:
            call: dict[str, Any] = {
                "index": 0,
                "id": "call_1",
                "type": "function",
                "function": {"name": "conclude", "arguments": ""},
            }
            yield self._chunk({"tool_calls": [call]})
            for part in _split(self.tool):
                yield self._chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
        if self.script.fault != "no_reason":
            yield self._chunk({}, self.finish_reason())
        if self.include_usage:
            yield b"data: " + orjson.dumps({**self._head, "choices": [], "usage": self.usage(tokens)}) + b"\n\n"
        yield b"data: [DONE]\n\n"

    def overload(self) -> bytes:
        return (
            b"data: "
            + orjson.dumps({"error": {"message": "The server had an error", "type": "server_error", "code": None}})
            + b"\n\n"
        )

    def error(self, status: int, *, spend_limit: bool) -> dict[str, Any]:
        kinds = {400: "invalid_request_error", 401: "invalid_request_error", 403: "permission_error", 429: "requests"}
        code = (
            "insufficient_quota"
            if spend_limit
            else {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}.get(status)
        )
        kind = "insufficient_quota" if spend_limit else kinds.get(status, "server_error")
        return {"error": {"message": f"scripted error {status}", "type": kind, "param": None, "code": code}}

    def whole(self, text: str, tokens: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.tool:
            message["tool_calls"] = [
                {"id": "call_1", "type": "function", "function": {"name": "conclude", "arguments": self.tool}}
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason()}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": self.usage(tokens)}


class AnthropicWire:
    """``POST /v1/messages``."""

    name = "anthropic"
    comment = b'event: ping\ndata: {"type": "ping"}\n\n'

    def __init__(self, body: dict[str, Any], script: Script, asked: Asked) -> None:
        self.script = script
        self.stream = bool(body.get("stream"))
        self.id = f"msg_{asked.number}"
        self.model = body.get("model", "")
        self.input_tokens = len(orjson.dumps(body.get("messages", []))) // 4
        names = {t.get("name") for t in body.get("tools") or []}
        self.tool = (
            (script.conclude_raw or (script.conclude is not None and orjson.dumps(script.conclude).decode()))
            if "conclude" in names
            else ""
        )

    @staticmethod
    def _event(kind: str, **data: Any) -> bytes:
        return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **data}) + b"\n\n"

    def usage(self, tokens: int) -> dict[str, int]:
        used = self.script.usage or (self.input_tokens, tokens)
        return {"input_tokens": used[0], "output_tokens": used[1]}

    def _message(self, content: list[dict[str, Any]], stop: str | None, tokens: int) -> dict[str, Any]:
        head = {"id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": content}
        return {**head, "stop_reason": stop, "stop_sequence": None, "usage": self.usage(tokens)}

    def start(self) -> bytes:
        block = {"type": "text", "text": ""}
        first = self._event("message_start", message=self._message([], None, 1))
        return first + self._event("content_block_start", index=0, content_block=block) + self.comment

    def token(self, text: str) -> bytes:
        data = (
            b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":' + orjson.dumps(text) + b"}}"
        )
        return b"event: content_block_delta\ndata: " + data + b"\n\n"

    def stop_reason(self) -> str:
        return self.script.finish or ("tool_use" if self.tool else "end_turn")

    def end(self, tokens: int) -> Iterator[bytes]:
        yield self._event("content_block_stop", index=0)
        if self.tool:
            block = {"type": "tool_use", "id": "toolu_1", "name": "conclude", "input": {}}
            yield self._event("content_block_start", index=1, content_block=block)
            for part in ["", *_split(self.tool)]:
                yield self._event(
                    "content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": part}
                )
            yield self._event("content_block_stop", index=1)
        stop = None if self.script.fault == "no_reason" else self.stop_reason()
        yield self._event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=self.usage(tokens))
        yield self._event("message_stop")

    def overload(self) -> bytes:
        return self._event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    def error(self, status: int, *, spend_limit: bool) -> dict[str, Any]:
        kinds = {
            400: "invalid_request_error",
            401: "authentication_error",
            403: "permission_error",
            404: "not_found_error",
        }
        kinds |= {413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error"}
        error: dict[str, Any] = {"type": kinds.get(status, "api_error"), "message": f"scripted error {status}"}
        if spend_limit:
            error["details"] = {"error_code": "enforced_spend_limit_reached"}
        return {"type": "error", "error": error, "request_id": f"req_{self.id}"}

    def whole(self, text: str, tokens: int) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": text}]
        if self.tool:
            content.append({"type": "tool_use", "id": "toolu_1", "name": "conclude", "input": orjson.loads(self.tool)})
        return self._message(content, self.stop_reason(), tokens)


Wire = OpenAIWire | AnthropicWire
