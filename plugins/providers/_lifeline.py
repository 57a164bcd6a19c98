"""Ending a request from another thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

_current = threading.local()


def tied_here() -> Lifeline | None:
    """The lifeline that this thread's request is tied to."""
    return getattr(_current, "lifeline", None)


class Lifeline:
    """Ends one request from another thread, by shutting its socket down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self.cut = False

    def abort(self) -> None:
        """End the request now, or as soon as its connection stands. Safe to call more than once."""
        with self._lock:
            self.cut = True
            self._shutdown()

    def attach(self, sock: socket.socket) -> None:
        with self._lock:
            self._sock = sock
            if self.cut:
                self._shutdown()

    def detach(self) -> None:
        """The connection goes back to the pool, where it belongs to somebody else."""
        with self._lock:
            self._sock = None

    def _shutdown(self) -> None:
        if self._sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown: that one forgets the TLS session under the reader's hands.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def tied(self) -> Iterator[None]:
        """Tie the request that this thread makes inside the block."""
        _current.lifeline = self
        try:
            yield
        finally:
            _current.lifeline = None
