"""A Slack workspace over the wire: Web API and Socket Mode, faults, people, and a log that is the oracle of the tests.

In a test::

    with FakeSlack() as slack:
        ... DESKHAND_SLACK_API_URL=slack.url, SLACK_BOT_TOKEN=slack.space.bot_token, SLACK_APP_TOKEN=slack.space.app_token ...
        slack.fail("drop_after", "chat.postMessage")
        root = slack.wait_for_message("C0SUPPORT")["ts"]
        slack.reply("U1", "C0SUPPORT", root, "Hello")
        slack.click("U1", "C0SUPPORT", root, "Claim")
        slack.home("U1")                                # waits for the inbox, and returns it
        slack.press("U1", slack.home_of("U1"), "Go away")
        slack.command("U1", "/desk queue")              # returns the answer

As a process: ``python -m tests.fakes.slack --port 9200``; ``POST /_fake/act`` with ``{"do": "reply", "arguments": […]}`` acts
as a person, ``GET /_fake/log`` is the log. It runs a loop in a thread of its own; everything here may be called from any thread.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.faults import Fault
from tests.fakes.served import Served, hang_up
from tests.fakes.slack_files import Transfer
from tests.fakes.slack_limits import Paces
from tests.fakes.slack_methods import Methods, Refuse
from tests.fakes.slack_people import People
from tests.fakes.slack_socket import Sockets
from tests.fakes.slack_state import Workspace
from tests.fakes.slack_visits import Visits

__all__ = ["FakeSlack", "Fault", "main"]


class FakeSlack(Served, Visits, People):
    """One workspace with one app. ``paced`` holds ``chat.postMessage`` to one a second and channel, after ``burst``."""

    acts = frozenset(
        {
            "reply",
            "say",
            "broadcast",
            "edit",
            "delete",
            "click",
            "unfurl",
            "react",
            "unreact",
            "home",
            "command",
            "shortcut",
        }
    )

    def __init__(self, *, port: int = 0, journal: Path | None = None, paced: bool = False, burst: int = 1) -> None:
        self.space = Workspace(journal)
        super().__init__(self.space, port)
        self.sockets = Sockets(self.space)
        self.paced, self.burst = paced, burst
        self._levels: dict[str, tuple[float, float]] = defaultdict(lambda: (float(self.burst), time.monotonic()))
        self._tell = self._thread_safe(self.sockets.event)
        self._click = self._thread_safe(self.sockets.interactive)
        self._command = self._thread_safe(self.sockets.command)
        self._methods = Methods(self.space, self._tell)
        self._paces = Paces()

    def _thread_safe(self, function: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        return lambda value: self._loop.call_soon_threadsafe(function, value) and None

    # Life -----------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    def routes_of(self, app: web.Application) -> None:
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/link/", self.sockets.handle)
        files = Transfer(self)
        app.router.add_post("/upload/v1/{token}", files.take)
        app.router.add_get("/files-pri/{file}/{name:.*}", files.give)
        app.router.add_get("/login", files.login)
        app.router.add_post("/hooks/{token}", self._hook)

    def listening(self) -> None:
        self.space.base = f"http://127.0.0.1:{self.port}/"

    async def end(self) -> None:
        await self.sockets.stop()

    async def cut(self) -> None:
        await self.sockets.drop()

    # What goes wrong ------------------------------------------------------------------------------------------------

    def refresh_sockets(self, grace: float = 0.3) -> None:
        self.run(self.sockets.refresh(grace))

    def drop_sockets(self) -> None:
        self.run(self.sockets.drop())

    def revoke(self, *, cut: bool = False) -> None:
        """The token is worth nothing any more. With ``cut`` the connections are closed as well."""
        self.space.revoked = True
        if cut:
            self.drop_sockets()

    # The app's side -------------------------------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        arguments = await _arguments(request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or str(arguments.pop("token", ""))
        self.space.note("call", method=name, channel=arguments.get("channel"), arguments=arguments)
        fault = self.faults.next(name, str(arguments.get("channel", "")))
        if fault is not None:
            self.space.note("fault", kind=fault.kind, method=name)
        kind = fault.kind if fault else ""
        if kind == "drop_before":
            return hang_up(request)
        if kind == "500":
            return web.Response(status=500, text="<html>oops</html>", content_type="text/html")
        if kind == "429":
            return self._answer({"ok": False, "error": "ratelimited"}, 429, fault.retry_after if fault else 1)
        if fault is not None and kind == "error":
            return self._answer({"ok": False, "error": fault.error})
        allowed = self._paces.over(name, str(arguments.get("channel")))
        if allowed:
            self.space.note("too_fast", method=name, channel=arguments.get("channel"), allowed=allowed)
        wait = self._too_fast(name, arguments)
        if wait:
            self.space.note("429", method=name, channel=arguments.get("channel"))
            return self._answer({"ok": False, "error": "ratelimited"}, 429, wait)
        answer = self._do(name, token, arguments)
        if kind == "drop_after":
            return hang_up(request)
        if kind == "500_after":
            return web.Response(status=500, text="<html>oops</html>", content_type="text/html")
        if fault is not None and kind == "slow_after":
            await asyncio.sleep(fault.seconds)
        return self._answer(answer)

    def _do(self, name: str, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        wanted = self.space.app_token if name == "apps.connections.open" else self.space.bot_token
        with self.space.lock:
            if self.space.revoked:
                return {"ok": False, "error": "token_revoked"}
            if token != wanted:
                return {"ok": False, "error": "invalid_auth"}
            if name == "apps.connections.open":
                return {"ok": True, "url": f"ws://127.0.0.1:{self.port}/link/?ticket={self.sockets.ticket()}"}
            try:
                return {"ok": True, **self._methods.call(name, arguments)}
            except Refuse as refusal:
                self.space.note("refused", method=name, error=refusal.error)
                return {"ok": False, "error": refusal.error, **refusal.more}

    def _too_fast(self, name: str, arguments: dict[str, Any]) -> int:
        """Seconds that ``Retry-After`` says, or 0."""
        if not self.paced or name != "chat.postMessage":
            return 0
        channel, now = str(arguments.get("channel")), time.monotonic()
        level, at = self._levels[channel]
        level = min(float(self.burst), level + (now - at))
        if level < 0.95:  # a little slack for clocks
            self._levels[channel] = (level, now)
            return 1
        self._levels[channel] = (level - 1, now)
        return 0

    async def _hook(self, request: web.Request) -> web.Response:
        """An answer to a command that came after its acknowledgement."""
        self.space.note("hook", token=request.match_info["token"], answer=await request.json())
        return web.Response(text="ok")

    def _answer(self, body: dict[str, Any], status: int = 200, retry_after: int = 0) -> web.Response:
        headers = {"x-oauth-scopes": ",".join(sorted(self.space.scopes)), "x-slack-req-id": "r"}
        if retry_after:
            headers["Retry-After"] = str(retry_after)
        return web.json_response(body, status=status, headers=headers)

    # Waiting --------------------------------------------------------------------------------------------

    def wait_for_message(self, channel: str, thread: str = "", number: int = 1, seconds: float = 0.0) -> dict[str, Any]:
        """The ``number``-th root of a channel, or reply of a thread."""
        skip = 1 if thread else 0

        def found() -> Any:
            all_of_them = self.space.messages(channel, thread)[skip:]
            return all_of_them[number - 1] if len(all_of_them) >= number else None

        return dict(self.wait(found, seconds))


async def _arguments(request: web.Request) -> dict[str, Any]:
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        with contextlib.suppress(ValueError):
            found |= await request.json()
    elif request.method == "POST":
        found |= dict(await request.post())
    for name in ("blocks", "metadata", "view", "files"):
        if isinstance(found.get(name), str):
            with contextlib.suppress(ValueError):
                found[name] = json.loads(found[name])
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run until interrupted, and print what to put into the environment."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.slack")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--paced", action="store_true")
    chosen = parser.parse_args(arguments)
    with FakeSlack(port=chosen.port, journal=chosen.journal, paced=chosen.paced) as slack:
        print(f"DESKHAND_SLACK_API_URL={slack.url} SLACK_BOT_TOKEN={slack.space.bot_token} "
              f"SLACK_APP_TOKEN={slack.space.app_token} SLACK_CHANNEL=C0SUPPORT", flush=True)  # fmt: skip
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
