"""One customer who waits, a desk, three agents, opening hours, and a clock that can be turned to any moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from bot import agents, clock, deliver, hours, housekeeping, jobs, lease, tickets
from bot.changed_hours import FOLLOW
from bot.desk import Card, DeskCapability, DeskPost
from bot.desk_actions import Action
from bot.events import OpeningHours
from bot.personal_posts import PERSONAL
from bot.service_clocks import LOOK
from bot.service_targets import MOVE
from tests.declared import site_with
from tests.test_desks import Wall
from tests.test_desks import World as Desks

ZONE = ZoneInfo("Europe/Berlin")
KINDS = (LOOK, MOVE, FOLLOW, tickets.AWAKE)
"""Jobs that have to do with due times."""
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


def at(day: int, hour: int, minute: int = 0, month: int = 10) -> float:
    """A moment of 2026 in Berlin. The 25th of October is the Sunday on which the clocks go back."""
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE).timestamp()


class World(Desks):
    """As the desks of the other tests have it, with a clock and the jobs of due times."""

    now: float

    def agree(self, opens: int = 9, closes: int = 17) -> None:
        """Open from Monday to Friday, on Berlin's clocks."""
        spans = []
        for number in range(-3, 25):
            day = datetime.fromtimestamp(self.now, ZONE).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
            one = day + timedelta(days=number)
            if one.weekday() < 5:
                spans.append(tuple(one.replace(hour=h, tzinfo=ZONE).timestamp() for h in (opens, closes)))
        self.store.write(lambda: hours._store("s1", OpeningHours(zone="Europe/Berlin", open=tuple(spans))))

    def go(self, moment: float) -> None:
        """Time passes until then, and everything that is due on the way is done when it is due."""
        while True:
            due = [when for when in self.waiting() if when <= moment]
            if not due:
                break
            self.now = max(self.now, min(due))
            assert self.run_due()
        self.now = moment

    def waiting(self) -> list[float]:
        query = f"SELECT next_at FROM job WHERE state = 'queued' AND kind IN ({','.join('?' * len(KINDS))})"
        return [row[0] for row in self.store.read(lambda: self.store.sql(query, KINDS).fetchall())]

    def run_due(self) -> bool:
        """What a worker finds to do now; whether there was anything."""
        specs = {kind: spec for kind, spec in housekeeping.core_jobs().items() if kind in KINDS}
        ran = [jobs.claim_and_run(job_id, specs) for job_id, kind, _ in self.store.read(jobs.due) if kind in specs]
        return any(ran)

    def told(self) -> list[DeskPost]:
        """The lines about due times that the thread has got since the last look."""
        return [post for post in self.pump() if post.op == "event"]

    def card(self) -> Card:
        from bot import desk_card

        return self.store.read(lambda: desk_card.card(self.conversation))  # type: ignore[no-any-return]

    def alone(self) -> list[tuple[str, str, dict[str, Any]]]:
        """``(person, kind, what about)`` of the messages to one agent, as rows."""
        rows = self.store.read(
            lambda: self.store.sql("SELECT message FROM delivery WHERE op = 'direct' ORDER BY ord").fetchall()
        )
        known = [orjson.loads(row[0].removeprefix(PERSONAL)) for row in rows]
        return [(one["who"], one["kind"], one["ref"]) for one in known]

    def alerts(self) -> list[tuple[str, str]]:
        """``(agent, words)`` of the notifications of what is overdue."""
        query = "SELECT a.name, n.words FROM notification n JOIN agent a ON a.id = n.agent_id WHERE n.kind = 'breach' ORDER BY a.name"
        return [(row[0], row[1]) for row in self.store.read(lambda: self.store.sql(query).fetchall())]

    def events(self) -> list[tuple[str, str, str]]:
        """``(event, who, detail)`` of the ticket's history."""
        rows = self.store.read(lambda: tickets.history_of(self.conversation))
        return [(event, who, detail) for _, who, event, detail in rows]

    def answer(self, who: str = "T1:ana", text: str = "I am on it") -> None:
        """An agent writes to the customer, and the time for undoing it passes."""
        assert self.do(who, text=text).code in {"held", "sent"}
        self.later()

    def again(self) -> None:
        """It is resolved, and the customer opens it again: both clocks begin now."""
        self.do("T1:ana", "action", action=Action.RESOLVE)
        self.customer("It is broken again")
        self.pump()

    def priority(self, value: str) -> None:
        assert self.do("T1:ana", "action", action=Action.PRIORITY, value=value).code == "done"


@pytest.fixture
def world(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    deliver.forget_declarations()
    monkeypatch.setattr(Wall, "capabilities", frozenset({DeskCapability.DIRECT}))
    lease.start("channels")
    assert lease.lead("desk:wall", seconds=10_000)
    World.now = at(21, 10)  # a Wednesday
    monkeypatch.setattr(clock, "now", lambda: made.now)
    made = World.__new__(World)

    store.write(site_with)
    for name, role in (("ana", "agent"), ("bo", "agent"), ("eva", "owner")):
        agents.add_agent(name, role=role, actor="test")
        agents.link(name, "wall", f"T1:{name}", actor="test")
    made.now = World.now
    made.__init__(store)  # type: ignore[misc]
    made.pump()
    yield made
    deliver.forget_declarations()
