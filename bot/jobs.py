"""Background work as rows with leases. Redis only wakes: what is due is done without it, too.

A job is UNIQUE by kind, ref and occasion. ``claim_and_run`` is the one way to run one, whoever calls it: a claim takes the
next fencing number, so that a worker which was paused and wakes late changes no row. Periodic work is one row per kind
that is armed again when it is due.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog

from bot import clock, lease
from bot.bus import bus
from bot.events import JobSpec
from bot.failpoints import failpoint
from bot.logs import redact
from bot.store import Job, StoreUnavailable, db, read, sql, write

log = structlog.get_logger("jobs")

LEASE, RENEW = 15.0, 5.0
ATTEMPTS = 6
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
"""Seconds before the second attempt, four times as long each time, and the most."""
PERIODIC = "periodic"
"""Occasion of the one row of a kind that is due again and again."""
UNKNOWN_PAUSE = 60.0
"""A kind that nobody offers (its plugin is off) is looked at again after so long, and no attempt is counted."""
REARM_DEAD = 300.0


class Again(Exception):
    """Raised by a job that did what it can for now: it runs again at ``at`` (Unix seconds), and no attempt is counted."""

    def __init__(self, at: float, reason: str = "") -> None:
        super().__init__(reason)
        self.at = at


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this process runs now."""

    id: str
    kind: str
    ref: str
    fence: int
    attempts: int


def enqueue(kind: str, ref: str = "", occasion: str = "", *, at: float | None = None) -> bool:
    """Put work down, inside a write: it is there when the transaction is, and is woken after the commit.

    ``at`` is Unix seconds, now if empty. False: there is one of this kind, ref and occasion already, in whatever state.
    """
    job_id = clock.new_id()
    due = clock.now() if at is None else at
    row = sql(
        "INSERT INTO job (id, kind, ref, occasion, state, queue, attempts, next_at, lease_owner, lease_until, fence, error, created_at)"
        " VALUES (?, ?, ?, ?, 'queued', 'quick', 0, ?, '', 0, 0, '', ?) ON CONFLICT (kind, ref, occasion) DO NOTHING RETURNING id",
        (job_id, kind, ref, occasion, due, clock.now()),
    ).fetchone()
    if row is not None and due <= clock.now():
        db.after_commit(lambda: bus().wake("jobs", job_id))
    return row is not None


def enqueue_again(kind: str, ref: str, occasion: str = "") -> None:
    """As :func:`enqueue`, but one that ended, well or not, runs once more, and one that waits runs now."""
    if enqueue(kind, ref, occasion):
        return
    row = sql(
        "UPDATE job SET state = 'queued', attempts = 0, next_at = ?, ended_at = NULL WHERE kind = ? AND ref = ? AND occasion = ?"
        " AND state <> 'running' RETURNING id",
        (clock.now(), kind, ref, occasion),
    ).fetchone()
    if row is not None:
        job_id = row[0]
        db.after_commit(lambda: bus().wake("jobs", job_id))


def anything_to_arm(specs: Mapping[str, JobSpec]) -> bool:
    """Whether :func:`arm` would find something: an idle installation should not write every two seconds. Inside a read."""
    rows = sql("SELECT kind, state, ended_at FROM job WHERE ref = '' AND occasion = ?", (PERIODIC,)).fetchall()
    known = {kind: (state, ended_at or 0.0) for kind, state, ended_at in rows}
    at = clock.now()
    for spec in specs.values():
        if spec.every is None:
            continue
        state, ended_at = known.get(spec.kind, ("", 0.0))
        if (
            not state
            or (state == "done" and ended_at <= at - spec.every)
            or (state == "dead" and ended_at <= at - REARM_DEAD)
        ):
            return True
    return False


def arm(specs: Mapping[str, JobSpec]) -> list[str]:
    """Make what is periodic due again; returns the kinds. Inside a write, by the one process that leads the ticker."""
    at = clock.now()
    armed = []
    for spec in specs.values():
        if spec.every is None:
            continue
        if enqueue(spec.kind, "", PERIODIC):
            armed.append(spec.kind)
            continue
        row = sql(
            "UPDATE job SET state = 'queued', attempts = 0, next_at = ? WHERE kind = ? AND ref = '' AND occasion = ?"
            " AND ((state = 'done' AND ended_at <= ?) OR (state = 'dead' AND ended_at <= ?)) RETURNING id",
            (at, spec.kind, PERIODIC, at - spec.every, at - max(spec.every, REARM_DEAD)),
        ).fetchone()
        if row is not None:
            armed.append(spec.kind)
    return armed


