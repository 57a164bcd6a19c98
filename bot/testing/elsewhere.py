"""A loop in a thread of its own, where a double lives: a channel that blocks its loop does not stop the platform."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any

PATIENCE = 60.0
"""Seconds that one call of a double may take: it may start a process, on a busy machine."""


class Elsewhere:
    """Makes the calls of a double awaitable: ``await elsewhere.write(place, text)``, whether it is plain or ``async``."""

    def __init__(self, double: Any) -> None:
        self.double = double
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="platform double", daemon=True)
        self._thread.start()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self.double, name)

        async def call(*arguments: Any) -> Any:
            future = asyncio.run_coroutine_threadsafe(_do(method, arguments), self._loop)
            return await asyncio.wait_for(asyncio.wrap_future(future), PATIENCE)

        return call

    def end(self) -> None:
        """Stop the loop and its thread; whatever the double left running is cancelled."""

        async def rest() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._loop.shutdown_asyncgens()

        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(rest(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()


async def _do(method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    value = method(*arguments)
    return await value if inspect.isawaitable(value) else value
