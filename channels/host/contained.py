"""What keeps one channel's code from hurting the others: time limits that hold, and threads of its own.

``asyncio.wait_for`` waits until the cancelled call agrees to end, so a channel that swallows the cancellation would hold
its caller for ever; here such a call is left alone and named. A ``SystemExit`` in a task ends the whole loop; here it is an
ordinary failure of that channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

import structlog

log = structlog.get_logger("channels")

P = ParamSpec("P")
T = TypeVar("T")


class Overdue(Exception):
    """The call took too long. It was cancelled and is not waited for."""


class Crashed(Exception):
    """The call ended in a way that no call may: it exited, or cancelled itself."""


_abandoned: set[asyncio.Task[Any]] = set()


async def contained(work: Awaitable[T]) -> T:
    """Await ``work``; an attempt to end the process becomes :class:`Crashed`."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        raise Crashed(f"it raised {type(error).__name__}") from None


async def within(work: Coroutine[Any, Any, T], seconds: float, name: str) -> T:
    """Await ``work`` for at most ``seconds``. Raises what it raises, or :class:`Overdue`."""
    task = asyncio.create_task(contained(work), name=name)
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        abandon(task)
        raise
    if not task.done():
        abandon(task)
        raise Overdue(f"no end after {seconds:.0f} s")
    if task.cancelled():
        raise Crashed("it cancelled itself")
    return task.result()


def abandon(task: asyncio.Task[Any]) -> None:
    """Cancel ``task`` and do not wait for it."""
    task.cancel()
    if not task.done():
        _abandoned.add(task)
        task.add_done_callback(_forget)


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that asyncio does not complain about it


def left() -> list[str]:
    """Names of the calls that were abandoned and have still not ended."""
    return sorted(task.get_name() for task in _abandoned)


async def cancel(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    """Cancel ``tasks`` and wait for them at most ``seconds``; whatever does not end is named and left alone."""
    for task in tasks:
        task.cancel()
    if tasks:
        _, stubborn = await asyncio.wait(tasks, timeout=seconds)
        for task in stubborn:
            log.error("channel_does_not_stop", task=task.get_name(), seconds=seconds, next="going on without waiting")
            abandon(task)


class Threads:
    """A few threads for the blocking calls of one channel, so that a flood on one leaves the others theirs."""

    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix=name)

    async def call(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn`` in one of them. A call that has begun is finished, also when its caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(fn, *args, **kwargs))

    def close(self) -> None:
        """Take no more calls; those that run are finished."""
        self._pool.shutdown(wait=False)
