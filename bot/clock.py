"""Times and ids. Rows hold Unix seconds (UTC); leases use a clock that no operator can set back."""

from __future__ import annotations

import os
import time
from pathlib import Path


def now() -> float:
    """Unix seconds, UTC."""
    return time.time()


def lease_now() -> float:
    """Seconds since boot, suspend included, so that a changed wall clock cannot free or hold a lease (SQLite, one host)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def boot_id() -> str:
    """An id of this boot: leases of an earlier one are void. Empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def new_id() -> str:
    """A UUIDv7 in its usual form: sorts by time, to a quarter of a microsecond (RFC 9562, method 3), 62 random bits. Not a secret."""
    at, rest = divmod(time.time_ns(), 1_000_000)
    raw = bytearray(at.to_bytes(6, "big") + (rest * 4096 // 1_000_000).to_bytes(2, "big") + os.urandom(8))
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
