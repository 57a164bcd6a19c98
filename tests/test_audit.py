"""The audit trail notices what was changed, removed or inserted, and stays whole under concurrent writers."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bot import audit, switches
from bot.store import Audit


def record(store: Any, *names: str) -> None:
    for name in names:
        store.write(lambda name=name: audit.record("test", "plugin.on", f"plugin:{name}", {"n": name}))


def test_a_trail_that_nobody_touched_is_whole(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (audit.verify().entries, audit.verify().problem) == (0, "")
    monkeypatch.setattr(audit, "BATCH", 3)
    record(store, *"abcdefg")
    verdict = audit.verify()
    assert (verdict.entries, verdict.problem) == (7, "")
    assert verdict.head == store.read(lambda: Audit.select().order_by(Audit.id.desc()).get().hash)
    assert [entry.object for entry in audit.entries(2)] == ["plugin:g", "plugin:f"]
    assert audit.entries(object="plugin:c")[0].detail == {"n": "c"}


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (
            lambda: Audit.update(actor="somebody else").where(Audit.object == "plugin:c").execute(),
            r"Row \d+ \(plugin.on\) was changed\.",
        ),
        (lambda: Audit.update(detail='{"n": "z"}').where(Audit.object == "plugin:c").execute(), "was changed"),
        (lambda: Audit.update(at=1.0).where(Audit.object == "plugin:c").execute(), "was changed"),
        (
            lambda: Audit.delete().where(Audit.object == "plugin:c").execute(),
            "A row is missing or was inserted before row",
        ),
        (
            lambda: Audit.delete().where(Audit.object == "plugin:a").execute(),
            "A row is missing or was inserted before row",
        ),
        (
            lambda: Audit.delete().where(Audit.object == "plugin:e").execute(),
            "The end is missing: 4 rows are there, 5 were written",
        ),
        (lambda: Audit.delete().execute(), "The end is missing: 0 rows are there, 5 were written"),
    ],
)
def test_every_kind_of_harm_is_noticed(store: Any, harm: Callable[[], Any], problem: str) -> None:
    record(store, *"abcde")
    store.write(harm)
    found = audit.verify().problem
    assert re.search(problem, found)


def test_many_writers_at_once_make_one_chain(store: Any) -> None:
    threads = [threading.Thread(target=record, args=(store, *[f"{n}-{m}" for m in range(5)])) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (audit.verify().entries, audit.verify().problem) == (30, "")


def test_an_entry_is_stored_with_what_it_tells_about_or_not_at_all(store: Any) -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        audit.record("test", "plugin.on", "plugin:a")

    def fails() -> None:
        audit.record("test", "plugin.on", "plugin:a")
        raise ValueError("rolled back")

    with pytest.raises(ValueError, match="rolled back"):
        store.write(fails)
    assert audit.entries() == []
    switches.switch("a", True, actor="ida")
    assert [(entry.actor, entry.action, entry.object) for entry in audit.entries()] == [
        ("ida", "plugin.on", "plugin:a")
    ]
    assert audit.verify().problem == ""
