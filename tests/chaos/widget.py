"""A customer's browser without the browser: the widget's protocol over a WebSocket that comes back by itself.

As in the widget, one message is on its way at a time and is sent again with the same ``cid`` until it is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.chaos.journal import Journal
from tests.chaos.transcript import Transcript

OVERDUE = 8.0
"""Seconds after which an unanswered frame means a new connection."""
LONGEST_PAUSE = 4.0
"""Seconds between two tries to connect: shorter than the widget's 30, so that a run tries more often."""
ALIVE = 4.0


@dataclass
class Item:
    """Something that must arrive once."""

    frame: dict[str, Any]
    thread: Transcript
    done: asyncio.Future[dict[str, Any]]
    next: float = 0.0
    tries: int = 0


@dataclass
class Widget:
    """One visitor. ``ask`` and the other wishes may be called at any time; ``run`` is the connection's task."""

    name: str
    base_url: str
    journal: Journal
    rng: random.Random
    site: str = "demo"
    token: str = ""
    epoch: str = ""
    threads: list[Transcript] = field(default_factory=list)
    current: Transcript | None = None
    outbox: deque[Item] = field(default_factory=deque)
    acked: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    stopping: bool = False
    _socket: ClientConnection | None = None
    _sending: Item | None = None
    _heard: float = 0.0
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    # What the visitor does ----------------------------------------------------------------------------------------

    def begin(self) -> Transcript:
        """Start a new conversation with the next message."""
        self.current = Transcript(self.journal)
        self.threads.append(self.current)
        return self.current

    def post(self, kind: str, **fields: Any) -> asyncio.Future[dict[str, Any]]:
        """Put a frame that must arrive once into the outbox; the future is its ack or its final error."""
        assert self.current is not None
        cid = f"{self.rng.getrandbits(128):032x}"
        frame = {"t": kind, "cid": cid, **fields}
        item = Item(frame, self.current, asyncio.get_running_loop().create_future())
        self.journal.note(
            "sent", cid=cid, kind=kind, text=fields.get("text", ""), thread=self.threads.index(self.current)
        )
        self.outbox.append(item)
        self._more.set()
        return item.done

    def repeat(self, frame: dict[str, Any]) -> None:
        """Send an acknowledged frame once more, as a client that lost the ack would."""
        self.journal.note("repeated", cid=frame["cid"])
        thread = next(t for t in self.threads if t.conv == frame["conv"])
        self.outbox.append(Item(frame, thread, asyncio.get_running_loop().create_future()))
        self._more.set()

    async def stop_answer(self) -> bool:
        """Press stop while an answer is being written; False if none is."""
        thread = self.current
        if thread is None or thread.draft is None:
            return False
        self.journal.note("stop", conv=thread.conv, turn=thread.draft.turn, waiting=len(self.outbox))
        await self._push({"t": "stop", "conv": thread.conv, "turn": thread.draft.turn})
        return True

    async def drop(self) -> None:
        """Lose the connection without a goodbye."""
        socket = self._socket
        if socket is not None:
            self.journal.note("dropped")
            socket.transport.abort()

    async def until(self, condition: Any, seconds: float) -> bool:
        """Wait until ``condition()`` holds after some frame."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.changed.clear()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), min(left, 1.0))
        return True

    async def catch_up(self, seconds: float) -> bool:
        """Pull every conversation from its cursor until nothing is missing, as after a long absence."""
        for thread in [t for t in self.threads if t.conv]:
            done = asyncio.Event()
            thread_cursor = -1
            deadline = time.monotonic() + seconds
            while thread_cursor != thread.cursor or not done.is_set():
                thread_cursor = thread.cursor
                self._pulled = (thread.conv, done)
                done.clear()
                await self._push({"t": "pull", "conv": thread.conv, "cursor": thread.cursor})
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(done.wait(), 2.0)
                if time.monotonic() > deadline:
                    return False
        return True

    # The connection -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, and again, until ``stopping``."""
        failures = 0
        while not self.stopping:
            code = 0
            try:
                url = f"{self.base_url.replace('http', 'ws', 1)}/w/ws?site={self.site}"
                async with connect(
                    url,
                    origin=self.base_url,
                    compression=None,
                    ping_interval=None,
                    open_timeout=5,
                    close_timeout=1,  # type: ignore[arg-type]
                ) as socket:
                    self._socket = socket
                    self.connections += 1
                    if await self._talk(socket):
                        failures = 0
                    code = socket.close_code or 0
            except (OSError, TimeoutError, InvalidHandshake, WebSocketException):
                pass
            finally:
                self._socket = None
            if self.stopping:
                break
            failures += 1
            pause = self.rng.random() * min(LONGEST_PAUSE, 0.25 * 2**failures)
            await asyncio.sleep(max(pause, 0.2 + self.rng.random()) if code in {1012, 1013} else pause)

    async def _talk(self, socket: ClientConnection) -> bool:
        thread = self.current
        hello = {"t": "hello", "locale": "en", "page": {"url": self.base_url, "title": "Chaos"}}
        if self.token:
            hello["token"] = self.token
        if thread is not None and thread.conv:
            hello |= {"conv": thread.conv, "cursor": thread.cursor, "epoch": self.epoch}
        await socket.send(orjson.dumps(hello).decode())
        self._heard = time.monotonic()
        self._welcome = asyncio.Event()
        helpers = [asyncio.create_task(self._deliver(socket)), asyncio.create_task(self._pulse(socket))]
        try:
            async for raw in socket:
                self._heard = time.monotonic()
                await self._frame(orjson.loads(raw))
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            self._sending = None
        return self._welcome.is_set()

    async def _pulse(self, socket: ClientConnection) -> None:
        """Ask for a sign of life; hang up without one."""
        while True:
            await asyncio.sleep(ALIVE)
            if time.monotonic() - self._heard > OVERDUE:
                socket.transport.abort()
                return
            await self._push({"t": "ping", "n": 1})

    async def _deliver(self, socket: ClientConnection) -> None:
        await self._welcome.wait()
        while True:
            while not self.outbox:
                self._more.clear()
                await self._more.wait()
            item = self._sending = self.outbox[0]
            await asyncio.sleep(max(0.0, item.next - time.monotonic()))
            if item.thread.conv:
                item.frame["conv"] = item.thread.conv
            self._answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            await self._push(item.frame)
            try:
                answer = await asyncio.wait_for(self._answer, OVERDUE)
            except TimeoutError:
                socket.transport.abort()
                return
            if answer["t"] == "ack" or answer["final"]:
                self.outbox.popleft()
                if not item.done.done():
                    item.done.set_result(answer)
                self.changed.set()
            else:
                item.tries += 1
                item.next = time.monotonic() + min(
                    answer.get("retry_after") or 0.2 * 2**item.tries, 2.0
                ) * self.rng.uniform(0.5, 1)

    async def _push(self, frame: dict[str, Any]) -> None:
        if self._socket is not None:
            with contextlib.suppress(WebSocketException, OSError):
                await self._socket.send(orjson.dumps(frame).decode())

    # Frames -------------------------------------------------------------------------------------------------------

    def _thread(self, conv: str) -> Transcript:
        for thread in self.threads:
            if thread.conv == conv:
                return thread
        # A push for a conversation whose ack is still under way: it is the one that has no name yet.
        unnamed = next((t for t in self.threads if not t.conv), None)
        if unnamed is None:
            unnamed = Transcript(self.journal)
            self.threads.append(unnamed)
        unnamed.conv = conv
        return unnamed

    async def _frame(self, frame: dict[str, Any]) -> None:
        kind = frame["t"]
        if kind == "welcome":
            if frame.get("token"):
                self.token = frame["token"]
            if self.epoch and frame["epoch"] != self.epoch:
                self.journal.note("trouble", code="epoch_changed")
            self.epoch = frame["epoch"]
            self._welcome.set()
        elif kind == "ack":
            self._acknowledged(frame)
        elif kind == "msgs":
            await self._messages(frame)
        elif kind in {"turn", "delta"}:
            thread = self._thread(frame["conv"])
            if not thread.progress(frame):
                await self._push({"t": "pull", "conv": thread.conv, "cursor": thread.cursor})
        elif kind == "error":
            self.journal.note("error", code=frame["code"], final=frame["final"], cid=frame.get("cid", ""))
            if self._sending is not None and frame.get("cid") == self._sending.frame["cid"] and not self._answer.done():
                self._answer.set_result(frame)
        self.changed.set()

    def _acknowledged(self, frame: dict[str, Any]) -> None:
        self.journal.note("acked", **{name: frame[name] for name in ("cid", "conv", "id", "seq", "rev")})
        sending = self._sending
        if sending is not None and sending.frame["cid"] == frame["cid"]:
            if not sending.thread.conv and not any(t.conv == frame["conv"] for t in self.threads):
                sending.thread.conv = frame["conv"]
            self.acked.append({**sending.frame, "conv": frame["conv"]})
            if not self._answer.done():
                self._answer.set_result(frame)

    async def _messages(self, frame: dict[str, Any]) -> None:
        thread = self._thread(frame["conv"])
        fits = thread.page(frame["after"], frame["cursor"], frame["msgs"], frame["state"])
        if fits:
            thread.given_draft(frame.get("turn"))
        if not fits or frame["more"]:
            await self._push({"t": "pull", "conv": thread.conv, "cursor": thread.cursor})
        else:
            conv, done = getattr(self, "_pulled", ("", None))
            if conv == thread.conv and done is not None:
                done.set()
