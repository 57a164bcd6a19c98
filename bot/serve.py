"""The HTTP server of web: gevent's pywsgi with time limits, a body limit and a handler that gives its socket away.

Import this only in the web process, after gevent's monkey patching.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import gevent
import orjson
from gevent.pywsgi import Input, LoggingLogAdapter, WSGIHandler, WSGIServer
from werkzeug.exceptions import RequestTimeout

from bot.web_errors import LARGE

HEAD_SECONDS = 15.0
"""A request line with its headers must be there by then (slow clients hold a greenlet meanwhile)."""
IDLE_SECONDS = 60.0
"""A kept-alive connection may stay silent for so long."""
BODY_SECONDS = 20.0
"""A whole body must be there by then."""
MAX_BODY = 1024 * 1024
"""No request body is longer, but for the routes that :func:`bot.allow_large` named."""
UPLOAD_SECONDS = 180.0
"""A large body must be there by then: 10 MB over half a megabit."""
LINGER_SECONDS = 5.0
"""How long the rest of a body that is too large is thrown away, so that its sender gets to read why."""

Large = dict[str, Callable[[], int]]


class _TooLarge(ValueError):
    pass


class Handler(WSGIHandler):  # type: ignore[misc]
    """One HTTP connection. ``environ["deskhand.handler"]`` is this object: a WebSocket route takes ``socket`` from it."""

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["deskhand.handler"] = self
        return environ

    def read_requestline(self) -> str:
        # The wait for the next request is idle time; from its first byte on the head must be complete soon.
        self.socket.settimeout(IDLE_SECONDS)
        self._head = None
        if not self.rfile.peek(1):
            return ""
        self._head = gevent.Timeout.start_new(HEAD_SECONDS, _SlowHeadError)
        try:
            return str(super().read_requestline())
        except BaseException:
            self._head.close()
            raise

    def read_request(self, raw_requestline: str) -> bool:
        try:
            done: bool = super().read_request(raw_requestline)
        finally:
            if self._head is not None:
                self._head.close()
        self.socket.settimeout(BODY_SECONDS)
        if (self.content_length or 0) > MAX_BODY and self.path.partition("?")[0] not in self.server.large:
            raise _TooLarge("The body is larger than 1 MB.")
        return done

    def handle_one_request(self) -> Any:
        try:
            return super().handle_one_request()
        except (_SlowHeadError, TimeoutError):
            return None  # nobody is there, or somebody who only wants to hold a connection

    def handle_one_response(self) -> None:
        self.server.busy += 1
        try:
            super().handle_one_response()
        finally:
            self.server.busy -= 1
            # A cycle with the environment would keep 9 KB of each socket until the collector comes by.
            self.environ.pop("deskhand.handler", None)

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        if isinstance(ex, (_SlowHeadError, TimeoutError)):
            raise ex
        if isinstance(ex, _TooLarge):
            return _plain(413, "Payload Too Large", "too_large", "The request is larger than 1 MB. Send less at once.")
        return _plain(400, "Bad Request", "bad_request", "This is no HTTP request that can be read. Check the client.")


class _SlowHeadError(Exception):
    pass


def _plain(status: int, phrase: str, code: str, message: str) -> tuple[str, bytes]:
    body = orjson.dumps({"error": {"code": code, "message": message}})
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return str(status), head.encode() + body


def listener(host: str, port: int) -> socket.socket:
    """Bind and listen. Raises OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by accepted sockets on Linux. With Nagle an answer of two writes takes 44 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


