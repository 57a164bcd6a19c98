"""A shop whose customers wait for people, with a clock that can be turned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import (
    agents,
    claims,
    clock,
    deliver,
    hours,
    housekeeping,
    jobs,
    lease,
    tickets,
    waiting,
)
from bot.desk_actions import Action
from bot.events import OpeningHours
from bot.messages import Inbound, Profile, Receipt, Refused
from bot.receive import receive
from tests.declared import site_with

HOUR = 3_600.0


class World:
    """One site, whose desk is connected and whose agent is there, unless a test says otherwise."""

    def __init__(self, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.now = clock.now()
        monkeypatch.setattr(clock, "now", lambda: self.now)

    def say(self, text: str = "", kind: Any = "message", who: str = "anna", **profile: str) -> Receipt | Refused:
        self.now += 0.01
        event = Inbound(channel="test", key=clock.new_id(), external_id=who, place=who, text=text, kind=kind,
                        profile=Profile(**profile))  # fmt: skip
        return receive([event])[0]

    def waits(self, who: str = "anna", **profile: str) -> str:
        """Somebody asks for a person; returns the conversation."""
        self.say("Where is my order?", who=who, **profile)
        got = self.say(kind="handoff", who=who, **profile)
        assert isinstance(got, Receipt), got
        return got.conversation_id

    def system(self, conversation: str) -> list[tuple[str, str]]:
        model = self.store.Message
        query = (
            model.select().where((model.conversation == conversation) & (model.author == "system")).order_by(model.seq)
        )
        return [(row.kind, row.body) for row in self.store.read(lambda: list(query))]

    def kinds(self, conversation: str) -> list[str]:
        return [kind for kind, _ in self.system(conversation)]

    def ticket(self, conversation: str) -> Any:
        return self.store.read(lambda: self.store.Ticket.get(self.store.Ticket.conversation == conversation))

    def state(self, conversation: str) -> str:
        return str(self.store.read(lambda: self.store.Conversation.get_by_id(conversation).state))

    def history(self, conversation: str) -> list[tuple[str, str]]:
        return [(event, who) for _, who, event, _ in self.store.read(lambda: tickets.history_of(conversation))]

    def act(self, conversation: str, action: Action, value: str = "") -> claims.Done:
        def work() -> claims.Done:
            agent = agents.agent_named("ana")
            assert agent is not None
            return claims.act(conversation, agent, "wall", action, value)

        done: claims.Done = self.store.write(work)
        return done

    def run_due(self) -> None:
        """Run the countdowns that are due, as the worker does."""
        specs = {kind: spec for kind, spec in housekeeping.core_jobs().items() if kind == waiting.KIND}
        for job_id, kind, _ in self.store.read(jobs.due):
            if kind in specs:
                jobs.claim_and_run(job_id, specs)

    def queue(self, conversation: str) -> waiting.QueueView:
        return waiting.queues([conversation])[conversation]

    def hours(self, *spans: tuple[float, float]) -> None:
        """Opening hours, in hours from now."""
        open_ = tuple((self.now + a * HOUR, self.now + b * HOUR) for a, b in spans)
        self.store.write(lambda: hours._store("s1", OpeningHours(zone="Europe/Berlin", open=open_)))


@pytest.fixture
def world(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(store, monkeypatch)
    waiting._known.clear()

    def site() -> None:
        site_with("test")
        store.sql(
            "INSERT INTO setting (key, value, changed_at) VALUES ('desk.wall', ?, 0)",
            ('{"place": "W1", "timeout": 5}',),
        )

    store.write(site)
    lease.start("channels")
    assert lease.lead("desk:wall", seconds=10_000)
    agents.add_agent("ana", actor="test")
    agents.link("ana", "wall", "T1:ana", actor="test")
    yield made
    deliver.forget_declarations()
