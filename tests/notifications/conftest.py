"""A house in which agents are told of things, with a clock that can be moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import (
    agents,
    claims,
    clock,
    jobs,
    lease,
    notification_preferences,
)
from bot import notifications_told as told
from bot.channel import Limits, Resend
from bot.desk import Desk, DeskAnswer, DeskCapability, DeskEvent, DeskPost, Posted
from bot.desk_events import receive_desk
from bot.desk_messages import customer_name
from bot.mail import newest
from bot.messages import Inbound, Receipt
from bot.outbox import DeskOutbox
from bot.pages import Row
from bot.receive import receive
from bot.store import read, sql, write
from tests.declared import site_with

BERLIN = ZoneInfo("Europe/Berlin")


class Board(Desk):
    name = "board"
    place = "B1"
    capabilities = frozenset({DeskCapability.PAGES, DeskCapability.DIRECT, DeskCapability.DELETE})
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
        self.all: list[DeskPost] = []
        """Everything that was ever shown."""
        self.shown: dict[str, str] = {}
        """Ids that the desk gave, by the key of the delivery."""

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
                self.all.append(claimed.out)
                if claimed.out.op == "direct":
                    fresh.append(claimed.out)
                    if outcome is not None:
                        outcome(claimed)
                        continue
                self.count += 1
                self.shown[claimed.out.key] = f"m{self.count}"
                self.outbox.posted(claimed, Posted(f"m{self.count}", claimed.out.thread or f"m{self.count}"))
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

    def prefs(self, name: str = "ana") -> notification_preferences.Preferences:
        return read(lambda: notification_preferences.of(self.id_of_now(name)))

    def id_of_now(self, name: str) -> str:
        return str(agents.agent_named(name).id)  # type: ignore[union-attr]

    def id_of(self, name: str) -> str:
        return str(read(lambda: agents.agent_named(name)).id)  # type: ignore[union-attr]


@pytest.fixture
def house(store: Any, monkeypatch: pytest.MonkeyPatch) -> House:
    lease.start("channels")
    write(site_with)
    for name in ("ana", "marko"):
        agents.add_agent(name, email=f"{name}@shop.example" if name == "ana" else "", actor="test")
        agents.link(name, "board", f"T1:{name}", actor="test")
    return House(monkeypatch)


def board(post: DeskPost) -> list[Row]:
    """The lines of a message."""
    assert post.page is not None
    return [part for part in post.page.parts if isinstance(part, Row)]


def mails() -> list[Any]:
    return read(lambda: [one for one in newest() if one.kind == "notification"])


def customer_of(who: str) -> str:
    """How desks call the customer."""
    query = "SELECT c.id FROM conversation c JOIN identity i ON i.contact_id = c.contact_id WHERE i.external_id = ?"
    return read(lambda: customer_name(sql(query, (who,)).fetchone()[0]))


def occasion(mail_id: str) -> str:
    return str(read(lambda: sql("SELECT occasion FROM mail WHERE id = ?", (mail_id,)).fetchone()[0]))


def refuse(house: House, reason: str) -> Callable[[Any], None]:
    return lambda claimed: house.outbox.refused(claimed, reason)
