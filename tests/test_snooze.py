"""A snoozed ticket is hidden until its time is over, the customer writes or somebody acts, and its card always says which."""

from __future__ import annotations

from typing import Any

import pytest

from bot import clock, housekeeping, jobs, tickets
from bot.desk import Card
from bot.desk_actions import Action
from tests.test_desks import World, world  # noqa: F401  the fixture


def snoozed(world: World, minutes: int = 60) -> float:  # noqa: F811
    assert world.do("T1:ana", "action", action=Action.SNOOZE, value=str(minutes)).code == "done"
    (card,) = cards(world)
    assert card.snoozed_until is not None
    return card.snoozed_until


def cards(world: World) -> list[Card]:  # noqa: F811
    return [post.card for post in world.pump() if post.op == "card" and post.card is not None]


def events(world: World) -> list[tuple[str, str]]:  # noqa: F811
    return world.store.read(lambda: [(actor, event) for _, actor, event, _ in tickets.history_of(world.conversation)])


def run_due(store: Any) -> None:
    specs = housekeeping.core_jobs()
    for job_id, kind, _ in store.read(jobs.due):
        if kind == tickets.AWAKE:
            jobs.claim_and_run(job_id, specs)


def test_it_ends_when_the_customer_writes(world: World) -> None:  # noqa: F811
    snoozed(world)
    world.customer("It is urgent")
    (card,) = cards(world)
    assert card.snoozed_until is None and world.ticket().snoozed_until is None
    assert events(world)[-1] == ("customer", "snooze ended")
    world.customer("Hello?")
    assert cards(world) == [], "nothing has changed on the card since"


@pytest.mark.parametrize("act", ["reply", "resolve", "reopen"])
def test_it_ends_when_somebody_acts(world: World, act: str) -> None:  # noqa: F811
    world.do("T1:ana", "action", action=Action.CLAIM)
    world.pump()
    snoozed(world)
    if act == "reply":
        world.do("T1:ana", text="I am on it")
        world.later()
    else:
        world.do("T1:ana", "action", action=Action.RESOLVE)
    if act == "reopen":
        world.customer("again")
    assert cards(world)[-1].snoozed_until is None and world.ticket().snoozed_until is None


def test_when_its_time_is_over_the_card_is_shown_again(
    world: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snoozed(world, 30)
    until = snoozed(world, 60)
    real = clock.now
    for ahead, over in ((-1_700.0, False), (1.0, True)):
        at = until + ahead
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        run_due(world.store)
        assert [card.snoozed_until for card in cards(world)] == ([None] if over else [])
    assert events(world)[-1] == ("", "snooze ended") and world.ticket().snoozed_until is None
    run_due(world.store)
    assert cards(world) == []
    monkeypatch.setattr(clock, "now", real)
