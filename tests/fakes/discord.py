"""A Discord over the wire: gateway and REST, faults, people, and a log that is the oracle of the tests.

In a test::

    with FakeDiscord() as discord:
        ... DISCORD_BOT_TOKEN=discord.world.token, DESKHAND_DISCORD_API_URL=discord.url, DESKHAND_DISCORD_CDN_URL=discord.cdn …
        ana = discord.world.add_user("Ana")
        discord.fail("drop_after", "POST /channels/*/messages")
        discord.dm(ana, "Hello")
        answer = discord.wait_for_answer(discord.world.dm_of(ana))

It runs a loop in a thread of its own; everything here may be called from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.fakes.discord_gateway import Gateway
from tests.fakes.discord_limits import Buckets
from tests.fakes.discord_people import People
from tests.fakes.discord_rest import Routes
from tests.fakes.discord_state import Refuse, World
from tests.fakes.served import Served, hang_up

__all__ = ["FakeDiscord"]


class FakeDiscord(Served, People):
    """One bot's Discord. ``paced``: hold its buckets and the limit of all routes. Faults of its own: ``error`` with ``error="403 50001"``,
    and ``banned`` for the edge's 429 without JSON; methods are routes such as ``POST /channels/*/messages``."""

    largest = 2**25

    def __init__(self, *, port: int = 0, journal: Path | None = None, paced: bool = True) -> None:
        self.world = World(journal)
        super().__init__(self.world, port)
        self.gateway = Gateway(self.world)
        self.routes = Routes(self.world, self.gateway)
        self.buckets = Buckets(paced)
        self.world.tell = lambda name, data: self._loop.call_soon_threadsafe(self.gateway.event, name, data) and None

    # Life -----------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def cdn(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def env(self) -> dict[str, str]:
        """What a product needs to find this Discord."""
        return {
            "DISCORD_BOT_TOKEN": self.world.token,
            "DESKHAND_DISCORD_API_URL": self.url,
            "DESKHAND_DISCORD_CDN_URL": self.cdn,
        }

    def routes_of(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/v10/{path:.*}", self._api)
        app.router.add_get("/attachments/{number}/{name}", self._file)
        app.router.add_get("/gateway/", self.gateway.handle)

    def listening(self) -> None:
        self.gateway.url = f"ws://127.0.0.1:{self.port}/gateway/"
        self.world.cdn = self.cdn

    async def begin(self) -> None:
        self.gateway.start()

    async def end(self) -> None:
        await self.gateway.stop()

    async def cut(self) -> None:
        await self.gateway.drop()

    # What goes wrong ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """Events of this time are not shown to open connections; a resumed session gets them."""
        self.gateway.silent = True
        yield
        self.run(asyncio.sleep(0))
        self.gateway.silent = False

    # The bot's side -------------------------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        body, files = await _read(request)
        try:
            route, groups, work = self.routes.find(request.method, path)
        except Refuse as refusal:
            return self._refused(refusal, {})
        groups = tuple(unquote(one) for one in groups)
        self.world.note(
            "call", route=route, major=groups[0] if groups else "", body=body, files=[len(c) for _, c in files]
        )
        fault = self.faults.next(route)
        kind = fault.kind if fault else ""
        if fault is not None:
            self.world.note("fault", fault=kind, route=route)
        if kind == "drop_before":
            return hang_up(request)
        if kind == "500":
            return web.Response(status=502, text="<html>oops</html>", content_type="text/html")
        if kind == "banned":
            return web.Response(status=429, text="<html>blocked</html>", content_type="text/html")
        if fault is not None and kind == "429":
            return self._limited({"Via": "1.1 google"}, float(fault.retry_after), False, route)
        if fault is not None and kind == "error":
            status, code = fault.error.split()
            return self._refused(Refuse(int(status), int(code), "as scripted"), {})
        counted = not path.startswith(("/interactions", "/webhooks"))
        headers, wait, everywhere = self.buckets.take(route, groups[0] if groups else "", counted=counted)
        if wait:
            return self._limited(headers, wait, everywhere, route)
        try:
            if counted and (request.headers.get("Authorization") != f"Bot {self.world.token}" or self.world.revoked):
                raise Refuse(401, 0, "401: Unauthorized")
            with self.world.lock:
                answer = work(*groups, body=body, files=files, query=dict(request.query))
        except Refuse as refusal:
            self.world.note("refused", route=route, code=refusal.code)
            return self._refused(refusal, headers)
        if kind == "drop_after":
            return hang_up(request)
        if kind == "500_after":
            return web.Response(status=502, text="<html>oops</html>", content_type="text/html")
        if fault is not None and kind == "slow_after":
            await asyncio.sleep(fault.seconds)
        if answer is None:
            return web.Response(status=204, headers=headers)
        return self._json(answer, 200, headers)

    def _json(self, body: Any, status: int, headers: dict[str, str]) -> web.Response:
        # Exactly this content type: discord.py compares it as a whole.
        return web.Response(
            status=status, body=json.dumps(body).encode(), headers={**headers, "Content-Type": "application/json"}
        )

    def _refused(self, refusal: Refuse, headers: dict[str, str]) -> web.Response:
        return self._json({"code": refusal.code, "message": refusal.message, **refusal.more}, refusal.status, headers)

    def _limited(self, headers: dict[str, str], wait: float, everywhere: bool, route: str) -> web.Response:
        self.world.note("429", route=route, everywhere=everywhere)
        body = {"message": "You are being rate limited.", "retry_after": round(wait, 3), "global": everywhere}
        return self._json(body, 429, {**headers, "Retry-After": str(int(wait) + 1)})

    async def _file(self, request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers, "the token must not leave for the place of files"
        content = self.world.files.get(request.match_info["number"])
        self.world.note("fetched", number=request.match_info["number"])
        return web.Response(status=404) if content is None else web.Response(body=content)

    # Waiting --------------------------------------------------------------------------------------------------------

    def connected(self) -> bool:
        return bool(self.gateway.open)


async def _read(request: web.Request) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    if request.content_type == "application/json":
        return (await request.json() if request.can_read_body else {}), []
    if not request.content_type.startswith("multipart/"):
        return {}, []
    body: dict[str, Any] = {}
    files: list[tuple[str, bytes]] = []
    async for part in await request.multipart():
        if part.name == "payload_json":  # type: ignore[union-attr]
            body = json.loads(await part.text())  # type: ignore[union-attr]
        else:
            files.append((part.filename or "", bytes(await part.read())))  # type: ignore[union-attr]
    return body, files
