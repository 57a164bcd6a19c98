"""RQ with what Deskhand needs of it: JSON, one queue per process, only our own functions, and Redis may vanish."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, SimpleWorker, Worker
from rq.exceptions import DuplicateJobError, StopRequested
from rq.job import Job

from bot.config import config
from bot.parent import die_with
from workers import entry

log = structlog.get_logger("jobs")

FUNCTIONS: dict[str, tuple[str, Callable[[str], None]]] = {
    "quick": ("workers.entry.run", entry.run),
    "slow": ("workers.entry.run_in_fork", entry.run_in_fork),
}
PREFIX = "deskhand-"
WORKER_TTL, MAINTENANCE = 30, 15
"""Seconds. With RQ's own defaults a killed job was seen after 809 s; ours come back by the sweep, this only tidies Redis."""
LONGEST_LIST = 100
"""Beyond it nothing is pushed: the rows wait in the database."""
AGAIN = 10
"""Seconds after which a wake that led to nothing is given once more."""


class OurJob(Job):
    """Whoever can write to Redis must not choose what runs here: only the two functions of :mod:`workers.entry` do."""

    @property
    def func(self) -> Callable[[str], None]:
        for name, function in FUNCTIONS.values():
            if self.func_name == name:
                return function
        raise ValueError("This is no job of Deskhand.")


def connect() -> redis.Redis:
    """A client for RQ alone: its worker changes the time-outs of the pool it is given."""
    url = config().redis_url.replace("valkey://", "redis://")
    # A worker waits in one command for half its time to live.
    return redis.Redis.from_url(
        url, socket_connect_timeout=2, socket_timeout=WORKER_TTL + 10, retry=Retry(NoBackoff(), 0)
    )


def queue(name: str, connection: redis.Redis) -> Queue:
    return Queue(PREFIX + name, connection=connection, serializer="json", job_class=OurJob)


class Pusher:
    """Puts ids into RQ's lists. An id that is there already is not put twice."""

    def __init__(self) -> None:
        self._connection: redis.Redis | None = None

    def push(self, name: str, job_id: str, fence: int, timeout: float) -> bool:
        """Wake a worker for one job; False: Redis is away."""
        if self._connection is None:
            self._connection = connect()
        target = queue(name, self._connection)
        # A claim raises the fence, so a crashed job is woken under another name; so is one whose wake got lost.
        rq_id = f"{job_id}-{fence}-{int(time.time() / AGAIN)}"
        try:
            if target.count < LONGEST_LIST:
                target.enqueue_call(
                    FUNCTIONS[name][0], args=(job_id,), job_id=rq_id, unique=True, timeout=int(timeout) + 1, ttl=60, result_ttl=0,
                    failure_ttl=60, description=job_id,
                )  # fmt: skip
        except DuplicateJobError:
            pass
        except (redis.RedisError, OSError):
            return False
        return True


class _Ours:
    """What both kinds of worker share."""

    max_connection_wait_time = 2.0
    stop_asked = False
    asked_before: Callable[[], bool]
    """Whether a stop was asked for before RQ took the signals."""

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[misc]
        if self.asked_before():
            self.stop_asked = True
            raise StopRequested

    def subscribe(self) -> None:
        """RQ's channel of commands stays closed: it needs a thread, and nobody but the supervisor commands here."""

    def unsubscribe(self) -> None:
        """See :meth:`subscribe`."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.stop_asked = True
        super().request_stop(signum, frame)  # type: ignore[misc]


class QuickWorker(_Ours, SimpleWorker):  # type: ignore[misc]
    """Runs jobs in this process, one after the other."""


class SlowWorker(_Ours, Worker):  # type: ignore[misc]
    """Forks for each job, so that a crawl cannot take the worker with it, nor leave its memory behind."""

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        die_with(self.pid)  # the mark does not survive a fork: without this a killed worker's job runs on
        super().main_work_horse(job, queue)


def work(name: str, asked: Callable[[], bool], asked_before: Callable[[], bool]) -> None:
    """Serve one queue until SIGTERM, in the main thread. Comes back whenever Redis does.

    ``asked`` takes the signals and says whether one came; ``asked_before`` only says it.
    """
    make = QuickWorker if name == "quick" else SlowWorker
    while not asked():
        worker: Any = None
        try:
            connection = connect()
            connection.ping()
            worker = make(
                [queue(name, connection)], connection=connection, serializer="json", job_class=OurJob, worker_ttl=WORKER_TTL,
                maintenance_interval=MAINTENANCE, log_job_description=False, name=f"{name}-{os.getpid()}-{time.time_ns()}",
            )  # fmt: skip
            worker.asked_before = asked_before
            worker.work(logging_level="WARNING")
        except StopRequested:
            return
        except (redis.RedisError, OSError) as error:
            log.debug("redis_away", reason=type(error).__name__)
        if worker is not None and worker.stop_asked:
            return
        if not asked():  # takes the signals back from RQ
            time.sleep(0.5)
