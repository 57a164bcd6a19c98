"""One answer of the model fake on its way out: tokens by the clock, and the ways in which it can break."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
import zlib
from collections.abc import Iterable
from typing import Any

import orjson

from tests.fakes.llm_script import Asked, Script
from tests.fakes.llm_wire import Wire, pieces


class Gone(Exception):
    """The client closed the connection."""


class Run:
    """One answer on its way out."""

    def __init__(
        self, wire: Wire, script: Script, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.wire, self.script, self.reader, self.writer = wire, script, reader, writer
        self.text = script.text(asked)
        self.tokens = pieces(self.text)
        self.started = time.monotonic()
        self.sent = 0
        self.outcome = "client gone"
        self._gzip = zlib.compressobj(wbits=31) if script.gzip else None

    def _write(self, data: bytes) -> None:
        if self.reader.at_eof() or self.writer.transport.is_closing():
            raise Gone
        if self._gzip is not None:
            data = self._gzip.compress(data) + self._gzip.flush(zlib.Z_SYNC_FLUSH)
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data) if self.script.chunked else data)

    def _head(self) -> None:
        lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream; charset=utf-8"]
        lines.append("Transfer-Encoding: chunked" if self.script.chunked else "Connection: close")
        if self._gzip is not None:
            lines.append("Content-Encoding: gzip")
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    async def _end(self) -> bool:
        """Finish the body; True when the connection may be used again."""
        if self.script.chunked:
            self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()
        return self.script.chunked

    async def _silence(self) -> None:
        """Say nothing until the client goes away."""
        if await self.reader.read(1) == b"":
            raise Gone

    def _reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def go(self) -> bool:
        fault, script = self.script.fault, self.script
        if fault == "drop":
            self.outcome = "dropped"
            self._reset()
            return False
        if fault == "stall_headers":
            await self._silence()
        if fault == "not_a_stream":
            self.outcome = "done"
            return send(self.writer, 200, "<html>Please sign in to the network</html>")
        if script.first_token_after:
            await asyncio.sleep(script.first_token_after)
        if not self.wire.stream:
            self.outcome, self.sent = "done", len(self.tokens)
            return send(self.writer, 200, self.wire.whole(self.text, len(self.tokens)))
        self._head()
        if fault == "stall_first":
            await self._silence()
        while fault == "pings_only":
            self._write(self.wire.comment)
            await asyncio.sleep(0.05)
        self._write(self.wire.start())
        mid = fault in ("stall_mid", "overload_mid", "cut", "cut_line", "cut_utf8", "malformed", "endless_line")
        await self._tokens(self.tokens[: script.after] if mid else self.tokens)
        if mid and not await self._trouble(fault):
            return False
        for frame in self.wire.end(self.sent):
            self._write(frame)
        keep = await self._end()
        self.outcome = "done"
        return keep

    async def _tokens(self, tokens: Iterable[str]) -> None:
        """Send tokens by the clock of the loop: a late one is sent at once, so that the rate holds."""
        loop = asyncio.get_running_loop()
        step = 1 / self.script.tokens_per_second if self.script.tokens_per_second else 0.0
        due, stamp, ping = loop.time(), self.script.stamp, self.script.pings
        for i, token in enumerate(tokens):
            if step:
                due += step
                if (pause := due - loop.time()) > 0:
                    await asyncio.sleep(pause)
            elif i % 64 == 63:
                await self.writer.drain()
            if ping and i % 5 == 2:
                self._write(self.wire.comment)
            self._write(self.wire.token(f"{time.time_ns() // 1000} " if stamp else token))
            self.sent += 1

    async def _trouble(self, fault: str) -> bool:
        """Break the stream; False when the connection must close."""
        self.outcome = fault
        if fault == "stall_mid":
            await self._silence()
        if fault == "overload_mid":
            self._write(self.wire.overload())
        frame = self.wire.token(" naïve")
        if fault == "malformed":
            head, data, body = frame.rpartition(b"data:")
            self._write(head + data + body.replace(b":", b"", 2))  # a data line, so that nobody may overlook it
            return True
        if fault == "cut_utf8":
            self._write(frame[: frame.index("ï".encode()) + 1])
        if fault == "cut_line":
            self._write(frame[: len(frame) // 2])
            await asyncio.sleep(0.02)
            self._reset()
            return False
        if fault == "endless_line":
            with contextlib.suppress(Gone, ConnectionError):
                self._write(b"data: ")
                for _ in range(4_000):
                    self._write(b"x" * 16_384)
                    await self.writer.drain()
            return False
        await self._end()
        return False


def send(writer: asyncio.StreamWriter, status: int, body: Any, headers: dict[str, str] | None = None) -> bool:
    kind = "text/html" if isinstance(body, str) else "application/json"
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    more = "".join(f"{k}: {v}\r\n" for k, v in (headers or {}).items())
    head = f"HTTP/1.1 {status} Scripted\r\nContent-Type: {kind}\r\nContent-Length: {len(raw)}\r\n{more}\r\n"
    writer.write(head.encode() + raw)
    return True
