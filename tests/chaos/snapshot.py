"""The database as it is, read past all of the product's own code."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
TABLES = (
    "conversation", "message", "turn", "ticket", "ledger", "delivery", "job", "leader", "slot", "spend", "route", "plugin_state",
    "desk_thread", "reply",
)  # fmt: skip


@dataclass
class Snapshot:
    """Rows by table, each a dictionary."""

    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})

    def __getitem__(self, table: str) -> list[Row]:
        return self.tables[table]

    def by(self, table: str, column: str) -> dict[Any, list[Row]]:
        """The rows of a table, grouped."""
        groups: dict[Any, list[Row]] = defaultdict(list)
        for row in self.tables[table]:
            groups[row[column]].append(row)
        return groups


def read_database(url: str) -> Snapshot:
    """Read all tables in one transaction."""
    if url.startswith("sqlite:"):
        connection: Any = sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True, timeout=10)
        connection.isolation_level = None
        connection.execute("BEGIN")
    else:
        import psycopg

        connection = psycopg.connect(url)
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        return Snapshot({table: _rows(connection, table) for table in TABLES})
    finally:
        connection.close()


def _rows(connection: Any, table: str) -> list[Row]:
    cursor = connection.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The answer to one question, such as what is still unfinished."""
    if url.startswith("sqlite:"):
        with sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True, timeout=10) as connection:
            return list(connection.execute(statement).fetchall())
    import psycopg

    with psycopg.connect(url) as server:
        return list(server.execute(statement).fetchall())  # type: ignore[arg-type]


UNFINISHED: dict[str, str] = {
    "conversations that want a turn": "SELECT count(*) FROM conversation WHERE needs AND state = 'ai'",
    "leases": "SELECT count(*) FROM conversation WHERE lease_owner <> ''",
    "running turns": "SELECT count(*) FROM turn WHERE state = 'running'",
    "deliveries under way": "SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending', 'uncertain')",
    "jobs": "SELECT count(*) FROM job WHERE kind LIKE 'chaos.%' AND occasion <> 'periodic' AND state IN ('queued', 'running')",
}
"""What must come to an end by itself once nobody is killed and nobody writes any more."""


def unfinished(url: str) -> dict[str, int]:
    """How much of each kind there still is; empty when all has ended."""
    counts = {name: int(ask(url, statement)[0][0]) for name, statement in UNFINISHED.items()}
    return {name: count for name, count in counts.items() if count}


def ordered(rows: Iterable[Row], column: str = "seq") -> list[Row]:
    return sorted(rows, key=lambda row: row[column])
