"""The HTTP transport under the AI SDKs: the SDK sends the request, and the stream behind it is read at the socket.

httpx2 and h11 take about 110 µs of processor time for each streamed chunk (80 streams of 50 tokens a second: 45 % of a
core, measured on loopback); this takes a third. httpcore2 still pools, connects, encrypts and reads the head; the body's
chunks are taken apart here, and at their end httpcore2 is told so, which keeps the connection for the next question.

What is written is tied to the thread's :class:`~plugins.providers._lifeline.Lifeline`, which can end the request.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any, cast
from urllib.parse import urlsplit

import httpcore2
import httpx2

from ._chunks import ChunkError, Dechunker
from ._lifeline import tied_here

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_MAX_HEAD = 65_536
_READ = 16_384
_BODY = "deskhand.body"


class _Stream(httpcore2.NetworkStream):
    """A connection that hands httpcore2 the head of an answer and keeps the body back."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner
        self._sock: socket.socket = inner.get_extra_info("socket")
        tls = inner.get_extra_info("ssl_object") is not None
        # TLS inside TLS (a proxy) has no socket that could be read directly.
        self.direct = not tls or isinstance(self._sock, ssl.SSLSocket)
        self._kernel_clock = not tls and sys.platform != "win32"
        self._kept = b""
        self._head = False

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        lifeline = tied_here()
        if lifeline is not None:
            lifeline.attach(self._sock)
        self._head = True
        self._inner.write(buffer, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._head:
            return self._read_head(max_bytes, timeout)
        if self._kept:
            data, self._kept = self._kept[:max_bytes], self._kept[max_bytes:]
            return data
        return self._inner.read(max_bytes, timeout)

    def _read_head(self, max_bytes: int, timeout: float | None) -> bytes:
        while (end := _HEAD_END.search(self._kept)) is None:
            data = self._inner.read(max_bytes, timeout)
            self._kept += data
            if not data or len(self._kept) > _MAX_HEAD:
                self._head = False
                data, self._kept = self._kept, b""
                return data
        head, self._kept = self._kept[: end.end()], self._kept[end.end() :]
        self._head = head.startswith(b"HTTP/1.1 1")  # "100 Continue" and the like: the real head follows
        return head

    def clock(self, seconds: float | None) -> None:
        """Let a body read wait so long. On a plain socket by the kernel: Python's own timeout costs a poll per read."""
        if self._kernel_clock:
            whole = int(seconds or 0)
            micros = int(((seconds or 0) - whole) * 1e6)
            self._sock.settimeout(None)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", whole, micros))
        else:
            self._sock.settimeout(seconds)

    def body(self) -> bytes:
        """The next bytes after the head, empty at the end."""
        if self._kept:
            data, self._kept = self._kept, b""
            return data
        try:
            return self._sock.recv(_READ)
        except (TimeoutError, BlockingIOError) as error:
            raise httpx2.ReadTimeout("no data in time") from error
        except OSError as error:
            raise httpx2.ReadError(type(error).__name__) from error

    def give_back(self, data: bytes) -> None:
        """Let httpcore2 read this next."""
        self._kept = data + self._kept

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):
    def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(*args, **kwargs))

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
        return _Stream(super().connect_unix_socket(*args, **kwargs))


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Any, wire: _Stream | None, timeout: float | None) -> None:
        self._stream, self._wire, self._timeout = stream, wire, timeout

    def __iter__(self) -> Iterator[bytes]:
        wire = self._wire
        if wire is None:
            with _mapped():
                yield from self._stream
            return
        wire.clock(self._timeout)
        chunks = Dechunker()
        while not chunks.done:
            data = wire.body()
            if not data:
                raise httpx2.RemoteProtocolError("the connection was closed in the middle of the answer")
            try:
                payload = chunks.feed(data)
            except ChunkError as error:
                raise httpx2.RemoteProtocolError(str(error)) from error
            if payload:
                yield payload
        if not chunks.surplus:
            wire.give_back(b"0\r\n\r\n")
            with _mapped():
                for _ in self._stream:  # sees the end and keeps the connection
                    pass

    def close(self) -> None:
        with _mapped():
            self._stream.close()


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    """httpcore2's failures under httpx2's names, which the SDKs know."""
    try:
        yield
    except httpcore2.ConnectTimeout as error:
        raise httpx2.ConnectTimeout("no connection in time") from error
    except httpcore2.TimeoutException as error:
        raise httpx2.ReadTimeout("no answer in time") from error
    except httpcore2.ConnectError as error:
        raise httpx2.ConnectError("no connection") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise httpx2.ReadError(type(error).__name__) from error


class Transport(httpx2.BaseTransport):
    """httpcore2's pool with :class:`_Stream` connections. HTTP/1.1 only, which streams best through one socket each."""

    def __init__(self) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=1_000,
            max_keepalive_connections=100,
            keepalive_expiry=60.0,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        inner = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=cast("Iterable[bytes]", request.stream),
            extensions=request.extensions,
        )
        with _mapped():
            answer = self._pool.handle_request(inner)
        wire = answer.extensions.get("network_stream")
        chunked = any(k.lower() == b"transfer-encoding" and v.lower() == b"chunked" for k, v in answer.headers)
        fast = chunked and isinstance(wire, _Stream) and wire.direct
        timeout = request.extensions.get("timeout", {}).get("read")
        body = _Body(answer.stream, wire if fast else None, timeout)
        extensions = {**answer.extensions, _BODY: body} if fast else answer.extensions
        return httpx2.Response(answer.status, headers=answer.headers, stream=body, extensions=extensions)

    def close(self) -> None:
        self._pool.close()


def raw_body(response: httpx2.Response) -> Iterator[bytes]:
    """The body as it arrives, past httpx2's own layers where there is nothing for them to do."""
    if "content-encoding" in response.headers:
        return response.iter_bytes()  # it was asked not to compress
    body: _Body | None = response.extensions.get(_BODY)
    return response.iter_raw() if body is None else iter(body)


def hurry(response: httpx2.Response, seconds: float) -> None:
    """From now on wait only so long for the rest of a body: the answer is complete, the rest is courtesy."""
    wire = response.extensions.get("network_stream")
    if isinstance(wire, _Stream):
        wire.clock(seconds)


def make_client(address: str) -> httpx2.Client | None:
    """The client for an SDK, or ``None`` where a proxy of the environment applies: then the SDK's own is right."""
    parts = urlsplit(address)
    proxies = urllib.request.getproxies()
    host = parts.hostname or ""
    if (proxies.get(parts.scheme) or proxies.get("all")) and not urllib.request.proxy_bypass(host):
        return None
    # No redirects: a key is never carried to another place.
    return httpx2.Client(transport=Transport(), follow_redirects=False)
