"""Requests to addresses that somebody else chose: knowledge to read, webhooks to call, media to fetch. Guarded, always.

A name is resolved once; if any of its addresses is not a public one the request is refused; the connection goes to the address
that was judged, so a name that answers differently a moment later changes nothing. TLS and the Host header keep the name. Each
redirect is judged as the first address was. Proxies of the environment are not used, and nothing is read without a limit.

An operator allows more with ``DESKHAND_ALLOWED_CIDRS``: addresses in those networks may be private, at whatever port.
"""

from __future__ import annotations

import ipaddress
import math
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

from bot.config import config

if TYPE_CHECKING:
    import ssl

    import httpx

CONNECT, TOTAL = 5.0, 15.0
"""Seconds for a name and a connection, and for everything including redirects and the body."""
MAX_BYTES = 5_000_000
"""Of a decoded body."""
MAX_REDIRECTS = 3
PORTS = frozenset({80, 443})
_CHUNK = 65_536
_LONGEST_SHOWN = 120
"""Characters of a refused address in a sentence."""
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
"""``resolver(host, port)`` returns addresses as text; raises OSError."""

# Not private by the letter, but a way to a private address or to nobody: IPv4 in IPv6 in its four forms, site-local, and what RFCs
# reserve that Python 3.11 calls global.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "fec0::/10", "3fff::/20", "5f00::/16",
                 "192.88.99.0/24", "192.0.0.0/24", "100.64.0.0/10")
)  # fmt: skip


class OutwardFailed(Exception):
    """A request that brought nothing. The text is a clause without its subject, such as ``it did not answer within 15 seconds``.

    ``temporary``: later it may work.
    """

    def __init__(self, text: str, *, temporary: bool = False) -> None:
        super().__init__(text)
        self.temporary = temporary


class OutwardRefused(OutwardFailed):
    """A request that was not made, because of where it would have gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutwardAnswer:
    """What came back. ``url`` is where it came from after redirects; header names are lower case; ``body`` is decoded."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    redirects: tuple[str, ...] = ()
    for_now: bool = False
    """One of the redirects holds for now only (302, 303, 307): the address may be right again tomorrow."""

    @property
    def type(self) -> str:
        """Such as ``text/html``; empty when the server does not say."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Outward:
    """A client with kept connections, for one thread at a time; a ``with`` closes them.

    ``resolver``, ``tls`` and ``allowed`` are for tests and special cases.
    """

    def __init__(
        self,
        agent: str = "Deskhand",
        *,
        allowed: Sequence[Network] | None = None,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.agent = agent
        self.allowed = tuple(allowed_networks(config().allowed_cidrs) if allowed is None else allowed)
        self._resolve = resolver or _resolve
        self._tls = tls
        self._made: httpx.Client | None = None
        self.deadline = math.inf
        """When the request that runs must be over (monotonic); the connections ask for it."""

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        max_bytes: int = MAX_BYTES,
        seconds: float = TOTAL,
        redirects: int = MAX_REDIRECTS,
        types: Collection[str] = (),
        check: Callable[[str], None] | None = None,
    ) -> OutwardAnswer:
        """Make one request and follow at most ``redirects``. Blocks for at most about ``seconds``.

        ``types``: media types of a 200 whose body is wanted (empty: all). ``check`` is called with the address of each redirect
        before it is followed, and may raise. Raises :class:`OutwardRefused` and :class:`OutwardFailed`.
        """
        self.deadline = time.monotonic() + seconds
        sent = {
            "user-agent": self.agent,
            "accept-encoding": "gzip, deflate",
            **{k.lower(): v for k, v in (headers or {}).items()},
        }
        seen: list[str] = []
        for_now = False
        while True:
            host = check_address(url)
            answer, target = self._once(method, url, sent, content, max_bytes, seconds, types)
            if target is None:
                return replace(answer, redirects=tuple(seen), for_now=for_now)
            for_now = for_now or answer.status not in {301, 308}
            if len(seen) >= redirects:
                raise OutwardFailed(f"it redirects more than {redirects} times")
            seen.append(url)
            url = urljoin(url, target)
            if check_address(url) != host:
                sent = {name: value for name, value in sent.items() if name not in _SECRET_HEADERS}
            if check is not None:
                check(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close kept connections."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a name once and judge every address. Raises :class:`OutwardFailed`; called by the connections."""
        found = self._in_time(host, port)
        if not found:
            raise OutwardFailed(f"the name {host} has no address", temporary=True)
        for text in found:
            if not self._is_allowed(text):
                yours = f"If it is yours, add its network to DESKHAND_ALLOWED_CIDRS, such as {_alone(text)}"
                if not is_public(text):
                    raise OutwardRefused(f"{host} is at {text}, which is not a public address. {yours}")
                if port not in PORTS:
                    raise OutwardRefused(
                        f"{host} is asked for at port {port}, and only the ports 80 and 443 are open. {yours}"
                    )
        return found

    def left(self) -> float:
        """Seconds until the deadline; raises when it is over."""
        rest = self.deadline - time.monotonic()
        if rest <= 0:
            raise OutwardFailed("it took too long", temporary=True)
        return rest

    def _is_allowed(self, text: str) -> bool:
        address = unwrapped(text)
        return any(address.version == network.version and address in network for network in self.allowed)

    def _in_time(self, host: str, port: int) -> list[str]:
        """The system's resolver takes no time limit, so it runs in a thread that is left behind when it hangs."""
        box: list[Any] = []

        def ask() -> None:
            try:
                box.append(list(self._resolve(host, port)))
            except (OSError, UnicodeError) as error:
                box.append(error)

        thread = threading.Thread(target=ask, name="resolve", daemon=True)
        thread.start()
        thread.join(min(CONNECT, self.left()))
        if not box:
            raise OutwardFailed(f"the name {host} could not be looked up in {CONNECT:.0f} seconds", temporary=True)
        if isinstance(box[0], Exception):
            raise OutwardFailed(f"there is no host called {host}", temporary=True)
        return list(box[0])

    def _client(self) -> httpx.Client:
        if self._made is None:
            from bot.outward_wire import client

            self._made = client(self, self._tls)
        return self._made

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, max_bytes: int, seconds: float,
        types: Collection[str],
    ) -> tuple[OutwardAnswer, str | None]:  # fmt: skip
        """One request: what came, and where it redirects to or ``None``."""
        import httpx

        client = self._client()
        try:
            with client.stream(method, url, headers=dict(headers), content=content or None) as response:
                got = {name.lower(): value for name, value in response.headers.items()}
                answer = OutwardAnswer(url=url, status=response.status_code, headers=got, body=b"")
                if answer.status in {301, 302, 303, 307, 308} and got.get("location"):
                    return answer, got["location"]
                if types and response.status_code == 200 and answer.type and answer.type not in types:
                    raise OutwardFailed(f"it is {answer.type}, which cannot be read here")
                body = self._body(response.iter_raw(_CHUNK), got, max_bytes)
                return replace(answer, body=body), None
        except OutwardFailed:
            raise
        except httpx.TimeoutException:
            raise OutwardFailed(f"it did not answer within {seconds:.0f} seconds", temporary=True) from None
        except httpx.UnsupportedProtocol:
            raise OutwardRefused(f"the address {_shown(url)} must begin with https:// or http://") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            reason = str(error).strip() or type(error).__name__
            raise OutwardFailed(f"the connection failed ({reason[:200]})", temporary=True) from None

    def _body(self, raw: Iterator[bytes], headers: Mapping[str, str], max_bytes: int) -> bytes:
        told = headers.get("content-length", "")
        if told.isdigit() and int(told) > max_bytes:
            raise OutwardFailed(_too_large(max_bytes))
        body = bytearray()
        for part in _decoded(raw, headers.get("content-encoding", "").strip().lower(), max_bytes + 1):
            body += part
            if len(body) > max_bytes:
                raise OutwardFailed(_too_large(max_bytes))
            self.left()
        return bytes(body)


