"""A backup made while customers write, brought back elsewhere; and everything that must not be restored."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot import accounts, clock, crypto, lease
from bot.config import config
from bot.leftovers import take_lock
from bot.messages import Inbound, Receipt
from bot.receive import receive
from tests.commanding import command


@pytest.fixture
def installation(store: Any) -> Any:
    store.write(lambda: store.Site.create(id=clock.new_id(), key="demo", name="Demo", created_at=clock.now()))
    crypto.prepare("secret")
    return store


def write_message(number: int) -> str:
    (got,) = receive(
        [Inbound(channel="test", key=f"k{number}", external_id="anna", place="room", text=f"message {number}")]
    )
    assert isinstance(got, Receipt)
    return got.message_id


def messages(store: Any) -> list[str]:
    return store.read(lambda: [row.body for row in store.Message.select().order_by(store.Message.seq)])


def elsewhere(environment: Callable[..., None], store: Any, folder: Path, fresh: str) -> None:
    """Another, empty installation."""
    folder.mkdir()
    store.close_database()
    crypto.forget_keys()
    environment(DESKHAND_DATA=str(folder), DATABASE_URL=fresh)
    store.open_database(fresh)


@pytest.fixture
def second_database(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> str:
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'second' / 'deskhand.sqlite3'}"
    return str(request.getfixturevalue("postgres").fresh())


def test_everything_acknowledged_before_the_backup_is_there_after_it(
    installation: Any, environment: Any, tmp_path: Path, second_database: str
) -> None:
    before = [write_message(number) for number in range(50)]
    stop = threading.Event()

    def customers() -> None:
        number = 50
        while not stop.is_set():
            write_message(number)
            number += 1

    threads = [threading.Thread(target=customers)]
    threads[0].start()
    try:
        from bot.backup import make

        manifest = make(config(), tmp_path / "b.tgz", with_key=True)
    finally:
        stop.set()
        threads[0].join()
    assert oct((tmp_path / "b.tgz").stat().st_mode & 0o777) == "0o600"
    assert manifest.with_key
    old_epoch = accounts.epoch()
    sealed = crypto.seal("secret", "top", "x|y|z")
    elsewhere(environment, installation, tmp_path / "second", second_database)
    told = command(installation, "restore", "--yes", str(tmp_path / "b.tgz"))
    assert told.exit_code == 0, told.output
    kept = installation.read(lambda: {row.id for row in installation.Message.select()})
    assert set(before) <= kept
    bodies = messages(installation)
    assert bodies == [f"message {number}" for number in range(len(bodies))]  # no gap, whatever was written meanwhile
    assert accounts.epoch() != old_epoch
    assert crypto.unseal("secret", sealed, "x|y|z") == "top"
    assert oct((tmp_path / "second" / "master.key").stat().st_mode & 0o777) == "0o600"


def test_leases_of_the_old_processes_are_void(
    installation: Any, environment: Any, tmp_path: Path, second_database: str
) -> None:
    write_message(0)
    lease.start("turns")
    installation.write(
        lambda: installation.sql("UPDATE conversation SET lease_owner = ?, lease_until = 9e15", (lease.owner(),))
    )
    installation.write(
        lambda: installation.Job.create(
            id="j", kind="tea", state="running", lease_owner="x", lease_until=9e15, created_at=0
        )
    )
    assert command(installation, "backup", "--with-key", str(tmp_path / "b.tgz")).exit_code == 0
    lease.stop()
    elsewhere(environment, installation, tmp_path / "second", second_database)
    assert command(installation, "restore", "--yes", str(tmp_path / "b.tgz")).exit_code == 0
    row = installation.read(installation.Conversation.get)
    assert (row.lease_owner, row.lease_until) == ("", 0)
    assert installation.read(lambda: installation.Job.get().state) == "queued"
    assert installation.read(lambda: installation.Slot.select().count()) == 0


def test_without_its_master_key_a_backup_is_refused_and_nothing_changes(
    installation: Any, environment: Any, tmp_path: Path, second_database: str
) -> None:
    assert command(installation, "backup", str(tmp_path / "b.tgz")).exit_code == 0
    with tarfile.open(tmp_path / "b.tgz") as tar:
        assert "master.key" not in tar.getnames()
    elsewhere(environment, installation, tmp_path / "second", second_database)
    told = command(installation, "restore", "--yes", str(tmp_path / "b.tgz"))
    assert told.exit_code == 1
    assert "Nothing was changed" in told.output and "master.key" in told.output
    assert [path.name for path in (tmp_path / "second").iterdir() if not path.name.startswith((".", "run"))] == []


def test_a_backup_is_not_restored_under_a_running_deskhand(installation: Any, tmp_path: Path) -> None:
    command(installation, "backup", str(tmp_path / "b.tgz"))
    config().run_dir.mkdir(parents=True, exist_ok=True)
    descriptor = take_lock(config().run_dir)
    try:
        told = command(installation, "restore", "--yes", str(tmp_path / "b.tgz"))
    finally:
        os.close(descriptor)
    assert told.exit_code == 1 and "is running" in told.output
    lease.start("web")  # one process alone counts as well
    told = command(installation, "restore", "--yes", str(tmp_path / "b.tgz"))
    assert told.exit_code == 1 and "is running" in told.output


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy of a backup with other contents."""
    with tarfile.open(source) as tar, tarfile.open(target, "w:gz") as made:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            body = change(member.name, file.read())
            member.size = len(body)
            made.addfile(member, io.BytesIO(body))
    return target


