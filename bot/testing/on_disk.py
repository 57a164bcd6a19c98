"""A migrated SQLite database of one test, in a folder of its own, as the whole core sees it. Without Redis."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_template: Path | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A customer's message on disk."""

    text: str
    key: str
    person: str
    deleted: bool
    conversation: str
    id: str


class OnDisk:
    """What is committed, read by connections of its own: may be asked from any thread, and sees nothing of open transactions."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, query: str, *values: object) -> list[tuple[str, ...]]:
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def written(self, channel: str, place: str = "") -> list[Stored]:
        """Messages of customers in their order; ``place``: only there."""
        rows = self.rows(
            "SELECT m.body, coalesce(l.key, ''), coalesce(i.external_id, ''), m.deleted, c.id, m.id FROM message m"
            " JOIN conversation c ON c.id = m.conversation_id JOIN route r ON r.conversation_id = c.id"
            " LEFT JOIN ledger l ON l.message = m.id AND l.kind = 'message'"
            " LEFT JOIN identity i ON i.contact_id = c.contact_id AND i.channel = r.channel"
            " WHERE r.channel = ? AND (r.place = ? OR ? = '') AND m.author = 'customer' ORDER BY c.created_at, m.seq",
            channel, place, place,
        )  # fmt: skip
        return [Stored(r[0], r[1], r[2], bool(r[3]), r[4], r[5]) for r in rows]

    def has(self, text: str) -> bool:
        """Whether a message with exactly this text is committed."""
        return bool(self.rows("SELECT 1 FROM message WHERE body = ?", text))

    def ledger(self, channel: str, kind: str) -> list[str]:
        """Keys of the events of one kind."""
        return [row[0] for row in self.rows("SELECT key FROM ledger WHERE channel = ? AND kind = ?", channel, kind)]


@contextmanager
def fresh_store() -> Iterator[OnDisk]:
    """Open ``bot.store`` on a fresh database with one site, and put everything back at the end."""
    from bot import accounts, bus, crypto, declarations, lease, store
    from bot.config import config

    folder = Path(tempfile.mkdtemp(prefix="deskhand-kit-"))
    path = folder / "deskhand.sqlite3"
    ours = {
        "DATABASE_URL": f"sqlite:///{path}",
        "REDIS_URL": "none",
        "DESKHAND_DATA": str(folder),
        "DESKHAND_ENCRYPT_MESSAGES": "false",
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)

    def forget() -> None:
        config.cache_clear()
        bus.reset_bus()
        for one in (accounts.forget_sites, crypto.forget_keys, declarations.forget_declarations):
            one()

    try:
        forget()
        shutil.copyfile(_migrated(), path)
        store.open_database(ours["DATABASE_URL"])
        try:
            accounts.add_site("Conformance", key="demo")
            lease.start("channels")
            yield OnDisk(path)
        finally:
            if lease.owner():
                lease.stop()
            store.close_database()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        forget()
        shutil.rmtree(folder, ignore_errors=True)


def _migrated() -> Path:
    """Migrated once in this process and copied for each test: migrating costs more than copying."""
    global _template
    if _template is None:
        from bot import store

        folder = Path(tempfile.mkdtemp(prefix="deskhand-kit-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        path = folder / "template.sqlite3"
        store.open_database(f"sqlite:///{path}")
        store.migrate()
        store.close_database()
        # Everything into the one file that is copied.
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        _template = path
    return _template
