"""Files that customers send, with their bytes: Discord's links to them expire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bot import Attachment

AGAIN = (0.5, 1.5)
"""Seconds before the second and the third try."""
MOST = 10
"""Files of one message (resources/message)."""


async def fetched(rest: Any, attachments: Sequence[dict[str, Any]], most_bytes: int) -> tuple[Attachment, ...]:
    """The files of a message, in their order. One that cannot be had says why and takes no other with it."""
    return tuple(await asyncio.gather(*(_one(rest, one, most_bytes) for one in list(attachments)[:MOST])))


async def _one(rest: Any, data: dict[str, Any], most: int) -> Attachment:
    name, kind = str(data.get("filename") or "file")[:200], str(data.get("content_type") or "").partition(";")[0][:100]
    said = data.get("size")
    size = said if isinstance(said, int) else 0
    if size > most:
        return Attachment(name=name, type=kind, size=size, problem="too_large")
    for wait in (*AGAIN, None):
        try:
            content = await rest.fetch(str(data.get("url") or ""), most)
        except OSError:
            if wait is None:
                return Attachment(name=name, type=kind, size=size, problem="unavailable")
            await asyncio.sleep(wait)
        else:
            if content is None:
                return Attachment(name=name, type=kind, size=max(size, most + 1), problem="too_large")
            return Attachment(name=name, type=kind, content=content, size=len(content))
    raise AssertionError("unreachable")
