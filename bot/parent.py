"""No process outlives the one that started it, however that one ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
LOOK = 1.0
"""Seconds between two looks where the system has no parent-death signal."""

# Loaded before any fork: between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """Make the kernel kill this process when the thread that started it dies. Linux; elsewhere it does nothing.

    The mark survives ``exec`` but not ``fork``: a forked child calls it again.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the mark was set
            os._exit(1)


def before_exec() -> Callable[[], None]:
    """What a child calls between fork and exec, so that it dies with this process."""
    me = os.getpid()
    return lambda: die_with(me)


def watch(parent: int) -> None:
    """Where the kernel cannot do it, look every second whether ``parent`` is still there, and end if not."""
    if _libc is not None:
        return

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK)
        os._exit(1)

    threading.Thread(target=look, name="parent", daemon=True).start()
