"""What the tests of the workplace share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import agents, deliver, lease
from tests.declared import site_with
from tests.workplace.inboxes import House


@pytest.fixture
def house(store: Any) -> Iterator[House]:
    deliver.forget_declarations()
    lease.start("channels")

    store.write(site_with)
    for name, role in (("ana", "agent"), ("marko", "agent"), ("vera", "viewer"), ("olga", "agent")):
        agents.add_agent(name, role=role, actor="test")
        agents.link(name, "wall", f"T1:{name}", actor="test")
    agents.set_active("olga", False, actor="test")
    yield House(store)
    deliver.forget_declarations()
