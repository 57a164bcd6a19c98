"""Find out whether a message arrived, by the key that every message of ours carries in its metadata."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from bot import Posted, Uncertain

from .failures import code_of, failure_of

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

EVENT_TYPE = "deskhand_delivery"
PAGE = 200
MOST_PAGES = 20
OLDEST = 26 * 3600.0
"""Seconds back that the channel is searched: a delivery dies after 24 hours."""


def metadata(key: str) -> dict[str, Any]:
    """What a message carries so that it can be found again."""
    return {"event_type": EVENT_TYPE, "event_payload": {"k": key}}


def key_of(message: dict[str, Any]) -> str:
    """The delivery's key that a message carries, or empty."""
    data = message.get("metadata") or {}
    if data.get("event_type") != EVENT_TYPE:
        return ""
    return str((data.get("event_payload") or {}).get("k", ""))


def _shows_file(message: dict[str, Any], key: str) -> bool:
    """Files carry no metadata: the key's beginning is in their name."""
    from .uploading import MARK

    return bool(message.get("bot_id")) and any(
        f"-{key[:MARK]}" in str(one.get("name", "")) for one in message.get("files") or []
    )


async def find(client: AsyncWebClient, key: str, place: str, thread: str) -> Posted | None:
    """Look for ``key`` in the thread, or among the channel's last messages. Raises when that cannot be told."""
    pages = thread_pages(client, place, thread) if thread else _channel_pages(client, place)
    async for messages in pages:
        for message in messages:
            if key_of(message) == key or _shows_file(message, key):
                return Posted(message["ts"], thread or message["ts"])
    return None


async def thread_pages(client: AsyncWebClient, place: str, thread: str) -> AsyncIterator[list[dict[str, Any]]]:
    """All messages of a thread, the oldest first. A thread that is gone has none."""
    cursor = ""
    for _ in range(MOST_PAGES):
        try:
            answer = await client.conversations_replies(
                channel=place, ts=thread, limit=PAGE, include_all_metadata=True, **_from(cursor)
            )
        except Exception as error:
            if code_of(getattr(error, "response", None)) == "thread_not_found":
                return
            raise failure_of(error) from None
        yield list(answer.get("messages") or [])
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return
    raise Uncertain("the thread is too long to be read to its end")


async def _channel_pages(client: AsyncWebClient, place: str) -> AsyncIterator[list[dict[str, Any]]]:
    cursor = ""
    oldest = f"{time.time() - OLDEST:.6f}"
    for _ in range(MOST_PAGES):
        try:
            answer = await client.conversations_history(
                channel=place, limit=PAGE, include_all_metadata=True, oldest=oldest, **_from(cursor)
            )
        except Exception as error:
            raise failure_of(error) from None
        yield list(answer.get("messages") or [])
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return
    raise Uncertain("the channel has too many messages of the last day to be read to its end")


def _from(cursor: str) -> dict[str, Any]:
    return {"cursor": cursor} if cursor else {}
