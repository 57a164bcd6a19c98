"""The sample shop whose assistant is asked, and a conversation that an agent answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import accounts, lease
from bot.answer_tests.cases import Case, Step
from bot.answer_tests.rehearsal import Stage
from bot.desk_actions import Action
from bot.first_rows import KNOWLEDGE_SYNC
from bot.fleet_building import FleetKeeper
from bot.plugins import forget_plugins, load_plugins
from tests.test_desks import World, world  # noqa: F401  the fixture


@pytest.fixture
def shop(store: Any) -> Iterator[Any]:
    """The sample shop; ``ask`` has its assistant answer."""
    forget_plugins()  # of the test before
    accounts.ensure_default_site()
    registry = load_plugins("cli")
    for _plugin, specs in registry.snapshot().each("jobs"):
        for spec in specs:
            if spec.kind == KNOWLEDGE_SYNC:
                spec.run("")
    lease.start("turns")
    yield store
    if lease.owner():
        lease.stop()
    forget_plugins()


def ask(*questions: str, language: str = "en") -> None:
    registry = load_plugins("cli")
    snapshot = registry.snapshot()
    stage = Stage(snapshot, FleetKeeper(registry, warm=False).fleet(snapshot))
    for question in questions:
        list(stage.rehearse(Case(name="q", steps=(Step(question=question),), language=language)))


QUESTION = "How do I descale the copper kettle? My name is Anna Berg, anna.berg@mail.example"


REPLY = (
    "Hello Anna, thanks for writing. Fill the copper kettle with one part vinegar and two parts water. Boil it once and leave it for an"
    " hour, then rinse it three times. Your order 10442 is fine. Best, Ana"
)


@pytest.fixture
def answered(world: World) -> World:  # noqa: F811
    """A customer asks, an agent answers, and the conversation is resolved."""
    world.customer(QUESTION)
    world.do("T1:ana", text=REPLY)
    world.later()
    return resolve(world)


def resolve(world: World) -> World:  # noqa: F811
    world.do("T1:ana", "action", action=Action.RESOLVE)
    assert world.ticket().state == "resolved"
    lease.stop()
    load_plugins("cli")
    return world
