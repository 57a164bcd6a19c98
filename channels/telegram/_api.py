"""The Bot API client: python-telegram-bot's ``Bot``, which retries nothing by itself, and a log without tokens or texts."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

# The SDK's own switch for seconds as timedelta; without it every pause that Telegram asks for is a warning first.
os.environ.setdefault("PTB_TIMEDELTA", "true")

import httpx
from telegram import Bot, InputFile
from telegram.request import HTTPXRequest

ADDRESS = "https://api.telegram.org"
POLL = 25
"""Seconds that Telegram holds a poll open while there is nothing."""
TIMEOUT = 12.0
"""Seconds for one call. Less than the channel's own limit, so that the failure is classified here."""
UPLOAD = 13.0
KINDS = ("message", "edited_message", "callback_query", "message_reaction", "my_chat_member")
"""Of the platform's updates, what we ask for."""


def quiet() -> None:
    """Whatever these would say, we say ourselves, without the address (it holds the token) and without customers' words."""
    logging.getLogger("telegram").setLevel(logging.CRITICAL)
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


class Api(Bot):
    """Calls by the platform's own names with plain data: an update from the future is data, too, and stops nobody."""

    async def call(self, method: str, wait: float = TIMEOUT, /, **data: Any) -> Any:
        """One call, its ``result``. Raises what the SDK raises."""
        return await self._post(method, data, read_timeout=wait, write_timeout=wait)

    async def updates(self, offset: int | None, *, hold: int = POLL) -> list[dict[str, Any]]:
        """What is new from ``offset`` on. Telegram forgets everything before it: commit first."""
        got = await self._post(
            "getUpdates", {"offset": offset, "timeout": hold, "limit": 100, "allowed_updates": list(KINDS)}, read_timeout=hold + 8
        )  # fmt: skip
        return [one for one in got if isinstance(one, dict) and isinstance(one.get("update_id"), int)]

    async def bytes_of(self, path: str, wait: float) -> bytes:
        """A file's bytes, by the path that ``getFile`` gave."""
        return await self.request.retrieve(f"{self.base_file_url}/{path}", read_timeout=wait)


def upload(content: bytes, name: str, kind: str) -> InputFile:
    """A file to send."""
    made = InputFile(content, filename=name or "file")
    if kind:
        made.mimetype = kind
    return made


def is_loopback(address: str) -> bool:
    return (urlsplit(address).hostname or "") in {"127.0.0.1", "localhost", "::1"}


def make_api(token: str, api_url: str) -> Api:
    """Blocks for a moment (certificates); then ``await open_api(api)``, and ``close_api`` at the end. Polls have their own connections."""
    quiet()
    address = (api_url or ADDRESS).rstrip("/")
    # One set of certificates for all connections (each takes 30 ms to load), and none where there is no TLS to check.
    more: dict[str, Any] = {"verify": httpx.create_ssl_context() if address.startswith("https://") else False}
    if is_loopback(address):
        more["trust_env"] = False

    def request(size: int) -> HTTPXRequest:
        # HTTP/1.1 and a short keep-alive: a call on a connection that is just being closed would be uncertain.
        return HTTPXRequest(
            connection_pool_size=size,
            connect_timeout=5.0,
            read_timeout=TIMEOUT,
            write_timeout=TIMEOUT,
            media_write_timeout=UPLOAD,
            pool_timeout=5.0,
            httpx_kwargs=more,
        )

    return Api(
        token,
        base_url=f"{address}/bot",
        base_file_url=f"{address}/file/bot",
        request=request(32),
        get_updates_request=request(2),
    )


async def open_api(api: Api) -> None:
    """Open it for business. No call is made."""
    for one in _requests(api):
        await one.initialize()


async def close_api(api: Api) -> None:
    for one in _requests(api):
        await one.shutdown()


def _requests(api: Api) -> Sequence[HTTPXRequest]:
    # Not Bot.initialize(): it calls getMe and fails for good while Telegram is away.
    return api._request  # type: ignore[return-value]
