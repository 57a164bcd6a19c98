"""What keeps background work going: the ticker, and the sweep that finds what is due with or without Redis."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import structlog

from bot import jobs, lease
from bot.events import JobSpec
from bot.store import StoreUnavailable, read, write
from workers.kinds import kinds

log = structlog.get_logger("jobs")

EVERY = 2.0
LEADER = "ticker"


STUCK = 70
"""Exit code that tells the supervisor why: a job would not end."""


class Runner:
    """Runs quick jobs in a thread while Redis is away. A job that does not end in its time costs the process, not the sweep."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[str, float]] = SimpleQueue()
        self._given: set[str] = set()
        self._ends = 0.0
        self._current = ""
        self._thread: threading.Thread | None = None

    def give(self, job_id: str, timeout: float) -> None:
        if job_id in self._given:
            return
        self._given.add(job_id)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="runner", daemon=True)
            self._thread.start()
        self._queue.put((job_id, timeout))

    @property
    def busy(self) -> bool:
        return bool(self._given)

    def check(self) -> None:
        """End the process when its job is overdue: the claim counts as an attempt, and a job that does so often is given up."""
        if self._ends and time.monotonic() > self._ends:
            log.critical("job_stuck", job=self._current, next="this process ends and is started again")
            with contextlib.suppress(StoreUnavailable):
                write(lambda: jobs.cut_off(self._current, "it did not end in its time"))
            os._exit(STUCK)

    def _run(self) -> None:
        while True:
            job_id, timeout = self._queue.get()
            try:
                specs = kinds()
                self._current, self._ends = job_id, time.monotonic() + timeout + 1
                jobs.claim_and_run(job_id, specs)
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="trying again")
            except Exception:
                log.exception("job_not_run", job=job_id)
            finally:
                self._ends = 0.0
                self._given.discard(job_id)


class Sweep:
    """A thread of the quick worker. ``push(queue, id, fence, timeout)`` wakes a worker through Redis and answers False without it."""

    def __init__(self, push: Callable[[str, str, int, float], bool] | None) -> None:
        self._push = push
        self._wake = threading.Event()
        self._stop = False
        self._led = float("-inf")
        self._leads = False
        self._slow: subprocess.Popen[bytes] | None = None
        self.runner = Runner()
        self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self, _payload: bytes = b"") -> None:
        """Something may be due: look now. Fits the bus topic ``jobs``."""
        self._wake.set()

    def stop(self, seconds: float = 20.0) -> None:
        """Hand out nothing more and wait for what runs here."""
        self._stop = True
        self._wake.set()
        self._thread.join(timeout=5)
        until = time.monotonic() + seconds
        while self.runner.busy and time.monotonic() < until:
            time.sleep(0.05)
        if self._slow is not None and self._slow.poll() is None:
            self._slow.terminate()
            self._slow.wait()

    def _run(self) -> None:
        while not self._stop:
            self._wake.clear()
            try:
                self.once()
            except StoreUnavailable as error:
                log.warning("database_away", reason=str(error), next="trying again")
            except Exception:
                log.exception("sweep_failed")
            self._wake.wait(EVERY)

    def once(self) -> None:
        """Free what dead processes held, arm what is periodic, and see to what is due."""
        self.runner.check()
        lease.free_dead()
        specs = kinds()
        if time.monotonic() - self._led >= lease.RENEW:
            self._led = time.monotonic()
            self._leads = lease.lead(LEADER)
        if self._leads and read(lambda: jobs.anything_to_arm(specs)):
            write(lambda: jobs.arm(specs))
        for job_id, kind, fence in read(jobs.due):
            if self._stop:
                return
            self._see_to(job_id, specs.get(kind), fence)

    def _see_to(self, job_id: str, spec: JobSpec | None, fence: int) -> None:
        if spec is not None and self._push is not None and self._push(spec.queue, job_id, fence, spec.timeout):
            return
        if spec is not None and spec.queue == "slow":
            self._in_a_process(job_id, spec.timeout)
        else:
            self.runner.give(job_id, spec.timeout if spec is not None else 60.0)

    def _in_a_process(self, job_id: str, timeout: float) -> None:
        """Without Redis a slow job gets a process of its own, one at a time."""
        if self._slow is None or self._slow.poll() is not None:
            line = [sys.executable, "-m", "workers.once", job_id, str(timeout), str(os.getpid())]
            self._slow = subprocess.Popen(line, stdin=subprocess.DEVNULL)  # noqa: S603
