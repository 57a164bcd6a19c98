"""Requests to Discord: discord.py's routes and client, with one attempt each. Its own would sleep through rate limits and try
five times; here the outbox decides, which has a memory."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import discord
from discord.gateway import DiscordClientWebSocketResponse
from discord.http import HTTPClient, Route

from bot import TemporaryFailure, Uncertain

from .failures import Refusal
from .pacing import Pacer

TIMEOUT, UPLOAD_TIMEOUT = 5.5, 15.0
"""Seconds for one request. Less than the channel's own limit, so that the failure is classified here."""
FETCH_TIMEOUT = 15.0
CDN = "https://cdn.discordapp.com"
BANNED = 600.0
"""Seconds to leave Discord alone when its edge refuses us without saying for how long."""
_SECRET = re.compile(r"Bot \S+|/(?:interactions|webhooks)/\d+/[^/\s]+|[\w-]{20,}\.[\w-]{5,}\.[\w-]{20,}|wss?://\S+")


class _Scrub(logging.Filter):
    """The SDK's own words, without tokens, addresses of sessions and stacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _SECRET.sub("…", record.getMessage().splitlines()[0] if record.getMessage() else "")[:300]
        record.args = None
        record.exc_info = record.exc_text = None
        return True


_scrub = _Scrub()


def quiet_sdk() -> None:
    """Let the SDK say warnings only: its lower lines show tokens and texts."""
    discord.VoiceClient.warn_nacl = False
    if hasattr(discord.VoiceClient, "warn_dave"):
        discord.VoiceClient.warn_dave = False
    for name in ("discord", "discord.http", "discord.gateway", "discord.client", "discord.state"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if _scrub not in logger.filters:
            logger.addFilter(_scrub)


class Rest(HTTPClient):
    """One bot's way to Discord. Make it in the running loop."""

    def __init__(self, token: str, api_url: str = "", cdn_url: str = "") -> None:
        super().__init__(asyncio.get_running_loop())
        quiet_sdk()
        self.token = token
        self.base = (api_url or Route.BASE).rstrip("/")
        self.cdn = (cdn_url or CDN).rstrip("/")
        self.pacer = Pacer()
        # A proxy of the environment applies, but not on the way to this machine itself.
        away = (urlsplit(self.base).hostname or "") not in {"127.0.0.1", "localhost", "::1"}
        self._asking = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT, connect=5),
            # A request on a connection that Discord is just closing is uncertain: give idle ones up early.
            connector=aiohttp.TCPConnector(limit=60, keepalive_timeout=15),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=away,
        )
        self._wires = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=10),
            ws_response_class=DiscordClientWebSocketResponse,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=away,
        )

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        return await self._wires.ws_connect(
            url,
            max_msg_size=0,
            autoclose=False,
            timeout=aiohttp.ClientWSTimeout(ws_close=3.0),
            headers={"User-Agent": self.user_agent},
            compress=compress,
        )

    async def call(self, method: str, path: str, *, query: Any = None, form: Any = None, **more: Any) -> Any:
        """Ask once. ``body`` goes as JSON; the other names fill the path, as in discord.py's routes.

        Raises Refusal, or what the outbox knows: TemporaryFailure (certainly not done), Uncertain (perhaps done).
        """
        body = more.pop("body", None)
        return await self.request(Route(method, path, **more), json=body, params=query, form=form)

    async def request(self, route: Route, *, files: Any = None, form: Any = None, **kwargs: Any) -> Any:
        counted = not route.path.startswith(("/interactions", "/webhooks"))
        await self.pacer.enter(route.key, route.major_parameters, counted=counted)
        headers = {"User-Agent": self.user_agent}
        if counted:
            headers["Authorization"] = f"Bot {self.token}"
        sent: dict[str, Any] = {"params": kwargs.get("params")}
        if form:
            sent["data"] = _form(form)
            sent["timeout"] = aiohttp.ClientTimeout(total=UPLOAD_TIMEOUT, connect=5)
        elif kwargs.get("json") is not None:
            headers["Content-Type"] = "application/json"
            sent["data"] = json.dumps(kwargs["json"], ensure_ascii=False).encode()
        url = self.base + route.url.removeprefix(Route.BASE)
        try:
            async with self._asking.request(
                route.method, url, headers=headers, allow_redirects=False, **sent
            ) as response:
                raw = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise TemporaryFailure("Discord cannot be reached (no connection)") from None
        except TimeoutError:
            raise Uncertain("Discord did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Uncertain(f"the connection to Discord broke ({type(error).__name__})") from None
        self.pacer.learn(route.key, route.major_parameters, response.headers)
        return self._judged(route, response, _parsed(response, raw))

    def _judged(self, route: Route, response: aiohttp.ClientResponse, data: Any) -> Any:
        if 200 <= response.status < 300:
            return data
        if response.status == 429:
            wait = _retry_after(response, data)
            everywhere = not isinstance(data, dict) or bool(data.get("global"))
            self.pacer.block(route.key, route.major_parameters, wait, everywhere=everywhere)
            raise TemporaryFailure("Discord asked for a pause", wait)
        if response.status >= 500:
            raise Uncertain(f"Discord had a fault of its own ({response.status})")
        code = data.get("code") if isinstance(data, dict) else 0
        raise Refusal(response.status, code if isinstance(code, int) else 0, f"{route.method} {route.path}")

    def spare(self, method: str, path: str, **named: Any) -> int:
        """How many such requests may follow at once."""
        route = Route(method, path, **named)
        return self.pacer.spare(route.key, route.major_parameters)

    async def fetch(self, url: str, most: int) -> bytes | None:
        """The bytes of a file that somebody sent; ``None`` when it has more than ``most``. Only from the CDN, without the token.

        Raises OSError when it cannot be had.
        """
        wanted, ours = urlsplit(url), urlsplit(self.cdn)
        if (wanted.scheme, wanted.hostname, wanted.port) != (ours.scheme, ours.hostname, ours.port):
            raise OSError("the file is not where Discord keeps files")
        try:
            async with self._asking.get(
                url, allow_redirects=False, timeout=aiohttp.ClientTimeout(total=FETCH_TIMEOUT)
            ) as response:
                if response.status != 200:
                    raise OSError(f"status {response.status}")
                found = bytearray()
                async for piece in response.content.iter_chunked(65_536):
                    found += piece
                    if len(found) > most:
                        return None
                return bytes(found)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OSError(type(error).__name__) from None

    async def close(self) -> None:
        await self._asking.close()
        await self._wires.close()


def _form(fields: list[dict[str, Any]]) -> aiohttp.FormData:
    # Discord does not understand escaped brackets in the fields' names.
    form = aiohttp.FormData(quote_fields=False)
    for field in fields:
        form.add_field(**field)
    return form


def _parsed(response: aiohttp.ClientResponse, raw: bytes) -> Any:
    if response.content_type == "application/json":
        try:
            return json.loads(raw)
        except ValueError:
            return None
    return None


def _retry_after(response: aiohttp.ClientResponse, data: Any) -> float:
    """Seconds. A 429 that is not from Discord itself (no JSON) is its edge, which blocks a whole address."""
    said = data.get("retry_after") if isinstance(data, dict) else response.headers.get("Retry-After", BANNED)
    try:
        return max(0.1, min(float(said), 3600.0))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return BANNED
