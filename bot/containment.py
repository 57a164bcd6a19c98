"""Call one function of one plugin so that nothing it does hurts anybody else: raise, exit, loop or hang.

Hooks run in the caller's thread, because a thread hop would cost more than most hooks. A watchdog looks every 50 ms. When
a call is overdue the plugin is struck and not asked again for 60 s in this process, and :class:`HookTimeout` is raised
inside the hook, which ends loops written in Python. A call that even that does not end (it waits in C) is abandoned:
``on_overdue`` may give its work away. After 30 s more ``on_stuck`` ends the process, and the supervisor starts another.
"""

from __future__ import annotations

import ctypes
import dis
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from bot.bound import Bound
from bot.breadcrumbs import Breadcrumbs
from bot.config import config
from bot.discovery import explain
from bot.hook_results import misfit
from bot.store.database import StoreUnavailable
from bot.threads import native_lock, native_thread_id, offload, on_main_thread, patched, start_native_thread

log = structlog.get_logger("plugins")

TICK = 0.05
IDLE_TICK = 0.2
SKIP_SECONDS = 60.0
GRACE = 0.2
STUCK_SECONDS = 30.0
FIRST_SECONDS = 10.0
"""Deadline of the first call of a built-in plugin's hook in a process: it may have to import what it needs, on a busy machine."""
EXIT_STUCK = 70


class HookTimeout(BaseException):
    """Raised inside a hook that is overdue. Not an ``Exception``, so that a careless ``except`` does not swallow it."""


class CallAbandoned(Exception):
    """Raised to the caller of a hook whose work ``on_overdue`` gave away meanwhile: stop, somebody else does it."""


class Failed:
    """What a contained call returns instead of a result."""

    def __repr__(self) -> str:
        return "FAILED"


FAILED = Failed()


@dataclass(slots=True)
class Call:
    """A running call that is overdue, as ``on_overdue`` and ``on_stuck`` get it."""

    plugin: str
    hook: str
    thread_id: int
    """``threading.get_ident()`` of the thread it runs in."""
    seconds: float
    abandoned: bool = False


class _Slot:
    """One thread that calls hooks. Its owner writes ``running``; only the watchdog writes the rest."""

    __slots__ = (
        "__weakref__",
        "abandoned",
        "answered",
        "marked",
        "observed",
        "place",
        "running",
        "seen",
        "stage",
        "thread",
    )

    def __init__(self, place: int) -> None:
        self.place = place
        self.thread = native_thread_id()
        self.running: tuple[Bound] | None = None
        self.marked: tuple[Bound] | None = None
        self.answered = True
        self.abandoned = False
        self.seen: tuple[Bound] | None = None
        self.observed = 0.0
        self.stage = 0


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Have ``error`` raised in another thread at its next step of Python; ``None`` takes it back."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error) if error else None)


def end_process(call: Call) -> None:
    """The default ``on_stuck``: say who is to blame and end at once, for the supervisor to start another."""
    log.critical(
        "plugin_stuck", plugin=call.plugin, hook=call.hook, seconds=round(call.seconds), next="this process ends"
    )
    sys.stderr.flush()
    os._exit(EXIT_STUCK)