def whole_body(app: Any, large: Large) -> Any:
    """Read each body before ``app`` is called: within a time and a size, so that nobody can hold a request open by drips. The
    routes of ``large`` read theirs themselves, once they know who sends it."""

    def wrapper(environ: dict[str, Any], start_response: Any) -> Any:
        source = environ["wsgi.input"]
        if not isinstance(source, Input) or not (source.content_length or source.chunked_input):
            return app(environ, start_response)
        if environ["PATH_INFO"] in large:
            return _large(app, environ, start_response, source, large[environ["PATH_INFO"]]())
        body = _read(source)
        if body is not None and len(body) <= MAX_BODY:
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            return app(environ, start_response)
        if body is None:
            return _refuse(source, start_response, "408 Request Timeout", "too_slow", _SLOW)
        reason = "The request is larger than 1 MB. Send less at once."
        return _refuse(source, start_response, "413 Payload Too Large", "too_large", reason)

    return wrapper


_SLOW = "The request took too long to arrive. Send it again."


def _refuse(source: Input, start_response: Any, status: str, code: str, message: str) -> list[bytes]:
    source.content_length, source.chunked_input = 0, False  # the rest is not waited for
    start_response(status, [("Content-Type", "application/json"), ("Connection", "close")])
    return [orjson.dumps({"error": {"code": code, "message": message}})]


def _large(app: Any, environ: dict[str, Any], start_response: Any, source: Input, limit: int) -> Any:
    if source.chunked_input or not source.content_length:
        reason = "The request must say how long its body is."
        return _refuse(source, start_response, "411 Length Required", "bad_request", reason)
    if source.content_length > limit:
        _drop_rest(source, 3 * limit)
        reason = f"The request is larger than {limit / 1_000_000:.0f} MB. Send a smaller file."
        return _refuse(source, start_response, "413 Payload Too Large", "too_large", reason)
    environ["wsgi.input"] = _Arriving(source)
    answer = app(environ, start_response)
    _drop_rest(source, limit)
    return answer


def _drop_rest(source: Input, most: int) -> None:
    """Throw away what is left of a body that nobody wants, for some seconds: a sender that is cut off never reads the answer."""
    with gevent.Timeout(LINGER_SECONDS, False), contextlib.suppress(OSError):
        while most > 0 and (piece := source.read(min(most, 65_536))):
            most -= len(piece)
    source.content_length = 0  # whatever still comes is not waited for


class _Arriving:
    """A large body while it arrives: all of it within :data:`UPLOAD_SECONDS`. Raises ``RequestTimeout`` (408)."""

    def __init__(self, source: Input) -> None:
        self.source = source
        self.until = time.monotonic() + UPLOAD_SECONDS

    def read(self, size: int = -1) -> bytes:
        try:
            with gevent.Timeout(max(0.01, self.until - time.monotonic()), TimeoutError):
                return bytes(self.source.read(size if size >= 0 else None))
        except TimeoutError:
            self.source.content_length = 0  # the rest is not waited for
            raise RequestTimeout from None


def _read(source: Input) -> bytes | None:
    """The whole body, or more than may be of it; ``None`` if it did not come in time."""
    timeout = gevent.Timeout.start_new(BODY_SECONDS)
    body = b""
    try:
        while len(body) <= MAX_BODY and (more := source.read(MAX_BODY + 1 - len(body))):
            body += more
    except gevent.Timeout as expired:
        if expired is not timeout:
            raise
        return None
    finally:
        timeout.close()
    return body


class Server(WSGIServer):  # type: ignore[misc]
    """Counts what it is busy with, so that the end can wait for it."""

    busy = 0

    def __init__(self, *arguments: Any, large: Large, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.large = large

    def wait_idle(self, seconds: float) -> bool:
        """Wait until no request is being answered, at most so long."""
        until = time.monotonic() + seconds
        while self.busy and time.monotonic() < until:
            gevent.sleep(0.02)
        return not self.busy


def server(app: Any, sock: socket.socket) -> Server:
    """Make the server for ``app`` on a listening socket. It starts with ``start()`` or ``serve_forever()``."""
    sock.setblocking(False)
    large: Large = getattr(app, "extensions", {}).get(LARGE, {})
    error_log = LoggingLogAdapter(logging.getLogger("web"))
    return Server(sock, whole_body(app, large), handler_class=Handler, log=None, error_log=error_log, large=large)
