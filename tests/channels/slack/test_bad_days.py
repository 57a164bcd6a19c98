"""Tokens, scopes, channels and people that are not what they were: each is named, nothing is lost, and it mends by itself."""

from __future__ import annotations

import pytest

from bot import ChannelDown, ThreadGone
from channels.slack import standing

from .conftest import CHANNEL, Running, a_post, a_thread


@pytest.fixture
def listening(running: Running) -> Running:
    return running.listen()


def last(running: Running) -> bool | None:
    return running.inbox.connections[-1] if running.inbox.connections else None


def test_a_token_that_is_revoked_while_we_run_ends_the_listener_with_a_sentence(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.revoke()
    with pytest.raises(ChannelDown, match="Nothing is lost"):
        listening.post(a_post(key="m", op="message", thread=thread, text="Hello"))
    slack.wait(lambda: last(listening) is False)
    slack.wait(lambda: any(isinstance(one, ChannelDown) and "SLACK_BOT_TOKEN" in str(one) for one in listening.trouble))
    slack.space.revoked = False  # the admin put a new one in
    slack.wait(lambda: last(listening) is True)
    listening.post(a_post(key="m", op="message", thread=thread, text="Hello"))


@pytest.mark.parametrize("how", ["archived", "kicked", "deleted"])
def test_agents_cannot_be_reached_in_a_channel_that_cannot_be_used_and_can_again_when_it_can(
    listening: Running, slack, monkeypatch, how: str
) -> None:
    monkeypatch.setattr(standing, "UNUSABLE", 0.3)
    thread = a_thread(listening)
    room = slack.space.channels[CHANNEL]

    def spoil(yes: bool) -> None:
        with slack.space.lock:
            if how == "archived":
                room.is_archived = yes
            elif how == "kicked":
                (room.members.discard if yes else room.members.add)("U0BOT")
            elif yes:
                del slack.space.channels[CHANNEL]
            else:
                slack.space.channels[CHANNEL] = room

    spoil(True)
    with pytest.raises(ChannelDown, match="SLACK_CHANNEL"):
        listening.post(a_post(key="m", op="message", thread=thread, text="Hello"))
    slack.wait(lambda: last(listening) is False)
    assert slack.sockets.open, "it still listens"
    spoil(False)
    slack.wait(lambda: last(listening) is True)
    listening.post(a_post(key="m", op="message", thread=thread, text="Hello"))


def test_a_desk_that_starts_in_a_channel_it_is_not_in_promises_nobody(running: Running, slack, monkeypatch) -> None:
    monkeypatch.setattr(standing, "UNUSABLE", 0.3)
    slack.space.channels[CHANNEL].members.discard("U0BOT")
    with pytest.raises(AssertionError):
        running.slack.wait(lambda: running.inbox.connections, 0.05)
    running.run(_start(running))
    slack.wait(lambda: last(running) is False)
    slack.space.channels[CHANNEL].members.add("U0BOT")
    slack.wait(lambda: last(running) is True)


async def _start(running: Running) -> None:
    import asyncio

    running._listening = asyncio.ensure_future(running.desk.listen(running.inbox))


def test_without_the_scope_for_names_the_name_is_in_the_message(running: Running, slack) -> None:
    thread = a_thread(running)
    slack.space.scopes.discard("chat:write.customize")
    for n in range(2):
        running.post(a_post(key=f"m{n}", op="message", thread=thread, text="Hi", author_name="Anna <!channel>"))
    running.post(a_post(key="ai", op="message", thread=thread, text="Hello", author="ai"))
    *customers, ai = slack.space.messages(CHANNEL, thread)[1:]
    for one in customers:
        assert "username" not in one and one["text"] == "Anna &lt;!channel&gt; · customer: Hi"
        assert one["blocks"][0]["elements"][0]["elements"][0]["text"] == "Anna <!channel> · customer"
    assert ai["text"] == "AI assistant: AI assistant: Hello" or ai["text"] == "AI assistant: Hello"
    refused = slack.space.noted("refused", method="chat.postMessage", error="missing_scope")
    assert len(refused) == 1, "asked once, not each time"
    assert running.find("m0", thread) is not None


def test_a_missing_scope_that_everything_needs_holds_everything(running: Running, slack) -> None:
    slack.space.scopes.discard("chat:write")
    with pytest.raises(ChannelDown, match="chat:write") as caught:
        running.post(a_post())
    assert "Nothing is lost" in str(caught.value)


def test_an_account_that_was_ended_is_told_and_forgotten(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.reply("U1", CHANNEL, thread, "Hello")
    listening.wait_for_events(1)
    slack.deactivate("U1")
    left = listening.wait_for_events(2)[1]
    assert (left.kind, left.who) == ("left", "T0DESK:U1")
    slack.reply("U1", CHANNEL, thread, "from a phone that does not know yet")
    assert listening.wait_for_events(3)[2].trusted is False, "what was known of them is asked for again"


def test_a_thread_that_was_deleted_and_a_channel_of_earlier_days_are_told_apart_from_everything_else(
    running: Running, slack
) -> None:
    thread = a_thread(running)
    slack.delete(CHANNEL, thread)  # nobody had written in it: nothing is left
    for changed in ({"op": "message", "thread": thread}, {"op": "card", "thread": thread, "subject": thread}):
        with pytest.raises(ThreadGone, match="new thread"):
            running.post(a_post(key="m", text="Hello", **changed))
    slack.space.add_channel("C0EARLIER", "earlier", is_archived=True)
    with pytest.raises(ThreadGone, match="archive"):
        running.post(a_post(key="m", op="message", place="C0EARLIER", thread="1.000001", text="Hello"))
