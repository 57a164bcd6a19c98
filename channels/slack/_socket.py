"""One Socket Mode connection over the real SDK. It is never mended, only replaced: see ``app.py``."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from ._web import is_loopback, quiet_logger
from .telling import TakesLonger

CONNECT = 10.0
LOOK = 0.5
PING = 5.0
END = 1.0
"""Seconds for Slack's own goodbye; then the connection is cut."""


class Socket(SocketModeClient):
    """The SDK's client without its own reconnecting: that tries the same one-time address again for ever."""

    def __init__(self, web: AsyncWebClient, app_token: str) -> None:
        super().__init__(app_token=app_token, web_client=web, logger=quiet_logger(), ping_interval=PING)
        if is_loopback(web.base_url):
            self.proxy = None
        self.refresh = asyncio.Event()
        """Slack will close this connection soon: time to open the next."""
        self.lost = asyncio.Event()
        self._answering: set[asyncio.Task[Any]] = set()
        self._leaving = False

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        (self.refresh if force else self.lost).set()

    async def open(self, address: str) -> None:
        """Connect, or raise within ten seconds."""
        self.wss_uri = address
        try:
            async with asyncio.timeout(CONNECT):
                await self.connect()
        except BaseException:
            await self.end()
            raise

    async def ended(self) -> str:
        """Wait until this connection has no future: ``refresh`` (it still works) or ``lost``."""
        while True:
            if self.refresh.is_set():
                return "refresh"
            if self.lost.is_set() or self.current_session is None or self.current_session.closed:
                return "lost"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self.refresh.wait()

    async def answer(self, app: AsyncApp, request: SocketModeRequest) -> None:
        """Have what Slack sent committed, and acknowledge it. What comes to a connection that is left is not taken."""
        task = asyncio.current_task()
        if self._leaving or task is None:
            return
        self._answering.add(task)
        try:
            began = asyncio.get_running_loop().time()
            await send_async_response(self, request, await run_async_bolt_app(app, request), began)
        finally:
            self._answering.discard(task)

    async def leave(self, seconds: float) -> None:
        """End, but acknowledge first what was taken: a command's answer is in it. At most ``seconds``, and ``end``."""
        self._leaving = True
        session = self.current_session
        if self._answering and not self.lost.is_set() and session is not None and not session.closed:
            await asyncio.wait(self._answering, timeout=seconds)
        await self.end()

    async def end(self) -> None:
        """Never raises. At most two seconds; one, as long as only Slack's goodbye is missing."""
        for _ in range(2):  # the first one may be cut short; the second lets go of what belongs to it
            with contextlib.suppress(Exception):
                async with asyncio.timeout(END):
                    await self.close()
                    return


def make_app(web: AsyncWebClient, commit: Any) -> AsyncApp:
    """A bolt app whose first middleware commits, before bolt authorises or acknowledges anything.

    ``commit(body)`` raises when nothing was committed: bolt then answers 500, no acknowledgement leaves, and Slack sends the
    event again. The middleware stands before bolt's authorisation, because that one acknowledges what it cannot authorise.
    """

    async def committed_first(body: dict[str, Any]) -> BoltResponse:
        try:
            answer = await commit(body)
        except TakesLonger:
            return BoltResponse(status=503, body="")  # not acknowledged, and no fault
        return BoltResponse(status=200, body=answer or "")

    return AsyncApp(
        client=web, logger=quiet_logger(), before_authorize=committed_first, request_verification_enabled=False
    )


async def open_socket(web: AsyncWebClient, app_token: str, app: AsyncApp) -> Socket:
    """Ask Slack for an address and connect to it."""
    answer = await web.apps_connections_open(app_token=app_token)
    socket = Socket(web, app_token)

    async def handle(client: Any, request: SocketModeRequest) -> None:
        await socket.answer(app, request)

    socket.socket_mode_request_listeners.append(handle)
    await socket.open(str(answer["url"]))
    return socket
