"""What agents are told of: made with what it tells of, told once in the way they chose, and not at night. Rows only; Slack and the
mail server have their own tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import agents, claims, clock, erase, handoff, housekeeping, jobs, notification_preferences, notifications
from bot import notifications_told as told
from bot.channel import Limits, Resend
from bot.desk import Desk, DeskAnswer, DeskCapability, DeskEvent, DeskPost, Posted
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.mail import newest, put
from bot.messages import Inbound, Receipt
from bot.outbox import DeskOutbox
from bot.pages import Row
from bot.receive import receive
from bot.store import read, sql, write

BERLIN = ZoneInfo("Europe/Berlin")


class Board(Desk):
    name = "board"
    place = "B1"
    capabilities = frozenset({DeskCapability.PAGES, DeskCapability.DIRECT})
    limits = Limits(timeout=5)
    resend = Resend.NATIVE


class House:
    """A desk that can tell one agent alone, two agents, and a clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN).timestamp()
        monkeypatch.setattr(clock, "now", lambda: self.at)
        self.outbox = DeskOutbox(Board())
        self.outbox.declare()
        self.count = 0
        self.posts: list[DeskPost] = []

    def set(self, text: str) -> None:
        """The clock in Berlin: ``2026-11-18 20:30``."""
        self.at = datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()

    def ticket(self, who: str = "anna") -> str:
        """A conversation that waits for people."""
        got: Any = None
        for kind, text in (("message", "Where is my order?"), ("handoff", "")):
            event = Inbound(
                channel="widget", key=clock.new_id(), external_id=who, place=f"room-{who}", text=text, kind=kind
            )  # type: ignore[arg-type]
            got = receive([event])[0]
            assert isinstance(got, Receipt), got
        return str(got.conversation_id)

    def assign(self, conversation_id: str, to: str = "ana", by: str = "marko") -> None:
        write(lambda: claims.assign(conversation_id, agents.agent_named(to), by=by))  # type: ignore[arg-type]

    def pump(self, outcome: Callable[[Any], None] | None = None) -> list[DeskPost]:
        """Show what is due, as the host would; returns the messages to one agent. ``outcome`` says what becomes of those."""
        fresh = []
        for place in [
            row[0]
            for row in read(lambda: sql("SELECT DISTINCT place FROM delivery WHERE channel = 'desk:board'").fetchall())
        ]:
            while (claimed := self.outbox.claim(place)) is not None:
                assert isinstance(claimed.out, DeskPost)
                if claimed.out.op == "direct":
                    fresh.append(claimed.out)
                    if outcome is not None:
                        outcome(claimed)
                        continue
                self.count += 1
                self.outbox.posted(claimed, Posted(f"m{self.count}", claimed.out.thread or f"m{self.count}"))
        self.posts += fresh
        return fresh

    def work(self) -> None:
        """What workers do: the jobs of notifications that are due."""
        specs = {spec.kind: spec for spec in told.specs()}
        told.rounds()
        for job_id, kind, _ in read(jobs.due):
            if kind in specs:
                jobs.claim_and_run(job_id, specs)

    def press(
        self, what: str, value: str = "", *, who: str = "T1:ana", key: str = "", page: str = "", **fields: str
    ) -> DeskAnswer:
        event = DeskEvent(
            desk="board",
            key=key or clock.new_id(),
            kind="press",
            who=who,
            what=what,
            value=value,
            fields=fields,
            page=page,
        )
        return receive_desk([event])[0]

    def say(self, words: str, who: str = "T1:ana") -> DeskAnswer:
        return receive_desk([DeskEvent(desk="board", key=clock.new_id(), kind="command", who=who, text=words)])[0]

    def act(self, conversation_id: str, who: str, kind: Any = "action", **more: Any) -> DeskAnswer:
        event = DeskEvent(
            desk="board",
            key=clock.new_id(),
            kind=kind,
            who=who,
            conversation_id=conversation_id,
            message=clock.new_id(),
            **more,
        )
        return receive_desk([event])[0]

    def prefer(self, name: str = "ana", **wanted: str) -> None:
        write(lambda: notification_preferences.change(agents.agent_named(name).id, wanted))  # type: ignore[union-attr]

    def rows(self, name: str = "ana") -> list[Any]:
        return read(
            lambda: sql(
                "SELECT n.kind, n.state, n.words, n.problem, n.direct_at, n.mail_at, n.read_at, n.folded FROM notification n"
                " JOIN agent a ON a.id = n.agent_id WHERE a.name = ? ORDER BY n.id",
                (name,),
            ).fetchall()
        )  # fmt: skip

    def id_of(self, name: str) -> str:
        return str(read(lambda: agents.agent_named(name)).id)  # type: ignore[union-attr]


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    def site() -> None:
        store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now())
        sql("INSERT INTO setting (key, value, changed_at) VALUES ('channel.widget', ?, 0)", ('{"pull": true, "max_text": 4000, "unit": "chars", "timeout": 15}',))  # fmt: skip

    from bot import lease

    lease.start("channels")
    write(site)
    for name in ("ana", "marko"):
        agents.add_agent(name, email=f"{name}@shop.example" if name == "ana" else "", actor="test")
        agents.link(name, "board", f"T1:{name}", actor="test")
    yield House(monkeypatch)


def test_who_is_given_a_conversation_is_told_once_by_a_message_of_their_own(house: House) -> None:
    ticket = house.ticket()
    house.assign(ticket)
    (post,) = house.pump()
    number = read(lambda: sql("SELECT number FROM ticket").fetchone()[0])
    assert (
        (post.person, post.op) == ("T1:ana", "direct")
        and f"#{number}" in post.text
        and "Marko gave this to you." in post.text
    )
    assert "Where is my order?" not in str(post), "nothing of what the customer wrote"
    assert post.page is not None and isinstance(post.page.parts[0], Row)
    (row,) = house.rows()
    assert row[:2] == ("assignment", "posted") and row[4] == house.at and row[5] is None
    assert house.pump() == [] and house.rows("marko") == []
    house.work()
    assert house.pump() == []
