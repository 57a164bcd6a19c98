"""Keyed hashes of what must be recognised and not kept: a question that comes again, the address somebody writes from.

The key is made from the master key, so a copy of the database alone tells nobody what was asked or from where.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from ipaddress import ip_network

from bot import crypto
from bot.config import ConfigError, config

AGAIN = 60.0
"""Seconds between two looks at the master key."""
_key: tuple[str, float, bytes] = ("", 0.0, b"")
_BETWEEN = re.compile(r"[\W_]+")


def fingerprint(kind: str, text: str) -> str:
    """32 hex digits, the same for the same ``text`` in all processes; empty for an empty one, and without a master key."""
    key = _secret()
    if not text or not key:
        return ""
    return hmac.digest(key, f"{kind}\n{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:32]


def of_question(text: str) -> str:
    """The same for questions that differ only in case, spaces and punctuation."""
    words = _BETWEEN.sub(" ", text.casefold()).strip()
    return fingerprint("question", words or " ".join(text.split()))


def of_origin(address: str) -> str:
    """Of an address prefix (``bot.address_prefix``): limits count by it, and nobody can read an address from it. Empty for addresses
    that are not public: behind a proxy that is not named as one all customers would have the same. Blocks."""
    try:
        public = ip_network(address, strict=False).network_address.is_global
    except ValueError:
        return ""
    return fingerprint("origin", address) if public else ""


def _secret() -> bytes:
    global _key
    home = f"{config().data}\n{config().key.get_secret_value()}"
    if _key[0] != home or time.monotonic() >= _key[1]:
        try:
            masters = crypto.masters()
        except (ConfigError, crypto.CryptoError):
            masters = []  # doctor says what is wrong with it; nobody is recognised meanwhile
        secret = hmac.digest(masters[0].raw, b"deskhand fingerprints", hashlib.sha256) if masters else b""
        _key = (home, time.monotonic() + AGAIN, secret)
    return _key[2]