def damaged(name: str, body: bytes) -> bytes:
    return body if name == "manifest.json" else body[:-1] + bytes([body[-1] ^ 1])


def newer(name: str, body: bytes) -> bytes:
    return json.dumps(json.loads(body) | {"migrations": ["9999_future"]}).encode() if name == "manifest.json" else body


def other_format(name: str, body: bytes) -> bytes:
    return json.dumps(json.loads(body) | {"format": 99}).encode() if name == "manifest.json" else body


@pytest.mark.parametrize(
    ("change", "words"), [(damaged, "is damaged"), (newer, "9999_future"), (other_format, "newer Deskhand")]
)
def test_a_backup_that_does_not_fit_changes_nothing(installation: Any, tmp_path: Path, change: Any, words: str) -> None:
    write_message(0)
    command(installation, "backup", str(tmp_path / "b.tgz"))
    write_message(1)
    told = command(installation, "restore", "--yes", str(rewritten(tmp_path / "b.tgz", tmp_path / "bad.tgz", change)))
    assert told.exit_code == 1
    assert words in told.output and "Nothing was changed" in told.output
    assert messages(installation) == ["message 0", "message 1"]


@pytest.mark.parametrize("content", [b"", b"no tar", gzip.compress(b"no tar either")])
def test_a_file_that_is_no_backup_is_named(installation: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    told = command(installation, "restore", "--yes", str(tmp_path / "x"))
    assert told.exit_code == 1
    assert "no backup of Deskhand" in told.output and "Nothing was changed" in told.output


def test_a_backup_never_overwrites_and_the_old_database_is_kept(installation: Any, tmp_path: Path) -> None:
    write_message(0)
    assert command(installation, "backup", str(tmp_path / "b.tgz")).exit_code == 0
    told = command(installation, "backup", str(tmp_path / "b.tgz"))
    assert told.exit_code == 1 and "there already" in told.output
    write_message(1)
    assert command(installation, "restore", "--yes", str(tmp_path / "b.tgz")).exit_code == 0
    assert messages(installation) == ["message 0"]
    if installation.is_sqlite():
        (kept,) = tmp_path.glob("deskhand.before-*.sqlite3")
        assert kept.stat().st_size > 0


def test_without_a_yes_nothing_is_restored(installation: Any, tmp_path: Path) -> None:
    command(installation, "backup", str(tmp_path / "b.tgz"))
    write_message(1)
    assert command(installation, "restore", str(tmp_path / "b.tgz"), text="n\n").exit_code == 1
    assert messages(installation) == ["message 1"]
