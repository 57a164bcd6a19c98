"""One writer per conversation, one leader per credential: leases with fencing numbers in the database.

A lease ends after 15 s without renewal. On one host a killed process is noticed at once: it held ``flock`` on its slot
file, and whoever gets that lock frees its leases. A paused process keeps the lock, so nothing is taken from it too early;
if it wakes after its lease ran out, every write of it finds a higher ``fence`` and changes no row.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot import clock
from bot.config import config
from bot.store import Leader, Slot, db, is_sqlite, sql, write

log = structlog.get_logger("lease")

LEASE = 15.0
RENEW = 5.0
"""Seconds between renewals."""


class LostLease(Exception):
    """Somebody else owns the conversation now. Drop everything that was worked out; nothing was stored."""


@dataclass(frozen=True, slots=True)
class Lease:
    conversation_id: str
    owner: str
    fence: int


_owner = ""
_slot: int | None = None


def now() -> float:
    """The lease clock: monotonic since boot on SQLite (one host), the server's clock on PostgreSQL."""
    if is_sqlite():
        return clock.lease_now()
    return float(db.execute_sql("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()[0])


def start(process: str) -> str:
    """Take a slot for this process and free what dead ones left; returns the owner's name. Call once, after migration."""
    global _owner, _slot
    folder = _slots()
    folder.mkdir(parents=True, exist_ok=True)
    _owner = f"{process}-{clock.new_id()}"
    _slot = _locked_slot(folder / _owner)

    def enter() -> None:
        if is_sqlite():
            _check_boot()
        Slot.insert(
            owner=_owner,
            process=process,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=clock.now(),
            beat_at=clock.now(),
        ).execute()

    write(enter)
    free_dead()
    return _owner


def _locked_slot(path: Path) -> int:
    """Make and lock the slot file. Another process may take it for a dead one's between the two and remove it: then again."""
    while True:
        slot = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(slot, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(slot), path.stat()):
                return slot
        os.close(slot)


def owner() -> str:
    """This process's name as an owner. Empty before :func:`start`."""
    return _owner


def stop() -> None:
    """Give everything back at the end of the process."""
    global _owner, _slot
    if _slot is None:
        return
    gone = _owner
    write(lambda: _free(gone))
    (_slots() / gone).unlink(missing_ok=True)
    os.close(_slot)
    _owner, _slot = "", None


def _slots() -> Path:
    return config().run_dir / "slots"


def _check_boot() -> None:
    """Leases of an earlier boot are measured on another clock: void."""
    boot = clock.boot_id()
    row = sql("SELECT value FROM cursor WHERE name = 'boot'").fetchone()
    if row is None or row[0] != boot:
        sql("UPDATE conversation SET lease_until = 0, lease_owner = '' WHERE lease_owner <> ''")
        sql("UPDATE job SET lease_until = 0 WHERE lease_owner <> ''")
        sql("UPDATE leader SET until = 0")
        sql(
            "INSERT INTO cursor (name, value) VALUES ('boot', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (boot,),
        )


def _free(gone: str) -> int:
    """Void every lease of ``gone``; returns how many conversations that were."""
    freed = sql("UPDATE conversation SET lease_until = 0, lease_owner = '' WHERE lease_owner = ?", (gone,)).rowcount
    sql("UPDATE job SET lease_until = 0, lease_owner = '' WHERE lease_owner = ?", (gone,))
    # A send of a dead process may have reached the platform: the outbox settles it after its grace.
    sql("UPDATE delivery SET owner = '', crashes = crashes + 1 WHERE owner = ? AND state = 'sending'", (gone,))
    sql("UPDATE leader SET until = 0, owner = '' WHERE owner = ?", (gone,))
    sql("DELETE FROM slot WHERE owner = ?", (gone,))
    return int(freed)


def free_dead() -> list[str]:
    """Free the leases of processes of this host that died; returns their names. Cheap: a few file locks."""
    dead = []
    try:
        names = [name for name in os.listdir(_slots()) if name != _owner]
    except OSError:
        return []
    for name in names:
        path = _slots() / name
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            freed = write(lambda name=name: _free(name))  # type: ignore[misc]
            path.unlink(missing_ok=True)
            dead.append(name)
            log.info("freed_dead_owner", owner=name, conversations=freed)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
    return dead


def renew(conversations: Iterable[str]) -> None:
    """Prolong the leases this process holds on ``conversations``."""
    ids = list(conversations)
    if not ids:
        return

    def work() -> None:
        until = now() + LEASE
        for index in range(0, len(ids), 200):
            part = ids[index : index + 200]
            marks = ",".join("?" * len(part))
            sql(
                f"UPDATE conversation SET lease_until = ? WHERE id IN ({marks}) AND lease_owner = ?",  # noqa: S608
                (until, *part, _owner),
            )

    write(work, durable=False)


def lead(name: str, *, seconds: float = LEASE) -> bool:
    """Become or stay the one leader of ``name``. Call it again within ``seconds``; False: somebody else leads."""

    def work() -> bool:
        Leader.insert(name=name).on_conflict_ignore().execute()
        at = now()
        taken = sql(
            "UPDATE leader SET owner = ?, until = ?, fence = fence + (CASE WHEN owner = ? THEN 0 ELSE 1 END)"
            " WHERE name = ? AND (owner = ? OR until < ?)",
            (_owner, at + seconds, _owner, name, _owner, at),
        )
        return bool(taken.rowcount)

    return write(work)


def resign(name: str) -> None:
    """Give leadership of ``name`` away."""
    write(lambda: sql("UPDATE leader SET until = 0, owner = '' WHERE name = ? AND owner = ?", (name, _owner)))


def led(prefix: str) -> bool:
    """Whether anybody leads a name that begins with ``prefix`` now, such as ``desk:``. Inside a read or write."""
    row = sql("SELECT 1 FROM leader WHERE name LIKE ? AND until > ? LIMIT 1", (prefix + "%", now())).fetchone()
    return row is not None
