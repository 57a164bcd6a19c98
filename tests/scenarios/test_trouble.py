"""Things go away while people talk: nothing acknowledged is lost, nothing comes twice, and the errors say what to do."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import secrets
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ON_POSTGRES
from tests.patience import wait_for
from tests.running import Deskhand
from tests.scenarios.talking import Customer


@pytest.fixture(scope="module")
def product(deskhands: Callable[..., Deskhand]) -> Deskhand:
    """One that the tests share: each leaves it whole."""
    return deskhands()


@pytest.mark.once
def test_the_chat_goes_on_without_redis_and_readyz_says_so(deskhand: Callable[..., Deskhand]) -> None:
    product = deskhand(REDIS_URL="none")
    status, body = product.get("/readyz")
    assert status == 200
    assert json.loads(body)["status"] == "degraded"
    with Customer(product.base_url) as customer:
        customer.say("How do I return something?")
        assert customer.until(customer.answers)[0]["type"] == "offline"


def test_redis_dies_in_between_and_the_next_question_is_answered(product: Deskhand) -> None:
    with Customer(product.base_url) as customer:
        customer.say("Hello")
        customer.until(customer.answers)
        os.kill(product.pids()["valkey"], signal.SIGKILL)
        customer.say("How do I return something?")
        customer.until(lambda: len(customer.answers()) == 2)
        wait_for(lambda: json.loads(product.get("/readyz")[1])["status"] == "ok", 20, "Valkey comes back")
        customer.say("And how much does it cost?")
        customer.until(lambda: len(customer.answers()) == 3)


@pytest.mark.parametrize("victim", ["turns", "web"])
def test_a_killed_process_costs_seconds_and_nothing_else(product: Deskhand, victim: str) -> None:
    with Customer(product.base_url) as customer:
        customer.say("Hello")
        customer.until(customer.answers)
        os.kill(product.pids()[victim], signal.SIGKILL)
        cid = secrets.token_hex(16)
        if victim == "web":
            wait_for(product.ready, 20)
            customer.open()
        customer.say("How do I return something?", cid=cid)
        customer.until(lambda: len(customer.answers()) == 2)
        again = customer.say("How do I return something?", cid=cid)
        assert again["t"] == "ack"
        time.sleep(0.5)
        customer.tell({"t": "pull", "conv": customer.conv, "cursor": 0})
        customer.frame(lambda f: f["t"] == "msgs" and f["after"] == 0)
        assert sorted(m["seq"] for m in customer.messages.values()) == [1, 2, 3, 4]


@contextlib.contextmanager
def locked(product: Deskhand) -> Iterator[None]:
    """Somebody else holds what every message needs."""
    if ON_POSTGRES:
        import psycopg

        with psycopg.connect(product.env["DATABASE_URL"]) as blocker, blocker.transaction():
            blocker.execute("LOCK TABLE ledger IN ACCESS EXCLUSIVE MODE")
            yield
        return
    with contextlib.closing(sqlite3.connect(product.data / "deskhand.sqlite3", isolation_level=None)) as file:
        file.execute("BEGIN EXCLUSIVE")
        yield
        file.execute("ROLLBACK")


def test_a_locked_database_refuses_now_and_takes_the_same_message_once_later(product: Deskhand) -> None:
    with Customer(product.base_url) as customer:
        customer.say("Hello")
        customer.until(customer.answers)
        cid = secrets.token_hex(16)
        with locked(product):
            refused = customer.say("Are you there?", cid=cid)
            assert refused["t"] == "error"
            assert refused["code"] in {"unavailable", "busy"} and not refused["final"]
        customer.frames.clear()
        assert customer.say("Are you there?", cid=cid)["t"] == "ack"
        customer.until(lambda: len(customer.answers()) == 2)
        mine = [m for m in customer.messages.values() if m["author"] == "customer"]
        assert sorted(m["text"] for m in mine) == ["Are you there?", "Hello"]


@contextlib.contextmanager
def full_disk(product: Deskhand, database: Path) -> Iterator[None]:
    """No process of the product can make its files any larger: to SQLite that is a disk without room."""
    size = Path(f"{database}-wal").stat().st_size
    pids = [pid for name, pid in product.pids().items() if name != "valkey"]
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.mark.once
def test_a_full_disk_refuses_now_and_takes_the_same_message_once_later(
    deskhand: Callable[..., Deskhand], tmp_path: Path
) -> None:
    database = tmp_path / "small.sqlite3"
    product = deskhand(database=f"sqlite:///{database}")
    with Customer(product.base_url) as customer:
        customer.say("Hello")
        customer.until(customer.answers)
        cid = secrets.token_hex(16)
        with full_disk(product, database):
            # The log of changes is used again from its beginning now and then: at the latest at its end there is no room.
            for _ in range(200):
                refused = customer.say("Are you there?", cid=cid)
                if refused["t"] == "error":
                    break
                cid = secrets.token_hex(16)
            assert (refused["code"], refused["final"]) == ("unavailable", False), refused
            wait_for(lambda: product.get("/readyz")[0] == 503, 10, "readyz says that the database is away")
        customer.frames.clear()
        assert customer.until(lambda: customer.say("Are you there?", cid=cid)["t"] == "ack")
        assert customer.say("Are you there?", cid=cid)["t"] == "ack"
    rows = sqlite3.connect(database).execute("SELECT count(*) FROM message WHERE client_key = ?", (cid,)).fetchone()
    assert rows == (1,)


def test_a_plugin_switched_off_stops_being_called_everywhere(product: Deskhand) -> None:
    with Customer(product.base_url) as customer:
        customer.say("How many days do I have to return something?")
        assert customer.until(customer.answers)[0]["sources"]
        assert product.run("plugins", "off", "knowledge").returncode == 0

        def sources() -> list[Any]:
            """Of the answer to one more question."""
            said = len(customer.answers())
            customer.say("How many days do I have to return a tent?")
            return list(customer.until(lambda: len(customer.answers()) > said and customer.answers())[-1]["sources"])

        wait_for(lambda: not sources(), 5, "answers without sources")
        product.run("plugins", "on", "knowledge")
        wait_for(sources, 5, "answers with sources")
