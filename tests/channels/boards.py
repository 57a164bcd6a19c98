"""Three small channels in memory for tests of the host: well, and ill in every way that must not disturb the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from bot import clock, deliver, lease
from bot.channel import Capability, Channel, Inbox, Limits
from bot.messages import Draft, Inbound, Outbound, Receipt, Sent
from bot.receive import receive
from bot.store import read, sql, write
from bot.store.statements import Place, insert_message


class Board(Channel):
    """Keeps what it was sent, with times. ``sending`` may be replaced by something that fails."""

    name: ClassVar[str] = "board"
    limits = Limits(max_text=400, timeout=3)

    def __init__(self) -> None:
        self.sent: list[Outbound] = []
        self.at: list[float] = []
        self.told: list[str] = []
        """Everything that went out, in order: ``typing``, ``draft TEXT``, ``send TEXT``."""
        self.heard: list[Inbound] = []
        self.sending: Callable[[Outbound], Awaitable[None]] | None = None
        self.closed = 0
        self.inbox: Inbox | None = None
        self.listening = asyncio.Event()

    async def listen(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.listening.set()
        await asyncio.Event().wait()

    async def send(self, out: Outbound) -> Sent:
        if self.sending is not None:
            await self.sending(out)
        self.sent.append(out)
        self.at.append(time.monotonic())
        self.told.append(f"send {out.text}")
        return Sent(clock.new_id())

    async def close(self) -> None:
        self.closed += 1


class Lively(Board):
    """Shows drafts and typing."""

    name = "lively"
    capabilities = frozenset({Capability.DRAFT, Capability.TYPING})
    limits = Limits(max_text=40, timeout=3, draft_every=0.2)

    def __init__(self) -> None:
        super().__init__()
        self.drafting: Callable[[Draft], Awaitable[None]] | None = None
        self.drafts: list[tuple[float, Draft]] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def typing(self, place: str) -> None:
        self.told.append("typing")

    async def draft(self, draft: Draft) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.drafting is not None:
                await self.drafting(draft)
            self.drafts.append((time.monotonic(), draft))
            self.told.append(f"draft {draft.text}")
        finally:
            self.in_flight -= 1


def named(kind: type[Board], name: str) -> Board:
    """A channel of ``kind`` with another name."""
    return type(name.title(), (kind,), {"name": name})()


class Switches:
    """What the host asks a registry for: which channels are on. Change ``channels`` and call ``changed``."""

    def __init__(self, *channels: Channel) -> None:
        self.channels: dict[str, Channel] = {channel.name: channel for channel in channels}
        self.blamed: list[tuple[str, str]] = []
        self.absolved: list[str] = []
        self.on_retired: Any = None

    def snapshot(self) -> Switches:
        return self

    def objects(self, hook: str) -> list[tuple[str, Any]]:
        return [(f"plugin-{name}", channel) for name, channel in self.channels.items()] if hook == "channel" else []

    def on_changed(self, payload: bytes) -> None: ...

    def blame(self, plugin: str, reason: str) -> None:
        self.blamed.append((plugin, reason))

    def absolve(self, plugin: str) -> None:
        self.absolved.append(plugin)


def conversation(channel: str, place: str) -> str:
    """Somebody writes at a place; returns the conversation."""
    return conversations(channel, [place])[0]


def conversations(channel: str, places: Sequence[str]) -> list[str]:
    """Somebody writes at each of these places, in one commit."""

    def work() -> list[str]:
        events = [
            Inbound(
                channel=channel, key=f"{channel}:{place}:{clock.new_id()}", external_id=place, place=place, text="hello"
            )
            for place in places
        ]
        return [got.conversation_id for got in receive(events) if isinstance(got, Receipt)]

    found = write(work)
    assert len(found) == len(places)
    return found


def say(conversation_id: str, text: str, *, turn: str | None = None) -> str:
    """An answer that is to be sent."""
    return say_all([(conversation_id, text)], turn=turn)[0]


def say_all(answers: Sequence[tuple[str, str]], *, turn: str | None = None) -> list[str]:
    """Answers that are to be sent, in one commit."""

    def one(conversation_id: str, text: str) -> str:
        message_id = clock.new_id()
        row = sql(
            "UPDATE conversation SET seq = seq + 1, rev = rev + 1 WHERE id = ? RETURNING seq, rev", (conversation_id,)
        ).fetchone()
        insert_message(
            message_id, conversation_id, Place(*row), author="ai", body=text, created_at=clock.now(), turn=turn
        )
        deliver.plan(conversation_id, message_id, text)
        return message_id

    return write(lambda: [one(*answer) for answer in answers])


def running_turn(conversation_id: str) -> str:
    """An answer that is being written."""
    turn = clock.new_id()
    write(
        lambda: sql(
            "INSERT INTO turn (id, conversation_id, upto_seq, state, attempt, crashes, stop, provider, model, input_tokens,"
            " output_tokens, first_delta_ms, draft, error, started_at)"
            " VALUES (?, ?, 1, 'running', 1, 0, ?, '', '', 0, 0, NULL, '', '', ?)",
            (turn, conversation_id, False, clock.now()),
        )
    )
    return turn


def end_turn(turn: str, state: str = "done") -> None:
    write(lambda: sql("UPDATE turn SET state = ? WHERE id = ?", (state, turn)))


def states(channel: str) -> list[str]:
    """The states of a channel's deliveries, in order."""
    rows = read(lambda: sql("SELECT state FROM delivery WHERE channel = ? ORDER BY ord", (channel,)).fetchall())
    return [row[0] for row in rows]


def installed(store: Any) -> None:
    """A site, and this process as one that may send."""
    deliver.forget_declarations()
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    if not lease.owner():
        lease.start("channels")
