"""Drafts and signs of typing reach channels that show them, and never get in the way of what is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from bot.bus import bus
from bot.channel import Capability
from bot.drafts import Drafts
from bot.messages import Draft, Outbound, Sent
from bot.outbox import Outbox
from bot.store import sql
from channels.host import Host
from channels.host import hosted as hosting
from channels.host import live as showing
from tests.channels.boards import (
    Board,
    Lively,
    Switches,
    conversation,
    end_turn,
    installed,
    named,
    running_turn,
    say,
    states,
)
from tests.patience import patient, until
from tests.valkey import Valkey


@pytest.fixture(autouse=True)
def ready(store: Any, valkey: Valkey) -> None:
    installed(store)


class Editing(Lively):
    """Can change what it has sent, and remembers the ids it gave."""

    capabilities = Lively.capabilities | {Capability.EDIT}

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    async def send(self, out: Outbound) -> Sent:
        sent = await super().send(out)
        self.ids.append(sent.platform_id)
        return sent


class Writing:
    """One answer that is being written to one place, as the turns process does it."""

    def __init__(self, channel: Board, place: str = "room") -> None:
        Outbox(channel).declare()
        self.conversation = conversation(channel.name, place)
        self.turn = running_turn(self.conversation)
        self.drafts = Drafts()
        self.draft = self.drafts.open(self.conversation, self.turn, 1)
        self.draft.phase("thinking")

    def write(self, text: str) -> None:
        self.draft.add(text)

    def finish(self, text: str) -> None:
        say(self.conversation, text, turn=self.turn)
        end_turn(self.turn)
        self.draft.close()
        self.drafts.send([("changed", self.conversation.encode()), ("out", b"")])


def told(switches: Switches, story: Callable[[Host], Awaitable[None]]) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        host = Host(switches)  # type: ignore[arg-type]
        task = asyncio.create_task(host.run(stop))
        try:
            await until(lambda: set(host.hosted) == set(switches.channels))
            await until(lambda: bus().up or bus().ping())
            await story(host)
        finally:
            stop.set()
            await task

    asyncio.run(run())


async def listening(channel: Lively) -> Writing:
    """Write until the host hears it: its subscription takes a moment."""
    writing = await asyncio.to_thread(Writing, channel)
    deadline = time.monotonic() + patient(10)
    while "typing" not in channel.told:
        assert time.monotonic() < deadline, "the host never heard of the turn"
        writing.draft.phase("thinking")
        await asyncio.sleep(0.05)
    return writing


def test_an_answer_is_shown_while_it_is_written_and_nothing_of_it_after_its_message() -> None:
    lively = Lively()

    async def story(host: Host) -> None:
        writing = await listening(lively)
        for number in range(30):
            await asyncio.to_thread(writing.write, f"word{number} ")
            await asyncio.sleep(0.03)
            if number in {2, 4}:  # a busy machine shows many words at once, and then there is nothing more to show
                await until(lambda least=number // 2: len(lively.drafts) >= least)  # type: ignore[misc]
        await until(lambda: len(lively.drafts) >= 3)
        await asyncio.to_thread(writing.finish, "The whole answer.")
        await until(lambda: lively.sent)
        await asyncio.to_thread(writing.write, "too late")
        await asyncio.sleep(0.6)

    told(Switches(lively), story)
    texts = [draft.text for _, draft in lively.drafts]
    assert all(len(text) <= lively.limits.max_text for text in texts)
    assert texts[0].startswith("word0") and texts[-1].endswith(" …"), "cut to what the channel takes"
    assert lively.most_in_flight == 1
    # One by one they may be late on their way here, and the next one is then in time.
    took = lively.drafts[-1][0] - lively.drafts[0][0]
    assert took >= (len(lively.drafts) - 2) * lively.limits.draft_every, [at for at, _ in lively.drafts]
    assert lively.told[-1] == "send The whole answer.", "no draft and no typing after it"


def test_an_answer_of_which_nothing_comes_is_taken_back() -> None:
    lively = Lively()

    async def story(host: Host) -> None:
        writing = await listening(lively)
        await asyncio.to_thread(writing.write, "Half an answer")
        await until(lambda: lively.drafts)
        end_turn(writing.turn, "superseded")
        bus().wake("changed", writing.conversation)
        await until(lambda: lively.drafts[-1][1].text == "")

    told(Switches(lively), story)
    assert [draft.text for _, draft in lively.drafts][-1] == ""


@pytest.mark.parametrize("illness", ["hangs", "raises"])
def test_a_draft_that_is_ill_delays_no_message(illness: str) -> None:
    lively, over = Lively(), asyncio.Event()
    seen: list[float] = []

    async def ill(draft: Draft) -> None:
        if illness == "raises":
            raise ValueError("no drafts today")
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    lively.drafting = ill

    async def story(host: Host) -> None:
        writing = await listening(lively)
        await asyncio.to_thread(writing.write, "Half an answer")
        if illness == "hangs":
            await until(lambda: lively.in_flight)
        began = time.monotonic()
        await asyncio.to_thread(writing.finish, "The answer.")
        await until(lambda: lively.sent)
        seen.append(time.monotonic() - began)
        over.set()

    told(Switches(lively), story)
    assert states("lively") == ["sent"]
    assert seen[0] < showing.END_PATIENCE + 2


@pytest.mark.parametrize("cut_by", ["the answer", "its own patience"])
def test_a_draft_that_arrives_after_its_answer_does_not_stay(monkeypatch: pytest.MonkeyPatch, cut_by: str) -> None:
    """The call is cut off here, but the platform had all of it and comes to it later."""
    monkeypatch.setattr(hosting, "AFTER_CUT", 1.0)
    if cut_by == "its own patience":
        monkeypatch.setattr(showing, "PATIENCE", 0.3)
    lively, shown, late = Editing(), [], []

    async def hangs(draft: Draft) -> None:
        if late:
            return
        late.append(draft)
        await asyncio.sleep(60)

    async def shows(out: Outbound) -> None:
        if not shown:
            asyncio.get_running_loop().call_later(0.2, shown.append, "half")
        shown.append(out.text)

    lively.drafting, lively.sending = hangs, shows

    async def story(host: Host) -> None:
        writing = await listening(lively)
        await asyncio.to_thread(writing.write, "Half an answer")
        await until(lambda: late)
        if cut_by == "its own patience":
            await until(lambda: not lively.in_flight)
        await asyncio.to_thread(writing.finish, "The answer.")
        await until(lambda: lively.sent)
        await asyncio.to_thread(say, writing.conversation, "And another thing.")
        host.hosted["lively"].wake.set()
        await until(lambda: "And another thing." in shown)

    told(Switches(lively), story)
    assert shown == ["The answer.", "half", "The answer.", "And another thing."]
    assert [(out.op, out.subject == lively.ids[0]) for out in lively.sent] == [
        ("send", False),
        ("edit", True),
        ("send", False),
    ]
    assert states("lively") == ["sent", "sent"]


def test_an_answer_whose_drafts_were_well_is_said_once() -> None:
    lively = Editing()

    async def story(host: Host) -> None:
        writing = await listening(lively)
        await asyncio.to_thread(writing.write, "Half an answer")
        await until(lambda: lively.drafts)
        await asyncio.to_thread(writing.finish, "The answer.")
        await asyncio.to_thread(say, writing.conversation, "And another thing.")
        host.hosted["lively"].wake.set()
        await until(lambda: len(lively.sent) >= 2)

    told(Switches(lively), story)
    assert [(out.op, out.text) for out in lively.sent] == [("send", "The answer."), ("send", "And another thing.")]


def test_a_channel_whose_drafts_always_fail_is_left_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "FAILURES", 3)
    lively, tries = Lively(), []

    async def fails(draft: Draft) -> None:
        tries.append(draft)
        raise ValueError

    lively.drafting = fails
    lively.typing = Board.typing.__get__(lively)  # type: ignore[method-assign]

    async def story(host: Host) -> None:
        writing = await asyncio.to_thread(Writing, lively)
        while len(tries) < 3:
            await asyncio.to_thread(writing.write, "word ")
            await asyncio.sleep(0.05)
        seen = len(tries)
        for _ in range(20):
            await asyncio.to_thread(writing.write, "word ")
            await asyncio.sleep(0.05)
        assert len(tries) <= seen + 1
        await asyncio.to_thread(writing.finish, "The answer.")
        await until(lambda: lively.sent)

    told(Switches(lively), story)


def test_a_conversation_that_moved_is_shown_where_it_is_now(store: Any) -> None:
    old, new = Lively(), named(Lively, "elsewhere")
    assert isinstance(new, Lively)

    async def story(host: Host) -> None:
        writing = await listening(old)
        await asyncio.to_thread(writing.write, "One ")
        await until(lambda: old.drafts)
        moved = writing.conversation
        store.write(lambda: sql("UPDATE route SET channel = 'elsewhere' WHERE conversation_id = ?", (moved,)))
        bus().wake("changed", moved)
        await asyncio.sleep(patient(0.3))  # the host has heard that it moved
        seen = len(old.drafts)
        await asyncio.to_thread(writing.write, "two ")
        await until(lambda: new.drafts)
        assert new.drafts[-1][1].text == "One two" and len(old.drafts) == seen

    told(Switches(old, new), story)


def test_an_agent_who_types_is_shown_and_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "TYPING_LASTS", 0.5)
    lively = Lively()

    async def story(host: Host) -> None:
        Outbox(lively).declare()
        one = await asyncio.to_thread(conversation, "lively", "room")
        frame = orjson.dumps({"t": "typing", "conv": one, "name": "Anna", "on": True})
        deadline = time.monotonic() + patient(10)
        while not lively.told:
            assert time.monotonic() < deadline
            bus().publish_live(one, frame)
            await asyncio.sleep(0.05)
        live = host.hosted["lively"].live
        assert live is not None
        await until(lambda: not live._places, 10)

    told(Switches(lively), story)
    assert set(lively.told) == {"typing"}


def test_typing_is_shown_again_while_an_answer_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "TYPING_EVERY", 0.3)
    lively = Lively()

    async def story(host: Host) -> None:
        writing = await listening(lively)
        await until(lambda: lively.told.count("typing") >= 4)
        await asyncio.to_thread(writing.finish, "Done.")
        await until(lambda: lively.sent)
        seen = len(lively.told)
        await asyncio.sleep(0.8)
        assert len(lively.told) == seen

    told(Switches(lively), story)


def test_a_channel_without_the_capability_is_asked_for_nothing() -> None:
    board, lively = Board(), Lively()

    async def story(host: Host) -> None:
        await listening(lively)
        plain = await asyncio.to_thread(Writing, board, "other")
        await asyncio.to_thread(plain.write, "Half an answer")
        await asyncio.to_thread(plain.finish, "The answer.")
        await until(lambda: board.sent)

    told(Switches(board, lively), story)
    assert board.told == ["send The answer."]


def test_without_redis_nothing_is_shown_and_everything_is_sent(environment: Callable[..., None]) -> None:
    environment(REDIS_URL="none")
    lively = Lively()

    async def run() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(Host(Switches(lively)).run(stop))  # type: ignore[arg-type]
        writing = await asyncio.to_thread(Writing, lively)
        await asyncio.to_thread(writing.write, "Half")
        await asyncio.to_thread(writing.finish, "The answer.")
        await until(lambda: lively.sent)
        stop.set()
        await task

    asyncio.run(run())
    assert lively.told == ["send The answer."]
