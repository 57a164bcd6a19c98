"""Connections end, Slack goes away, and what people did meanwhile is found once."""

from __future__ import annotations

import time

import pytest

from bot import OpenThread

from .conftest import CHANNEL, Running, a_post, a_thread


@pytest.fixture
def listening(running: Running) -> Running:
    return running.listen()


def test_a_connection_that_slack_replaces_loses_nothing_and_is_no_outage(listening: Running, slack) -> None:
    thread = a_thread(listening)
    listening.inbox.delay = 0.05
    first = [slack.reply("U1", CHANNEL, thread, f"a{n}") for n in range(10)]
    slack.refresh_sockets()
    second = [slack.reply("U1", CHANNEL, thread, f"b{n}") for n in range(10)]
    listening.wait_for_events(20)
    assert sorted(event.message for event in listening.inbox.events) == first + second
    assert listening.inbox.connections == [True]
    slack.wait(lambda: len(slack.sockets.open) == 1, 8)


def test_a_cut_connection_is_replaced_and_the_threads_are_read_again(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.sockets.retries = ()
    listening.inbox.open = [OpenThread(place=CHANNEL, thread=thread, conversation_id="c")]
    slack.drop_sockets()
    ts = slack.reply("U1", CHANNEL, thread, "into the gap")
    (event,) = listening.wait_for_events(1)
    assert event.message == ts and event.key.endswith(ts)
    slack.wait(lambda: len(slack.sockets.open) == 1)


def test_several_connections_at_once_each_get_a_part_and_together_all(listening: Running, another, slack) -> None:
    other = another().listen()
    thread = a_thread(listening)
    sent = {slack.reply("U1", CHANNEL, thread, str(n)) for n in range(30)}
    slack.wait(lambda: len(listening.inbox.events) + len(other.inbox.events) == 30)
    assert {event.message for event in listening.inbox.events + other.inbox.events} == sent
    assert listening.inbox.events and other.inbox.events


def test_ten_minutes_without_slack_in_small(listening: Running, slack) -> None:
    """Scaled: Slack redelivers for 0.9 s instead of six minutes, and is away for three times as long."""
    thread, other = a_thread(listening), a_thread_with(listening, "root2")
    kept = slack.reply("U1", CHANNEL, thread, "kept")
    changed = slack.reply("U1", CHANNEL, thread, "before")
    gone = slack.reply("U2", CHANNEL, thread, "to be deleted")
    untouched = slack.reply("U2", CHANNEL, other, "edited once")
    slack.edit(CHANNEL, untouched, "edited twice")
    listening.wait_for_events(5)
    listening.inbox.open = [
        OpenThread(place=CHANNEL, thread=thread, conversation_id="c",
                   known={kept: "kept", changed: "before", gone: "to be deleted"}),
        OpenThread(place=CHANNEL, thread=other, conversation_id="c2", known={untouched: "edited twice"}),
    ]  # fmt: skip
    before = len(listening.inbox.events)
    slack.down()
    slack.wait(lambda: listening.inbox.connections[-1] is False)
    written = [slack.reply("U1", CHANNEL, thread, "one &amp; only"), slack.reply("U2", CHANNEL, thread, "!claim")]
    late = slack.reply("U1", CHANNEL, other, "first")
    slack.edit(CHANNEL, late, "first, corrected")
    stamp = slack.edit(CHANNEL, changed, "after")
    slack.delete(CHANNEL, gone)
    slack.wait(lambda: len(slack.space.noted("gave_up")) >= 6, 10)
    assert len(listening.inbox.events) == before
    slack.up()
    listening.wait_for_events(before + 5, 12)
    time.sleep(0.5)
    news = listening.inbox.events[before:]
    assert {(event.kind, event.message) for event in news} == {
        ("reply", written[0]), ("action", written[1]), ("reply", late), ("edit", changed), ("delete", gone),
    }  # fmt: skip
    by_message = {event.message: event for event in news}
    assert by_message[written[0]].text == "one & only" and by_message[written[0]].who == "T0DESK:U1"
    assert by_message[late].text == "first, corrected"
    assert by_message[changed].key == f"slack:T0DESK:{CHANNEL}:{changed}:e{stamp}"
    assert by_message[gone].who == ""  # its absence does not say who
    assert listening.inbox.connections[-1] is True

    slack.drop_sockets()  # the next outage tells the same under the same keys
    slack.wait(lambda: listening.inbox.deliveries > before + 5, 10)
    time.sleep(0.5)
    assert len(listening.inbox.events) == before + 5


def a_thread_with(running: Running, key: str) -> str:
    return running.post(a_post(key=key)).thread


def test_a_thread_that_cannot_be_read_does_not_stop_the_others(running: Running, slack) -> None:
    thread = a_thread(running)
    slack.sockets.retries = ()
    ts = slack.reply("U1", CHANNEL, thread, "unseen")
    running.inbox.open = [
        OpenThread(place="C0GONE", thread="1.000001", conversation_id="x", known={"1.000002": "a"}),
        OpenThread(place=CHANNEL, thread="1.000001", conversation_id="y", known={"1.000002": "a"}),
        OpenThread(place=CHANNEL, thread=thread, conversation_id="c"),
    ]
    slack.fail("429", "conversations.replies")
    running.listen()
    (event,) = running.wait_for_events(1)
    assert event.message == ts, "a thread that cannot be seen is no reason to withdraw its replies"


def test_reading_again_keeps_to_the_limit(running: Running, slack) -> None:
    threads = [
        running.post(a_post(key=f"r{n}", place=slack.space.add_channel(f"C0N{n}", f"n{n}").id)) for n in range(5)
    ]
    running.inbox.open = [
        OpenThread(place=f"C0N{n}", thread=one.thread, conversation_id="c") for n, one in enumerate(threads)
    ]
    running.desk.catch_up_per_minute = 3
    running.listen()
    slack.wait(lambda: len(slack.space.noted("call", method="conversations.replies")) == 3)
    time.sleep(1)
    assert len(slack.space.noted("call", method="conversations.replies")) == 3  # the fourth after twenty seconds


def test_a_reply_that_was_committed_before_the_kill_is_told_again_under_the_same_key(
    running: Running, another, slack
) -> None:
    """A killed process has committed and not acknowledged: the next one is told again, by Slack or by the thread."""
    running.listen()
    thread = a_thread(running)
    slack.sockets.lost_acks = 1.0
    slack.sockets.retries = (0.5,)
    slack.reply("U1", CHANNEL, thread, "Hello")
    (event,) = running.wait_for_events(1)
    running.stop_listening()
    slack.sockets.lost_acks = 0.0
    after = another()
    after.inbox.open = [OpenThread(place=CHANNEL, thread=thread, conversation_id="c")]
    after.listen()
    assert {one.key for one in after.wait_for_events(1)} == {event.key}


def test_connections_that_end_at_once_are_not_opened_in_circles(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.sockets.retries = (0.5, 1.0, 2.0, 4.0)
    for _ in range(3):
        slack.wait(lambda: slack.sockets.open, 8)
        slack.drop_sockets()
    began = time.monotonic()
    slack.wait(lambda: slack.sockets.open, 10)
    assert time.monotonic() - began > 1
    assert False in listening.inbox.connections
    slack.wait(lambda: listening.inbox.connections[-1])
    slack.reply("U1", CHANNEL, thread, "still here")
    assert listening.wait_for_events(1)[0].text == "still here"
