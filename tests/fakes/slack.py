"""A Slack workspace over the wire: Web API and Socket Mode, faults, people, and a log that is the oracle of the tests.

In a test::

    with FakeSlack() as slack:
        ... DESKHAND_SLACK_API_URL=slack.url, SLACK_BOT_TOKEN=slack.space.bot_token, SLACK_APP_TOKEN=slack.space.app_token ...
        slack.fail("drop_after", "chat.postMessage")
        root = slack.wait_for_message("C0SUPPORT")["ts"]
        slack.reply("U1", "C0SUPPORT", root, "Hello")
        slack.click("U1", "C0SUPPORT", root, "Claim")

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

from tests.fakes.going_away import stop_listening
from tests.fakes.slack_faults import Fault, Faults
from tests.fakes.slack_files import Transfer, hang_up
from tests.fakes.slack_methods import Methods, Refuse
from tests.fakes.slack_people import People
from tests.fakes.slack_socket import Sockets
from tests.fakes.slack_state import Workspace

__all__ = ["FakeSlack", "Fault", "main"]
ACTS = {"reply", "say", "broadcast", "edit", "delete", "click", "unfurl", "react", "unreact"}


class FakeSlack(People):
    """One workspace with one app. ``paced`` holds ``chat.postMessage`` to one a second and channel, after ``burst``."""

    def __init__(self, *, port: int = 0, journal: Path | None = None, paced: bool = False, burst: int = 1) -> None:
        self.space = Workspace(journal)
        self.faults = Faults()
        self.sockets = Sockets(self.space)
        self.paced, self.burst = paced, burst
        self.port = port
        self._levels: dict[str, tuple[float, float]] = defaultdict(lambda: (float(self.burst), time.monotonic()))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake slack", daemon=True)
        self._tell = self._thread_safe(self.sockets.event)
        self._click = self._thread_safe(self.sockets.interactive)
        self._methods = Methods(self.space, self._tell)
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    def _thread_safe(self, function: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        return lambda value: self._loop.call_soon_threadsafe(function, value) and None

    # Life -----------------------------------------------------------------------------------------------------------

    def __enter__(self) -> FakeSlack:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self.space.close()

    def _run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(15)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    async def _start(self) -> None:
        app = web.Application(client_max_size=2**27)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/link/", self.sockets.handle)
        files = Transfer(self)
        app.router.add_post("/upload/v1/{token}", files.take)
        app.router.add_get("/files-pri/{file}/{name:.*}", files.give)
        app.router.add_get("/login", files.login)
        app.router.add_post("/_fake/act", self._act)
        app.router.add_get("/_fake/log", self._log)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await self._listen()

    async def _listen(self) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = self._runner.addresses[0][1]
        self.space.base = f"http://127.0.0.1:{self.port}/"

    async def _stop(self) -> None:
        await self.sockets.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        late = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in late:  # answers that were to come too late
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # What goes wrong ------------------------------------------------------------------------------------------------

    def fail(self, kind: str, method: str = "", times: int = 1, **more: Any) -> None:
        """Script a fault for the next calls of ``method``. Kinds: see ``slack_faults``; ``error`` with ``error="…"``."""
        self.faults.scripted.extend(Fault(kind, method, **more) for _ in range(times))

    def down(self) -> None:
        """Gone from the network: connections are refused, sockets cut. People go on writing."""

        async def go() -> None:
            if self._site is not None:
                await stop_listening(self._site)
                self._site = None
            await self.sockets.drop()
            for connection in list(self._runner.server.connections if self._runner and self._runner.server else ()):
                if connection.transport is not None:
                    connection.transport.abort()

        self.space.note("down")
        self._run(go())

    def up(self) -> None:
        self.space.note("up")
        self._run(self._listen())

    def refresh_sockets(self, grace: float = 0.3) -> None:
        self._run(self.sockets.refresh(grace))

    def drop_sockets(self) -> None:
        self._run(self.sockets.drop())

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

    def _answer(self, body: dict[str, Any], status: int = 200, retry_after: int = 0) -> web.Response:
        headers = {"x-oauth-scopes": ",".join(sorted(self.space.scopes)), "x-slack-req-id": "r"}
        if retry_after:
            headers["Retry-After"] = str(retry_after)
        return web.json_response(body, status=status, headers=headers)

    # Waiting and control --------------------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Until ``condition()`` is true; its value. For tests that are not asynchronous."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(
                    "it did not happen in time; the log ends with " + json.dumps(self.space.log[-5:], default=str)
                )
            time.sleep(0.01)

    def wait_for_message(
        self, channel: str, thread: str = "", number: int = 1, seconds: float = 20.0
    ) -> dict[str, Any]:
        """The ``number``-th root of a channel, or reply of a thread."""
        skip = 1 if thread else 0

        def found() -> Any:
            all_of_them = self.space.messages(channel, thread)[skip:]
            return all_of_them[number - 1] if len(all_of_them) >= number else None

        return dict(self.wait(found, seconds))

    async def _act(self, request: web.Request) -> web.Response:
        order = await request.json()
        if order.get("do") not in ACTS:
            return web.json_response({"error": f"do one of {sorted(ACTS)}"}, status=400)
        done = getattr(self, order["do"])(*order.get("arguments", []), **order.get("named", {}))
        return web.json_response({"done": done})

    async def _log(self, request: web.Request) -> web.Response:
        start = int(request.query.get("from", "0"))
        return web.json_response(self.space.log[start:], dumps=lambda value: json.dumps(value, default=str))


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
