"""Thousands of WebSockets in one process: an io watcher per connection, callbacks, and no greenlet while a socket is idle.

Everything here runs in gevent's hub and therefore waits for nothing: no Redis, no database, no lock. What needs any of
those is enqueued by :class:`Session` and done elsewhere. Framing is the sans-I/O protocol of the package ``websockets``.
"""

from __future__ import annotations

import _socket
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import gevent

from web_widget.connection import PING, Connection, text_frame

__all__ = ["Connection", "Hub", "Limits", "Session", "text_frame"]

log = logging.getLogger("deskhand.hub")

BUCKETS = 25
"""Seconds between two pings of one connection: each second one bucket of 25 is pinged, so no timer per connection."""


class Session(Protocol):
    """What the hub tells the owner of a connection. All of it in the hub: return at once."""

    def on_frame(self, connection: Connection, payload: bytes) -> None:
        """One whole text message, still undecoded JSON but certainly UTF-8."""
        ...

    def on_close(self, connection: Connection) -> None:
        """The connection is gone. Called once."""
        ...


class Limits:
    """What one connection may do. Sizes in bytes, times in seconds."""

    __slots__ = ("backlog", "burst", "frame", "greeting", "linger", "rate", "stall")

    def __init__(
        self,
        *,
        frame: int = 256 * 1024,
        backlog: int = 256 * 1024,
        rate: int = 1_000,
        burst: int = 2_000,
        greeting: float = 10.0,
        stall: float = 15.0,
        linger: float = 3.0,
    ) -> None:
        self.frame = frame
        self.backlog = backlog
        self.rate = rate
        """Frames of any kind per second, and how many may come at once: beyond it, close 1008."""
        self.burst = burst
        self.greeting = greeting
        """A connection whose owner has not said ``greeted`` by then is closed with 1008."""
        self.stall = stall
        """A reader that takes nothing for so long is cut off."""
        self.linger = linger
        """How long the other side may take to answer a close frame."""


def _ignore(count: int) -> None:
    pass


class Hub:
    """All WebSockets of this process."""

    def __init__(self, limits: Limits | None = None, on_count: Callable[[int], object] | None = None) -> None:
        self.limits = limits or Limits()
        self.on_count = on_count or _ignore
        """Told how many connections there are, whenever that changes."""
        self.loop = gevent.get_hub().loop
        self.buffer = bytearray(64 * 1024)
        self.view = memoryview(self.buffer)
        self.draining = False
        self.count = 0
        self._buckets: list[set[Connection]] = [set() for _ in range(BUCKETS)]
        self._turn = 0
        self._next_bucket = 0
        self.watched: set[Connection] = set()
        """Connections with a deadline of their own: not greeted yet, stalled, or closing. Looked at every second."""
        self._ready: list[Connection] = []
        self._flushing = False
        self._timer: Any = None

    def adopt(self, descriptor: int, session: Session, early: bytes = b"") -> Connection:
        """Own a socket whose handshake has been answered. ``early`` is what was read of it beyond the handshake."""
        sock = _socket.socket(fileno=descriptor)
        sock.setblocking(False)
        connection = Connection(self, sock, session, time.monotonic())
        self._next_bucket = (self._next_bucket + 1) % BUCKETS
        connection.bucket = self._next_bucket
        self._buckets[connection.bucket].add(connection)
        self.watched.add(connection)
        self.count += 1
        self.on_count(self.count)
        if self._timer is None:
            self._timer = self.loop.timer(1.0, repeat=1.0)
            self._timer.start(self._sweep)
        connection.start(early)
        return connection

    def connections(self) -> Iterable[Connection]:
        return [connection for bucket in self._buckets for connection in bucket]

    def forget(self, connection: Connection) -> None:
        """Called by the connection when it is gone."""
        bucket = self._buckets[connection.bucket]
        if connection in bucket:
            bucket.remove(connection)
            self.count -= 1
            self.on_count(self.count)
        self.watched.discard(connection)

    def flush_soon(self, connection: Connection) -> None:
        """Send what ``connection`` has pending at the end of this turn of the loop: frames ready together leave together."""
        self._ready.append(connection)
        if not self._flushing:
            self._flushing = True
            self.loop.run_callback(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        ready, self._ready = self._ready, []
        for connection in ready:
            connection.flush()

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in list(self.watched):
            connection.check(now)
        self._turn = (self._turn + 1) % BUCKETS
        for connection in list(self._buckets[self._turn]):
            if not connection.heard:
                connection.drop("no answer to a ping")
            elif connection.open:
                connection.heard = False
                connection.push(PING)
        if not self.count:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def close_all(self, code: int, reason: str, within: float = 1.0) -> None:
        """Close every connection: a close frame now, and a cut ``within`` seconds for those that do not answer. Waits for it."""
        self.draining = True
        for connection in self.connections():
            connection.close(code, reason)
        until = time.monotonic() + within
        while self.count and time.monotonic() < until:
            gevent.sleep(0.01)
        for connection in self.connections():
            connection.drop("drained")

    def call(self, fn: Callable[..., object], *args: object) -> None:
        """Run ``fn`` in the hub from any thread."""
        self.loop.run_callback_threadsafe(fn, *args)
