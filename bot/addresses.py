"""Mail addresses and the mail server's address: read, judged and never passed on when they could break out of a header. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

_ADDRESS = re.compile(r"[^@\s<>\"'(),:;\[\]\\]{1,64}@[^@\s<>\"'(),:;\[\]\\/%]+")
_NAMED = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<address>[^<>]*)>\s*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
PORTS = {"starttls": 587, "off": 25, "tls": 465}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Address:
    """``name <address>``."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @property
    def is_ascii(self) -> bool:
        return self.address.isascii()


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server. ``security``: ``starttls`` (required), ``tls`` from the first byte, or ``off``."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = ""
    ca: str = ""
    """A file with the certificates to trust instead of the system's."""

    def __repr__(self) -> str:
        return f"<mail server {self.host}:{self.port}>"


def is_one_line(text: str) -> bool:
    """Whether a text may stand in a header: no line end and no other control character."""
    return not _CONTROL.search(text)


def one_line(text: str, most: int = 200) -> str:
    """A text of others as one line for a header, at most so many characters."""
    flat = " ".join(_CONTROL.sub(" ", text).split())
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def parse_address(text: str) -> Address:
    """Read ``anna@example.com`` or ``Anna <anna@example.com>``. Judge it by :func:`address_problem`."""
    found = _NAMED.fullmatch(text)
    if found is None:
        return Address(text.strip(" \t"))
    return Address(found["address"].strip(" \t"), found["name"].strip('" \t'))


def parse_addresses(text: str) -> list[Address]:
    """Read several, with commas between them; names must not hold any."""
    return [parse_address(part) for part in text.split(",") if part.strip()]


def address_problem(one: Address) -> str:
    """What is wrong with an address, as a clause; empty when nothing is."""
    if not is_one_line(one.name) or not is_one_line(one.address):
        return "it holds a line end or another control character"
    if len(one.address) > 254 or not _ADDRESS.fullmatch(one.address):
        return f"{one.address[:80]!r} is no mail address; it should be like help@example.com or Help <help@example.com>"
    return ""


def parse_server(url: str) -> Server:
    """Read ``SMTP_URL``. Raises ValueError with a clause that never holds the password."""
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise ValueError("its host or port cannot be read; write smtp://user:password@host:587") from None
    if parts.scheme not in {"smtp", "smtps"}:
        raise ValueError("it must begin with smtp:// or smtps://")
    if not host or not is_one_line(url):
        raise ValueError("it must name a host, as in smtp://user:password@host:587")
    if parts.path not in {"", "/"} or parts.fragment:
        raise ValueError("a / or # in the user's name or password must be written as %2F or %23")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    wanted = options.pop("starttls", "required")
    ca = options.pop("ca", "")
    if options:
        raise ValueError(f"it knows the options starttls and ca, not {next(iter(options))[:40]!r}")
    if wanted not in {"required", "off"}:
        raise ValueError("starttls must be required or off")
    if parts.scheme == "smtps" and "starttls" in parts.query:
        raise ValueError("smtps:// is encrypted from the first byte: leave starttls away")
    security = "tls" if parts.scheme == "smtps" else "off" if wanted == "off" else "starttls"
    if ca and not Path(ca).is_absolute():
        raise ValueError("ca must be the whole path of a file")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not is_one_line(user + password):
        raise ValueError("user and password must not hold control characters")
    if user and security == "off" and host not in LOOPBACK:
        raise ValueError("a password is never sent without TLS: leave starttls=off away, or the user")
    return Server(host, port or PORTS[security], security, user, password, ca)
