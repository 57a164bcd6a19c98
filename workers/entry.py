"""What RQ calls. It carries a job's id and nothing else: what to do is in the database."""

from __future__ import annotations

from bot.jobs import claim_and_run
from workers.kinds import kinds


def run(job_id: str) -> None:
    """Run one job in a process that has been set up."""
    claim_and_run(job_id, kinds())


def run_in_fork(job_id: str) -> None:
    """Run one job in RQ's forked process: with a database and a slot of its own, for as long as it lives."""
    from bot.process import process

    with process("slow-job", plugins_of="worker"):
        run(job_id)
