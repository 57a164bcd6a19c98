"""Files that came with messages: their bytes, or honestly why not."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import structlog

from bot import Attachment, ChannelDown, DeliveryFailure, TemporaryFailure

from .connection import Connection, Refusal
from .failures import failure_of
from .reading import Wanted

log = structlog.get_logger("channels")
MAX_FILE = 20_000_000
"""Bytes that a bot can fetch (Bot API, getFile)."""
DEADLINE = 20.0
"""Seconds for all tries of one file: the messages behind it wait so long."""
TRIES = 3
PAUSE = 0.5
"""Seconds after the first try; twice as many after the next."""


async def fetch(connection: Connection, wanted: Wanted, until: float = math.inf) -> Attachment:
    """The file with its bytes, or why Telegram has none. Raises :class:`TemporaryFailure` when it could not be asked now, or not
    before ``until`` (of the monotonic clock)."""
    largest = connection.limits().max_file_bytes
    if wanted.size > largest:
        return missing(wanted, "too_large")
    ends, wait = min(until, time.monotonic() + DEADLINE), PAUSE
    for attempt in range(TRIES):
        try:
            found = await connection.ask("getFile", file_id=wanted.id)
            if int(found.get("file_size") or 0) > largest:
                return missing(wanted, "too_large", int(found["file_size"]))
            content = await _bytes(connection, str(found["file_path"]), ends - time.monotonic())
            return Attachment(name=wanted.name, content=content, type=wanted.type, size=len(content))
        except ChannelDown:
            raise
        except Refusal as refusal:
            return missing(wanted, "too_large" if "too big" in refusal.said else "unavailable")
        except (DeliveryFailure, KeyError, TypeError, ValueError) as error:
            log.info("file_not_fetched", channel="telegram", reason=type(error).__name__, attempt=attempt + 1)
        if time.monotonic() + wait > ends or attempt == TRIES - 1:
            break
        await asyncio.sleep(wait)
        wait *= 2
    raise TemporaryFailure("a file could not be fetched from Telegram")


def missing(wanted: Wanted, problem: Any, size: int = 0) -> Attachment:
    return Attachment(name=wanted.name, type=wanted.type, size=size or wanted.size, problem=problem)


async def _bytes(connection: Connection, path: str, seconds: float) -> bytes:
    api = await connection.api()
    try:
        async with asyncio.timeout(max(seconds, 1.0)):
            return await api.bytes_of(path, 10.0)
    except Exception as error:
        from telegram.error import InvalidToken

        if isinstance(error, InvalidToken):  # for a file this is a 404: it is not there any more
            raise TemporaryFailure("Telegram has no such file") from None
        raise failure_of(error) from None
