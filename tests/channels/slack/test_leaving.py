"""Switched off, given new settings or told to end: what was committed is answered first, and nothing more is taken."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot import DeskAnswer
from channels.slack import app
from tests.patience import patient

from .conftest import CHANNEL, Running, a_thread


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
