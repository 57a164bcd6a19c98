"""Opening hours as rows: worked out ahead by plugins on a worker, read by whoever must know now.

A handoff happens inside a transaction, where no plugin is called. So the hook ``opening_hours`` is asked beforehand for the
coming days, again with every change of a plugin and every few minutes, and everybody reads the same row: with the worker dead
for a week, people are still told the right day. An admin's command (``deskhand site hours``) goes before all plugins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from bot import changed_hours, clock, jobs
from bot.accounts import forget_sites
from bot.events import JobSpec, OpeningHours
from bot.opening import Opening, opening
from bot.store import is_sqlite, read, sql, write
from bot.store.json_columns import decoded_object

KIND = "core.hours"
EVERY = 900.0
DAYS = 15
"""How far ahead. The row is made anew long before it ends."""
BEFORE = 86_400.0
MODES = ("open", "closed", "schedule")


def spec() -> JobSpec:
    """The job that keeps the rows up to date."""
    return JobSpec(kind=KIND, run=refresh, every=EVERY)


def ask_anew() -> None:
    """What plugins say of opening hours may be another now: a plugin was changed, or a site was added. Inside a write."""
    jobs.enqueue_again(KIND, "", jobs.PERIODIC)


def refresh(_ref: str = "") -> None:
    """Ask the plugins when people are there, and store what has changed."""
    from bot.plugins import load_plugins, registry

    try:
        plugins = registry().fresh()
    except RuntimeError:
        plugins = load_plugins("cli").fresh()
    at = clock.now()
    start, end = at - BEFORE, at + DAYS * 86_400.0
    sites = read(lambda: sql("SELECT id, key FROM site").fetchall())
    found: dict[str, OpeningHours | None] = {}
    for site_id, key in sites:
        said, known = plugins.first_known("opening_hours", site=key, start=start, end=end)
        if said is not None:
            found[site_id] = said[1]
        elif known:  # of a plugin that failed nobody knows what it would have said: what it said last goes on
            found[site_id] = None
    # Work that takes place every few minutes must not write when nothing is new.
    stale = [site_id for site_id, hours in found.items() if _differs(read(lambda s=site_id: _stored(s)), hours)]  # type: ignore[misc]
    if stale:
        write(lambda: _store_all({site_id: found[site_id] for site_id in stale}))


def _differs(old: OpeningHours | None, new: OpeningHours | None) -> bool:
    if old is None or new is None:
        return old is not new
    # What is over by now has left the new one's beginning, and a day has come in at its end: half a day is soon enough.
    if old.zone != new.zone or not old.open or not new.open:
        return old != new
    first, last = new.open[0][0], old.open[-1][1]
    common = [span for span in new.open if span[1] <= last]
    kept = [span for span in old.open if span[0] >= first]
    return common != kept[: len(common)] or new.open[-1][1] - last > 2 * 86_400


def _store_all(found: dict[str, OpeningHours | None]) -> None:
    for site_id, hours in sorted(found.items()):  # one order everywhere: each locks its site
        _store(site_id, hours)


def _store(site_id: str, hours: OpeningHours | None) -> None:
    _changing(site_id, lambda: _put(site_id, hours))


def _changing(site_id: str, change: Callable[[], None]) -> None:
    """Do what may change a site's hours; open tickets follow if it does."""
    if not is_sqlite():  # of two changes at once the second sees the first
        sql("SELECT 1 FROM site WHERE id = ? FOR NO KEY UPDATE", (site_id,))
    before = counted(site_id)
    change()
    changed_hours.remember(site_id, before, counted(site_id))


def _put(site_id: str, hours: OpeningHours | None) -> None:
    if hours is None:
        sql("DELETE FROM setting WHERE key = ?", (f"hours.{site_id}",))
        return
    value = orjson.dumps(changed_hours.packed(hours)).decode()
    sql(
        "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
        (f"hours.{site_id}", value, clock.now()),
    )


def _stored(site_id: str) -> OpeningHours | None:
    row = sql("SELECT value FROM setting WHERE key = ?", (f"hours.{site_id}",)).fetchone()
    return changed_hours.hours_of(decoded_object(row[0])) if row is not None else None


def hours_of(site_id: str) -> OpeningHours | None:
    """The site's hours; ``None``: always open. Inside a read or write."""
    mode = mode_of(site_id)
    if mode == "open":
        return None
    if mode == "closed":
        known = _stored(site_id)
        return OpeningHours(zone=known.zone if known else "UTC", open=())
    return _stored(site_id)


def counted(site_id: str) -> OpeningHours | None:
    """The hours in which due times count; ``None``: by the wall clock. Of a site that is closed by hand they are those of its schedule:
    nobody knows for how long, and nights must not begin to count. Inside a read or write."""
    return None if mode_of(site_id) == "open" else _stored(site_id)


def opening_of(site_id: str) -> Opening:
    """Whether the site is open now. Inside a read or write."""
    return opening(hours_of(site_id), clock.now())


def zone_of(site_id: str) -> str:
    """The site's time zone, as its hours name it, whether they count now or not. Inside a read or write."""
    known = _stored(site_id)
    return known.zone if known else "UTC"


def mode_of(site_id: str) -> str:
    """What an admin said: ``open``, ``closed`` or ``schedule``. Inside a read or write."""
    row = sql("SELECT settings FROM site WHERE id = ?", (site_id,)).fetchone()
    mode = decoded_object(row[0]).get("hours") if row else ""
    return str(mode) if mode in MODES else "schedule"


def set_mode(site_id: str, mode: str) -> None:
    """Always open, always closed, or by the schedule, from now on. Inside a write."""
    if mode not in MODES:
        raise ValueError(f"There is no {mode!r}. There are: {', '.join(MODES)}.")
    _changing(site_id, lambda: change_site(site_id, hours=mode))


def change_site(site_id: str, **values: Any) -> None:
    """Change some of a site's settings; an empty value forgets one. Inside a write."""
    row = sql("SELECT settings FROM site WHERE id = ?", (site_id,)).fetchone()
    settings = {**decoded_object(row[0]), **values}
    kept = {name: value for name, value in settings.items() if value is not None and value != ""}
    sql("UPDATE site SET settings = ? WHERE id = ?", (orjson.dumps(kept).decode(), site_id))
    forget_sites()
