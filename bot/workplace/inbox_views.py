"""Where each person is in their inbox: a row, so that a reload shows the same in every process. Inside a read or write where not said."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from bot import clock
from bot.pages import Wanted
from bot.store import StoreUnavailable, read, sql, write

LIVE_SECONDS = 12 * 3600.0
"""For how long after a look somebody's inbox is kept up to date."""
NOTE_SECONDS = 60.0
"""A look is noted at most this often."""


@dataclass(frozen=True, slots=True)
class View:
    """What somebody looks at. ``tag`` is empty for all tickets, ``zone`` where their time zone is not known."""

    tab: str = "mine"
    tag: str = ""
    page: int = 1
    zone: str = ""


def view_of(desk: str, person: str) -> View:
    """What this person looks at; at first their own tickets."""
    row = sql("SELECT tab, tag, page, zone FROM inbox_view WHERE desk = ? AND person = ?", (desk, person)).fetchone()
    return View(*row) if row else View()


def move(desk: str, person: str, view: View) -> None:
    """They look at this from now on. Inside a write."""
    sql(
        "INSERT INTO inbox_view (id, desk, person, tab, tag, page, zone, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (desk, person) DO UPDATE SET tab = excluded.tab, tag = excluded.tag, page = excluded.page,"
        " seen_at = excluded.seen_at",
        (clock.new_id(), desk, person, view.tab, view.tag, view.page, view.zone, clock.now()),
    )


def looked(wanted: Wanted) -> None:
    """Note that somebody opened their inbox. Blocks, and never raises: what is not noted now is noted at the next look."""
    if wanted.again or not wanted.trusted or not wanted.who:
        return
    at = clock.now()

    def fresh() -> bool:
        row = sql(
            "SELECT seen_at, zone FROM inbox_view WHERE desk = ? AND person = ?", (wanted.desk, wanted.who)
        ).fetchone()
        return row is not None and abs(at - row[0]) < NOTE_SECONDS and wanted.zone in {"", row[1]}

    def note() -> None:
        sql(
            "INSERT INTO inbox_view (id, desk, person, tab, tag, page, zone, seen_at) VALUES (?, ?, ?, 'mine', '', 1, ?, ?)"
            " ON CONFLICT (desk, person) DO UPDATE SET seen_at = excluded.seen_at,"
            " zone = CASE WHEN excluded.zone = '' THEN inbox_view.zone ELSE excluded.zone END",
            (clock.new_id(), wanted.desk, wanted.who, wanted.zone[:64], at),
        )

    with contextlib.suppress(StoreUnavailable):
        if not read(fresh):
            write(note, durable=False)


def open_homes(desk: str) -> Sequence[str]:
    """Ids of the people who have looked at their inbox lately, the last first."""
    rows = sql(
        "SELECT person FROM inbox_view WHERE desk = ? AND seen_at > ? ORDER BY seen_at DESC, person",
        (desk, clock.now() - LIVE_SECONDS),
    ).fetchall()
    return [str(row[0]) for row in rows]
