"""Named positions in platforms' streams."""

from __future__ import annotations

from bot.store import read, sql, write


def load_cursor(name: str) -> str:
    """The stored position; empty at first."""
    row = read(lambda: sql("SELECT value FROM cursor WHERE name = ?", (name,)).fetchone())
    return str(row[0]) if row else ""


def save_cursor(name: str, value: str) -> None:
    """Keep a position."""
    write(
        lambda: sql(
            "INSERT INTO cursor (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )
    )
