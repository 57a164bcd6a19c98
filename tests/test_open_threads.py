"""Which threads are read again after an outage, and what is known of them."""

from __future__ import annotations

import pytest
import structlog

from bot import clock, lease, open_threads
from bot.desk_actions import Action
from tests.test_desks import World, world  # noqa: F401  the fixture


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch):
    moved = [0.0]
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + moved[0])

    def add(seconds: float) -> None:
        moved[0] += seconds

    return add


def test_open_threads_tell_what_is_known_for_catching_up(world: World) -> None:  # noqa: F811
    world.do("T1:ana", text="one", message="r1")
    (thread,) = world.outbox.threads()
    assert (thread.place, thread.thread, thread.known) == ("W1", "m1", {"r1": "one"})
    world.do("T1:ana", "action", action=Action.UNDO)
    assert world.outbox.threads()[0].known == {}


def test_a_ticket_that_was_resolved_while_the_desk_was_away_is_looked_at(world: World, pass_time) -> None:  # noqa: F811
    world.outbox.connected(True)
    assert world.store.read(lambda: lease.led("desk:"))
    pass_time(7_200)
    world.outbox.stay_connected()
    pass_time(60)
    world.outbox.connected(False)
    assert not world.store.read(lambda: lease.led("desk:"))
    pass_time(1_800)
    world.customer("", kind="resolve")
    pass_time(7_200)
    world.outbox.connected(True)
    assert len(world.outbox.threads()) == 1
    pass_time(1)
    world.outbox.connected(True)
    assert len(world.outbox.threads()) == 1, "another short outage while it is caught up with"
    pass_time(open_threads.KEPT + 1)
    assert world.outbox.threads() == [], "that outage is over"


def test_what_was_resolved_before_the_outage_is_left_alone(world: World, pass_time) -> None:  # noqa: F811
    world.outbox.connected(True)
    world.customer("", kind="resolve")
    pass_time(open_threads.MARGIN / 2)
    world.outbox.stay_connected()
    assert len(world.outbox.threads()) == 1, "an outage is noticed late"
    pass_time(open_threads.KEPT)
    world.outbox.stay_connected()
    world.outbox.connected(True)
    assert world.outbox.threads() == []


def test_more_threads_than_can_be_read_are_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    with structlog.testing.capture_logs() as logs:
        assert len(world.outbox.threads()) == 1 and logs == []
        monkeypatch.setattr(open_threads, "MOST", 0)
        assert world.outbox.threads() == []
    assert [one["event"] for one in logs] == ["threads_not_looked_at"]
