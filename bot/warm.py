"""The processes that ``deskhand run`` forks from itself instead of starting them one by one.

A start is nearly all imports, and turns, channels and both workers import the same. So the process that prepares loads all
of it once and forks these four. It forks before it opens the database, reads a key or loads a stranger's plugin: they get
modules from it, and nothing that could be stale or shared by accident. They wait until the supervisor says that they may
begin, and what then runs in them is what ``deskhand turns`` and the others run.

web cannot be forked: gevent must patch before anything else is imported. It is started before all others, loads while they
are prepared, and waits at the same place.

Whoever dies later is started from nothing. So is everything where there is no Linux (libraries elsewhere may not be forked, and
nothing would end an orphan at once), and where something has begun a thread already: what another thread holds at a fork is held
for ever.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from bot import logs
from bot.config import config
from bot.discovery import load_built_in
from bot.parent import before_exec, die_with
from bot.supervise import STOPS

PROCESSES: dict[str, tuple[str, ...]] = {
    "turns": ("bot.turns_process",),
    "channels": ("channels.host",),
    "quick": ("workers.main", "quick"),
    "slow": ("workers.main", "slow"),
}
"""Name: the module whose ``main`` runs it, and the arguments of that."""
LATER = ("bot.live_seal", "cryptography.hazmat.primitives.ciphers.aead", "redis")
"""What they import only when there is a Redis, and then at once."""
WEB, OF_WEB = "web", ("bot.serve", "bot.process", "bot.web_app")
GATE = "DESKHAND_GATE"
"""The descriptor at which web waits, in its environment. Not set when it is started again."""


@dataclass(slots=True)
class Forked:
    """What came of it: in the parent pids by name, and the descriptor that lets them begin; in a forked process ``me``."""

    me: str = ""
    pids: dict[str, int] = field(default_factory=dict)
    gate: int = -1


def load() -> None:
    """Import what the four import when they start. Never an SDK of an AI or a platform, and nothing that counts: numbers
    belong to the process that makes them (``bot.metrics``)."""
    _load([module for module, *_ in PROCESSES.values()], [*LATER, "workers.queues"])


def _load(modules: Sequence[str], with_redis: Sequence[str]) -> None:
    for module in modules:
        import_module(module)
    if os.environ.get("REDIS_URL", "none") != "none":
        for module in with_redis:
            import_module(module)
    load_built_in()


def fork(lines: Mapping[str, Sequence[str]]) -> Forked:
    """Start web and fork those that can be, of the processes whose command ``lines`` these are, by name. Returns in each forked one,
    too, once a byte came through the gate.

    Whoever is not among the pids is to be started; so is everybody when nothing can be forked. Raises what a module of ours raises when
    it is imported.
    """
    forked = Forked()
    if not _alone():
        return forked
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would take from us how they ended
    parent = os.getpid()
    waits, forked.gate = os.pipe()
    if WEB in lines:
        with contextlib.suppress(OSError):  # no more processes or memory: the supervisor tries, and goes on trying
            forked.pids[WEB] = _start_web(lines[WEB], waits)
    load()
    if _alone():  # asked again: a library may begin a thread when it is imported
        with held_back():
            with contextlib.suppress(OSError):  # the same
                forked = _fork([name for name in lines if name in PROCESSES], forked)
            if forked.me:
                _begin_anew(forked.me, parent, waits)
    if forked.me:
        _wait(waits)
    else:
        os.close(waits)
    return forked


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold back the wish to stop for a moment in which it would be lost: what Python does around a fork swallows it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_web(line: Sequence[str], waits: int) -> int:
    started = subprocess.Popen(  # noqa: S603  our own command line
        line, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=before_exec(), pass_fds=[waits],  # noqa: PLW1509
        env={**os.environ, GATE: str(waits)},
    )  # fmt: skip
    _kept.append(started)
    return started.pid


_kept: list[subprocess.Popen[bytes]] = []
"""Not to be waited for here: it belongs to the supervisor, which this process becomes."""


def _fork(names: Sequence[str], forked: Forked) -> Forked:
    sys.stdout.flush()
    gc.freeze()  # a collection would write to every page, and then none were shared
    for name in names:
        pid = os.fork()
        if pid == 0:
            return Forked(name)
        forked.pids[name] = pid
    return forked


def wait_as_web() -> None:
    """In web: load, and wait for the word, if it was started before all was prepared."""
    waits = os.environ.pop(GATE, "")
    if waits:
        logs.setup(WEB)  # first, so that whatever fails is told in one form
        _load(OF_WEB, LATER)
        _wait(int(waits))


def _alone() -> bool:
    """Whether this is Linux, and this process one thread, those of libraries in C among them."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def _begin_anew(name: str, parent: int, waits: int) -> None:
    """Make a forked process what a started one is."""
    die_with(parent)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # The lock of the data folder above all: it must be free when the supervisor is gone.
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor != waits:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(descriptor)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    _show_as(name)


def _wait(waits: int) -> None:
    if not os.read(waits, 1):
        os._exit(0)  # whoever prepared gave up
    os.close(waits)
    config.cache_clear()  # it may be from before ``REDIS_URL`` was known


def _show_as(name: str) -> None:
    """Let ``ps`` tell the forked processes apart; by itself it shows the command line of their parent."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(f"dh-{name}", "ascii")
        numbers = Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        begin, room = int(numbers[45]), int(numbers[46]) - int(numbers[45])  # where the words of the command line lie
        if room > 0:
            ctypes.memmove(begin, f"deskhand {name}".encode()[: room - 1].ljust(room, b"\0"), room)
