"""The one database: opening, migrating, reading, and writing so that what returned is on disk.

``read`` and ``write`` are the only ways in. On SQLite all writes of a process go through one thread that puts many
into one transaction (group commit: an fsync costs the same for one as for fifty); each sits in a savepoint, so one that
fails takes nobody with it. On PostgreSQL every write is a transaction of its own in the calling thread.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, cast
from urllib.parse import unquote, urlsplit

from peewee import (  # type: ignore[attr-defined]
    EXCEPTIONS,
    Database,
    DatabaseProxy,
    ExceptionWrapper,
    InterfaceError,
    Model,
    OperationalError,
    PostgresqlDatabase,
    SqliteDatabase,
)

from bot.threads import Empty, NativeQueue, native_lock, native_rlock, start_native_thread

T = TypeVar("T")

db: Database = cast("Database", DatabaseProxy())
MAX_BATCH = 128
SUBMIT_THREADS = 8
BUSY = 5.0
"""Seconds to wait for another process's transaction."""
BUSY_STEP = 1
"""Milliseconds of that which the committing thread leaves to SQLite at a time."""


class Base(Model):
    """Base of every table."""

    class Meta:
        database = db
        legacy_table_names = False


class StoreUnavailable(Exception):
    """The database cannot be read or written now (locked, full, away). Nothing was stored; the same call may be made again."""


_current: Database | None = None
_sqlite_now: SqliteDatabase | None = None
_committer: _Committer | None = None
_sql: dict[str, str] = {}


def open_database(url: str) -> None:
    """Bind all models to ``url`` (``sqlite:///path`` or ``postgresql://…``). Raises :class:`StoreUnavailable`."""
    global _current, _sqlite_now
    close_database()
    if url.startswith("sqlite:"):
        _current = _sqlite(
            Path(unquote(urlsplit(url).path[1:] if url.startswith("sqlite:////") else url[len("sqlite:///") :]))
        )
    else:
        from playhouse.pool import PooledPostgresqlDatabase

        parts = urlsplit(url)
        _current = PooledPostgresqlDatabase(
            unquote(parts.path[1:]),
            user=unquote(parts.username or "") or None,
            password=unquote(parts.password or "") or None,
            host=parts.hostname or _query(parts.query, "host") or None,
            port=parts.port,
            max_connections=int(_query(parts.query, "max_connections") or 24),
            stale_timeout=300,
            timeout=10,
            prefer_psycopg3=True,
            # Nobody waits for ever: a stuck lock or query becomes StoreUnavailable.
            options="-c lock_timeout=5s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s",
        )
    _sqlite_now = _current if isinstance(_current, SqliteDatabase) else None
    _use_native_locks(_current)
    cast("DatabaseProxy", db).initialize(_current)
    _sql.clear()


def _use_native_locks(database: Any) -> None:
    """peewee's locks guard short steps of many native threads. In web they would be gevent's, whose waiters in threads
    without a running loop are not always woken: a burst of new sockets stood still for ever.
    """
    import threading

    database._lock = native_lock()
    if hasattr(database, "_pool_lock"):
        database._pool_lock = native_rlock()
        database._pool_available = threading.Condition(database._pool_lock)


def _query(query: str, name: str) -> str:
    from urllib.parse import parse_qs

    return (parse_qs(query).get(name) or [""])[0]


def _sqlite(path: Path) -> SqliteDatabase:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"The folder {path.parent} cannot be made: {error.strerror}.") from error
    pragmas = {
        "journal_mode": "wal",
        # FULL: an acknowledged message survives a power cut. NORMAL may lose the last commits.
        "synchronous": "full",
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "journal_size_limit": 64 * 1024 * 1024,
        "cache_size": -16_000,
    }
    # IMMEDIATE: a read-then-write transaction under plain BEGIN fails with "locked" whatever the busy timeout.
    return SqliteDatabase(str(path), pragmas=pragmas, timeout=5, lock_type="IMMEDIATE", check_same_thread=False)


