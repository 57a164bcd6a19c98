"""Switched off, given new settings or told to end: what was committed is answered first, and nothing more is taken."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from bot import DeskAnswer, DeskEvent, OpenThread
from channels.slack import app, telling
from channels.slack.intake import Intake
from tests.patience import patient

from .conftest import CHANNEL, Keeping, Running, a_thread

NOTHING_SENT = "Nothing was sent: the conversation is over."


@pytest.fixture
def listening(running: Running) -> Running:
    running.listen()
    running.inbox.answer = lambda event: DeskAnswer(key=event.key, code="done", aside="slack is off.")
    return running


def answer_to(slack, trigger: str) -> dict:
    (answered,) = slack.wait(lambda: slack.space.noted("answered", trigger=trigger))
    return dict(answered)


def test_the_command_that_switches_slack_off_is_answered(listening: Running, slack) -> None:
    slack.sockets.ack_within = patient(3)
    listening.inbox.slow_answer = 0.5
    trigger = slack.command("U1", "/desk plugins off slack yes", wait=False)["trigger"]
    listening.wait_for_events(1)
    listening.stop_listening()
    answered = answer_to(slack, trigger)
    assert answered["acked"] and answered["answer"]["text"] == "slack is off."
    slack.wait(lambda: not slack.sockets.open)


def test_a_reply_that_was_committed_is_acknowledged_and_does_not_come_again(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.sockets.ack_within = patient(3)
    listening.inbox.slow_answer = 0.5
    ts = slack.reply("U1", CHANNEL, thread, "The last word")
    listening.wait_for_events(1)
    listening.stop_listening()
    slack.wait(lambda: [one for one in slack.space.noted("acked") if one["event"].get("ts") == ts])
    assert [one["attempt"] for one in slack.space.noted("sent") if one["event"].get("ts") == ts] == [0]


def test_an_answer_that_comes_after_the_acknowledgement_leaves_too(listening: Running, slack, monkeypatch) -> None:
    from channels.slack import showing

    monkeypatch.setattr(showing, "PATIENCE", 0.2)
    slack.sockets.ack_within = patient(3)
    listening.inbox.slow_answer = 1.0
    trigger = slack.command("U1", "/desk plugins off slack yes", wait=False)["trigger"]
    assert answer_to(slack, trigger)["answer"]["text"] != "slack is off."
    listening.stop_listening()
    (late,) = slack.wait(lambda: slack.space.noted("hook"))
    assert (late["token"], late["answer"]["text"]) == (trigger, "slack is off.")


def test_a_sentence_that_only_one_person_sees_is_tried_again_before_the_end(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.fail("429", "chat.postEphemeral")
    slack.reply("U1", CHANNEL, thread, "!switch off")
    slack.wait(lambda: slack.space.noted("fault", method="chat.postEphemeral"))
    listening.stop_listening()
    assert [one["text"] for one in slack.space.ephemerals] == ["slack is off."]


def test_what_is_not_committed_in_time_holds_nothing_up_and_is_not_acknowledged(
    listening: Running, slack, monkeypatch
) -> None:
    thread = a_thread(listening)
    monkeypatch.setattr(app, "ANSWERS", 0.3)
    slack.sockets.ack_within, slack.sockets.retries = 1.0, ()
    listening.inbox.delay = 60
    ts = slack.reply("U1", CHANNEL, thread, "Too late")
    slack.wait(lambda: [one for one in slack.space.noted("sent") if (one["event"] or {}).get("ts") == ts])
    began = time.monotonic()
    listening.stop_listening()
    assert time.monotonic() - began < patient(3)
    slack.wait(lambda: slack.space.noted("gave_up"))
    assert not listening.inbox.events
    assert not [one for one in slack.space.noted("acked") if one["event"].get("ts") == ts]


def test_what_comes_while_it_ends_is_not_taken(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.sockets.ack_within, slack.sockets.retries = patient(3), ()
    listening.inbox.slow_answer = 1.5
    slack.reply("U1", CHANNEL, thread, "The last word")
    listening.wait_for_events(1)
    ending = listening._listening
    assert ending is not None

    async def begin() -> None:
        ending.cancel()
        for _ in range(20):  # turns of the loop, in which the connection hears of it
            await asyncio.sleep(0)

    listening.run(begin())
    late = slack.reply("U1", CHANNEL, thread, "After it")
    listening.run(asyncio.wait({ending}))
    listening._listening = None
    assert [event.text for event in listening.inbox.events] == ["The last word"]
    assert not [one for one in slack.space.noted("acked") if one["event"].get("ts") == late]


def test_the_answer_to_a_reply_with_a_slow_file_leaves_first(listening: Running, slack, monkeypatch) -> None:
    monkeypatch.setattr(telling, "PATIENCE", 0.1)  # not acknowledged any more, and still on its way to the commit
    slack.sockets.ack_within, slack.sockets.retries = 0.5, ()
    thread = a_thread(listening)
    listening.inbox.answer = lambda event: DeskAnswer(key=event.key, code="closed", aside=NOTHING_SENT)
    listening.inbox.slow_answer = 1.5
    slack.share("U1", CHANNEL, thread, ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png"))
    listening.wait_for_events(1)
    slack.wait(lambda: slack.space.noted("gave_up"))
    listening.stop_listening()
    assert [one["text"] for one in slack.space.ephemerals] == [NOTHING_SENT]


@pytest.mark.parametrize("found", ["after a gap", "in a late thread"])
def test_the_answer_to_a_reply_that_was_found_in_its_thread_leaves_first(running: Running, slack, found: str) -> None:
    thread = a_thread(running)
    slack.sockets.retries = ()
    slack.reply("U1", CHANNEL, thread, "Said while nobody listened")
    slack.wait(lambda: slack.space.noted("gave_up"))
    one = OpenThread(place=CHANNEL, thread=thread, conversation_id="c")
    (running.inbox.open if found == "after a gap" else running.inbox.late).append(one)
    running.inbox.answer = lambda event: DeskAnswer(key=event.key, code="closed", aside=NOTHING_SENT)
    running.inbox.slow_answer = 1.0
    running.listen()
    running.wait_for_events(1)
    running.stop_listening()
    assert [one["text"] for one in slack.space.ephemerals] == [NOTHING_SENT]


def test_what_is_read_only_after_the_end_waits_for_no_commit() -> None:
    async def after_the_end() -> None:
        inbox, event = Keeping(), DeskEvent(desk="slack", key="", kind="reply", who="T1:U1")
        intake = Intake(inbox)
        assert (await intake.put(replace(event, key="before"))).code == "sent"
        await intake.stop()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(intake.put(replace(event, key="after")), patient(2))
        assert [event.key for event in inbox.events] == ["before"]

    asyncio.run(after_the_end())


def test_what_fails_after_the_end_has_no_threads_read_by_who_has_ended(listening: Running, slack, monkeypatch) -> None:
    thread = a_thread(listening)
    monkeypatch.setattr(app, "ANSWERS", 0.1)
    monkeypatch.setattr(app, "SETTLE", 0.0)
    slack.sockets.ack_within, slack.sockets.retries = 0.5, ()
    failed: list[object] = []
    read: list[float] = []
    asked, fail = asyncio.Event(), asyncio.Event()

    async def nobody(self: object, body: object) -> None:
        asked.set()
        await fail.wait()
        failed.append(body)
        raise OSError("Slack cannot be asked who that is")

    async def threads() -> list[OpenThread]:
        read.append(time.monotonic())
        return []

    async def some_turns() -> None:
        fail.set()
        for _ in range(50):
            await asyncio.sleep(0)

    monkeypatch.setattr(app.Reader, "read", nobody)
    slack.reply("U1", CHANNEL, thread, "Who is this?")
    listening.run(asked.wait())
    listening.stop_listening()
    monkeypatch.setattr(listening.inbox, "threads", threads)
    listening.run(some_turns())
    assert failed and not read