class Containment:
    """Calls hooks. One per process; used by all its threads."""

    def __init__(self, strike: Callable[[str, str, str], None], forgive: Callable[[str, str], None]) -> None:
        self._strike = strike
        self._forgive = forgive
        self.failing: set[tuple[str, str]] = set()
        """(plugin, hook) that failed last time: the next success takes the strikes back."""
        self.on_overdue: Callable[[Call], object] | None = None
        """Called when a call cannot be ended. Return True if its work was given away: its thread then gets :class:`CallAbandoned`."""
        self.on_stuck: Callable[[Call], None] = end_process
        self._skipped: dict[tuple[str, str], float] = {}
        self._used: set[tuple[str, str]] = set()
        self._blames = 0
        self._last_blame: dict[tuple[str, str], int] = {}
        self._reset()
        _living.add(self)

    def _reset(self) -> None:
        self._local = threading.local()
        self._slots: weakref.WeakSet[_Slot] = weakref.WeakSet()
        self._lock = native_lock()
        self._crumbs: Breadcrumbs | None = None
        self._watching = False
        self._ended = native_lock()
        self._ended.acquire()

    def call(self, bound: Bound, arguments: dict[str, Any]) -> Any:
        """The function's result, or :data:`FAILED`. Raises :class:`CallAbandoned` and nothing else of the plugin's."""
        if patched() and on_main_thread():
            return offload(self._call, bound, arguments)  # the hub must not wait, and the watchdog needs a real thread
        return self._call(bound, arguments)

    def _call(self, bound: Bound, arguments: dict[str, Any]) -> Any:
        if self._skipped and self._is_skipped(bound.key):
            return FAILED
        try:
            slot: _Slot = self._local.slot
        except AttributeError:
            slot = self._new_slot()
        before, blames = slot.running, self._blames
        error: BaseException | None = None
        result: Any = FAILED
        if bound.crumb is not None:
            self._note(slot, bound.crumb)
        slot.running = (bound,)
        # The watchdog's exception may arrive at any step until `settle` took it back: hence two try around one call.
        try:
            try:
                result = bound.invoke(arguments)
            except BaseException as raised:
                error = raised
            slot.running = before
            if slot.marked is not None:
                self._settle(slot)
        except HookTimeout as late:
            slot.running = before
            self._settle(slot)
            error = error or late
        if bound.crumb is not None and self._crumbs is not None:
            self._crumbs.clear(slot.place)
        if slot.abandoned:
            slot.abandoned = False
            raise CallAbandoned(f"{bound.plugin} took too long in {bound.hook}; the work was given to another thread.")
        if error is not None:
            return self._failed(bound, error, blames)
        if bound.key not in self._used:
            self._used.add(bound.key)
        if bound.checked and (problem := misfit(bound.hook, result)):
            self._blame(bound, problem)
            return FAILED
        if self.failing and bound.key in self.failing:
            self.failing.discard(bound.key)
            self._forgive(*bound.key)
        return result

    def attempt(
        self, plugin: str, what: str, fn: Callable[[], Any], third_party: bool, *, deadline: float = STUCK_SECONDS
    ) -> tuple[Any, str]:
        """Import or ask a plugin before it is registered: result and empty string, or ``None`` and what went wrong."""
        problem = ""

        def contained() -> Any:
            nonlocal problem
            try:
                return fn()
            except HookTimeout:
                raise
            except BaseException as error:
                if _from_keyboard(error):
                    raise
                problem = explain(error)
                return None

        result = self._call(Bound.once(plugin, what, contained, deadline, noted=third_party), {})
        if result is FAILED:
            return None, problem or f"it took longer than {deadline:g} seconds"
        return result, problem

    def close(self) -> None:
        """Stop watching and remove the breadcrumbs: the process ends in order."""
        with self._lock:
            if self._watching:
                self._watching = False
                self._ended.release()
            if self._crumbs is not None:
                self._crumbs.close()
                self._crumbs = None

    # Failures

    def _failed(self, bound: Bound, error: BaseException, blames: int) -> Failed:
        if isinstance(error, HookTimeout):
            return FAILED  # the watchdog has struck already
        if _from_keyboard(error):
            raise error
        if isinstance(error, StoreUnavailable):
            # The database is away: nobody's plugin is to blame.
            log.warning("plugin_without_database", plugin=bound.plugin, hook=bound.hook)
            return FAILED
        log.debug("plugin_trace", plugin=bound.plugin, hook=bound.hook, exc_info=error)
        self._blame(bound, explain(error), blames)
        return FAILED

    def _blame(self, bound: Bound, reason: str, blames: int | None = None) -> None:
        """Strike. ``blames``: the count when the call began; one that was under way together with one that failed shares
        its strike: one cause, one strike, or a bad moment would switch the plugin off."""
        with self._lock:
            shared = blames is not None and self._last_blame.get(bound.key, 0) > blames
            if not shared:
                self._blames += 1
                self._last_blame[bound.key] = self._blames
        if shared:
            log.warning("plugin_failed_again", plugin=bound.plugin, hook=bound.hook, reason=reason)
            return
        log.error("plugin_failed", plugin=bound.plugin, hook=bound.hook, reason=reason)
        self.failing.add(bound.key)
        if bound.checked:
            self._strike(bound.plugin, bound.hook, reason)

    def _is_skipped(self, key: tuple[str, str]) -> bool:
        until = self._skipped.get(key)
        if until is None:
            return False
        if time.monotonic() < until:
            return True
        self._skipped.pop(key, None)
        return False

    # Slots and the watchdog

    def _new_slot(self) -> _Slot:
        with self._lock:
            taken = {slot.place for slot in self._slots}
            slot = _Slot(next(place for place in range(len(taken) + 1) if place not in taken))
            self._slots.add(slot)
            if not self._watching:
                self._watching = True
                start_native_thread(self._watch)
        self._local.slot = slot
        return slot

    def _note(self, slot: _Slot, words: bytes) -> None:
        if self._crumbs is None:
            with self._lock:
                self._crumbs = self._crumbs or Breadcrumbs(config().run_dir)
        self._crumbs.note(slot.place, words)

    def _settle(self, slot: _Slot) -> None:
        """After an overdue call: wait until the watchdog has decided, and take back what it may just have raised."""
        while not slot.answered:
            time.sleep(0.001)
        _raise_in(slot.thread, None)
        slot.marked = None

    def _watch(self) -> None:
        ended, wait = self._ended, IDLE_TICK
        wall, busy = time.monotonic(), time.process_time()
        while not ended.acquire(True, wait):
            wall_now, busy_now = time.monotonic(), time.process_time()
            # A process that was stopped or starved must not blame its plugins: only time that this process could use counts,
            # at most two ticks per look unless it really computed all that while (a hook in C that held the interpreter).
            step = min(wall_now - wall, max(2 * wait, busy_now - busy))
            wall, busy = wall_now, busy_now
            wait = IDLE_TICK
            with self._lock:
                slots = list(self._slots)
            for slot in slots:
                if slot.running is not None:
                    wait = TICK
                    self._look(slot, step)
            del slots

    def _look(self, slot: _Slot, step: float) -> None:
        running = slot.running
        if running is None:
            return
        if running is not slot.seen:
            slot.seen, slot.observed, slot.stage = running, 0.0, 0
            return
        slot.observed += step
        bound = running[0]
        first = bound.crumb is None and bound.checked and bound.key not in self._used
        late = slot.observed - (max(bound.deadline, FIRST_SECONDS) if first else bound.deadline)
        if slot.stage == 0 and late >= 0:
            slot.stage = 1
            self._overdue(slot, running)
        elif slot.stage == 1 and late >= GRACE:
            slot.stage = 2
            self._abandon(slot, running)
        elif slot.stage == 2 and late >= STUCK_SECONDS:
            slot.stage = 3
            if bound.crumb is not None and self._crumbs is not None:
                self._crumbs.clear(slot.place)  # it has its strike: the end of the process is not a second one
            self.on_stuck(Call(bound.plugin, bound.hook, slot.thread, slot.observed, abandoned=True))

    def _overdue(self, slot: _Slot, running: tuple[Bound]) -> None:
        bound = running[0]
        # Calls that were under way together are late together: that is one strike.
        struck_just_now = self._is_skipped(bound.key)
        self._skipped[bound.key] = time.monotonic() + SKIP_SECONDS
        if not struck_just_now:
            self._blame(bound, f"took longer than {bound.deadline:g} s")
        slot.answered = False
        slot.marked = running
        # Looked at again after the mark: a call that ended in between sees the mark or is seen here, never neither.
        if slot.running is running:
            _raise_in(slot.thread, HookTimeout)
        slot.answered = True

    def _abandon(self, slot: _Slot, running: tuple[Bound]) -> None:
        bound = running[0]
        call = Call(bound.plugin, bound.hook, slot.thread, slot.observed)
        log.error("plugin_hangs", plugin=bound.plugin, hook=bound.hook, seconds=round(slot.observed, 1))
        if self.on_overdue is None:
            return
        try:
            slot.abandoned = bool(self.on_overdue(call))
        except Exception:
            log.exception("on_overdue_failed")


def _from_keyboard(error: BaseException) -> bool:
    """Whether a KeyboardInterrupt is the operator's Ctrl-C and not a ``raise`` in the plugin."""
    if not isinstance(error, KeyboardInterrupt) or not on_main_thread():
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_code.co_code[trace.tb_lasti] != dis.opmap["RAISE_VARARGS"]


_living: weakref.WeakSet[Containment] = weakref.WeakSet()


def _after_fork() -> None:
    for containment in list(_living):
        containment._reset()  # the watchdog did not come along, and the breadcrumbs are the parent's


os.register_at_fork(after_in_child=_after_fork)
