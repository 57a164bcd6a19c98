"""A seeded killer: kill -9 at random, SIGSTOP for longer than a lease, an emptied Valkey, and the database server now and then."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.installation import Installation
from tests.chaos.journal import Journal
from tests.running import alive

WEIGHTS = {"web": 4, "turns": 4, "turns2": 2, "channels": 3, "channels2": 2, "quick": 2, "slow": 1, "valkey": 4}
STOPPABLE = ("turns", "turns2", "channels", "channels2", "web", "quick")
EARLY = 0.1
"""Part of the processes that may be killed while they are only starting."""
SPARED = (0.0, 3.5)
"""Seconds the others get to work first: a product that is never there proves nothing."""
LONG_STOP = (16.0, 18.0)
"""Seconds: more than a lease of 15 s."""
SHORT_STOP = (0.5, 4.0)


@dataclass
class Killer:
    """``run`` kills every ``mean`` seconds on average until it is cancelled."""

    installation: Installation
    journal: Journal
    seed: int
    mean: float
    stop_every: float = 12.0
    empty_every: float = 8.0
    long_stops: float = 0.35
    """Part of the stops that are longer than a lease."""
    enough: int = 10**9
    """Kills after which it takes four times as long, so that a slow machine gets to the end of its load."""
    weights: dict[str, int] = field(default_factory=lambda: dict(WEIGHTS))
    """How often each process is chosen."""
    kill_database: Callable[[], None] | None = None
    database_every: float = 45.0
    kills: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    flushes: int = 0
    _stopped: dict[int, str] = field(default_factory=dict)
    _spared: dict[int, float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.kills.values())

    async def run(self) -> None:
        tasks = [asyncio.create_task(work()) for work in (self._kill, self._pause, self._empty)]
        if self.kill_database is not None:
            tasks.append(asyncio.create_task(self._outage()))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for pid in list(self._stopped):
                self._signal(pid, signal.SIGCONT)

    async def _kill(self) -> None:
        rng = random.Random(f"{self.seed}/kill")
        names, weights = list(self.weights), list(self.weights.values())
        due = time.monotonic()
        while True:
            due += rng.expovariate(1 / self.mean) * (1 if self.total < self.enough else 4)
            name = rng.choices(names, weights)[0]
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due, time.monotonic() - 5 * self.mean)
            self.installation.look_after()
            pid = self.installation.pids().get(name)
            if pid is None or not alive(pid):
                continue
            spared = self._spared.setdefault(pid, rng.uniform(*SPARED) if rng.random() >= EARLY else -1.0)
            ready = self.installation.ready_since().get(pid, 0.0 if name == "valkey" else None)
            if spared >= 0 and (ready is None or time.monotonic() - ready < spared):
                continue
            if self._signal(pid, signal.SIGKILL):
                self.kills[name] += 1
                self.journal.note("kill", name=name, pid=pid)

    async def _pause(self) -> None:
        rng = random.Random(f"{self.seed}/stop")
        while True:
            await asyncio.sleep(rng.expovariate(1 / self.stop_every))
            name = rng.choice(STOPPABLE)
            long = rng.random() < self.long_stops and name != "web"
            seconds = rng.uniform(*(LONG_STOP if long else SHORT_STOP))
            pid = self.installation.pids().get(name)
            if pid is not None and self._signal(pid, signal.SIGSTOP):
                self.stops["long" if long else "short"] += 1
                self.journal.note("stop", name=name, pid=pid, seconds=seconds)
                self._stopped[pid] = name
                asyncio.get_running_loop().call_later(seconds, self._wake, pid)

    def _wake(self, pid: int) -> None:
        self._stopped.pop(pid, None)
        self._signal(pid, signal.SIGCONT)

    async def _empty(self) -> None:
        """Empty Valkey under everybody's feet."""
        rng = random.Random(f"{self.seed}/empty")
        while True:
            await asyncio.sleep(rng.expovariate(1 / self.empty_every))
            if await asyncio.to_thread(_flush, self.installation.redis_url.removeprefix("unix://")):
                self.flushes += 1
                self.journal.note("flush")

    async def _outage(self) -> None:
        rng = random.Random(f"{self.seed}/database")
        assert self.kill_database is not None
        while True:
            await asyncio.sleep(rng.expovariate(1 / self.database_every))
            await asyncio.to_thread(self.kill_database)
            self.kills["postgresql"] += 1
            self.journal.note("kill", name="postgresql", pid=0)

    @staticmethod
    def _signal(pid: int, number: signal.Signals) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False


def _flush(path: str) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as server:
        server.settimeout(1)
        server.connect(path)
        server.sendall(b"FLUSHALL\r\n")
        return server.recv(16).startswith(b"+OK")
    return False


def recovery_times(kills: list[tuple[float, str, int]], ready: list[tuple[float, str, int]]) -> dict[str, list[float]]:
    """Seconds from a kill to the word "ready" of the process that took its place, by process.

    A successor that is killed before it is ready makes the wait longer; it does not begin a new one.
    """
    found: dict[str, list[float]] = {}
    waiting: dict[str, float] = {}
    events = sorted([(at, 0, name) for at, name, _ in kills] + [(at, 1, name) for at, name, _ in ready])
    for at, is_ready, name in events:
        if not is_ready:
            waiting.setdefault(name, at)
        elif name in waiting:
            found.setdefault(name, []).append(at - waiting.pop(name))
    return found
