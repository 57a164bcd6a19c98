"""A shop whose conversations go by rules, a desk with several places, three agents, and a clock that can be turned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import agents, clock, deliver, housekeeping, jobs, lease, replies, routing_rules, routing_settings, tickets
from bot.channel import Limits, Resend
from bot.desk import Card, Desk, DeskAnswer, DeskEvent, DeskPost, Posted
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.messages import Inbound, Profile, Receipt
from bot.outbox import DeskOutbox
from bot.receive import receive

NAMES = ("ana", "ben", "carl")


class Wall(Desk):
    name = "wall"
    place = "W1"
    limits = Limits(timeout=5)
    resend = Resend.READBACK

    async def find(self, key: str, place: str, thread: str) -> Posted | None:
        return None


class World:
    """``posts``: what the desk was told, by the host's own way."""

    def __init__(self, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.now = clock.now()
        monkeypatch.setattr(clock, "now", lambda: self.now)
        self.outbox = DeskOutbox(Wall())
        self.outbox.declare()
        self.posts: list[DeskPost] = []

    def waits(self, who: str = "anna", text: str = "Where is my order?", **profile: str) -> str:
        """Somebody asks for a person; returns the conversation. No job has run yet."""
        for kind in ("message", "handoff"):
            self.now += 0.01
            event = Inbound(
                channel="widget", key=clock.new_id(), external_id=who, place=who, text=text if kind == "message" else "",
                kind=kind, profile=Profile(**profile),  # type: ignore[arg-type]
            )  # fmt: skip
            got = receive([event])[0]
            assert isinstance(got, Receipt), got
        return got.conversation_id

    def work(self, seconds: float = 0.0) -> None:
        """So much time passes, and a worker does what is due."""
        self.now += seconds + 0.01
        specs = housekeeping.core_jobs()
        for _ in range(200):
            due = [one for one in self.store.read(jobs.due) if one[1].startswith("routing.")]
            for job_id, _, _ in due:
                jobs.claim_and_run(job_id, specs)
            if not due:
                return

    def rule(self, name: str, **values: str) -> routing_rules.RoutingRule:
        return routing_rules.add(name, values, actor="test")

    def set(self, **values: str) -> None:
        routing_settings.change(values, actor="test")

    def pump(self) -> list[DeskPost]:
        """Show everything that is due, as the host would; returns what was new."""
        fresh = []
        for place in self.outbox.due():
            while (claimed := self.outbox.claim(place)) is not None:
                out = claimed.out
                assert isinstance(out, DeskPost)
                fresh.append(out)
                number = f"m{len(self.posts) + len(fresh)}"
                self.outbox.posted(claimed, Posted(number, out.thread or number))
        self.posts += fresh
        return fresh

    def do(self, who: str, conversation: str, kind: Any = "action", **more: Any) -> DeskAnswer:
        event = DeskEvent(
            desk="wall", key=clock.new_id(), kind=kind, who=f"T1:{who}", conversation_id=conversation,
            message=clock.new_id(), **more,
        )  # fmt: skip
        answer = receive_desk([event])[0]
        self.now += 0.01
        return answer

    def claim(self, who: str, conversation: str) -> DeskAnswer:
        return self.do(who, conversation, action=Action.CLAIM)

    def later(self) -> None:
        """What is held goes out."""
        self.now += replies.HOLD + 1
        replies.send_due()

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.store.read(lambda: self.store.sql(query, values).fetchall())]

    def offered(self, conversation: str) -> str:
        """To whom it is offered now; empty: to nobody."""
        rows = self.sql(
            "SELECT a.name FROM agent_offer o JOIN agent a ON a.id = o.agent_id WHERE o.conversation_id = ? AND o.state = 'open'",
            conversation,
        )
        assert len(rows) <= 1
        return rows[0][0] if rows else ""

    def offers(self, conversation: str) -> list[tuple[str, str]]:
        """Who was asked, and what became of it."""
        return self.sql(  # type: ignore[return-value]
            "SELECT a.name, o.state FROM agent_offer o JOIN agent a ON a.id = o.agent_id WHERE o.conversation_id = ? ORDER BY o.id",
            conversation,
        )

    def state(self, conversation: str) -> tuple[str, str]:
        return self.sql("SELECT state, assignee FROM conversation WHERE id = ?", conversation)[0]  # type: ignore[return-value]

    def card(self, conversation: str) -> Card:
        from bot import desk_card

        return self.store.read(lambda: desk_card.card(conversation))  # type: ignore[no-any-return]

    def heard(self, conversation: str) -> list[str]:
        """What the customer was told by us."""
        rows = self.sql(
            "SELECT body FROM message WHERE conversation_id = ? AND author = 'system' ORDER BY seq", conversation
        )
        return [row[0] for row in rows]

    def history(self, conversation: str) -> list[tuple[str, str]]:
        return [(event, detail) for _, _, event, detail in self.store.read(lambda: tickets.history_of(conversation))]

    def place(self, conversation: str) -> str:
        return self.sql("SELECT place FROM desk_thread WHERE conversation_id = ?", conversation)[0][0]  # type: ignore[no-any-return]


@pytest.fixture
def world(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    deliver.forget_declarations()
    lease.start("channels")
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    made = World(store, monkeypatch)
    for name in NAMES:
        agents.add_agent(name, actor="test")
        agents.link(name, "wall", f"T1:{name}", actor="test")
    yield made
    deliver.forget_declarations()