def is_sqlite() -> bool:
    return _sqlite_now is not None


def close_database() -> None:
    """Finish what is queued, then let go of the connections of this thread and of the pool."""
    global _committer, _current, _sqlite_now
    if _committer is not None:
        _committer.stop()
        _committer = None
    if _current is not None:
        if not _current.is_closed():
            _current.close()
        close_all = getattr(_current, "close_all", None)
        if close_all:
            close_all()
    _current = _sqlite_now = None


UNAVAILABLE = (OperationalError, InterfaceError)
"""What the drivers raise when the database cannot be used now."""


def unavailable(error: BaseException) -> StoreUnavailable:
    return StoreUnavailable(
        f"The database is not available ({type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''})."
    )


def read(fn: Callable[[], T]) -> T:
    """Call ``fn`` with a connection of this thread. Under gevent call it by ``bot.threads.offload``. Raises :class:`StoreUnavailable`."""
    try:
        if not db.is_closed():
            return fn()
        if is_sqlite():
            db.connect(reuse_if_open=True)
            return fn()
        with db.connection_context():
            return fn()
    except UNAVAILABLE as error:
        raise unavailable(error) from error


def write(fn: Callable[[], T], *, durable: bool = True) -> T:
    """Run ``fn`` in a transaction; when this returns, its effect is on disk. Raises what ``fn`` raises (then nothing of it
    was stored) or :class:`StoreUnavailable`. Blocks the thread: under gevent call it by ``bot.threads.offload``.

    ``fn`` does no network I/O and is quick (≤ 50 ms): all writers of this process wait for it. Inside another ``write`` it
    is a part of that transaction (waiting for the committing thread from within it would be a deadlock).

    ``durable=False`` does not wait for the disk: a kill of the process loses nothing, a power cut perhaps. For what is done
    again after a power cut anyway, such as a lease.
    """
    if not is_sqlite():
        return _own_transaction(fn, durable=durable)
    if db.in_transaction():
        with db.atomic():
            return fn()
    pending = _Pending(fn, durable=durable)
    pending.lock = native_lock()
    pending.lock.acquire()
    _get_committer().queue.put(pending)
    pending.lock.acquire()
    if pending.error is not None:
        raise pending.error
    return cast("T", pending.result)


def submit(
    fn: Callable[[], T], done: Callable[[T | None, BaseException | None], None], *, durable: bool = True
) -> None:
    """As :func:`write`, without waiting: ``done(result, error)`` is called in another thread after the commit. Must not raise."""
    pending = _Pending(fn, durable=durable)
    pending.done = cast("Callable[[Any, BaseException | None], None]", done)
    _get_committer().queue.put(pending)


def _own_transaction(fn: Callable[[], T], *, durable: bool = True) -> T:
    try:
        with contextlib.nullcontext() if not db.is_closed() else db.connection_context(), db.atomic():
            if not durable and db.transaction_depth() == 1:
                db.execute_sql("SET LOCAL synchronous_commit TO off")
            return fn()
    except UNAVAILABLE as error:
        raise unavailable(error) from error


class _Pending(Generic[T]):
    __slots__ = ("done", "durable", "error", "fn", "lock", "result")

    def __init__(self, fn: Callable[[], T], *, durable: bool = True) -> None:
        self.fn = fn
        self.durable = durable
        self.lock: Any = None
        self.done: Callable[[Any, BaseException | None], None] | None = None
        self.result: T | None = None
        self.error: BaseException | None = None

    def finish(self) -> None:
        if self.lock is not None:
            self.lock.release()
        elif self.done is not None:
            self.done(self.result, self.error)


