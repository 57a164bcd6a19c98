"""What people write and read, on its way through Redis: sealed, so that nothing personal lies or passes there in plain text.

The key is made of the master key, so that every process of the installation has it and nobody who only reaches Redis. A
frame is bound to its conversation and a draft to its turn: neither can be shown elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from typing import TYPE_CHECKING

import structlog

from bot import crypto
from bot.config import ConfigError, config

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = structlog.get_logger("bus")

NONCE = 12
AGAIN = 5.0
"""Seconds between two looks at the master key: it may be changed while we run."""

_ciphers: tuple[str, float, list[AESGCM]] = ("", 0.0, [])


def prepare() -> None:
    """Have the key ready, so that no loop waits for it. Makes the master key at the first start of an installation."""
    _keys()


def seal_live(text: bytes, about: bytes) -> bytes:
    """Seal ``text`` for ``about``; empty when the master key cannot be had: then live text is left out, and messages still arrive."""
    keys = _keys()
    if not keys:
        return b""
    nonce = os.urandom(NONCE)
    return nonce + keys[0].encrypt(nonce, text, about)


def open_live(sealed: bytes, about: bytes) -> bytes | None:
    """What :func:`seal_live` was given; ``None`` for anything else."""
    from cryptography.exceptions import InvalidTag

    for key in _keys():
        try:
            return key.decrypt(sealed[:NONCE], sealed[NONCE:], about)
        except (InvalidTag, ValueError):
            continue
    return None


def _keys() -> list[AESGCM]:
    """The first seals, all open: a change of the master key cuts no answer off."""
    global _ciphers
    home = f"{config().data}\n{config().key.get_secret_value()}"
    if _ciphers[0] != home or time.monotonic() >= _ciphers[1]:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            masters = crypto.masters()
        except (ConfigError, crypto.CryptoError) as error:
            log.warning("live_text_left_out", reason=str(error))
            masters = []
        made = [AESGCM(hmac.digest(key.raw, b"deskhand live text", hashlib.sha256)) for key in masters]
        _ciphers = (home, time.monotonic() + AGAIN, made)
    return _ciphers[2]
