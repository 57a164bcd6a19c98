"""Opening hours as rows: asked of plugins ahead, written only when they changed, and by command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bot import accounts, clock, hours, jobs, switches
from tests.commanding import command
from tests.patience import wait_for
from tests.registries import House


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: at[0])
    return at


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[House]:
    store.write(
        lambda: store.Site.create(
            id="s1", key="demo", name="Demo", settings={"starters": ["A?"]}, created_at=clock.now()
        )
    )
    made = House(monkeypatch, tmp_path / "plugins")
    yield made
    made.close()


def test_a_refresh_writes_only_what_has_changed(store: Any, house: House, now: list[float]) -> None:
    source = """
        from bot import OpeningHours, hookimpl

        @hookimpl
        def opening_hours(site, start, end):
            first = start - start % 86400
            days = [(first + n * 86400 + 3600, first + n * 86400 + 7200) for n in range(20)]
            return OpeningHours(zone="UTC", open=tuple(d for d in days if d[1] > start and d[0] < end)) if site == "demo" else None
    """
    house.write("clockwork", source)
    load(house)
    hours.refresh()
    first = stored(store)
    assert first["value"]["zone"] == "UTC" and len(first["value"]["open"]) >= 15
    now[0] += 900
    hours.refresh()
    assert stored(store)["changed_at"] == first["changed_at"]
    now[0] += 4 * 86_400
    hours.refresh()
    assert stored(store)["changed_at"] > first["changed_at"]


def test_what_a_plugin_said_stays_when_it_fails_or_was_switched_off_by_deskhand(
    store: Any, house: House, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("clockwork", """
        import os
        from bot import OpeningHours, hookimpl

        @hookimpl
        def opening_hours(site, start, end):
            if os.environ.get("NO_CALENDAR"):
                raise OSError("no such calendar")
            return OpeningHours(zone="UTC", open=((start + 3600, end),))
    """)  # fmt: skip
    load(house)
    hours.refresh()
    first = stored(store)
    monkeypatch.setenv("NO_CALENDAR", "1")
    for _ in range(8):  # failures enough to be switched off
        hours.refresh()
        assert stored(store) == first

    def is_off() -> bool:
        hours.refresh()
        switch = switches.load()[1].get("clockwork")  # failures are counted in the background
        return switch is not None and bool(switch.off_reason)

    wait_for(is_off, 10)
    hours.refresh()
    assert stored(store) == first
    switches.switch("clockwork", False, actor="test")
    hours.refresh()
    assert store.read(lambda: store.sql("SELECT 1 FROM setting WHERE key = 'hours.s1'").fetchone()) is None


def test_hours_that_make_no_sense_are_refused_and_the_site_stays_open(
    store: Any, house: House, now: list[float]
) -> None:
    house.write("clockwork", """
        from bot import OpeningHours, hookimpl

        @hookimpl
        def opening_hours(site, start, end):
            return OpeningHours(zone="Mars/Olympus", open=((start, end),))
    """)  # fmt: skip
    load(house)
    hours.refresh()
    assert store.read(lambda: hours.opening_of("s1")).open


def stored(store: Any) -> dict[str, Any]:
    row = store.read(lambda: store.sql("SELECT value, changed_at FROM setting WHERE key = 'hours.s1'").fetchone())
    value = row[0] if isinstance(row[0], dict) else orjson.loads(row[0])
    return {"value": value, "changed_at": row[1]}


def load(house: House) -> None:
    from bot import plugins

    house.monkeypatch.setattr(plugins, "_registry", house.load("worker"))


def test_every_change_of_a_plugin_asks_anew(store: Any, house: House) -> None:
    switches.switch("prompts", False, actor="test")
    rows = store.read(lambda: [(row.kind, row.state) for row in store.Job.select().where(store.Job.kind == hours.KIND)])
    assert rows == [(hours.KIND, "queued")]
    store.write(lambda: store.Job.update(state="done").execute())
    switches.switch("prompts", True, actor="test")
    assert [row[2] for row in store.read(jobs.due)] == [0], "the same row, due again"


def test_a_new_site_gets_its_hours_at_once(store: Any, house: House) -> None:
    accounts.add_site("Shop", key="shop")
    assert store.read(lambda: [row.state for row in store.Job.select().where(store.Job.kind == hours.KIND)]) == [
        "queued"
    ]


def test_an_admin_opens_and_closes_a_site_by_command(store: Any, house: House) -> None:
    assert "no hours are set" in command(store, "site", "hours", "demo").output
    assert "demo: closed now, always closed" in command(store, "site", "hours", "demo", "closed").output
    assert not store.read(lambda: hours.opening_of("s1")).open
    assert "demo: open now, always open" in command(store, "site", "hours", "demo", "open").output
    assert "demo: open now" in command(store, "site", "hours", "demo", "schedule").output
    wrong = command(store, "site", "hours", "shop", "open")
    assert wrong.exit_code == 1 and "deskhand site list" in wrong.output
    events = store.read(lambda: [row.action for row in store.Audit.select().order_by(store.Audit.id)])
    assert events == ["site.hours"] * 3


def test_a_site_has_another_welcome_while_it_is_closed(store: Any, house: House) -> None:
    command(store, "site", "welcome", "demo", "--open", "Hello.", "--closed", "We open {opening}.")
    site = store.read(lambda: store.Site.get_by_id("s1"))
    assert (site.settings["welcome"], site.settings["welcome_closed"]) == ("Hello.", "We open {opening}.")
    assert command(store, "site", "welcome", "demo").exit_code == 1
