"""Notice a loop that stands still, and name the channel whose code holds it.

All connections of a process share one loop: code that blocks it (a synchronous request, ``time.sleep``, a loop without an
``await``) stops every other. A thread looks on; after :data:`STALLED` it says who it is, after :data:`HOPELESS` it strikes the
plugin and ends the process, which the supervisor starts again. The third strike in a row switches the plugin off.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

log = structlog.get_logger("channels")

BEAT = 0.25
STALLED = 2.0
"""Seconds; Slack wants an answer within 3."""
HOPELESS = 10.0
PATIENT = 60.0
"""The same while something is imported (an SDK takes its time on a busy machine), or nobody can be named."""
EXIT_STALLED = 70
IMPORTING = "an import"


def end_process() -> None:
    """End at once: what is in flight is settled by the next process."""
    sys.stderr.flush()
    os._exit(EXIT_STALLED)


class Stalls:
    """``owners`` gives, for every running connection, the name of its plugin and the files its code is in; ``strike(plugin,
    reason)`` blames one. Call :meth:`start` on the loop."""

    def __init__(
        self,
        owners: Callable[[], Mapping[str, tuple[str, Path]]],
        strike: Callable[[str, str], None],
        end: Callable[[], None] = end_process,
    ) -> None:
        self._owners = owners
        self._strike = strike
        self._end = end
        self._beat_at = time.monotonic()
        self._loop_thread = 0
        self._stop = threading.Event()
        self._said = False
        self._thread = threading.Thread(target=self._watch, name="stalls", daemon=True)

    def start(self) -> None:
        self._loop_thread = threading.get_ident()
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
        self._said = False
        if not self._stop.is_set():
            asyncio.get_running_loop().call_later(BEAT, self._beat)

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._stop.wait(BEAT):
            now = time.monotonic()
            if now - looked > STALLED / 2:
                self._beat_at = now  # the whole process slept, or the machine is that busy: nobody is to blame
            looked = now
            late = now - self._beat_at
            if late > STALLED and not self._said:
                self._said = True
                who, where = self._culprit()
                say = log.warning if where == IMPORTING else log.error
                say("loop_stalled", channel=who or "unknown", where=where, next="all channels wait for it")
            if late > HOPELESS:
                who, where = self._culprit()
                if late <= PATIENT and (not who or where == IMPORTING):
                    continue
                plugin = self._owners().get(who, ("", Path()))[0]
                log.critical("loop_stuck", channel=who or "unknown", where=where, next="this process ends")
                if plugin:
                    self._strike(plugin, f"it held the loop of all channels for {late:.0f} s at {where}")
                self._end()
                return

    def _culprit(self) -> tuple[str, str]:
        """The connection whose code is running, and where."""
        frame = sys._current_frames().get(self._loop_thread)
        stack = traceback.extract_stack(frame) if frame else []
        if any(entry.filename.startswith("<frozen importlib") for entry in stack):
            return "", IMPORTING
        owners = self._owners()
        for entry in reversed(stack):
            file = Path(entry.filename)
            for name, (_, home) in owners.items():
                if file == home or (home.is_dir() and home in file.parents):
                    return name, f"{file.name}, line {entry.lineno}"
        last = stack[-1] if stack else None
        return "", f"{Path(last.filename).name}, line {last.lineno}" if last else "nowhere"


def home_of(thing: object) -> Path:
    """The file that a connection's class is written in, or its package's folder if it has one of its own."""
    module = sys.modules.get(type(thing).__module__)
    file = Path(getattr(module, "__file__", None) or "")
    package = sys.modules.get(type(thing).__module__.rpartition(".")[0])
    own = package is not None and type(thing).__module__.count(".") > 1
    return file.parent if own or file.name == "__init__.py" else file
