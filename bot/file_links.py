"""Links to stored files: ``/f/ID/NAME?e=EXPIRY&s=SIGNATURE``. Whoever has a link may read the file until it expires.

The signature is an HMAC over id and expiry under a key made from the master key, so every process knows it, a copy of the
database alone cannot make links, and there is no session to steal.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from urllib.parse import quote

from bot import clock, crypto
from bot.config import ConfigError, config

DAY = 86_400
STEP = 6 * 3_600
"""Expiries are rounded up to this, so that the same file has the same address for hours and a browser asks once."""
DAYS_FOR_PEOPLE = 7
"""How long a link in a message on another platform works."""

AGAIN = 5.0
"""Seconds between two looks at the master key: it may be changed while we run."""

_keys: tuple[str, float, list[bytes]] = ("", 0.0, [])


def _signing_keys() -> list[bytes]:
    """The first signs, all are believed: after a change of the master key old links work until they expire. None without one."""
    global _keys
    home = f"{config().data}\n{config().key.get_secret_value()}"
    if _keys[0] != home or time.monotonic() >= _keys[1]:
        try:
            loaded = crypto.masters()
        except (ConfigError, crypto.CryptoError):
            loaded = []  # doctor and the log say what is wrong with it; the conversation can be read without its files
        derived = [hmac.digest(key.raw, b"deskhand file links", hashlib.sha256) for key in loaded]
        _keys = (home, time.monotonic() + AGAIN, derived)
    return _keys[2]


def _signature(key: bytes, file_id: str, expiry: str) -> str:
    raw = hmac.digest(key, f"{file_id}\n{expiry}".encode(), hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def path_of(file_id: str, name: str, seconds: float = DAY) -> str:
    """A path on this server that works for ``seconds`` at least; empty when the master key is missing."""
    if not _signing_keys():
        return ""
    expiry = str((int(clock.now() + seconds) // STEP + 1) * STEP)
    return f"/f/{file_id}/{quote(name)}?e={expiry}&s={_signature(_signing_keys()[0], file_id, expiry)}"


def link_of(file_id: str, name: str) -> str:
    """A whole address for people elsewhere; empty while this installation has no public one."""
    base = config().public_url
    path = path_of(file_id, name, DAYS_FOR_PEOPLE * DAY) if base else ""
    return f"{base}{path}" if path else ""


def is_valid(file_id: str, expiry: str, signature: str) -> bool:
    """Whether we signed this and it has not expired."""
    if not (expiry.isascii() and expiry.isdecimal() and len(expiry) <= 12 and signature.isascii()):
        return False
    if int(expiry) < clock.now():
        return False
    return any(hmac.compare_digest(_signature(key, file_id, expiry), signature) for key in _signing_keys())