def due(limit: int = 100) -> list[tuple[str, str, int]]:
    """``(id, kind, fence)`` of what may run now, oldest first: queued, or running for somebody whose lease ended. Inside a read."""
    rows = sql(
        "SELECT id, kind, fence FROM job WHERE (state = 'queued' AND next_at <= ?) OR (state = 'running' AND lease_until < ?)"
        " ORDER BY next_at LIMIT ?",
        (clock.now(), lease.now(), limit),
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def claim_and_run(job_id: str, specs: Mapping[str, JobSpec]) -> bool:
    """Run one job if it is due and nobody else has it; whether it ran. Never raises for what the job does.

    Call :func:`bot.lease.start` first: the claim belongs to this process.
    """
    claimed = write(lambda: _claim(job_id, specs))
    if claimed is None:
        return False
    failpoint("job.after_claim")
    error, again = "", None
    with _renewed(claimed):
        try:
            specs[claimed.kind].run(claimed.ref)
        except Again as later:
            again = later
        except (Exception, SystemExit) as failure:
            error = redact(f"{type(failure).__name__}: {failure}")[:500]
            log.warning("job_failed", kind=claimed.kind, job=claimed.id, attempt=claimed.attempts, reason=error)
    failpoint("job.before_done")
    write(lambda: _settle(claimed, error) if again is None else _later(claimed, again))
    return True


def _claim(job_id: str, specs: Mapping[str, JobSpec]) -> Claimed | None:
    known = sql("SELECT kind FROM job WHERE id = ?", (job_id,)).fetchone()
    if known is None:
        return None
    spec = specs.get(known[0])
    if spec is None:
        sql(
            "UPDATE job SET next_at = ?, error = ? WHERE id = ? AND state = 'queued'",
            (clock.now() + UNKNOWN_PAUSE, f"nobody offers the kind {known[0]}: is its plugin off?", job_id),
        )
        return None
    at = lease.now()
    row = sql(
        "UPDATE job SET state = 'running', queue = ?, lease_owner = ?, lease_until = ?, fence = fence + 1, attempts = attempts + 1"
        " WHERE id = ? AND ((state = 'queued' AND next_at <= ?) OR (state = 'running' AND lease_until < ?))"
        " RETURNING kind, ref, fence, attempts",
        (spec.queue, lease.owner(), at + LEASE, job_id, clock.now(), at),
    ).fetchone()
    if row is None:
        return None
    claimed = Claimed(job_id, *row)
    if claimed.attempts > ATTEMPTS:  # it killed its workers: a poisoned one must not do so for ever
        _end(claimed, "dead", "given up: the process that ran it died each time")
        return None
    return claimed


def cut_off(job_id: str, reason: str) -> None:
    """Note that this process gives up a job that does not end. Inside a write, right before the process ends."""
    row = sql(
        "SELECT kind, ref, fence, attempts FROM job WHERE id = ? AND lease_owner = ?", (job_id, lease.owner())
    ).fetchone()
    if row is not None:
        _settle(Claimed(job_id, *row), reason)


def _settle(claimed: Claimed, error: str) -> None:
    """Write down how it ended; with a lost lease no row is found, and its new owner decides."""
    if not error:
        _end(claimed, "done", "")
    elif claimed.attempts >= ATTEMPTS:
        _end(claimed, "dead", error)
        log.error("job_dead", kind=claimed.kind, job=claimed.id, reason=error, next="deskhand deadletters list")
    else:
        sql(
            "UPDATE job SET state = 'queued', lease_owner = '', lease_until = 0, next_at = ?, error = ? WHERE id = ? AND fence = ?",
            (clock.now() + pause(claimed.attempts), error, claimed.id, claimed.fence),
        )


def _later(claimed: Claimed, again: Again) -> None:
    sql(
        "UPDATE job SET state = 'queued', lease_owner = '', lease_until = 0, attempts = 0, next_at = ?, error = ?"
        " WHERE id = ? AND fence = ?",
        (again.at, str(again)[:500], claimed.id, claimed.fence),
    )


def _end(claimed: Claimed, state: str, error: str) -> None:
    sql(
        "UPDATE job SET state = ?, lease_owner = '', lease_until = 0, ended_at = ?, error = ? WHERE id = ? AND fence = ?",
        (state, clock.now(), error, claimed.id, claimed.fence),
    )


def pause(attempts: int) -> float:
    """Seconds until the next attempt after ``attempts`` failed, with jitter: 5, 20, 80, 320, 600."""
    return min(FIRST_PAUSE * 4.0 ** (attempts - 1), LONGEST_PAUSE) * random.uniform(0.8, 1.2)


@contextlib.contextmanager
def _renewed(claimed: Claimed) -> Iterator[None]:
    """Prolong the lease every 5 s while the job runs."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(RENEW):
            with contextlib.suppress(StoreUnavailable):
                write(
                    lambda: sql(
                        "UPDATE job SET lease_until = ? WHERE id = ? AND fence = ? AND lease_owner = ?",
                        (lease.now() + LEASE, claimed.id, claimed.fence, lease.owner()),
                    )
                )

    thread = threading.Thread(target=renew, name="renew", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


# Dead letters -------------------------------------------------------------------------------------------------------


def retry(job_id: str) -> bool:
    """Run a dead job again, from its first attempt. Inside a write; False if it is not dead."""
    row = sql(
        "UPDATE job SET state = 'queued', attempts = 0, next_at = ?, ended_at = NULL WHERE id = ? AND state = 'dead' RETURNING id",
        (clock.now(), job_id),
    ).fetchone()
    if row is not None:
        db.after_commit(lambda: bus().wake("jobs", job_id))
    return row is not None


def waiting() -> int:
    """How many jobs are due or running. For ``deskhand doctor``."""
    return int(read(lambda: Job.select().where(Job.state.in_(["queued", "running"])).count()))
