"""An OpenAI-compatible and Anthropic server over the wire, with scripts, faults and a log that is the oracle of the tests.

In a test::

    with FakeLLM() as llm:
        llm.script(Script(answer="Yes. [1]"), Script(fault="529"))
        ... OPENAI_BASE_URL=llm.openai_url, ANTHROPIC_BASE_URL=llm.url ...
        assert [r["outcome"] for r in llm.requests] == ["done", "status 529"]

As a process: ``python -m tests.fakes.llm --port 9000``; scripts by ``POST /script`` (one script, a list, or
``{"scripts": […], "default": {…}, "plan": {"seed", "rate", "faults"}, "clear": true}``), the log by ``GET /log``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import replace
from typing import Any

import orjson

from tests.fakes import llm_vectors
from tests.fakes.llm_run import Gone, Run, send
from tests.fakes.llm_script import STATUS_FAULTS, Asked, FaultPlan, Script
from tests.fakes.llm_wire import AnthropicWire, OpenAIWire, Wire, understand
from tests.patience import patient

__all__ = ["Asked", "FakeLLM", "FaultPlan", "Script", "main"]

PATHS: dict[str, type[OpenAIWire] | type[AnthropicWire]] = {
    "/v1/chat/completions": OpenAIWire,
    "/v1/messages": AnthropicWire,
}


class FakeLLM:
    """The fake in a thread of its own. ``key``: any other key is answered 401."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, key: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self.host, self.port, self.key, self.tls = host, port, key, tls
        self.default = Script()
        self.plan = FaultPlan()
        self.models: tuple[str, ...] | None = ("fake-1",)
        """What ``GET /v1/models`` lists; single models are all known but ``missing-model``. ``None``: neither exists."""
        self.embedding_faults: deque[str] = deque()
        """What the next requests for embeddings meet: see ``llm_vectors.FAULTS``; empty: none."""
        self._queue: deque[Script] = deque()
        self._events: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._count = 0
        self.open_streams = 0
        self.connections = 0
        """Connections accepted so far."""
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._door: socket.socket | None = None

    # Test code's side

    @property
    def url(self) -> str:
        """Base URL for the Anthropic SDK."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def openai_url(self) -> str:
        """Base URL for the OpenAI SDK."""
        return f"{self.url}/v1"

    def script(self, *scripts: Script) -> None:
        """Queue scripts: each serves the next request that fits it. Without one the default answers."""
        with self._lock:
            self._queue.extend(scripts)

    @property
    def log(self) -> list[dict[str, Any]]:
        """Append-only: ``request`` and ``end`` events in the order in which they happened."""
        with self._lock:
            return list(self._events)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """One row per request, in order of arrival, with the outcome once there is one."""
        rows: dict[int, dict[str, Any]] = {}
        for event in self.log:
            rows.setdefault(event["id"], {"outcome": ""}).update({k: v for k, v in event.items() if k != "event"})
        return list(rows.values())

    def clear(self) -> None:
        """Forget queued scripts, default and plan. The log stays."""
        with self._lock:
            self._queue.clear()
            self.embedding_faults.clear()
            self.default, self.plan = Script(), FaultPlan()

    def wait_ended(self, count: int, timeout: float = 5.0) -> list[dict[str, Any]]:
        """Return the requests once ``count`` of them have an outcome."""
        end = time.monotonic() + patient(timeout)
        while sum(bool(r["outcome"]) for r in self.requests) < count:
            if time.monotonic() > end:
                raise AssertionError(f"fewer than {count} requests ended within {timeout} s: {self.requests}")
            time.sleep(0.01)
        return self.requests

    def __enter__(self) -> FakeLLM:
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), name="fake-llm", daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the model fake did not start within 10 s")
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def vanish(self) -> None:
        """Go away: connections are refused, and nobody else gets the port before the end."""
        self.stop()
        self._door = socket.socket()
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._door.bind((self.host, self.port))

    def stop(self) -> None:
        """End."""
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._loop and self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    async def serve(self, *, announce: bool = False) -> None:
        """Listen until stopped. ``announce``: print the address once it answers."""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, self.host, self.port, backlog=1024, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        if announce:
            print(f"model fake on {self.url}", flush=True)
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    # The wire's side

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while (head := await self._head(reader)) is not None:
                method, path, headers = head
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self._answer(method, path.partition("?")[0], headers, body, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, Gone):
            pass
        finally:
            writer.close()

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
        try:
            raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = raw.strip().split("\r\n")
        method, path, _ = first.split(" ")
        return method, path, {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}

    async def _answer(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        raw: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        if method == "POST" and path in PATHS:
            return await self._model(path, headers, raw, reader, writer)
        if method == "POST" and path == "/v1/embeddings":
            return await self._embed(headers, raw, writer)
        if method == "POST" and path == "/script":
            try:
                self._configure(orjson.loads(raw))
            except (ValueError, TypeError) as error:
                return send(writer, 400, {"error": str(error)})
            return send(writer, 200, {"ok": True})
        if path == "/log":
            return send(writer, 200, self.log)
        if path == "/requests":
            return send(writer, 200, self.requests)
        if path == "/healthz":
            return send(writer, 200, {"ok": True, "open_streams": self.open_streams})
        if path.startswith("/v1/models") and self.models is not None:
            return self._list_models(path, headers, writer)
        return send(writer, 404, {"error": {"message": f"unknown path {path}", "type": "not_found_error"}})

    def _list_models(self, path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        if self._wrong_key(headers):
            return send(writer, 401, {"error": {"message": "wrong key", "type": "authentication_error"}})
        name = path.removeprefix("/v1/models").strip("/")
        if name == "missing-model":
            return send(writer, 404, {"error": {"message": "no such model", "type": "not_found_error"}})
        more = {"object": "model", "type": "model", "display_name": "Fake", "created_at": "2026-01-01T00:00:00Z"}
        if name:
            return send(writer, 200, {"id": name, **more})
        listed = [{"id": model, **more} for model in self.models or ()]
        return send(writer, 200, {"object": "list", "data": listed, "has_more": False})

    async def _embed(self, headers: dict[str, str], raw: bytes, writer: asyncio.StreamWriter) -> bool:
        self._count += 1
        number, body = self._count, orjson.loads(raw)
        fault = self.embedding_faults.popleft() if self.embedding_faults else ""
        if fault and fault not in llm_vectors.FAULTS:
            raise ValueError(f"unknown fault {fault!r}: use one of {', '.join(sorted(llm_vectors.FAULTS))}")
        texts = body.get("input")
        texts = [texts] if isinstance(texts, str) else texts
        self._note(
            "request", number, at=time.time(), api="embeddings", model=body.get("model"), texts=texts, fault=fault, body=body
        )  # fmt: skip
        wrong = self._wrong_key(headers)
        status = "401" if wrong else fault if fault.isdigit() else ""
        self._note("end", number, ended=time.time(), outcome=f"status {status}" if status else fault or "done")
        if status:
            after = {"retry-after": "0.1"} if status == "429" else {}
            return send(writer, int(status), {"error": {"message": "scripted", "type": "server_error"}}, after)
        if fault == "stall":
            await asyncio.sleep(60)
        if fault in {"stall", "drop"}:
            return False
        if fault == "not_json":
            return send(writer, 200, "<html>Hello</html>")
        return send(writer, 200, llm_vectors.answer(body, fault))

    def _wrong_key(self, headers: dict[str, str]) -> bool:
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        return bool(self.key) and given != self.key

    def _configure(self, data: Any) -> None:
        if isinstance(data, dict) and not {"scripts", "default", "plan", "clear"} & set(data):
            data = [data]
        if isinstance(data, list):
            return self.script(*(Script.from_json(one) for one in data))
        scripts = [Script.from_json(one) for one in data.get("scripts", ())]
        if data.get("clear"):
            self.clear()
        if "default" in data:
            self.default = Script.from_json(data["default"])
        if "plan" in data:
            lists = {name: tuple(value) for name, value in data["plan"].items() if isinstance(value, list)}
            self.plan = FaultPlan(**{**data["plan"], **lists})
        self.script(*scripts)

    def _choose(self, model: str, asked: Asked) -> Script:
        with self._lock:
            for i, script in enumerate(self._queue):
                if script.fits(model, asked):
                    if script.times == 1:
                        del self._queue[i]
                    elif script.times:
                        self._queue[i] = replace(script, times=script.times - 1)
                    return script
            return self.plan.apply(self.default)

    def _note(self, event: str, number: int, **more: Any) -> None:
        with self._lock:
            self._events.append({"event": event, "id": number, **more})

    async def _model(
        self, path: str, headers: dict[str, str], raw: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        started = time.time()
        self._count += 1
        number = self._count
        try:
            body = orjson.loads(raw)
            asked = understand(body, number)
        except (orjson.JSONDecodeError, AttributeError, TypeError):
            return send(writer, 400, {"error": {"message": "the body is not JSON", "type": "invalid_request_error"}})
        script = self._choose(body.get("model", ""), asked)
        wire: Wire = PATHS[path](body, script, asked)
        self._note(
            "request", number, at=started, api=wire.name, model=wire.model, question=asked.question, passages=asked.passages,
            images=asked.images, stream=wire.stream, fault=script.fault, body=body,
        )  # fmt: skip
        self.open_streams += 1
        outcome, sent = "error", 0
        try:
            if self._wrong_key(headers):
                outcome = "status 401"
                return send(writer, 401, wire.error(401, spend_limit=False))
            if script.fault in STATUS_FAULTS:
                outcome = f"status {script.fault}"
                return self._refuse(writer, wire, script)
            run = Run(wire, script, asked, reader, writer)
            try:
                return await run.go()
            finally:
                outcome, sent = run.outcome, run.sent
        except (Gone, ConnectionError):
            outcome = "client gone"
            raise
        finally:
            self.open_streams -= 1
            self._note("end", number, ended=time.time(), outcome=outcome, tokens=sent)

    @staticmethod
    def _refuse(writer: asyncio.StreamWriter, wire: Wire, script: Script) -> bool:
        spend = script.fault == "spend_limit"
        status = 429 if spend else int(script.fault)
        if status == 502:
            return send(writer, 502, "<html><h1>Bad gateway</h1></html>")
        after = {} if script.retry_after is None or spend else {"retry-after": f"{script.retry_after:g}"}
        return send(writer, status, wire.error(status, spend_limit=spend), after)


def main(argv: list[str] | None = None) -> None:
    """Run the fake as a process until it is stopped."""
    parser = argparse.ArgumentParser(description="An OpenAI-compatible and Anthropic server for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9009)
    parser.add_argument("--key", default="", help="answer 401 to any other key")
    parser.add_argument("--tokens-per-second", type=float, default=0.0, help="of the default script")
    options = parser.parse_args(argv)
    fake = FakeLLM(host=options.host, port=options.port, key=options.key)
    fake.default = Script(tokens_per_second=options.tokens_per_second)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(fake.serve(announce=True))


if __name__ == "__main__":
    main()
