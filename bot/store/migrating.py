"""Bringing the schema up to date, by one process at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bot.store.database import UNAVAILABLE, db, is_sqlite, unavailable

T = TypeVar("T")
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate() -> list[str]:
    """Bring the schema up to date, one process at a time; returns the names of the migrations that ran.

    Raises :class:`StoreUnavailable`.
    """
    try:
        return _migrate()
    except UNAVAILABLE as error:
        raise unavailable(error) from error


def _migrate() -> list[str]:
    from playhouse.migrations import Runner

    if is_sqlite():
        db.connect(reuse_if_open=True)
        names = _locked_file(lambda: Runner(db, str(MIGRATIONS)).up())
    else:
        with db.connection_context():
            db.execute_sql("SELECT pg_advisory_lock(716204)")
            try:
                names = Runner(db, str(MIGRATIONS)).up()
            finally:
                db.execute_sql("SELECT pg_advisory_unlock(716204)")
    return [str(name) for name in names or []]


def _locked_file(fn: Callable[[], T]) -> T:
    import fcntl

    descriptor = os.open(f"{db.database}.migrate", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return fn()
    finally:
        os.close(descriptor)
