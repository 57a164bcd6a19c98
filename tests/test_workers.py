"""The worker processes: jobs run once and soon, with Redis, without it, and when processes are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import jobs
from bot.store import Job
from tests.patience import patient, wait_for
from tests.running import ROOT, alive

pytestmark = pytest.mark.slow

PLUGIN = """
import os, pathlib, time
from bot import JobSpec, hookimpl

LOG = pathlib.Path({log!r})

def note(text):
    with LOG.open("a") as file:
        file.write(text + "\\n")

def quick(ref):
    note(f"quick {{ref}}")

def slow(ref):
    note(f"begin {{ref}} {{os.getpid()}}")
    time.sleep(1.5)
    note(f"end {{ref}}")

def hangs(ref):
    note(f"hangs {{ref}}")
    time.sleep(600)

def tick(ref):
    note("tick")

@hookimpl
def jobs():
    return [
        JobSpec(kind="t.quick", run=quick),
        JobSpec(kind="t.slow", run=slow, queue="slow", timeout=30),
        JobSpec(kind="t.hangs", run=hangs, timeout=1),
        JobSpec(kind="t.tick", run=tick, every=1.0),
    ]
"""


class Workers:
    """Worker processes of one installation."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.log = folder / "ran"
        plugins = folder / "plugins"
        plugins.mkdir()
        (plugins / "testjobs.py").write_text(PLUGIN.format(log=str(self.log)))
        self.env = {**os.environ, **env, "DESKHAND_DATA": str(folder), "DESKHAND_PLUGINS_DIR": str(plugins)}
        self.output = folder / "output"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, queue: str) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            line = [sys.executable, "-m", "bot.cli", "worker", "--queue", queue]
            self.started.append(
                subprocess.Popen(line, cwd=ROOT, env=self.env, stdout=output, stderr=output, start_new_session=True)
            )
        return self.started[-1]

    def ran(self, word: str = "") -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(word) and line != "tick"]


@pytest.fixture(params=["redis", "alone"])
def workers(request: pytest.FixtureRequest, store: Any, database_url: str, tmp_path: Path) -> Iterator[Workers]:
    """With Redis, and on the database alone."""
    redis_url = request.getfixturevalue("valkey").url if request.param == "redis" else "none"
    made = Workers(tmp_path, {"DATABASE_URL": database_url, "REDIS_URL": redis_url})
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
            process.wait()


def put(store: Any, kind: str, ref: str) -> None:
    assert store.write(lambda: jobs.enqueue(kind, ref))


def done(store: Any) -> int:
    return int(store.read(lambda: Job.select().where(Job.state == "done", Job.ref != "").count()))


def test_jobs_run_once_and_the_periodic_ones_come_again(store: Any, workers: Workers) -> None:
    workers.start("quick")
    workers.start("slow")
    for number in range(5):
        put(store, "t.quick", str(number))
    put(store, "t.slow", "a")
    wait_for(lambda: done(store) == 6, 30, workers.output.read_text())
    assert sorted(workers.ran("quick")) == [f"quick {number}" for number in range(5)]
    assert [line.split()[0] for line in workers.ran("begin") + workers.ran("end")] == ["begin", "end"]
    began = time.monotonic()
    put(store, "t.quick", "again")
    wait_for(lambda: "quick again" in workers.ran(), 10)
    assert time.monotonic() - began < patient(5)
    wait_for(lambda: workers.log.read_text().splitlines().count("tick") >= 2, 15)
    for process in workers.started:
        process.terminate()
    assert [process.wait(patient(15)) for process in workers.started] == [0, 0], workers.output.read_text()
    assert "Traceback" not in workers.output.read_text()


def test_a_killed_workers_slow_job_dies_with_it_and_is_done_by_the_next(store: Any, workers: Workers) -> None:
    quick, slow = workers.start("quick"), workers.start("slow")
    put(store, "t.slow", "a")
    (line,) = wait_for(lambda: workers.ran("begin"), 30, workers.output.read_text())
    for process in (quick, slow):
        process.kill()
        process.wait()
    pid = int(line.split()[2])
    wait_for(lambda: not alive(pid), 3, "the job's process is an orphan")
    assert workers.ran("end") == []
    began = time.monotonic()
    workers.start("quick")
    workers.start("slow")
    wait_for(lambda: done(store) == 1, 30, workers.output.read_text())
    assert time.monotonic() - began < patient(30)
    assert len(workers.ran("begin")) == 2
    assert workers.ran("end") == ["end a"]


def test_a_job_that_is_killed_alone_is_done_again(store: Any, workers: Workers) -> None:
    workers.start("quick")
    workers.start("slow")
    put(store, "t.slow", "a")
    (line,) = wait_for(lambda: workers.ran("begin"), 30, workers.output.read_text())
    os.kill(int(line.split()[2]), signal.SIGKILL)
    wait_for(lambda: done(store) == 1, 30, workers.output.read_text())
    assert workers.ran("end") == ["end a"]


def test_a_job_that_hangs_is_cut_off_and_the_others_go_on(store: Any, workers: Workers) -> None:
    first = workers.start("quick")
    put(store, "t.hangs", "a")
    wait_for(lambda: workers.ran("hangs"), 30, workers.output.read_text())

    wait_for(lambda: store.read(lambda: Job.get(Job.kind == "t.hangs").error), 75)
    # With Redis an alarm ended the job; alone the process ends with code 70 and its supervisor starts another.
    if workers.env["REDIS_URL"] == "none":
        assert first.wait(patient(10)) == 70
        workers.start("quick")
    put(store, "t.quick", "b")
    wait_for(lambda: "quick b" in workers.ran(), 20, workers.output.read_text())


def test_a_flushed_redis_loses_no_job(store: Any, valkey: Any, database_url: str, tmp_path: Path) -> None:
    made = Workers(tmp_path, {"DATABASE_URL": database_url, "REDIS_URL": valkey.url})
    try:
        put(store, "t.quick", "before")  # nobody listens yet
        valkey.flush()
        made.start("quick")
        wait_for(lambda: "quick before" in made.ran(), 30)
        for number in range(10):
            put(store, "t.quick", str(number))
            valkey.flush()
        wait_for(lambda: done(store) == 11, 30)
        valkey.kill()
        put(store, "t.quick", "while away")
        wait_for(lambda: "quick while away" in made.ran(), 10)
        valkey.start()
        put(store, "t.quick", "back")
        wait_for(lambda: "quick back" in made.ran(), 15)
        assert len(made.ran("quick")) == 13
    finally:
        for process in made.started:
            process.kill()
            process.wait()


def test_whoever_can_write_to_redis_cannot_choose_what_runs(valkey: Any) -> None:
    from workers.queues import OurJob, connect, queue

    connection = connect()
    try:
        queue("quick", connection).enqueue_call("os.system", args=("true",), job_id="evil")
        job = OurJob.fetch("evil", connection=connection, serializer="json")
        with pytest.raises(ValueError, match="no job of Deskhand"):
            _ = job.func
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["quick", "slow"])
def test_a_stop_that_was_asked_for_before_rq_takes_the_signals_is_not_lost(valkey: Any, name: str) -> None:
    line = f"from workers.queues import work; work({name!r}, lambda: False, lambda: True)"
    with subprocess.Popen([sys.executable, "-c", line], cwd=ROOT) as process:
        try:
            assert process.wait(patient(20)) == 0
        finally:
            process.kill()
