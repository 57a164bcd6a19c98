"""Telegram's Bot API over the wire: polling and webhook, faults, people, and a log that is the oracle of the tests.

In a test::

    with FakeTelegram() as telegram:
        ... DESKHAND_TELEGRAM_API_URL=telegram.url, TELEGRAM_BOT_TOKEN=telegram.world.token ...
        telegram.write(1001, "Where is my lamp?")
        telegram.wait_for_text(1001, "on its way")
        telegram.fail("drop_after", "sendMessage")

As a process: ``python -m tests.fakes.telegram --port 9300``; ``POST /_fake/act`` with ``{"do": "write", "arguments": […]}`` acts as a
person, ``GET /_fake/log`` is the log. It runs a loop in a thread of its own; everything here may be called from any thread.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.fakes.faults import Fault
from tests.fakes.served import Served, hang_up
from tests.fakes.telegram_limits import Refuse, Speed
from tests.fakes.telegram_methods import Methods
from tests.fakes.telegram_people import People
from tests.fakes.telegram_state import PRIVATE_KINDS, World

__all__ = ["FakeTelegram", "Fault", "main"]
HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class FakeTelegram(Served, People):
    """One bot. ``paced`` holds it to Telegram's speed limits."""

    acts = frozenset({"write", "send_file", "edit", "press", "react", "block", "unblock", "upgrade"})
    largest, patience, ending = 2**26, 45.0, 0.01

    def __init__(self, *, port: int = 0, journal: Path | None = None, paced: bool = False) -> None:
        self.world = World(journal)
        super().__init__(self.world, port)
        self.speed = Speed()
        self.speed.on = paced
        self.webhook_retry = 0.3
        """Seconds until a webhook call that failed is made again (Telegram waits longer and longer)."""
        self.webhook_twice = False
        """Whether each call is made twice, as when our 200 is lost."""
        self._new = asyncio.Event()
        self._poll: asyncio.Event | None = None
        self._methods = Methods(self.world, self._queued)
        self._caller: asyncio.Task[None] | None = None

    def _queued(self) -> None:
        self._loop.call_soon_threadsafe(self._new.set)

    # Life -----------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """What the product needs to know."""
        return {"TELEGRAM_BOT_TOKEN": self.world.token, "DESKHAND_TELEGRAM_API_URL": self.url}

    def routes_of(self, app: web.Application) -> None:
        app.router.add_route("*", "/bot{token}/{method}", self._api)
        app.router.add_get("/file/bot{token}/documents/{file}", self._file)

    async def begin(self) -> None:
        self._caller = asyncio.create_task(self._call_webhook())

    @property
    def polled(self) -> bool:
        """Whether somebody waits for updates at this moment."""
        return self._poll is not None

    # The bot's side -------------------------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.StreamResponse:
        name, token = request.match_info["method"], request.match_info["token"]
        try:
            data = await _arguments(request)
        except ConnectionResetError:  # the bot hung up in the middle
            return hang_up(request)
        if name != "getUpdates":
            shown = {key: value for key, value in data.items() if not isinstance(value, tuple)}
            self.world.note("call", method=name, chat=data.get("chat_id"), data=shown)
        fault = self.faults.next(name)
        kind = fault.kind if fault else ""
        if fault is not None:
            self.world.note("fault", kind=kind, method=name)
        if kind == "drop_before":
            return hang_up(request)
        if kind in {"500", "502"}:
            return web.Response(status=502, text=HTML, content_type="text/html")
        if fault is not None and kind == "429":
            self.speed.flood(fault.retry_after)
        if fault is not None and kind == "error":
            return _refused(Refuse(fault.error, 403 if fault.error.startswith("Forbidden") else 400))
        answer = await self._answer(name, token, data)
        if kind == "drop_after":
            return hang_up(request)
        if kind in {"500_after", "502_after"}:
            return web.Response(status=502, text=HTML, content_type="text/html")
        if fault is not None and kind == "slow_after":
            await asyncio.sleep(fault.seconds)
        return answer

    async def _answer(self, name: str, token: str, data: dict[str, Any]) -> web.Response:
        if self.world.revoked or token != self.world.token:
            return _refused(Refuse("Unauthorized", 401))
        try:
            self.speed.check(name, int(data.get("chat_id") or 0))
            if name == "getUpdates":
                return web.json_response({"ok": True, "result": await self._updates(data)})
            with self.world.lock:
                return web.json_response({"ok": True, "result": self._methods.call(name, data)})
        except Refuse as refusal:
            self.world.note("refused", method=name, code=refusal.code, description=refusal.description)
            return _refused(refusal)

    async def _updates(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        if self.world.webhook:
            raise Refuse(
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
                409,
            )
        if self._poll is not None:
            self._poll.set()  # of two pollers the older one is thrown out
        mine = self._poll = asyncio.Event()
        if "allowed_updates" in data:
            self.world.allowed = tuple(data["allowed_updates"] or PRIVATE_KINDS)
        if data.get("offset"):
            self.world.confirm(int(data["offset"]))
        until = time.monotonic() + float(data.get("timeout") or 0)
        try:
            while True:
                self._new.clear()
                waiting = self.world.waiting()[: int(data.get("limit") or 100)]
                if waiting or time.monotonic() >= until:
                    self.world.note("polled", updates=[one["update_id"] for one in waiting])
                    return waiting
                waits = [asyncio.ensure_future(self._new.wait()), asyncio.ensure_future(mine.wait())]
                await asyncio.wait(waits, timeout=until - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
                for one in waits:
                    one.cancel()
                if mine.is_set():
                    raise Refuse(
                        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                        409,
                    )
        finally:
            if self._poll is mine:
                self._poll = None

    async def _file(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.next("file")
        if fault is not None:
            self.world.note("fault", kind=fault.kind, method="file")
            return hang_up(request)
        content = self.world.files.get(request.match_info["file"])
        if content is None or request.match_info["token"] != self.world.token:
            return web.Response(status=404)
        return web.Response(body=content)

    # The webhook ----------------------------------------------------------------------------------------------------

    async def _call_webhook(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            while True:
                waiting = self.world.waiting() if self.world.webhook else []
                if not waiting:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._new.wait(), 0.2)
                    self._new.clear()
                    continue
                update, hook = waiting[0], dict(self.world.webhook)
                status = 0
                for _ in range(2 if self.webhook_twice else 1):
                    status = await self._call(session, hook, update)
                self.world.note("webhook", update=update["update_id"], status=status)
                if 200 <= status < 300:
                    self.world.confirm(update["update_id"] + 1)
                else:
                    self.world.webhook_error = (int(time.time()), f"Wrong response from the webhook: {status}")
                    await asyncio.sleep(self.webhook_retry)

    @staticmethod
    async def _call(session: aiohttp.ClientSession, hook: dict[str, Any], update: dict[str, Any]) -> int:
        headers = {"X-Telegram-Bot-Api-Secret-Token": hook["secret"]} if hook["secret"] else {}
        try:
            async with session.post(hook["url"], json=update, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    # Waiting --------------------------------------------------------------------------------------------

    def wait_for_text(self, chat: int, part: str, seconds: float = 0.0) -> dict[str, Any]:
        """The newest message of the bot in a chat that has ``part`` in it."""

        def found() -> Any:
            return [one for one in self.world.said(chat) if part in str(one.get("text", ""))]

        return dict(self.wait(found, seconds)[-1])


def _refused(refusal: Refuse) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    if refusal.parameters:
        body["parameters"] = refusal.parameters
    return web.json_response(body, status=refusal.code)


async def _arguments(request: web.Request) -> dict[str, Any]:
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        with contextlib.suppress(ValueError):
            found |= await request.json()
    elif request.method == "POST":
        for name, value in (await request.post()).items():
            found[name] = (value.filename, value.file.read()) if isinstance(value, web.FileField) else value
    for name, value in found.items():
        if isinstance(value, str) and value[:1] in "[{" and name not in {"text", "caption"}:
            with contextlib.suppress(ValueError):
                found[name] = json.loads(value)
        elif isinstance(value, str) and value in {"true", "false"} and name != "text":
            found[name] = value == "true"
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run until interrupted, and print what to put into the environment."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.telegram")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--paced", action="store_true")
    chosen = parser.parse_args(arguments)
    with FakeTelegram(port=chosen.port, journal=chosen.journal, paced=chosen.paced) as telegram:
        print(" ".join(f"{name}={value}" for name, value in telegram.env.items()), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
