"""The state table: every event in every state, taken or refused; leases beside it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from bot import clock, lease, states
from tests.patience import patient

ALLOWED = {
    "customer_writes": {"ai": "ai", "waiting": "waiting", "human": "human"},
    "reopen_for_ai": {"resolved": "ai"},
    "reopen_for_people": {"resolved": "waiting"},
    "handoff": {"ai": "waiting"},
    "handoff_cancelled": {"waiting": "ai"},
    "claim": {"ai": "human", "waiting": "human"},
    "release": {"human": "waiting"},
    "transfer": {"human": "human"},
    "snooze": {"ai": "ai", "waiting": "waiting", "human": "human"},
    "return_to_ai": {"waiting": "ai", "human": "ai"},
    "resolve": {"ai": "resolved", "waiting": "resolved", "human": "resolved"},
    "expire": {"ai": "resolved"},
    "delete": {"ai": "gone", "waiting": "gone", "human": "gone", "resolved": "gone"},
}


def conversation(store: Any, state: str) -> str:
    at = clock.now()

    def make() -> str:
        site = store.Site.create(id=clock.new_id(), key=clock.new_id(), name="x", created_at=at)
        contact = store.Contact.create(id=clock.new_id(), site=site, created_at=at)
        row = store.Conversation.create(
            id=clock.new_id(),
            site=site,
            contact=contact,
            channel="test",
            state=state,
            seq=3,
            rev=5,
            needs=True,
            created_at=at,
            active_at=at,
        )
        return str(row.id)

    return str(store.write(make))


def test_the_table_is_complete() -> None:
    assert set(ALLOWED) == set(states.TABLE)


@pytest.mark.parametrize("state", ["ai", "waiting", "human", "resolved", "gone"])
@pytest.mark.parametrize("event", sorted(ALLOWED))
def test_an_event_is_taken_or_refused(store: Any, event: str, state: str) -> None:
    row = conversation(store, state)
    target = ALLOWED[event].get(state)
    if target is None:
        with pytest.raises(states.NotAllowed):
            store.write(lambda: states.take(row, event))
        after = store.read(lambda: store.Conversation.get_by_id(row))
        assert (after.state, after.rev) == (state, 5)
        return
    moved = store.write(lambda: states.take(row, event))
    after = store.read(lambda: store.Conversation.get_by_id(row))
    assert (moved.state, moved.rev, after.state, after.rev, after.state_rev) == (target, 6, target, 6, 6)
    assert (after.resolved_at is not None) is (target == "resolved")


def test_a_step_keeps_a_place_for_its_message(store: Any) -> None:
    row = conversation(store, "ai")
    moved = store.write(lambda: states.take(row, "handoff", message=True))
    after = store.read(lambda: store.Conversation.get_by_id(row))
    assert (moved.seq, after.seq, after.answered, after.needs, after.had_people) == (4, 4, 4, False, True)


def test_exactly_one_claim_wins(store: Any) -> None:
    row = conversation(store, "waiting")
    store.write(lambda: states.take(row, "claim", assignee="ana"))
    with pytest.raises(states.NotAllowed):
        store.write(lambda: states.take(row, "claim", assignee="marko"))
    assert store.read(lambda: store.Conversation.get_by_id(row)).assignee == "ana"


def test_leadership_is_held_kept_and_given_back(store: Any) -> None:
    lease.start("one")
    assert lease.lead("desk:slack")
    assert lease.lead("desk:slack"), "the leader renews"
    first, lease._owner = lease._owner, "somebody-else"
    assert not lease.lead("desk:slack")
    lease._owner = first
    assert store.read(lambda: lease.led("desk:"))
    assert not store.read(lambda: lease.led("channel:"))
    lease.resign("desk:slack")
    lease._owner = "somebody-else"
    assert lease.lead("desk:slack")
    lease._owner = first


HOLDER = """
import sys, time
from bot import lease, store, turns
from bot.config import config
store.open_database(config().database)
lease.start("victim")
assert store.write(lambda: turns.begin(sys.argv[1])) is not None
print("held", flush=True)
time.sleep(60)
"""


def test_a_killed_process_loses_its_leases_at_once_and_a_paused_one_does_not(store: Any, environment: Any) -> None:
    import signal

    row = conversation(store, "ai")
    from bot.store.statements import Place, insert_message

    store.write(
        lambda: insert_message(clock.new_id(), row, Place(1, 1), author="customer", body="hi", created_at=clock.now())
    )
    lease.start("heir")
    victim = subprocess.Popen([sys.executable, "-c", HOLDER, row], stdout=subprocess.PIPE, env=dict(os.environ))
    try:
        assert victim.stdout is not None
        assert victim.stdout.readline().strip() == b"held"
        victim.send_signal(signal.SIGSTOP)
        assert lease.free_dead() == [], "a paused process still holds its lock"
        victim.send_signal(signal.SIGCONT)
        victim.kill()
        victim.wait()
        began = time.monotonic()
        assert [name.split("-")[0] for name in lease.free_dead()] == ["victim"]
        assert time.monotonic() - began < patient(1)
        assert store.read(lambda: store.Conversation.get_by_id(row)).lease_owner == ""
    finally:
        victim.kill()
        victim.wait()
        if victim.stdout is not None:
            victim.stdout.close()


def test_the_slot_of_a_living_process_is_locked(store: Any) -> None:
    name = lease.start("alive")
    with open(lease._slots() / name) as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
