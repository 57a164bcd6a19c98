"""Background work: once, in spite of deaths, with Redis and without."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bot import clock, jobs, lease
from bot.events import JobSpec
from bot.store import Job
from tests.patience import patient

DONE: list[str] = []


def spec(run: Any = None, **more: Any) -> dict[str, JobSpec]:
    made = JobSpec(kind="tea", run=run or DONE.append, **more)
    return {made.kind: made}


@pytest.fixture(autouse=True)
def _worker(store: Any) -> None:
    DONE.clear()
    lease.start("quick")


def put(store: Any, ref: str = "", occasion: str = "", **more: Any) -> str:
    assert store.write(lambda: jobs.enqueue("tea", ref, occasion, **more))
    return str(store.read(lambda: Job.get(Job.ref == ref, Job.occasion == occasion).id))


def row(store: Any, job_id: str) -> Job:
    return store.read(lambda: Job.get_by_id(job_id))


def test_a_job_runs_once_however_often_it_is_woken(store: Any) -> None:
    job = put(store, "green")
    assert jobs.claim_and_run(job, spec())
    assert not jobs.claim_and_run(job, spec())
    assert DONE == ["green"]
    assert row(store, job).state == "done"


def test_the_same_occasion_is_put_down_once(store: Any) -> None:
    put(store, "green", "monday")
    assert not store.write(lambda: jobs.enqueue("tea", "green", "monday"))
    put(store, "green", "tuesday")
    assert store.read(lambda: Job.select().count()) == 2


def test_a_job_of_a_transaction_that_fails_is_not_there(store: Any) -> None:
    def work() -> None:
        jobs.enqueue("tea", "green")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(work)
    assert store.read(jobs.due) == []


def test_a_later_job_waits_for_its_time(store: Any) -> None:
    job = put(store, "green", at=clock.now() + 60)
    assert store.read(jobs.due) == []
    assert not jobs.claim_and_run(job, spec())


def test_a_failure_is_kept_and_tried_again_later_until_it_is_a_dead_letter(store: Any) -> None:
    def fails(_ref: str) -> None:
        raise ValueError("no water")

    job = put(store)
    for attempt in range(1, jobs.ATTEMPTS + 1):
        before = clock.now()
        assert jobs.claim_and_run(job, spec(fails))
        found = row(store, job)
        assert (found.attempts, found.error) == (attempt, "ValueError: no water")
        if attempt < jobs.ATTEMPTS:
            assert found.state == "queued"
            assert found.next_at >= before + 3.9
            store.write(lambda: Job.update(next_at=0).execute())
    assert row(store, job).state == "dead"
    assert not jobs.claim_and_run(job, spec())
    assert store.write(lambda: jobs.retry(job))
    assert jobs.claim_and_run(job, spec())
    assert row(store, job).state == "done"


def test_a_plugin_that_exits_does_not_take_the_worker_along(store: Any) -> None:
    def exits(_ref: str) -> None:
        raise SystemExit(3)

    job = put(store)
    assert jobs.claim_and_run(job, spec(exits))
    assert row(store, job).error == "SystemExit: 3"


def test_pauses_grow_to_ten_minutes() -> None:
    assert 4 <= jobs.pause(1) <= 6
    assert 16 <= jobs.pause(2) <= 24
    assert 480 <= jobs.pause(9) <= 720


def test_a_job_whose_kind_nobody_offers_waits_without_losing_attempts(store: Any) -> None:
    job = put(store)
    assert not jobs.claim_and_run(job, {})
    found = row(store, job)
    assert (found.state, found.attempts) == ("queued", 0)
    assert "is its plugin off?" in found.error
    assert found.next_at > clock.now() + 50


def test_a_dead_workers_job_is_due_again_and_its_late_end_changes_nothing(store: Any) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(_ref: str) -> None:
        entered.set()
        go_on.wait(10)

    job = put(store)
    late = threading.Thread(target=jobs.claim_and_run, args=(job, spec(slow)))
    late.start()
    assert entered.wait(patient(5))
    assert store.read(jobs.due) == []
    assert not jobs.claim_and_run(job, spec())  # somebody has it
    # As lease.free_dead does when the kernel has dropped its lock.
    store.write(lambda: store.sql("UPDATE job SET lease_until = 0, lease_owner = ''"))
    assert [found[0] for found in store.read(jobs.due)] == [job]
    assert jobs.claim_and_run(job, spec())
    ended = row(store, job).ended_at
    go_on.set()
    late.join(patient(5))
    assert (row(store, job).state, row(store, job).fence, row(store, job).ended_at) == ("done", 2, ended)


def test_a_job_that_kills_its_workers_is_given_up(store: Any) -> None:
    job = put(store)
    store.write(lambda: store.sql("UPDATE job SET state = 'running', attempts = ?", (jobs.ATTEMPTS,)))
    assert not jobs.claim_and_run(job, spec())
    assert row(store, job).state == "dead"
    assert "died" in row(store, job).error
    assert DONE == []


def test_a_running_job_keeps_its_lease(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RENEW", 0.05)
    monkeypatch.setattr(jobs, "LEASE", patient(0.3))

    def outlives(_ref: str) -> None:
        threading.Event().wait(patient(0.8))
        assert store.read(jobs.due) == []

    job = put(store)
    assert jobs.claim_and_run(job, spec(outlives))
    assert row(store, job).state == "done"


def test_periodic_work_is_one_row_that_is_armed_when_it_is_due(store: Any) -> None:
    hourly = spec(every=3600.0)
    assert store.read(lambda: jobs.anything_to_arm(hourly))
    assert store.write(lambda: jobs.arm(hourly)) == ["tea"]
    assert not store.read(lambda: jobs.anything_to_arm(hourly))
    assert store.write(lambda: jobs.arm(hourly)) == []  # it is queued
    ((job, _, _),) = store.read(jobs.due)
    assert jobs.claim_and_run(job, hourly)
    assert store.write(lambda: jobs.arm(hourly)) == []  # it was done just now
    assert not store.read(lambda: jobs.anything_to_arm(hourly))
    store.write(lambda: Job.update(ended_at=clock.now() - 3601).execute())
    assert store.read(lambda: jobs.anything_to_arm(hourly))
    assert store.write(lambda: jobs.arm(hourly)) == ["tea"]
    assert jobs.claim_and_run(job, hourly)
    assert DONE == ["", ""]
    assert store.read(lambda: Job.select().count()) == 1


def test_periodic_work_that_failed_for_good_is_tried_again_in_its_time(store: Any) -> None:
    often = spec(every=5.0)
    store.write(lambda: jobs.arm(often))
    store.write(lambda: Job.update(state="dead", ended_at=clock.now() - 60).execute())
    assert store.write(lambda: jobs.arm(often)) == []
    store.write(lambda: Job.update(ended_at=clock.now() - 301).execute())
    assert store.write(lambda: jobs.arm(often)) == ["tea"]
