"""What the tests of the workplace share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import agents, clock, deliver, lease
from tests.workplace.inboxes import House


@pytest.fixture
def house(store: Any) -> Iterator[House]:
    deliver.forget_declarations()
    lease.start("channels")

    def site() -> None:
        store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now())
        store.sql("INSERT INTO setting (key, value, changed_at) VALUES ('channel.widget', ?, 0)", ('{"pull": true, "max_text": 4000, "unit": "chars", "timeout": 15}',))  # fmt: skip

    store.write(site)
    for name, role in (("ana", "agent"), ("marko", "agent"), ("vera", "viewer"), ("olga", "agent")):
        agents.add_agent(name, role=role, actor="test")
        agents.link(name, "wall", f"T1:{name}", actor="test")
    agents.set_active("olga", False, actor="test")
    yield House(store)
    deliver.forget_declarations()
