"""One WebSocket of the hub: reading, whole frames out, bounded buffers both ways, and every way to end."""

from __future__ import annotations

import logging
import socket
import struct
import time
import uuid
from typing import TYPE_CHECKING, Any

from websockets.frames import Frame, Opcode, apply_mask
from websockets.protocol import Protocol, Side, State
from websockets.streams import StreamReader

if TYPE_CHECKING:
    import _socket

    from web_widget.hub import Hub, Session

log = logging.getLogger("deskhand.hub")

_quiet = logging.getLogger("deskhand.hub.protocol")
_quiet.setLevel(logging.CRITICAL)  # the protocol logs every closed connection at INFO

PING = b"\x89\x00"
READ, WRITE = 1, 2
WHOLE_TEXT = 0x81
_AT_FRAME_START = StreamReader.at_eof.__code__
"""Where the protocol's parser waits between two frames. If a new version waits elsewhere, every frame takes the long way."""
FAULTS = frozenset({1003, 1007, 1008, 1009})
"""Close codes after which nothing is read from the other side any more. After the others its close frame is awaited."""
MAX_IOVEC = 64 * 1024
"""Frames that are joined into one send, in bytes."""


_spent: Any = iter(())
_nobody = uuid.UUID(int=0)


def text_frame(payload: bytes) -> bytes:
    """Put ``payload`` (UTF-8) into one unmasked text frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class Connection:
    """A WebSocket. ``push`` and ``close`` may be called in any greenlet of the hub's thread; nothing here waits."""

    __slots__ = (
        "born",
        "bucket",
        "credit",
        "credit_at",
        "deadline",
        "greeted",
        "heard",
        "hub",
        "open",
        "out",
        "parts",
        "pending",
        "protocol",
        "queued",
        "reader",
        "session",
        "sock",
        "writer",
    )

    def __init__(self, hub: Hub, sock: _socket.socket, session: Session, now: float) -> None:
        self.hub = hub
        self.sock: _socket.socket | None = sock
        self.session = session
        self.protocol = Protocol(Side.SERVER, state=State.OPEN, max_size=hub.limits.frame, logger=_quiet)
        self.protocol.id = _nobody  # a UUID for its logs: 100 bytes that nobody reads
        self.reader: Any = hub.loop.io(sock.fileno(), READ)
        self.writer: Any = None
        self.out: list[bytes] = []
        self.pending = 0
        self.parts: list[bytes] | None = None
        """Pieces of a fragmented message so far."""
        self.queued = False
        self.open = True
        """False once a close frame was sent or is waiting: nothing more is handed to the session."""
        self.greeted = False
        self.heard = True
        self.born = now
        self.deadline = now + hub.limits.greeting
        """When the hub acts if nothing changed: no greeting, no reading, no answer to a close."""
        self.credit = hub.limits.burst
        self.credit_at = now
        self.bucket = 0

    def start(self, early: bytes) -> None:
        self.reader.start(self._readable)
        if early:
            self.hub.loop.run_callback(self._take, early)

    # In ------------------------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        sock = self.sock
        if sock is None:
            return
        try:
            size = sock.recv_into(self.hub.buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.drop("reset")
            return
        if not size:
            self.drop("end of stream")
        elif self.protocol.eof_sent:
            return  # closing: what still comes is read, so that the close frame is not lost in a reset, and dropped
        else:
            self._take(self.hub.view[:size])

    def _take(self, data: bytes | memoryview) -> None:
        if self.sock is None:
            return
        self.heard = True
        self.queued = True  # whatever is pushed while this is read leaves below, in one send
        protocol = self.protocol
        try:
            size = len(data)
            if (
                5 < size < 132
                and data[0] == WHOLE_TEXT
                and data[1] == size + 122
                and self.open
                and protocol.current_size is None
                and protocol.parser.gi_yieldfrom.gi_code is _AT_FRAME_START
            ):
                # One short masked text frame, whole and alone: nearly all there are, and a third of the work without the parser.
                if self._may():
                    self._text(apply_mask(data[6:], data[2:6]))
            else:
                protocol.receive_data(data)
                for frame in protocol.events_received():
                    if self.open:
                        self._frame(frame)
                self._protocol_output()
            self.flush()
        except Exception:
            log.exception("a connection failed and was cut")
            self.drop("failed")

    def _frame(self, frame: Frame) -> None:
        if not self._may():
            return
        code = frame.opcode
        if code is Opcode.TEXT and frame.fin:
            self._text(bytes(frame.data))
        elif code is Opcode.TEXT:
            self.parts = [bytes(frame.data)]
        elif code is Opcode.CONT and self.parts is not None:
            self.parts.append(bytes(frame.data))
            if frame.fin:
                whole, self.parts = b"".join(self.parts), None
                self._text(whole)
        elif code is Opcode.BINARY or code is Opcode.CONT:
            self.close(1003, "text frames only")

    def _text(self, payload: bytes) -> None:
        if not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                self.close(1007, "invalid UTF-8")
                return
        self.session.on_frame(self, payload)

    def _may(self) -> bool:
        """Count one frame; False, and the connection is closed, when there are too many."""
        self.credit -= 1
        if self.credit < 0 and not self._refill():
            self.close(1008, "too many frames")
            return False
        return True

    def _refill(self) -> bool:
        now = time.monotonic()
        gained = int((now - self.credit_at) * self.hub.limits.rate)
        if gained:
            self.credit = min(self.hub.limits.burst, self.credit + gained)
            self.credit_at = now
        return self.credit >= 0

    def _protocol_output(self) -> None:
        """Take over what the protocol says by itself: pongs, close frames, and the end of the stream (``b""``)."""
        for data in self.protocol.data_to_send():
            if data:
                self._append(data)
        if self.protocol.state is not State.OPEN and self.sock is not None:
            self.open = False
            self._expect_end()

    # Out -----------------------------------------------------------------------------------------------------------

    def push(self, frame: bytes) -> None:
        """Send one whole frame, at the end of this turn of the loop. A reader that is too slow is closed with 1013."""
        if not self.open:
            return
        self._append(frame)
        if self.pending > self.hub.limits.backlog:
            self._too_slow()
        elif not self.queued and self.writer is None:
            self.queued = True
            self.hub.flush_soon(self)

    def _append(self, frame: bytes) -> None:
        self.out.append(frame)
        self.pending += len(frame)

    def flush(self) -> None:
        """Write as much as the kernel takes. A partial write keeps the rest and waits until the socket is writable."""
        self.queued = False
        sock = self.sock
        if sock is None or self.writer is not None:
            return
        out = self.out
        while out:
            data = out[0] if len(out) == 1 or len(out[0]) > MAX_IOVEC else b"".join(out)
            try:
                sent = sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.drop("reset")
                return
            self.pending -= sent
            if sent == len(data):
                del out[: 1 if data is out[0] else len(out)]
                continue
            # Keep whole frames apart: on overflow those that were not begun can be given up.
            while sent >= len(out[0]):
                sent -= len(out.pop(0))
            out[0] = out[0][sent:]
            self._wait_writable()
            return
        if self.protocol.eof_sent:
            try:
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                self.drop("reset")

    def _wait_writable(self) -> None:
        self.writer = self.hub.loop.io(self.sock.fileno(), WRITE)  # type: ignore[union-attr]
        self.writer.start(self._writable)
        if self.open:
            self.deadline = time.monotonic() + self.hub.limits.stall
            self.hub.watched.add(self)

    def _writable(self) -> None:
        self.writer.stop()
        self.writer.close()
        self.writer = None
        self.flush()
        if self.writer is None and self.open and self.greeted:
            self.hub.watched.discard(self)

    # End -----------------------------------------------------------------------------------------------------------

    def greet(self) -> None:
        """The owner knows who this is: the time limit for the first frame is over."""
        self.greeted = True
        if self.writer is None and self.open:
            self.hub.watched.discard(self)

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye and end. What was pushed before goes out first."""
        if not self.open:
            return
        if code in FAULTS:
            self.protocol.fail(code, reason)
        else:
            self.protocol.send_close(code, reason)
        self._protocol_output()
        if not self.queued:
            self.flush()

    def _expect_end(self) -> None:
        self.deadline = time.monotonic() + self.hub.limits.linger
        self.hub.watched.add(self)

    def _too_slow(self) -> None:
        """More waits than is kept: give up the frames that were not begun and close."""
        begun = self.out[0] if self.writer is not None else b""
        self.out = [begun] if begun else []
        self.pending = len(begun)
        self.close(1013, "reading too slowly")

    def check(self, now: float) -> None:
        """Called every second while there is a deadline."""
        if now < self.deadline:
            return
        if not self.open:
            self.drop("no answer to a close frame")
        elif self.writer is not None:
            self.drop("reading too slowly")
        elif not self.greeted:
            self.close(1008, "no hello in time")
        else:
            self.hub.watched.discard(self)

    def drop(self, why: str) -> None:
        """Cut the connection without a word."""
        sock, self.sock = self.sock, None
        if sock is None:
            return
        self.open = False
        for watcher in (self.reader, self.writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self.reader = self.writer = None
        self.out = []
        self.parts = None
        sock.close()
        # The protocol and its generator hold each other: with many sockets the collector would come by too late.
        self.protocol.parser.close()
        self.protocol.parser = _spent
        log.debug("connection gone: %s", why)
        self.hub.forget(self)
        try:
            self.session.on_close(self)
        except Exception:
            log.exception("a session failed to end")
