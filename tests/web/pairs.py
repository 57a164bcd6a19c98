"""A hub on one end of a socket pair, and a client of another library (wsproto) on the other."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

import gevent
from wsproto.connection import Connection as Oracle
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from tests.patience import patient
from web_widget.connection import Connection, text_frame
from web_widget.hub import Hub


class Echo:
    """A session that greets at once, keeps what it got and sends it back."""

    def __init__(self, greet: bool = True, answer: bool = True) -> None:
        self.greet, self.answer = greet, answer
        self.frames: list[bytes] = []
        self.closed = 0

    def on_frame(self, connection: Connection, payload: bytes) -> None:
        if self.greet:
            connection.greet()
        self.frames.append(payload)
        if self.answer:
            connection.push(text_frame(payload))

    def on_close(self, connection: Connection) -> None:
        self.closed += 1


class Client:
    """The other end of the pair, spoken by wsproto."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.ws = Oracle(ConnectionType.CLIENT)
        self.texts: list[str] = []
        self.partial = ""
        self.pongs: list[bytes] = []
        self.pings = 0
        self.close: int | None = None
        self.ended = False

    def send(self, event: object) -> None:
        self.raw(self.ws.send(event))  # type: ignore[arg-type]

    def raw(self, data: bytes) -> None:
        view = memoryview(data)
        until = time.monotonic() + patient(5)
        while view and time.monotonic() < until:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                gevent.sleep(0.001)
            except OSError:
                self.ended = True
                return

    def read(self) -> None:
        """Take in what is there now."""
        while not self.ended:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                self.ended = True
                return
            if not data:
                self.ended = True
                return
            self.ws.receive_data(data)
            for event in self.ws.events():
                if isinstance(event, TextMessage):
                    self.partial += event.data
                    if event.message_finished:
                        self.texts.append(self.partial)
                        self.partial = ""
                elif isinstance(event, Pong):
                    self.pongs.append(bytes(event.payload))
                elif isinstance(event, Ping):
                    self.pings += 1
                    self.send(event.response())
                elif isinstance(event, CloseConnection):
                    self.close = int(event.code)

    def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        end = time.monotonic() + patient(seconds)
        while not condition():
            assert time.monotonic() < end, f"not in time: texts={self.texts[-3:]} close={self.close} ended={self.ended}"
            gevent.sleep(0.002)
            self.read()


ends: list[socket.socket] = []
"""The clients' ends; closed after each test (conftest)."""


def join(hub: Hub, session: Echo | None = None, buffer: int = 0) -> tuple[Client, Echo, Connection]:
    ours, theirs = socket.socketpair()
    if buffer:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    theirs.setblocking(False)
    ends.append(theirs)
    session = session or Echo()
    connection = hub.adopt(ours.detach(), session)
    return Client(theirs), session, connection


def masked(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, mask: bytes = b"\x11\x22\x33\x44") -> bytes:
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65536:
        head += struct.pack("!BH", 0x80 | 126, size)
    else:
        head += struct.pack("!BQ", 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
