"""The connections under :mod:`bot.outward`: httpx and httpcore with a network of our own that goes only to judged addresses."""

from __future__ import annotations

import contextlib
import ssl
import typing
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from bot.outward import CONNECT, OutwardFailed, OutwardRefused

if TYPE_CHECKING:
    from bot.outward import Outward


def client(owner: Outward, tls: ssl.SSLContext | None) -> httpx.Client:
    """A client whose every connection asks ``owner`` where it may go and until when."""
    context = tls or httpx.create_ssl_context(trust_env=False)
    return httpx.Client(
        transport=_Transport(owner, context), trust_env=False, follow_redirects=False, timeout=httpx.Timeout(60.0)
    )


class _Transport(httpx.BaseTransport):
    def __init__(self, owner: Outward, tls: ssl.SSLContext) -> None:
        # The pool knows names: TLS asks for the name's certificate, and two names at one address share no connection.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, max_connections=8, max_keepalive_connections=4, keepalive_expiry=5.0, http1=True, http2=False,
            network_backend=_Network(owner),
        )  # fmt: skip

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=typing.cast("Iterable[bytes]", request.stream),
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = self._pool.handle_request(asked)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(typing.cast("Iterable[bytes]", answer.stream)),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


@contextlib.contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except httpcore.TimeoutException as error:
        raise httpx.ReadTimeout(str(error)) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise httpx.TransportError(str(error)) from error


class _Network(httpcore.NetworkBackend):
    """Connects to addresses that were judged, and to nothing else."""

    def __init__(self, owner: Outward) -> None:
        self._owner = owner
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self._owner.addresses(host, port)[:4]:
            try:
                seconds = min(CONNECT, self._owner.left())
                stream = self._plain.connect_tcp(address, port, seconds, local_address, socket_options)
                return _Stream(stream, self._owner)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        if isinstance(failure, httpcore.ConnectTimeout):
            raise OutwardFailed(f"it could not be reached within {CONNECT:.0f} seconds", temporary=True)
        raise OutwardFailed("it could not be reached", temporary=True)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        raise OutwardRefused("its address is not one of the network")


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends at the deadline of the request that runs: a server cannot drip for ever."""

    def __init__(self, stream: httpcore.NetworkStream, owner: Outward) -> None:
        self._stream = stream
        self._owner = owner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._owner.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._owner.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = min(CONNECT, self._owner.left())
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._owner)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
