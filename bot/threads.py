"""Real threads and locks, also in web, where gevent has patched the usual ones."""

from __future__ import annotations

import queue
import sys
from _queue import SimpleQueue as NativeQueue
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")

Empty = queue.Empty

__all__ = [
    "Empty",
    "NativeQueue",
    "native_lock",
    "native_rlock",
    "native_thread_id",
    "offload",
    "on_main_thread",
    "patched",
    "start_native_thread",
]


def patched() -> bool:
    """Whether gevent has replaced threads in this process."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _native(name: str) -> Any:
    if patched():
        from gevent.monkey import get_original

        return get_original("_thread", name)
    import _thread

    return getattr(_thread, name)


def native_lock() -> Any:
    """A lock that blocks the whole thread, even under gevent."""
    return _native("allocate_lock")()


def native_rlock() -> Any:
    """As :func:`native_lock`, and the thread that has it may take it again."""
    return _native("RLock")()


def native_thread_id() -> int:
    """The operating system's thread as Python numbers it; under gevent ``threading.get_ident`` numbers greenlets."""
    return cast("int", _native("get_ident")())


_MAIN = native_thread_id()  # this module is imported at start, by the main thread


def on_main_thread() -> bool:
    """Whether this is the thread the process began with; under gevent the one of the hub."""
    return native_thread_id() == _MAIN


def start_native_thread(target: Callable[[], None]) -> None:
    """Start a daemon thread of the operating system."""
    _native("start_new_thread")(target, ())


def offload(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking ``fn`` off gevent's hub and wait for it; elsewhere just call it."""
    if not patched():
        return fn(*args, **kwargs)
    import gevent

    result, error = gevent.get_hub().threadpool.apply(_caught, (fn, args, kwargs))
    if error is not None:
        raise error
    return cast("T", result)


def _caught(
    fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[T | None, BaseException | None]:
    """gevent prints a traceback for whatever leaves one of its threads, also for what the caller expects: carry it over."""
    try:
        return fn(*args, **kwargs), None
    except BaseException as error:
        return None, error
