"""What every platform of the tests is made of: a server in a thread of its own, faults, going away and coming back, and waiting."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from tests.fakes.faults import Fault, Faults
from tests.patience import patient


class Served:
    """A platform over HTTP on loopback. Everything may be called from any thread. ``known`` is what the platform knows: its log
    (``note``, ``log``) is the oracle."""

    acts: frozenset[str] = frozenset()
    """What may be done by ``POST /_fake/act``; without any there is no such address."""
    largest = 2**27
    """Bytes of a request."""
    patience = 20.0
    """Seconds that :meth:`wait` waits."""
    ending = 0.5
    """Seconds that open requests get at the end."""

    def __init__(self, known: Any, port: int) -> None:
        self.known = known
        self.port = port
        self.faults = Faults()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    # What each platform adds ----------------------------------------------------------------------------------------

    def routes_of(self, app: web.Application) -> None:
        """Add the platform's addresses."""
        raise NotImplementedError

    def listening(self) -> None:
        """The port is known, after the start and after each return."""

    async def begin(self) -> None:
        """Start what runs beside the server."""

    async def end(self) -> None:
        """End it."""

    async def cut(self) -> None:
        """Drop the long connections, because the platform goes away."""

    # Life -----------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(patient(5))
        self._loop.close()
        self.known.close()

    def run(self, what: Any) -> Any:
        """Run a coroutine in the loop of the platform, such as ``discord.run(discord.gateway.reconnect())``."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(patient(15))

    @property
    def is_up(self) -> bool:
        return self._site is not None

    async def _start(self) -> None:
        app = web.Application(client_max_size=self.largest)
        self.routes_of(app)
        if self.acts:
            app.router.add_post("/_fake/act", self._act)
            app.router.add_get("/_fake/log", self._log)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=self.ending)
        await self._runner.setup()
        await self._listen()
        await self.begin()

    async def _listen(self) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = self._runner.addresses[0][1]
        self.listening()

    async def _stop(self) -> None:
        await self.end()
        if self._runner is not None:
            await self._runner.cleanup()
        late = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in late:  # answers that were to come too late
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # What goes wrong ------------------------------------------------------------------------------------------------

    def fail(self, kind: str, method: str = "", times: int = 1, **more: Any) -> None:
        """Script a fault for the next calls of ``method``. Kinds: see ``tests.fakes.faults``, and the platform's own."""
        self.faults.scripted.extend(Fault(kind, method, **more) for _ in range(times))

    def down(self) -> None:
        """Gone from the network: connections are refused and cut. People go on writing."""
        self.known.note("down")
        self.run(self._go())

    def up(self) -> None:
        self.known.note("up")
        self.run(self._listen())

    async def _go(self) -> None:
        site: Any = self._site
        if site is not None:
            # Nobody comes in any more, and the door is closed when whoever was coming in is in: asyncio forgets a connection that it
            # has accepted and not yet attached when its server is closed, and the caller would wait for an answer for ever.
            for door in site._server.sockets:
                self._loop.remove_reader(door)
            await asyncio.sleep(0.05)
            await site.stop()
            self._site = None
        await self.cut()
        for connection in list(self._runner.server.connections if self._runner and self._runner.server else ()):
            if connection.transport is not None:
                connection.transport.abort()

    # Waiting and control --------------------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], Any], seconds: float = 0.0) -> Any:
        """Until ``condition()`` is true; its value. ``seconds``: :attr:`patience` when it is 0. For tests that are not asynchronous."""
        deadline = time.monotonic() + patient(seconds or self.patience)
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                end = "\n".join(json.dumps(entry, default=str)[:500] for entry in self.known.log[-12:])
                raise AssertionError(f"it did not happen in time; the log ends with\n{end}")
            time.sleep(0.01)

    async def _act(self, request: web.Request) -> web.Response:
        order = await request.json()
        if order.get("do") not in self.acts:
            return web.json_response({"error": f"do one of {sorted(self.acts)}"}, status=400)
        done = getattr(self, order["do"])(*order.get("arguments", []), **order.get("named", {}))
        return web.json_response({"done": done})

    async def _log(self, request: web.Request) -> web.Response:
        start = int(request.query.get("from", "0"))
        return web.json_response(self.known.log[start:], dumps=lambda value: json.dumps(value, default=str))


def hang_up(request: web.Request) -> web.Response:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
