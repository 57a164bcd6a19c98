"""Agents' files, fetched with the bot's token from Slack's own host and from nowhere else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import structlog

from bot import Attachment

from .failures import code_of

if TYPE_CHECKING:
    import aiohttp
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("channels")
HOST = "files.slack.com"
TRIES = 3
SECONDS = 60.0
"""For one file. An event is acknowledged after three; the file may take longer, see ``Listening``."""
AT_ONCE = 3
PIECE = 65_536
MOST = 10
"""Files of one message."""


class _Trouble(Exception):
    """It may work in a moment."""


class Fetching:
    """Brings the bytes of files, at most ``largest`` each. What cannot be had is an attachment that says why."""

    def __init__(self, client: AsyncWebClient, largest: int) -> None:
        self.client = client
        self.largest = largest
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def all(self, files: tuple[dict[str, Any], ...]) -> tuple[Attachment, ...]:
        """Each with its bytes or a reason. Never raises for what Slack does."""
        return tuple(await asyncio.gather(*(self._one(one) for one in files[:MOST])))

    async def _one(self, described: dict[str, Any]) -> Attachment:
        async with self._slots:
            described = await self._whole(described)
            name = str(described.get("name") or described.get("title") or "file")[:200]
            kind, size = str(described.get("mimetype") or ""), int(described.get("size") or 0)
            none = Attachment(name=name, type=kind, size=size, problem="unavailable")
            if size > self.largest:
                return Attachment(name=name, type=kind, size=size, problem="too_large")
            address = str(described.get("url_private_download") or described.get("url_private") or "")
            why = self._why_not(described, address)
            for attempt in range(TRIES if not why else 0):
                try:
                    async with asyncio.timeout(SECONDS):
                        content = await self._bytes(address, kind, size)
                except _TooLarge:
                    return Attachment(name=name, type=kind, size=max(size, self.largest + 1), problem="too_large")
                except _Trouble as trouble:
                    why = str(trouble)
                    await asyncio.sleep(0.4 * 2**attempt)
                except TimeoutError:
                    why = "it took too long"
                    break
                except _Never as never:
                    why = str(never)
                    break
                else:
                    return Attachment(name=name, content=content, type=kind, size=len(content))
            log.warning("file_not_fetched", desk="slack", file=str(described.get("id", "")), reason=why)
            return none

    async def _whole(self, described: dict[str, Any]) -> dict[str, Any]:
        """Slack Connect tells of a file only that it is there (``check_file_info``): then it is asked for."""
        if described.get("file_access") != "check_file_info" and described.get("url_private"):
            return described
        try:
            answer = await self.client.files_info(file=str(described.get("id", "")))
        except Exception as error:
            return {**described, "refused": code_of(getattr(error, "response", None)) or type(error).__name__}
        return dict(answer.get("file") or {})

    def _why_not(self, described: dict[str, Any], address: str) -> str:
        """A reason not to ask for it at all."""
        if described.get("refused"):
            return f"Slack says {described['refused']}"
        if described.get("mode") in {"tombstone", "hidden_by_limit"}:
            return f"Slack has it no more ({described['mode']})"
        if described.get("is_external") or described.get("mode") == "external":
            return "it is kept somewhere else and only linked in Slack"
        if not is_slacks(address, str(self.client.base_url)):
            return "its address is not Slack's"
        return ""

    async def _bytes(self, address: str, kind: str, size: int) -> bytes:
        import aiohttp

        session = cast("aiohttp.ClientSession", self.client.session)
        limits = aiohttp.ClientTimeout(total=SECONDS, connect=5, sock_read=15)
        found = bytearray()
        try:
            async with session.get(
                address, headers={"Authorization": f"Bearer {self.client.token}"}, allow_redirects=False, timeout=limits
            ) as answer:
                _look_at(answer.status, answer.content_type, kind)
                if (answer.content_length or 0) > self.largest:
                    raise _TooLarge
                async for piece in answer.content.iter_chunked(PIECE):
                    found += piece
                    if len(found) > self.largest:
                        raise _TooLarge
        except aiohttp.ClientError as error:
            raise _Trouble(f"the connection broke ({type(error).__name__})") from None
        if size and len(found) != size:
            raise _Trouble(f"{len(found)} bytes came instead of {size}")
        return bytes(found)


class _TooLarge(Exception):
    pass


class _Never(Exception):
    """Asking again would not help."""


def _look_at(status: int, sent: str, kind: str) -> None:
    """Slack answers a token that may not read the file with its page for signing in, by a redirect or at once."""
    if 300 <= status < 400 or (status == 200 and sent == "text/html" and "html" not in kind):
        raise _Never(
            "Slack showed its sign-in page: the app may not read files (files:read), or the token is not valid"
        )
    if status == 429 or status >= 500:
        raise _Trouble(f"Slack answered {status}")
    if status != 200:
        raise _Never(f"Slack answered {status}")


def is_slacks(address: str, api: str) -> bool:
    """Whether the bot's token may be shown to ``address``: Slack's host of files, or the gateway that the API is asked at."""
    there, ours = urlsplit(address), urlsplit(api)
    if there.username or there.password:
        return False
    if there.scheme == "https" and there.hostname == HOST and there.port in {None, 443}:
        return True
    return (there.scheme, there.netloc) == (ours.scheme, ours.netloc) and ours.hostname != "slack.com"