def _too_large(max_bytes: int) -> str:
    return f"it is larger than {max_bytes / 1e6:g} MB"


def _decoded(raw: Iterator[bytes], encoding: str, most: int) -> Iterator[bytes]:
    """Unpack step by step: a small body that unpacks to gigabytes is noticed before it is in memory."""
    if encoding in {"", "identity"}:
        yield from raw
        return
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise OutwardFailed(f"it is packed as {encoding[:40]}, which was not asked for")
    unpacker = zlib.decompressobj(wbits=47)
    given = 0
    try:
        for part in raw:
            left = part
            while left and given < most and not unpacker.eof:
                out = unpacker.decompress(left, min(_CHUNK * 4, most - given))
                given += len(out)
                yield out
                left = unpacker.unconsumed_tail
            if given >= most or unpacker.eof:
                return
    except zlib.error:
        raise OutwardFailed("its packed body is broken") from None
    if not unpacker.eof:
        raise OutwardFailed("its packed body ends too early", temporary=True)


def check_address(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address that may be asked for. Raises :class:`OutwardRefused`; nothing is resolved."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutwardRefused(f"the address {_shown(url)} is not valid") from None
    if parts.scheme.lower() not in {"http", "https"}:
        raise OutwardRefused(f"the address {_shown(url)} must begin with https:// or http://")
    if not parts.hostname:
        raise OutwardRefused(f"the address {_shown(url)} names no host")
    if parts.username is not None or parts.password is not None:
        raise OutwardRefused(f"the address {_shown(url)} has a user name in it: leave away what stands before the @")
    if any(ord(letter) <= 32 or letter == "\\" for letter in url):
        raise OutwardRefused(f"the address {_shown(url)} is not valid: it has a blank or a backslash in it")
    return (
        parts.scheme.lower(),
        parts.hostname.lower().rstrip("."),
        port or (443 if parts.scheme.lower() == "https" else 80),
    )


def _shown(url: str) -> str:
    """A refused address for people, on one line and not whole where it may hold a secret: what follows a question mark, a password."""
    if "@" in url:
        try:
            host = urlsplit(url).hostname
        except ValueError:
            host = None
        return f"“…@{host or '…'}”"
    plain = " ".join(_NO_TEXT.sub(" ", url).split()).partition("?")[0].partition("#")[0]
    return f"“{plain if len(plain) <= _LONGEST_SHOWN else plain[: _LONGEST_SHOWN - 1] + '…'}”"


def _alone(text: str) -> str:
    """The network of this one address, as ``DESKHAND_ALLOWED_CIDRS`` has it."""
    try:
        return str(ipaddress.ip_network(unwrapped(text)))
    except ValueError:
        return "10.1.0.0/16"


def unwrapped(text: str) -> Address:
    """Read an address; one of IPv4 in IPv6's clothes is IPv4. Raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def is_public(text: str) -> bool:
    """Whether an address is global unicast: not private, loopback, link-local, shared, multicast, translated or reserved."""
    try:
        address = unwrapped(text)
    except ValueError:
        return False
    if any(address.version == network.version and address in network for network in _NEVER):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def allowed_networks(text: str) -> list[Network]:
    """Read ``DESKHAND_ALLOWED_CIDRS``, which was checked at the start. Raises ValueError."""
    return [ipaddress.ip_network(part, strict=False) for part in text.replace(",", " ").split()]


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
