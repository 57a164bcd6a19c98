"""What RQ calls. It carries a job's id and nothing else: what to do is in the database."""

from __future__ import annotations

import contextlib
import os

import structlog

from bot.jobs import claim_and_run
from bot.store import StoreUnavailable
from workers.kinds import kinds

log = structlog.get_logger("jobs")

NICE = 10
"""Long work takes what chats leave of the processor."""


def run(job_id: str) -> None:
    """Run one job in a process that has been set up. Raises nothing for a database that is away: RQ would cry failure over a
    job that has all its attempts left, and that the sweep finds again.
    """
    try:
        claim_and_run(job_id, kinds())
    except StoreUnavailable as error:
        log.warning("database_away", reason=str(error), job=job_id, next="trying again")


def run_in_fork(job_id: str) -> None:
    """Run one job in RQ's forked process: with a database and a slot of its own, for as long as it lives."""
    from bot.process import process

    with contextlib.suppress(OSError):
        os.nice(NICE)
    try:
        with process("slow-job", plugins_of="worker"):
            run(job_id)
    except StoreUnavailable as error:
        log.warning("database_away", reason=str(error), job=job_id, next="trying again")
