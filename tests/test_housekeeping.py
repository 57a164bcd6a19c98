"""What ends by itself: silent conversations, and rows that have served their time."""

from __future__ import annotations

from typing import Any

import pytest

from bot import clock, handoff, housekeeping
from bot.messages import Inbound, Receipt
from bot.receive import receive


@pytest.fixture(autouse=True)
def _site(store: Any) -> None:
    store.write(lambda: store.Site.create(id=clock.new_id(), key="demo", name="Demo", created_at=clock.now()))


def talk(store: Any, who: str, *, silent_minutes: float, answered: bool = True) -> str:
    (got,) = receive([Inbound(channel="test", key=f"k-{who}", external_id=who, place=who, text="hello")])
    assert isinstance(got, Receipt)
    store.write(
        lambda: store.sql(
            "UPDATE conversation SET active_at = ?, needs = ? WHERE id = ?",
            (clock.now() - silent_minutes * 60, not answered, got.conversation_id),
        )
    )
    return got.conversation_id


def state(store: Any, conversation: str) -> tuple[str, int, int]:
    row = store.read(lambda: store.Conversation.get_by_id(conversation))
    return row.state, row.seq, row.rev


def test_a_conversation_of_the_ai_ends_quietly_after_half_an_hour(store: Any) -> None:
    old, young = talk(store, "anna", silent_minutes=31), talk(store, "ben", silent_minutes=29)
    housekeeping.expire()
    assert state(store, old) == ("resolved", 1, 2)  # no message, one change
    assert state(store, young) == ("ai", 1, 1)


def test_nothing_ends_that_people_have_or_that_waits_for_an_answer(store: Any) -> None:
    waiting = talk(store, "anna", silent_minutes=0)
    store.write(lambda: handoff.hand_over(waiting, "asked", asked=True))
    store.write(lambda: store.sql("UPDATE conversation SET active_at = 0"))
    unanswered = talk(store, "ben", silent_minutes=600, answered=False)
    housekeeping.expire()
    assert state(store, waiting)[0] == "waiting"
    assert state(store, unanswered)[0] == "ai"


def test_many_silent_conversations_end_in_one_go(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 200)
    for number in range(7):
        talk(store, f"c{number}", silent_minutes=60)
    housekeeping.expire()
    assert store.read(lambda: store.Conversation.select().where(store.Conversation.state == "resolved").count()) == 7


def test_retention_takes_what_is_old_and_nothing_else(store: Any) -> None:
    now, day = clock.now(), 86_400

    def rows() -> None:
        for key, days in (("old", 36), ("young", 34)):
            store.Ledger.create(key=key, channel="t", kind="message", body_hash="", received_at=now - days * day)
        for job, days, what in (
            ("old", 8, "done"),
            ("young", 6, "done"),
            ("dead", 8, "dead"),
            ("long dead", 31, "dead"),
        ):
            store.Job.create(id=job, kind="t", ref=job, state=what, created_at=0, ended_at=now - days * day)
        store.Job.create(
            id="periodic", kind="p", occasion="periodic", state="done", created_at=0, ended_at=now - 99 * day
        )
        store.Spend.create(id="2020-01-01/cap/s", day="2020-01-01", scope="cap", key="s")

    store.write(rows)
    housekeeping.retention()
    assert store.read(lambda: [row.key for row in store.Ledger.select()]) == ["young"]
    assert store.read(lambda: {row.id for row in store.Job.select()}) == {"young", "dead", "periodic"}
    assert store.read(lambda: store.Spend.select().count()) == 0


def test_the_core_brings_its_periodic_jobs() -> None:
    assert {kind: spec.every for kind, spec in housekeeping.core_jobs().items() if spec.every} == {
        "core.expire": 60.0,
        "core.hours": 900.0,
        "core.notify": 30.0,
        "core.remind": 300.0,
        "core.retention": 3600.0,
        "core.routing": 60.0,
        "core.targets": 300.0,
        "draft.tidy": 120.0,
        "files.sweep": 3600.0,
        "providers.probe": 60.0,
    }
