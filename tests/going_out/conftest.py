"""A conversation on one channel with one or two desks, of which some can do everything and some nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bot import agents, clock, deliver, lease, turns
from bot.channel import Capability, Channel, Limits
from bot.desk import Desk, DeskAnswer, DeskCapability, DeskEvent, DeskPost, Posted
from bot.desk_events import receive_desk
from bot.events import Answer
from bot.messages import Attachment, Inbound, Outbound, Receipt, Sent
from bot.outbox import DeskOutbox, Outbox
from bot.receive import receive
from bot.replies import send_due
from bot.store.statements import last_messages


class Able(Channel):
    name = "able"
    capabilities = frozenset(Capability) - {Capability.PULL}
    limits = Limits(max_text=40, max_file_bytes=5_000)


class Roomy(Able):
    limits = Limits(max_text=400)


class Plain(Channel):
    name = "plain"
    limits = Limits(max_text=400)


class Puller(Channel):
    name = "puller"
    capabilities = frozenset({Capability.PULL})


class Wall(Desk):
    name = "wall"
    place = "W1"
    capabilities = frozenset(DeskCapability)
    limits = Limits(max_file_bytes=5_000)


class Paper(Desk):
    name = "paper"
    place = "P1"


class World:
    """A conversation on one channel, with one or two desks."""

    def __init__(self, store: Any, channel: Channel, *desks: Desk) -> None:
        self.store, self.channel = store, channel
        self.outbox = Outbox(channel)
        self.outbox.declare()
        self.desks = {desk.name: DeskOutbox(desk) for desk in desks}
        for desk in self.desks.values():
            desk.declare()
        self.count = 0
        self.conversation = self.customer("Hello").conversation_id

    def event(self, text: str = "", kind: Any = "message", key: str = "", **more: Any) -> Any:
        made = Inbound(
            channel=self.channel.name,
            key=key or clock.new_id(),
            external_id="anna",
            place="room",
            text=text,
            kind=kind,
            **more,
        )
        return receive([made])[0]

    def customer(self, *args: Any, **more: Any) -> Receipt:
        got = self.event(*args, **more)
        assert isinstance(got, Receipt), got
        return got

    def drain(self) -> list[Outbound]:
        """What the platform would have got."""
        got: list[Outbound] = []
        while (claimed := self.outbox.claim("room")) is not None:
            assert isinstance(claimed.out, Outbound)
            self.count += 1
            self.outbox.sent(claimed, Sent(claimed.out.subject or f"p{self.count}"))
            got.append(claimed.out)
        return got

    def posts(self, desk: str = "wall") -> list[DeskPost]:
        got: list[DeskPost] = []
        outbox = self.desks[desk]
        while (claimed := outbox.claim(self.conversation)) is not None:
            assert isinstance(claimed.out, DeskPost)
            self.count += 1
            outbox.posted(claimed, Posted(f"{desk}{self.count}", claimed.out.thread or f"{desk}-thread"))
            got.append(claimed.out)
        return got

    def waits(self) -> None:
        """Hand over and show it."""
        self.customer(kind="handoff")
        for desk in self.desks:
            self.posts(desk)
        self.drain()

    def agent(
        self, text: str = "", *sent: Attachment, kind: Any = "reply", desk: str = "wall", **more: Any
    ) -> DeskAnswer:
        place = {"wall": "W1", "paper": "P1"}[desk]
        made = {"message": clock.new_id(), **more}
        event = DeskEvent(
            desk=desk,
            key=clock.new_id(),
            kind=kind,
            who="T1:ana",
            place=place,
            thread=f"{desk}-thread",
            text=text,
            files=sent,
            **made,
        )
        return receive_desk([event])[0]

    def later(self) -> None:
        self.store.write(lambda: self.store.Reply.update(due_at=0).where(self.store.Reply.state == "held").execute())
        send_due()

    def last(self, author: str = "agent") -> Any:
        said = self.store.read(lambda: last_messages(self.conversation, 10**6, 100))
        return [message for message in said if message.author == author][-1]

    def answer(self, text: str, **more: Any) -> None:
        begun = self.store.write(lambda: turns.begin(self.conversation))
        self.store.write(lambda: turns.end(begun, Answer(text=text, **more), turns.Account()))


@pytest.fixture
def world(store: Any) -> Any:
    deliver.forget_declarations()
    lease.start("channels")
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    agents.add_agent("ana", actor="test")
    for desk in ("wall", "paper"):
        agents.link("ana", desk, "T1:ana", actor="test")
    yield lambda channel, *desks: World(store, channel, *desks)
    deliver.forget_declarations()


def note(text: bytes = b"hello", name: str = "note.txt") -> Attachment:
    return Attachment(name=name, content=text)
