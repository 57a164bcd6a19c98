"""Writing from web without holding one of the few native threads that everybody reads with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from bot.store import submit, write
from bot.threads import on_main_thread, patched

T = TypeVar("T")


def commit(fn: Callable[[], T]) -> T:
    """As :func:`bot.store.write`. Under gevent only this greenlet waits; call it there directly, not by ``offload``: while
    the database is locked, ten waiting writers would otherwise stop all reading.
    """
    if not patched() or not on_main_thread():
        return write(fn)
    from gevent import get_hub
    from gevent.event import AsyncResult

    waiting: Any = AsyncResult()
    loop = get_hub().loop

    def done(result: T | None, error: BaseException | None) -> None:
        if error is None:
            loop.run_callback_threadsafe(waiting.set, result)
        else:
            loop.run_callback_threadsafe(waiting.set_exception, error)

    submit(fn, done)
    return cast("T", waiting.get())
