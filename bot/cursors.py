"""Named positions in platforms' streams."""

from __future__ import annotations

from collections.abc import Callable

from bot.store import is_sqlite, read, sql, write


def load_cursor(name: str) -> str:
    """The stored position; empty at first."""
    row = read(lambda: sql("SELECT value FROM cursor WHERE name = ?", (name,)).fetchone())
    return str(row[0]) if row else ""


def save_cursor(name: str, value: str) -> None:
    """Keep a position."""
    write(lambda: _save(name, value))


def change_cursor(name: str, change: Callable[[str], str]) -> str:
    """Keep what ``change`` makes of the stored position, and return it. Nothing that another process keeps meanwhile is lost."""

    def changed() -> str:
        sql("INSERT INTO cursor (name, value) VALUES (?, '') ON CONFLICT (name) DO NOTHING", (name,))
        lock = "" if is_sqlite() else " FOR UPDATE"
        (before,) = sql(f"SELECT value FROM cursor WHERE name = ?{lock}", (name,)).fetchone()  # noqa: S608
        value = change(str(before))
        _save(name, value)
        return value

    return write(changed)


def _save(name: str, value: str) -> None:
    sql(
        "INSERT INTO cursor (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
