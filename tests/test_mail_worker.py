"""Mails by real worker processes: killed in the middle, one mail; slow jobs delay none; nobody cries before it is over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot import clock, jobs, lease, mail
from bot.events import JobSpec
from bot.plugins import load_plugins
from bot.store import Job, Mail
from tests.fakes.smtp import FakeMail
from tests.patience import patient, wait_for
from tests.ports import free_port
from tests.running import ROOT
from workers import entry

pytestmark = pytest.mark.slow

SLOW = """
import time
from bot import JobSpec, hookimpl

@hookimpl
def jobs():
    return [JobSpec(kind="t.crawl", run=lambda ref: time.sleep(20), queue="slow", timeout=60)]
"""


class Workers:
    """Worker processes of one installation, with a mail server."""

    def __init__(self, folder: Path, env: dict[str, str], server: FakeMail) -> None:
        plugins = folder / "plugins"
        plugins.mkdir()
        (plugins / "crawl.py").write_text(SLOW)
        self.server = server
        self.output = folder / "output"
        self.env = {
            **os.environ, **env, "DESKHAND_DATA": str(folder), "DESKHAND_PLUGINS_DIR": str(plugins), "SMTP_URL": server.url,
            "DESKHAND_MAIL_FROM": "help@shop.example",
        }  # fmt: skip
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, queue: str = "quick") -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            line = [sys.executable, "-m", "bot.cli", "worker", "--queue", queue]
            self.started.append(
                subprocess.Popen(line, cwd=ROOT, env=self.env, stdout=output, stderr=output, start_new_session=True)
            )
        return self.started[-1]


@pytest.fixture(params=["redis", "alone"])
def workers(request: pytest.FixtureRequest, store: Any, database_url: str, tmp_path: Path) -> Iterator[Workers]:
    """With Redis, and on the database alone."""
    redis_url = request.getfixturevalue("valkey").url if request.param == "redis" else "none"
    with FakeMail(tmp_path) as server:
        made = Workers(tmp_path, {"DATABASE_URL": database_url, "REDIS_URL": redis_url}, server)
        yield made
        for process in made.started:
            if process.poll() is None:
                process.kill()
                process.wait()


def put(store: Any, occasion: str = "a") -> str:
    return str(store.write(lambda: mail.put("test", "", occasion, "anna@example.com", "Hello", "Words")))


def state(store: Any, mail_id: str) -> str:
    found = store.read(lambda: mail.find(mail_id))
    assert found is not None
    return str(found.state)


def test_a_worker_killed_while_the_server_thinks_sends_one_mail_with_the_same_id(store: Any, workers: Workers) -> None:
    workers.server.script("hang after the dot")
    first = workers.start()
    mail_id = put(store)
    message_id = store.read(lambda: Mail.get_by_id(mail_id).message_id)
    assert workers.server.at_dot.wait(patient(30)), workers.output.read_text()
    assert state(store, mail_id) == "sending"
    first.kill()
    first.wait()
    workers.start()
    wait_for(lambda: state(store, mail_id) == "uncertain", 30, workers.output.read_text())
    row = store.read(lambda: Mail.get_by_id(mail_id))
    assert 500 < row.next_at - clock.now() < 610
    assert workers.server.mails == []
    wait_for(
        lambda: store.read(lambda: Job.get(Job.kind == "mail")).next_at == row.next_at, 30, "its job waits as long"
    )
    # Ten minutes later:
    store.write(lambda: Mail.update(next_at=0).execute())
    store.write(lambda: Job.update(next_at=0).where(Job.kind == "mail").execute())
    wait_for(lambda: state(store, mail_id) == "sent", 30, workers.output.read_text())
    (taken,) = workers.server.mails
    assert taken.message["Message-ID"] == message_id


def test_a_long_job_delays_no_mail(store: Any, workers: Workers) -> None:
    workers.start("quick")
    workers.start("slow")
    for number in range(3):
        store.write(lambda number=number: jobs.enqueue("t.crawl", str(number)))
    wait_for(
        lambda: store.read(lambda: Job.select().where(Job.kind == "t.crawl", Job.state == "running").count()), 30,
        workers.output.read_text(),
    )  # fmt: skip
    began = time.monotonic()
    sent = [put(store, str(number)) for number in range(5)]
    wait_for(lambda: len(workers.server.mails) == 5, 15, workers.output.read_text())
    assert time.monotonic() - began < patient(8)
    wait_for(lambda: {state(store, one) for one in sent} == {"sent"}, 5)
    assert store.read(lambda: Job.select().where(Job.kind == "t.crawl", Job.state == "done").count()) == 0


def test_nobody_cries_before_the_last_attempt(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "log", structlog.get_logger("jobs"))  # one that was used before keeps its old destination
    lease.start("quick")

    def fails(_ref: str) -> None:
        raise ValueError("no water")

    specs = {"t.fails": JobSpec(kind="t.fails", run=fails)}
    store.write(lambda: jobs.enqueue("t.fails"))
    job = store.read(lambda: Job.get().id)
    levels = []
    for _ in range(jobs.ATTEMPTS):
        store.write(lambda: Job.update(next_at=0).execute())
        with structlog.testing.capture_logs() as logs:
            jobs.claim_and_run(job, specs)
        levels.append({line["log_level"] for line in logs if line["event"].startswith("job_")})
    assert levels[:-1] == [{"warning"}] * (jobs.ATTEMPTS - 1)
    assert levels[-1] == {"warning", "error"}


def test_a_database_that_is_away_is_no_failure_for_rq(store: Any, database_url: str) -> None:
    lease.start("quick")
    registry = load_plugins("worker")
    store.write(lambda: jobs.enqueue("mail", "nothing"))
    job = store.read(lambda: Job.get().id)
    store.close_database()
    store.open_database(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    try:
        with structlog.testing.capture_logs() as logs:
            entry.run(job)  # raises nothing
    finally:
        store.close_database()
        store.open_database(database_url)
        registry.close()
    assert ("database_away", "warning") in [(line["event"], line["log_level"]) for line in logs]
    assert "error" not in {line["log_level"] for line in logs}
    assert store.read(lambda: Job.get().state) == "queued"


def test_a_job_may_come_back_later_without_losing_an_attempt(store: Any) -> None:
    lease.start("quick")
    at = clock.now() + 3600

    def later(_ref: str) -> None:
        raise jobs.Again(at, "the server sleeps")

    store.write(lambda: jobs.enqueue("t.later"))
    job = store.read(lambda: Job.get().id)
    assert jobs.claim_and_run(job, {"t.later": JobSpec(kind="t.later", run=later)})
    row = store.read(Job.get)
    assert (row.state, row.attempts, row.next_at, row.error) == ("queued", 0, at, "the server sleeps")
    assert store.read(jobs.due) == []
    store.write(lambda: jobs.enqueue_again("t.later", ""))
    assert store.read(jobs.due) == [(job, "t.later", 1)]
