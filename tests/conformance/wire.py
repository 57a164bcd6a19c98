"""The wire of the doubles of these tests: TCP, one JSON object per line, with everything that can go wrong.

A listener gets ``{"event": …}`` lines and answers ``{"ack": id}``; whatever it has not acknowledged it gets again when it connects
anew. All else is one request and one answer per line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from bot.testing import Trouble

TOKEN = "tok-5up3r-s3cret"


class Wire:
    """What a platform and a surface have in common. ``_do_X(order)`` answers the request ``X``."""

    def __init__(self) -> None:
        self.port = 0
        self.server: asyncio.Server | None = None
        self.writers: set[asyncio.StreamWriter] = set()
        self.listeners: set[asyncio.StreamWriter] = set()
        self.waiting: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.next: tuple[Trouble, float] | None = None
        self.revoked = False

    def acknowledged(self, message: str) -> None:
        raise NotImplementedError

    # Life

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**20)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self.server is not None:
            self.server.close()
            self.server = None
        for writer in list(self.writers):
            writer.transport.abort()

    async def trouble(self, kind: Trouble, seconds: float = 0.0) -> None:
        if kind is Trouble.OUTAGE:
            await self.stop()
        elif kind is Trouble.REVOKED:
            self.revoked = True
            for writer in list(self.listeners):
                writer.transport.abort()
        else:
            self.next = (kind, seconds)

    async def heal(self) -> None:
        self.revoked, self.next = False, None
        if self.server is None:
            await self.start()

    # The wire

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            async for line in reader:
                order = json.loads(line)
                if "ack" in order:
                    self.waiting.pop(order["ack"], None)
                    self.acknowledged(order["ack"])
                elif self.revoked or order.get("token") != TOKEN:
                    self._say(writer, {"error": "token"})
                elif order["do"] == "listen":
                    self.listeners.add(writer)
                    for event in list(self.waiting.values()):
                        self._say(writer, {"event": event})
                else:
                    await self._answer(writer, order)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            self.listeners.discard(writer)
            writer.close()

    def _say(self, writer: asyncio.StreamWriter, what: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(json.dumps(what).encode() + b"\n")

    async def _answer(self, writer: asyncio.StreamWriter, order: dict[str, Any]) -> None:
        (kind, seconds), self.next = (
            (self.next if order["do"] == "send" else None) or ("", 0.0),
            (None if order["do"] == "send" else self.next),
        )
        if kind == Trouble.REFUSED:
            return self._say(writer, {"error": "blocked by the person"})
        if kind == Trouble.RATE_LIMITED:
            return self._say(writer, {"error": "slow down", "seconds": seconds})
        if kind == Trouble.BROKEN:
            return self._say(writer, {"error": "fault"})
        answer = getattr(self, f"_do_{order['do']}")(order)
        if kind == Trouble.LOST_ANSWER:
            writer.transport.abort()
            return None
        if kind == Trouble.SLOW:
            await asyncio.sleep(seconds)
        return self._say(writer, answer)

    def _tell(self, event: dict[str, Any], *, keep: bool = True) -> str:
        if keep:
            self.waiting[event["id"]] = self.events[event["id"]] = event
        for writer in self.listeners:
            self._say(writer, {"event": event})
        return str(event["id"])
