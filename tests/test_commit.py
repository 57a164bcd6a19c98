"""How writes reach the disk: together, past another process's transaction, and without waiting where nothing can be lost."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.store import StoreUnavailable, close_database, is_sqlite, open_database, sql, write
from bot.store import database as commits
from tests.patience import patient, wait_for


@pytest.fixture
def one_file(tmp_path: Path) -> Iterator[Path]:
    """SQLite, whatever the suite runs on: only its writers share commits and wait for each other."""
    path = tmp_path / "commits.sqlite3"
    open_database(f"sqlite:///{path}")
    write(lambda: sql("CREATE TABLE cursor (name TEXT PRIMARY KEY, value TEXT)"))
    yield path
    close_database()


def waits_for_disk() -> bool:
    """What the transaction that asks this will do."""
    if not is_sqlite():
        # The tests' server waits for no disk at all: what counts is whether this transaction asked for that itself.
        setting = sql("SELECT setting, source FROM pg_settings WHERE name = 'synchronous_commit'").fetchone()
        return tuple(setting) != ("off", "session")
    return int(sql("PRAGMA synchronous").fetchone()[0]) >= 2


def put(name: str) -> None:
    sql("INSERT INTO cursor (name, value) VALUES (?, '')", (name,))


def test_a_write_waits_for_the_disk_unless_it_may_be_lost(store: Any) -> None:
    assert write(waits_for_disk)
    assert not write(waits_for_disk, durable=False)
    assert write(waits_for_disk)


@pytest.mark.usefixtures("one_file")
def test_writes_that_share_a_commit_wait_for_the_disk_if_one_of_them_must() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go_on.wait(patient(5))

    said: dict[str, bool] = {}
    threads = [threading.Thread(target=lambda: write(hold))]
    threads[0].start()
    assert begun.wait(patient(5))
    for name, durable in (("quick", False), ("safe", True)):
        ask = lambda name=name, durable=durable: said.update({name: write(waits_for_disk, durable=durable)})  # noqa: E731
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
    waiting = commits._get_committer().queue
    wait_for(lambda: waiting.qsize() == 2, 5, "both are in the queue and go into one transaction")
    go_on.set()
    for thread in threads:
        thread.join(patient(5))
    assert said == {"quick": True, "safe": True}


def test_one_that_fails_takes_nobody_with_it(store: Any) -> None:
    begun, go_on = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def hold() -> None:
        begun.set()
        go_on.wait(patient(5))

    def fail() -> None:
        put("bad")
        raise ValueError("no")

    def try_it() -> None:
        try:
            write(fail)
        except ValueError as error:
            failures.append(error)

    threads = [threading.Thread(target=lambda: write(hold)), threading.Thread(target=try_it)]
    threads += [threading.Thread(target=lambda name=name: write(lambda: put(name))) for name in ("a", "b")]
    threads[0].start()
    assert begun.wait(patient(5))
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.1)
    go_on.set()
    for thread in threads:
        thread.join(patient(5))
    names = {row[0] for row in write(lambda: sql("SELECT name FROM cursor").fetchall())}
    assert {"a", "b"} <= names
    assert "bad" not in names
    assert len(failures) == 1


def test_a_write_comes_soon_after_another_processs_transaction(one_file: Path) -> None:
    write(lambda: put("warm"))
    other = sqlite3.connect(one_file, isolation_level=None, check_same_thread=False)
    done: list[float] = []

    def put_late(name: str) -> None:
        write(lambda: put(name))
        done.append(time.monotonic())

    late: list[float] = []
    for number in range(5):
        other.execute("BEGIN IMMEDIATE")
        thread = threading.Thread(target=put_late, args=(f"late{number}",))
        thread.start()
        time.sleep(0.15)  # long enough for SQLite's own waiting to have reached its steps of 25 ms
        assert len(done) == number
        released = time.monotonic()
        other.execute("COMMIT")
        thread.join(patient(5))
        late.append(done[-1] - released)
    other.close()
    assert sorted(late)[2] < patient(0.05)


def test_after_a_while_it_gives_up_and_has_stored_nothing(one_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lambda: put("warm"))
    monkeypatch.setattr(commits, "BUSY", 0.2)
    other = sqlite3.connect(one_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        write(lambda: put("never"))
    other.execute("ROLLBACK")
    other.close()
    write(lambda: put("again"))
    assert {row[0] for row in write(lambda: sql("SELECT name FROM cursor").fetchall())} >= {"warm", "again"}
    assert not write(lambda: sql("SELECT 1 FROM cursor WHERE name = 'never'").fetchone())
