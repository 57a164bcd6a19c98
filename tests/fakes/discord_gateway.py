"""The gateway: HELLO, IDENTIFY with its budget, RESUME with replay, op 7 and 9, heartbeats, zlib-stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
import time
import zlib
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.discord_state import CONTENT_FLAG, CONTENT_INTENT, World


class Session:
    """One session of the bot. It outlives its connections."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq = 0
        self.frames: list[tuple[int, dict[str, Any]]] = []
        self.wire: Wire | None = None


class Wire:
    """One connection, compressed with one stream when the client asked for it."""

    def __init__(self, socket: web.WebSocketResponse, compressed: bool) -> None:
        self.socket = socket
        self.squeeze = zlib.compressobj() if compressed else None
        self.closed_by_us = False

    async def send(self, frame: dict[str, Any]) -> None:
        text = json.dumps(frame)
        with contextlib.suppress(ConnectionError, RuntimeError):
            if self.squeeze is None:
                await self.socket.send_str(text)
            else:
                await self.socket.send_bytes(
                    self.squeeze.compress(text.encode()) + self.squeeze.flush(zlib.Z_SYNC_FLUSH)
                )


class Gateway:
    """All connections. ``remaining`` is the budget of IDENTIFY; ``heartbeat`` in seconds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sessions: dict[str, Session] = {}
        self.total, self.remaining, self.reset_after = 1_000, 1_000, 14_400.0
        self.heartbeat = 41.25
        self.acks = True
        self.closes_resumes = 0
        """Not 0: a RESUME of a session that is known is answered with this close code."""
        self.url = ""
        self.silent = False
        """When set, events are not shown to connections that are open; they stay in the sessions for a RESUME."""
        self.twice = 0.0
        """Part of the messages that are shown a second time, as after a session that was resumed too far back."""
        self.redelivered = 0
        self.dice = random.Random(1)
        self._queue: asyncio.Queue[tuple[Session, dict[str, Any]]] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._sender = asyncio.ensure_future(self._send())

    async def stop(self) -> None:
        if self._sender is not None:
            self._sender.cancel()
        for wire in self.open:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(wire.socket.close(code=1001), 1)

    @property
    def open(self) -> list[Wire]:
        return [session.wire for session in self.sessions.values() if session.wire is not None]

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Something happened: every session gets it with its own next number."""
        again = name == "MESSAGE_CREATE" and self.twice > 0 and self.dice.random() < self.twice
        self.redelivered += again
        for session in self.sessions.values():
            for _ in range(1 + again):
                self._dispatch(session, name, data)

    def _dispatch(self, session: Session, name: str, data: dict[str, Any]) -> None:
        session.seq += 1
        frame = {"op": 0, "t": name, "s": session.seq, "d": data}
        session.frames.append((session.seq, frame))
        if not self.silent:
            self._queue.put_nowait((session, frame))

    async def _send(self) -> None:
        while True:
            session, frame = await self._queue.get()
            if session.wire is not None:
                await session.wire.send(frame)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=True, heartbeat=None)
        await socket.prepare(request)
        wire = Wire(socket, request.query.get("compress") == "zlib-stream")
        self.world.note("connected", compressed=wire.squeeze is not None)
        await wire.send({"op": 10, "d": {"heartbeat_interval": int(self.heartbeat * 1000)}})
        session: Session | None = None
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                frame = json.loads(message.data)
                if frame["op"] == 1:
                    self.world.note("heartbeat", seq=frame["d"])
                    if self.acks:
                        await wire.send({"op": 11})
                elif frame["op"] == 2:
                    session = await self._identify(wire, frame["d"])
                elif frame["op"] == 6:
                    session = await self._resume(wire, frame["d"])
        finally:
            code = socket.close_code
            self.world.note("disconnected", code=code, session=session.name if session else "")
            if session is not None and session.wire is wire:
                session.wire = None
                if code in {1000, 1001} and not wire.closed_by_us:  # the client says that it is done with the session
                    self.sessions.pop(session.name, None)
        return socket

    async def _identify(self, wire: Wire, data: dict[str, Any]) -> Session | None:
        self.remaining -= 1
        self.world.note("identify", intents=data["intents"], remaining=self.remaining)
        if data["token"] != self.world.token or self.world.revoked:
            await wire.socket.close(code=4004, message=b"Authentication failed.")
            return None
        if data["intents"] & CONTENT_INTENT and not self.world.flags & (CONTENT_FLAG | CONTENT_FLAG >> 1):
            await wire.socket.close(code=4014, message=b"Disallowed intent(s).")
            return None
        session = Session(secrets.token_hex(16))
        self.sessions[session.name] = session
        session.wire = wire
        self._dispatch(session, "READY", {
            "v": 10, "user": self.world.users[self.world.me], "session_id": session.name, "resume_gateway_url": self.url,
            "guilds": [{"id": guild, "unavailable": True} for guild in self.world.guilds], "application": {"id": self.world.app},
        })  # fmt: skip
        for guild, name in self.world.guilds.items():
            self._dispatch(session, "GUILD_CREATE", {"id": guild, "name": name, "channels": [], "threads": []})
        return session

    async def _resume(self, wire: Wire, data: dict[str, Any]) -> Session | None:
        session = self.sessions.get(data["session_id"])
        self.world.note("resume", seq=data["seq"], known=session is not None)
        if session is not None and (data["seq"] > session.seq or self.closes_resumes):
            await wire.socket.close(code=self.closes_resumes or 4007, message=b"Invalid seq.")
            return None
        if session is None or data["token"] != self.world.token:
            await wire.send({"op": 9, "d": False})
            return None
        session.wire = None
        for number, frame in list(session.frames):
            if number > data["seq"]:
                await wire.send(frame)
        session.wire = wire
        session.seq += 1
        frame = {"op": 0, "t": "RESUMED", "s": session.seq, "d": {}}
        session.frames.append((session.seq, frame))
        await wire.send(frame)
        return session

    # What goes wrong ------------------------------------------------------------------------------------------------

    async def reconnect(self) -> None:
        """Op 7: connect again, please."""
        for wire in self.open:
            await wire.send({"op": 7, "d": None})

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9."""
        for session in list(self.sessions.values()):
            if session.wire is not None:
                await session.wire.send({"op": 9, "d": resumable})
            if not resumable:
                self.sessions.pop(session.name, None)

    async def close(self, code: int) -> None:
        for wire in self.open:
            wire.closed_by_us = True
            await wire.socket.close(code=code)

    async def drop(self) -> None:
        """Cut all connections without a word."""
        for wire in self.open:
            transport = wire.socket._req.transport if wire.socket._req else None
            if transport is not None:
                transport.abort()

    def forget_sessions(self) -> None:
        """As after some minutes without a connection."""
        self.sessions.clear()
        self.world.note("sessions_forgotten", at_second=time.time())
