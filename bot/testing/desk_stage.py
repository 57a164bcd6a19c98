"""The world of one promise about a desk: conversations that wait for people, the real outbox and the real way in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bot import agents, presence, replies
from bot.desk import Card, DeskAnswer, DeskEvent, DeskPost, OpenThread, Presence
from bot.desk_events import receive_desk
from bot.messages import Inbound, Receipt, Sent
from bot.outbox import DeskOutbox
from bot.pages import Option, Page, Wanted
from bot.receive import receive
from bot.store import StoreUnavailable, sql, write
from bot.testing.doubles import Shown
from bot.testing.on_disk import Stored
from bot.testing.stage import Stage
from bot.workplace import rooms

CUSTOMERS = "kit"
"""The channel of the customers: one that is pulled, so that nothing is sent there."""
AGENT = "ana"


class KitDeskInbox:
    """The way in, as the host gives it to a desk. ``delay`` and ``full`` as for a channel."""

    def __init__(self, outbox: DeskOutbox) -> None:
        self._outbox = outbox
        self.delay = 0.0
        self.full = 0
        self.events: list[DeskEvent] = []
        self.answers: list[DeskAnswer] = []
        self.complaints: list[str] = []
        self.connections: list[bool] = []

    async def receive(self, *events: DeskEvent) -> Sequence[DeskAnswer]:
        for event in events:
            if event.desk != self._outbox.desk.name:
                self.complaints.append(f"DeskEvent.desk is {event.desk!r}; it must be the desk's name")
            if not event.key:
                self.complaints.append("DeskEvent.key is empty: a redelivery could not be told")
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.full:
            self.full -= 1
            raise StoreUnavailable("the disk is full (the kit says so)")
        answers = await asyncio.to_thread(receive_desk, events)
        self.events += events
        self.answers += answers
        return answers

    async def threads(self) -> Sequence[OpenThread]:
        return await asyncio.to_thread(self._outbox.threads)

    async def late_threads(self) -> Sequence[OpenThread]:
        return await asyncio.to_thread(self._outbox.late_threads)

    async def caught_up(self, thread: OpenThread) -> None:
        await asyncio.to_thread(self._outbox.caught_up, thread)

    async def page(self, wanted: Wanted) -> Page:
        return await asyncio.to_thread(rooms.page, wanted)

    async def options(self, wanted: Wanted, query: str) -> Sequence[Option]:
        return await asyncio.to_thread(rooms.options, wanted, query)

    async def homes(self) -> Sequence[str]:
        return await asyncio.to_thread(rooms.homes, self._outbox.desk.name)

    async def agents(self) -> Sequence[str]:
        return await asyncio.to_thread(presence.known_people, self._outbox.desk.name)

    async def people(self, states: Mapping[str, Presence]) -> None:
        await asyncio.to_thread(presence.told, self._outbox.desk.name, states)

    async def connected(self, yes: bool) -> None:
        self.connections.append(yes)


class DeskStage(Stage):
    """``channel`` is the desk, and a place is the thread of a conversation that waits for people."""

    strangers = False

    async def open(self) -> None:
        self.who = await self.platform.person(1)
        self.outbox = DeskOutbox(self.channel)
        self.inbox = KitDeskInbox(self.outbox)
        self._threads: dict[int, str] = {}
        self._heads: dict[str, int] = {}
        self.conversations: dict[str, str] = {}
        await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        pulled = '{"pull": true, "max_text": 4000, "unit": "chars", "timeout": 15}'
        write(
            lambda: sql(
                "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, 0)", (f"channel.{CUSTOMERS}", pulled)
            )
        )
        self.outbox.declare()
        agents.add_agent(AGENT, actor="kit")
        agents.link(AGENT, self.channel.name, self.who, actor="kit")
        write(lambda: replies.set_mode(self.channel.name, self.channel.place, "direct"))

    async def renew(self) -> None:
        await super().renew()
        self.outbox.desk = self.channel

    # Conversations --------------------------------------------------------------------------------------------------

    async def place(self, number: int) -> str:
        if number not in self._threads:
            said = await self.customer(number, "I need a person")
            await self.customer(number, "", kind="handoff")
            before = set(await self.platform.threads())
            await self.pump(said.conversation_id)
            fresh = [one for one in await self.platform.threads() if one not in before]
            assert len(fresh) == 1, f"the first card opened {len(fresh)} threads; it must open one"
            (thread,) = fresh
            known = self.disk.rows("SELECT thread FROM desk_thread WHERE conversation_id = ?", said.conversation_id)
            assert known == [(thread,)], f"the thread is {thread!r}, and Posted.thread said {known!r}"
            self._threads[number] = thread
            self.conversations[thread] = said.conversation_id
            self._heads[thread] = len(await self.platform.shown(thread))
        return self._threads[number]

    async def customer(self, number: int, text: str, kind: Any = "message") -> Receipt:
        """A customer writes, or asks for a person."""
        name = f"customer {number}"
        event = Inbound(
            channel=CUSTOMERS, key=f"{name} {time.monotonic()}", external_id=name, place=name, text=text, kind=kind
        )
        (outcome,) = await asyncio.to_thread(receive, [event])
        assert isinstance(outcome, Receipt), outcome
        return outcome

    async def pump(self, conversation: str) -> list[DeskPost]:
        """Show at the desk what is due for a conversation, as the host does."""
        done = []
        while (claimed := await asyncio.to_thread(self.outbox.claim, conversation)) is not None:
            out = claimed.out
            posted = await self.patiently(lambda: self.channel.post(out))  # noqa: B023
            await asyncio.to_thread(self.outbox.posted, claimed, posted)
            assert isinstance(claimed.out, DeskPost)
            done.append(claimed.out)
        return done

    def state(self, thread: str) -> tuple[str, str]:
        """State and assignee of the thread's conversation."""
        query = "SELECT state, assignee FROM conversation WHERE id = ?"
        ((state, assignee),) = self.disk.rows(query, self.conversations[thread])
        return state, assignee

    def card(self, thread: str, version: int, **more: Any) -> Card:
        """A card of the thread's conversation."""
        values = {"customer": "Anna Kovač", "state": "waiting", "ticket": 7, "reason": "asked for a person"}
        return Card(**{**values, "conversation_id": self.conversations[thread], "version": version, **more})  # type: ignore[arg-type]

    # As a channel's stage -------------------------------------------------------------------------------------------

    async def write(self, place: str, text: str) -> str:
        message: str = await self.platform.reply(place, self.who, text)
        self._texts[message] = text
        return message

    def on_disk(self, place: str) -> list[Stored]:
        rows = self.disk.rows(
            "SELECT m.body, coalesce(r.origin, ''), coalesce(r.agent_id, ''), m.deleted, m.conversation_id, m.id FROM message m"
            " LEFT JOIN reply r ON r.message = m.id WHERE m.conversation_id = ? AND m.author = 'agent' ORDER BY m.seq",
            self.conversations[place],
        )
        return [Stored(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) for row in rows]

    def out(self, place: str, text: str, **more: Any) -> DeskPost:
        op = {"send": "message", "react": "react"}.get(more.pop("op", "send"), "message")
        values = {"key": self.new_key(), "op": op, "place": self.channel.place, "thread": place, "text": text}
        return DeskPost(**{**values, "author": "customer", "author_name": "Anna", **more})

    async def deliver(self, out: Any) -> Sent:
        posted = await self.channel.post(out)
        return Sent(posted.id)

    async def find(self, key: str, place: str) -> Sent | None:
        posted = await self.channel.find(key, self.channel.place, place)
        return None if posted is None else Sent(posted.id)

    async def shown(self, place: str, number: int = 1) -> list[Shown]:
        found = await super().shown(place, number + self._heads[place])
        return found[self._heads[place] :]

    async def shows_now(self, place: str) -> list[str]:
        return (await super().shows_now(place))[self._heads[place] :]
