"""The answer to a card's post is lost, and agents write under it at once: what they wrote reaches the customer once it is known whose it is.

The desk with the real core behind it, over the wire; each delivery is made by hand, as the host would.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bot import Uncertain, agents, clock, deliver, lease, replies
from bot.messages import Inbound, Receipt
from bot.receive import receive
from channels.host.ports import DeskPort
from channels.slack.workspace import SlackDesk
from tests.declared import site_with
from tests.fakes.slack import FakeSlack
from tests.patience import patient

from .conftest import CHANNEL


class House:
    """One customer, one agent (U1), and the desk's port."""

    def __init__(self, store: Any, slack: FakeSlack) -> None:
        self.store, self.slack = store, slack
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="desk", daemon=True)
        self.thread.start()
        self.desk = SlackDesk(
            bot_token=slack.space.bot_token, app_token=slack.space.app_token, place=CHANNEL, api_url=slack.url
        )
        self.port = DeskPort(self.desk)
        self.port.outbox.declare()
        self.store.write(lambda: replies.set_mode("slack", CHANNEL, "direct"))
        self.listen()

    def listen(self) -> None:
        async def start() -> None:
            self.listening = asyncio.ensure_future(self.port.listen())

        looked = threading.Event()
        threads = self.port.outbox.threads

        def look() -> Any:
            try:
                return threads()
            finally:
                looked.set()

        self.port.outbox.threads = look  # type: ignore[method-assign]
        self.run(start())
        assert looked.wait(patient(10)), "what happened before it listened is caught up with at once"
        self.port.outbox.threads = threads  # type: ignore[method-assign]

    def stop_listening(self) -> None:
        async def stop() -> None:
            self.listening.cancel()
            await asyncio.gather(self.listening, return_exceptions=True)

        self.run(stop())

    def run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(patient(20))

    def end(self) -> None:
        self.stop_listening()
        self.run(self.port.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(patient(5))
        self.loop.close()

    def handoff(self, who: str = "anna") -> str:
        """A customer asks for a person; the conversation."""
        for kind, text in (("message", "Where is my order?"), ("handoff", "")):
            event = Inbound(channel="widget", key=clock.new_id(), external_id=who, place=who, text=text, kind=kind)  # type: ignore[arg-type]
            (got,) = receive([event])
            assert isinstance(got, Receipt), got
        return got.conversation_id

    def post_card(self, conversation: str) -> str:
        """The card arrives and its answer does not; the thread that nobody knows of yet."""
        before = len(self.slack.space.messages(CHANNEL))
        self.lose_answer(conversation)
        return str(self.slack.wait_for_message(CHANNEL, number=before + 1)["ts"])

    def lose_answer(self, conversation: str) -> None:
        """The next post arrives and its answer does not."""
        self.slack.fail("drop_after", "chat.postMessage")
        claimed = self.port.outbox.claim(conversation)
        assert claimed is not None
        with pytest.raises(Uncertain):
            self.run(self.port.send(claimed))
        self.port.outbox.perhaps(claimed, "the answer was lost")

    def read_back(self, conversation: str) -> None:
        """The grace is over: the card is looked for, and found."""
        self.store.write(lambda: self.store.sql("UPDATE delivery SET next_at = 0 WHERE state = 'uncertain'"))
        claimed = self.port.outbox.claim(conversation)
        assert claimed is not None and self.port.outbox.step(claimed) == "find"
        found = self.run(self.port.find(claimed))
        assert found is not None
        self.port.settle(claimed, found)

    def told(self, number: int) -> None:
        """Slack has told this many things that people did with messages, and was acknowledged."""

        def theirs() -> list[Any]:
            events = [one["event"] or {} for one in self.slack.space.noted("acked")]
            messages = [one.get("message") or one.get("previous_message") or one for one in events]
            return [one for one in messages if one.get("user") == "U1" and one.get("type") == "message"]

        self.slack.wait(lambda: len(theirs()) >= number, 10)

    def said(self, conversation: str) -> list[str]:
        query = "SELECT body FROM message WHERE conversation_id = ? AND author = 'agent' AND deleted = ? ORDER BY seq"
        rows = self.store.read(lambda: self.store.sql(query, (conversation, False)).fetchall())
        return [row[0] for row in rows]

    def wait_for(self, conversation: str, said: list[str]) -> None:
        def there() -> bool:
            now = self.said(conversation)
            assert len(now) <= len(said), now
            return now == said

        self.slack.wait(there, 10)

    def ledger(self) -> int:
        query = "SELECT count(*) FROM ledger WHERE channel = 'desk:slack'"
        return int(self.store.read(lambda: self.store.sql(query).fetchone())[0])

    def reads(self, thread: str) -> int:
        calls = self.slack.space.noted("call", method="conversations.replies")
        return sum(one["arguments"].get("ts") == thread for one in calls)


@pytest.fixture
def house(store: Any, slack: FakeSlack) -> Iterator[House]:
    deliver.forget_declarations()
    lease.start("channels")

    store.write(site_with)
    agents.add_agent("ana", actor="test")
    agents.link("ana", "slack", f"{slack.space.team}:U1", actor="test")
    one = House(store, slack)
    yield one
    one.end()
    deliver.forget_declarations()


def test_what_is_written_under_a_card_before_its_post_is_known_arrives_once(house: House, slack: FakeSlack) -> None:
    one = house.handoff()
    thread = house.post_card(one)
    slack.reply("U1", CHANNEL, thread, "It left yesterday.")
    changed = slack.reply("U1", CHANNEL, thread, "It comes on Mnday.")
    slack.edit(CHANNEL, changed, "It comes on Monday.")
    slack.delete(CHANNEL, slack.reply("U1", CHANNEL, thread, "Wrong thread"))
    slack.broadcast("U1", CHANNEL, thread, "And that is certain.")
    slack.reply("U1", CHANNEL, thread, "note: she is patient")
    house.told(8)
    assert house.said(one) == [] and house.ledger() == 0
    house.read_back(one)
    house.wait_for(one, ["It left yesterday.", "It comes on Monday.", "And that is certain."])
    slack.reply("U1", CHANNEL, thread, "Goodbye")
    house.wait_for(one, ["It left yesterday.", "It comes on Monday.", "And that is certain.", "Goodbye"])
    assert house.reads(thread) == 1, "once"
    notes = house.store.read(lambda: house.store.sql("SELECT body FROM message WHERE author = 'note'").fetchall())
    assert [row[0] for row in notes] == ["she is patient"]


def test_a_button_that_tells_the_thread_has_what_was_written_before_it_read(house: House, slack: FakeSlack) -> None:
    one = house.handoff()
    thread = house.post_card(one)
    slack.reply("U1", CHANNEL, thread, "I am looking into it.")
    house.told(1)
    slack.click("U1", CHANNEL, thread, "Claim")
    house.wait_for(one, ["I am looking into it."])
    assert house.reads(thread) == 1
    house.read_back(one)
    slack.reply("U1", CHANNEL, thread, "Found it.")
    house.wait_for(one, ["I am looking into it.", "Found it."])


def test_what_is_said_while_the_thread_is_read_comes_after_what_was_said_before(house: House, slack: FakeSlack) -> None:
    one = house.handoff()
    thread = house.post_card(one)
    first = slack.reply("U1", CHANNEL, thread, "Frist")
    house.told(1)
    slack.fail("429", "conversations.replies")  # so it takes more than a second
    house.read_back(one)
    slack.wait(lambda: house.reads(thread) == 1, 10)
    slack.edit(CHANNEL, first, "First")
    slack.reply("U1", CHANNEL, thread, "Second")
    house.wait_for(one, ["First", "Second"])
    house.told(3)
    assert house.said(one) == ["First", "Second"]
    assert not [one for one in slack.asides("U1") if "never" in one["text"]], "nobody is told that it was never sent"


def test_what_slack_brings_again_while_the_thread_is_read_arrives_once(house: House, slack: FakeSlack) -> None:
    slack.sockets.retries = (0.0, 0.1, 0.1, 0.1, 0.1, 0.1)
    slack.sockets.twins, slack.sockets.most_twins, slack.sockets.lost_acks = 0.9, 11, 0.4
    one = house.handoff()
    thread = house.post_card(one)
    texts = [f"reply {n}" for n in range(10)]
    for text in texts:
        slack.reply("U1", CHANNEL, thread, text)
    house.told(5)
    house.read_back(one)
    slack.wait(lambda: len(house.said(one)) >= len(texts), 10)
    slack.sockets.twins = slack.sockets.lost_acks = 0.0
    slack.reply("U1", CHANNEL, thread, "the last")
    slack.wait(lambda: "the last" in house.said(one), 10)
    assert sorted(house.said(one)) == sorted([*texts, "the last"])


def test_a_file_that_came_too_early_is_not_left_behind(house: House, slack: FakeSlack) -> None:
    """Slack brings it again, because the acknowledgement was lost; meanwhile the thread is known, and cannot be read yet."""
    slack.sockets.retries, slack.sockets.lost_acks = (0.5,), 1.0
    one = house.handoff()
    thread = house.post_card(one)
    slack.share("U1", CHANNEL, thread, ("label.txt", b"Lamp, red", "text/plain"), text="The label")
    slack.wait(lambda: slack.space.noted("download"), 10)
    house.run(asyncio.sleep(0.3))  # and told
    slack.sockets.lost_acks = 0.0
    for _ in range(4):
        slack.fail("429", "conversations.replies")
    house.read_back(one)
    house.wait_for(one, ["The label"])
    files = house.store.read(lambda: house.store.sql("SELECT count(*) FROM stored_file").fetchone())
    assert files[0] == 1


def test_words_that_only_a_killed_process_heard_arrive_when_the_next_one_finds_the_card(
    house: House, slack: FakeSlack
) -> None:
    one, two = house.handoff(), house.handoff("berta")
    thread = house.post_card(one)
    slack.reply("U1", CHANNEL, thread, "Heard and forgotten")
    house.told(1)
    house.stop_listening()
    other = house.post_card(two)
    slack.sockets.retries = ()
    slack.reply("U1", CHANNEL, other, "Told to nobody")
    house.listen()
    house.read_back(one)
    house.read_back(two)
    house.wait_for(one, ["Heard and forgotten"])
    house.wait_for(two, ["Told to nobody"])


def test_a_thread_that_cannot_be_read_now_is_read_later(
    house: House, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from channels.slack import catching_up, late

    monkeypatch.setattr(catching_up, "TRIES", 1)
    monkeypatch.setattr(late, "AGAIN", 0.5)
    one = house.handoff()
    thread = house.post_card(one)
    slack.reply("U1", CHANNEL, thread, "Patience")
    house.told(1)
    for _ in range(2):
        slack.fail("429", "conversations.replies")
    house.read_back(one)
    house.wait_for(one, ["Patience"])
    assert house.reads(thread) == 3


def test_talk_in_other_threads_costs_nothing(house: House, slack: FakeSlack) -> None:
    """Under a message of ours that is no card, with nothing on its way, and while a card is on its way."""
    notice = _notice(house)
    for n in range(3):
        slack.reply("U1", CHANNEL, notice, f"talk {n}")
    house.told(3)
    assert house.ledger() == 0
    one = house.handoff()
    thread = house.post_card(one)
    for n in range(3):
        slack.reply("U1", CHANNEL, notice, f"more talk {n}")
    house.told(6)
    house.read_back(one)
    slack.reply("U1", CHANNEL, thread, "Hello")
    house.wait_for(one, ["Hello"])
    slack.reply("U1", CHANNEL, notice, "still talking")
    house.told(8)
    assert house.ledger() == 1 and house.reads(notice) == 0 and house.reads(thread) <= 1


def test_a_thread_that_was_known_in_time_is_not_read(house: House, slack: FakeSlack) -> None:
    one = house.handoff()
    thread = house.post_card(one)
    house.read_back(one)
    slack.reply("U1", CHANNEL, thread, "Hello")
    house.wait_for(one, ["Hello"])
    house.run(asyncio.sleep(1.2))
    assert house.reads(thread) == 0


def _notice(house: House) -> str:
    """A message of ours that belongs to no ticket."""
    answer = house.run(house.desk.client().chat_postMessage(channel=CHANNEL, text="A notice"))
    return str(answer["ts"])