class _Committer:
    """The writing thread (SQLite), or a few of them (PostgreSQL, for :func:`submit` only)."""

    def __init__(self, *, threads: int, batched: bool) -> None:
        self.queue: Any = NativeQueue()
        self.batched = batched
        self.threads = threads
        self.ended: Any = NativeQueue()
        self.pid = os.getpid()
        self.durable = True
        for _ in range(threads):
            start_native_thread(self._run)

    def stop(self) -> None:
        if self.pid != os.getpid():
            return
        for _ in range(self.threads):
            self.queue.put(None)
        for _ in range(self.threads):
            self.ended.get(timeout=10)

    def _run(self) -> None:
        try:
            stopping = False
            while not stopping:
                batch: list[_Pending[Any]] = []
                item = self.queue.get()
                while item is not None:
                    batch.append(item)
                    if not self.batched or len(batch) >= MAX_BATCH:
                        break
                    try:
                        item = self.queue.get_nowait()
                    except Empty:
                        break
                stopping = item is None
                if batch:
                    self._commit(batch)
        finally:
            if not db.is_closed():
                db.close()
            self.ended.put(None)

    def _commit(self, batch: Sequence[_Pending[Any]]) -> None:
        try:
            if self.batched:
                if db.is_closed():
                    db.connect()
                    db.execute_sql(f"PRAGMA busy_timeout = {BUSY_STEP}")
                    self.durable = True
                self._wait_for_disk(any(pending.durable for pending in batch))
                with contextlib.ExitStack() as stack:
                    stack.push(_begun())
                    for pending in batch:
                        self._in_savepoint(pending, alone=len(batch) == 1)
            else:
                batch[0].result = _own_transaction(batch[0].fn)
        except BaseException as error:  # a failed BEGIN or COMMIT: nobody's work was stored
            failure = unavailable(error) if isinstance(error, (*UNAVAILABLE, sqlite3.Error)) else error
            for pending in batch:
                pending.error = pending.error or failure
        for pending in batch:
            pending.finish()

    def _wait_for_disk(self, durable: bool) -> None:
        """A durable commit also brings to the disk what was committed before it without waiting."""
        if durable != self.durable:
            sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self.durable = durable

    @staticmethod
    def _in_savepoint(pending: _Pending[Any], *, alone: bool) -> None:
        if alone:
            pending.result = pending.fn()
            return
        sql("SAVEPOINT one")
        try:
            pending.result = pending.fn()
        except BaseException as error:
            pending.error = unavailable(error) if isinstance(error, UNAVAILABLE) else error
            sql("ROLLBACK TO one")
        sql("RELEASE one")


def _begun() -> Any:
    """A transaction, entered as soon as no other process has one. Left to itself SQLite looks again after 1, 2, 5, 10 … 100 ms,
    so that two processes that write all the time wait for most of that, though a commit takes one or two.
    """
    until = time.monotonic() + BUSY
    while True:
        transaction = db.atomic()
        try:
            transaction.__enter__()
            return transaction
        except OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise


_committer_lock = native_lock()


def _get_committer() -> _Committer:
    global _committer
    if _committer is None or _committer.pid != os.getpid():
        with _committer_lock:
            if _committer is None or _committer.pid != os.getpid():
                sqlite = is_sqlite()
                _committer = _Committer(threads=1 if sqlite else SUBMIT_THREADS, batched=sqlite)
    return _committer


_as_peewee = ExceptionWrapper(EXCEPTIONS)


def sql(text: str, params: Sequence[Any] = ()) -> Any:
    """Run one fixed statement written with ``?``; returns the cursor. For the hot statements: peewee's query builder is
    63 % of a turn otherwise, and its way to the cursor costs more than SQLite itself.
    """
    if _sqlite_now is not None:
        with _as_peewee:
            return _sqlite_now.connection().execute(text, params)
    statement = _sql.get(text)
    if statement is None:
        statement = _sql[text] = text.replace("%", "%%").replace("?", "%s")
    return db.execute_sql(statement, params)


__all__ = [
    "Base",
    "PostgresqlDatabase",
    "StoreUnavailable",
    "close_database",
    "db",
    "is_sqlite",
    "open_database",
    "read",
    "sql",
    "submit",
    "write",
]
