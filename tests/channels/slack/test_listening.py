"""What agents do in Slack reaches the inbox once, committed before Slack is told that we have it."""

from __future__ import annotations

import time

import pytest

from bot import Action, ChannelDown, DeskAnswer
from channels.slack.scopes import NEEDED
from tests.patience import patient

from .conftest import CHANNEL, Running, a_card, a_post, a_thread


@pytest.fixture
def listening(running: Running) -> Running:
    return running.listen()


def test_a_reply_becomes_an_event_with_its_natural_key(listening: Running, slack) -> None:
    thread = a_thread(listening)
    ts = slack.reply("U1", CHANNEL, thread, "Hello <@U2>, see <https://x.example/a|the page> &amp; smile :wave:")
    (event,) = listening.wait_for_events(1)
    assert event.key == f"slack:T0DESK:{CHANNEL}:{ts}"
    assert (event.kind, event.who, event.who_name, event.trusted) == ("reply", "T0DESK:U1", "Ana", True)
    assert (event.place, event.thread, event.message) == (CHANNEL, thread, ts)
    assert event.text == "Hello @Ben, see the page (https://x.example/a) & smile 👋"
    assert event.at == pytest.approx(time.time(), abs=5)


def test_slack_is_told_only_after_the_commit_and_within_three_seconds(listening: Running, slack) -> None:
    thread = a_thread(listening)
    listening.inbox.delay = 0.3
    ts = slack.reply("U1", CHANNEL, thread, "Hello")
    (acked,) = slack.wait(lambda: [a for a in slack.space.noted("acked") if a["event"].get("ts") == ts])
    assert acked["at"] >= listening.inbox.committed_at[ts]
    assert 0.3 <= acked["seconds"] < patient(1.0)


def test_what_could_not_be_committed_comes_again_and_is_then_there_once(listening: Running, slack) -> None:
    thread = a_thread(listening)
    listening.inbox.failing = 2
    ts = slack.reply("U1", CHANNEL, thread, "Hello")
    (event,) = listening.wait_for_events(1)
    assert event.message == ts
    tries = slack.wait(
        lambda: [s for s in slack.space.noted("sent") if (s["event"] or {}).get("ts") == ts and s["attempt"] == 2]
    )
    assert len(tries) == 1
    assert len(slack.space.noted("not_acked")) == 2


def test_when_slack_gave_up_meanwhile_the_thread_is_read_again(listening: Running, slack, monkeypatch) -> None:
    from bot import OpenThread
    from channels.slack import app

    monkeypatch.setattr(app, "SETTLE", 0.3)
    thread = a_thread(listening)
    listening.inbox.open = [OpenThread(place=CHANNEL, thread=thread, conversation_id="c")]
    slack.sockets.retries = ()
    listening.inbox.failing = 1
    slack.reply("U1", CHANNEL, thread, "Hello")
    (event,) = listening.wait_for_events(1)
    assert event.text == "Hello"
    slack.wait(lambda: slack.space.noted("gave_up"))


def test_redeliveries_twins_and_lost_acknowledgements_change_nothing(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.sockets.twins, slack.sockets.most_twins, slack.sockets.lost_acks = 0.9, 11, 0.4
    slack.sockets.ack_within, slack.sockets.retries = 0.15, (0.0, 0.05, 0.1)
    sent = [slack.reply("U1", CHANNEL, thread, f"number {n}") for n in range(20)]
    listening.wait_for_events(20)
    slack.wait(lambda: listening.inbox.deliveries > 60)
    assert sorted(event.message for event in listening.inbox.events) == sent
    redelivered = {(s["event"] or {}).get("ts") for s in slack.space.noted("sent") if s["attempt"] > 0}
    assert redelivered & set(sent)


def test_replies_keep_their_order(listening: Running, slack) -> None:
    thread = a_thread(listening)
    listening.inbox.delay = 0.02
    sent = [slack.reply("U1", CHANNEL, thread, str(n)) for n in range(60)]
    listening.wait_for_events(60)
    assert [event.message for event in listening.inbox.events] == sent
    assert max(listening.inbox.batches) > 1, "a burst shares transactions"


def test_one_event_that_cannot_be_stored_does_not_take_others_with_it(listening: Running, slack) -> None:
    thread = a_thread(listening)
    listening.inbox.delay, listening.inbox.poison = 0.05, "poison"
    for text in ("one", "poison", "two"):
        slack.reply("U1", CHANNEL, thread, text)
    listening.wait_for_events(2)
    assert {event.text for event in listening.inbox.events} == {"one", "two"}


def test_a_reply_that_is_also_sent_to_the_channel_is_one_event(listening: Running, slack) -> None:
    thread = a_thread(listening)
    ts = slack.broadcast("U1", CHANNEL, thread, "For everybody")
    slack.wait(lambda: listening.inbox.deliveries == 2)
    (event,) = listening.inbox.events
    assert (event.kind, event.message, event.text) == ("reply", ts, "For everybody")


def test_edits_and_deletes_are_events_and_previews_are_not(listening: Running, slack) -> None:
    thread = a_thread(listening)
    ts = slack.reply("U1", CHANNEL, thread, "one")
    slack.unfurl(CHANNEL, ts)
    stamp = slack.edit(CHANNEL, ts, "two &lt;3")
    slack.unfurl(CHANNEL, ts)
    slack.delete(CHANNEL, ts)
    reply, edit, delete = listening.wait_for_events(3)
    assert (edit.kind, edit.key, edit.text) == ("edit", f"{reply.key}:e{stamp}", "two <3")
    assert (delete.kind, delete.key, delete.who, delete.thread) == ("delete", f"{reply.key}:d", "T0DESK:U1", thread)
    assert listening.inbox.deliveries == 4  # the second preview repeats the edit, under its key


def test_a_change_into_a_command_or_a_note_says_so_and_is_no_text_for_the_customer(listening: Running, slack) -> None:
    thread = a_thread(listening)
    ts = slack.reply("U1", CHANNEL, thread, "I close this")
    for changed in ("!note <@U2> knows him", "!resolve", "!resolv", "!note", "//for us"):
        slack.edit(CHANNEL, ts, changed)
    edits = listening.wait_for_events(6)[1:]
    assert [edit.kind for edit in edits] == ["edit"] * 5
    assert (edits[0].text, edits[0].action) == ("note: @Ben knows him", None)
    assert [edit.action for edit in edits[1:4]] == [Action.RESOLVE, Action.UNDO, Action.UNDO]
    assert (edits[4].text, edits[4].action) == ("//for us", None)


def test_guests_and_people_of_other_companies_are_marked(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.reply("UGUEST", CHANNEL, thread, "I am a guest")
    slack.reply("USTRANGER", CHANNEL, thread, "I am from elsewhere")
    guest, stranger = sorted(listening.wait_for_events(2), key=lambda event: event.at)
    assert (guest.trusted, guest.who) == (False, "T0DESK:UGUEST")
    assert (stranger.trusted, stranger.who) == (False, "T0ELSE:USTRANGER")


def test_nobody_is_trusted_before_slack_said_who_they_are(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.fail("500", "users.info")
    slack.reply("UGUEST", CHANNEL, thread, "Hello")
    (event,) = listening.wait_for_events(1)
    assert event.trusted is False
    assert slack.space.noted("not_acked")


def test_our_own_messages_other_bots_the_channel_and_foreign_threads_are_no_events(listening: Running, slack) -> None:
    thread = a_thread(listening)
    message = listening.post(a_post(key="m", op="message", thread=thread, text="from a customer"))
    listening.post(a_post(key="e", op="edit", thread=thread, subject=message.id, text="changed"))
    listening.post(a_post(key="d", op="delete", thread=thread, subject=message.id))
    slack.reply("U1", CHANNEL, thread, "I am an app", bot_id="B0OTHER")
    slack.reply("U1", CHANNEL, thread, "joined", subtype="channel_join")
    other = slack.say("U1", CHANNEL, "lunch?")
    slack.reply("U2", CHANNEL, other, "pizza")
    slack.reply("U1", CHANNEL, thread, "the end")
    (event,) = listening.wait_for_events(1)
    assert event.text == "the end"


@pytest.mark.parametrize(
    ("text", "action", "value"),
    [
        ("!claim", Action.CLAIM, ""), ("!Release", Action.RELEASE, ""), ("!assign <@U2>", Action.TRANSFER, "T0DESK:U2"),
        ("!assign @ben", Action.TRANSFER, "ben"), ("!snooze", Action.SNOOZE, "60"), ("!snooze 2h", Action.SNOOZE, "120"),
        ("!snooze 3 d", Action.SNOOZE, "4320"), ("!resolve", Action.RESOLVE, ""), ("!reopen", Action.REOPEN, ""),
        ("!return", Action.RETURN, ""), ("!block", Action.BLOCK, ""), ("!undo", Action.UNDO, ""), ("!retry abc", Action.RETRY, "abc"),
        ("!mark right", Action.MARK, "right"), ("!mark needs work", Action.MARK, "needs_work"),
        ("!mark Wrong: it costs 5", Action.MARK, "wrong it costs 5"),
    ],
)  # fmt: skip
def test_commands_in_the_thread_are_actions(listening: Running, slack, text: str, action: Action, value: str) -> None:
    thread = a_thread(listening)
    ts = slack.reply("U1", CHANNEL, thread, text)
    (event,) = listening.wait_for_events(1)
    assert (event.kind, event.action, event.value, event.thread) == ("action", action, value, thread)
    assert event.key == f"slack:T0DESK:{CHANNEL}:{ts}"


@pytest.mark.parametrize(
    "text",
    [
        "!snooze soon",
        "!snooze 999999",
        "!assign",
        "!resolve it by restarting",
        "!mark",
        "!mark rightly so",
    ],
)
def test_what_is_no_command_is_explained_and_never_sent(listening: Running, slack, text: str) -> None:
    thread = a_thread(listening)
    slack.reply("U1", CHANNEL, thread, text)
    (aside,) = slack.wait(lambda: slack.space.ephemerals)
    assert (aside["user"], aside["thread_ts"]) == ("U1", thread)
    assert any(said in aside["text"] for said in ("!", "Nothing was"))
    assert listening.inbox.events == []


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("!help", "help"), ("!clam", "clam"), ("!Canned refund &amp; more", "canned refund & more"), ("!wow this is great", "wow this is great"),
        ("!draft <@U2> knows", "draft @Ben knows"),
    ],
)  # fmt: skip
def test_words_that_slack_does_not_know_are_for_the_core_and_never_for_the_customer(
    listening: Running, slack, text: str, asked: str
) -> None:
    thread = a_thread(listening)
    listening.inbox.answer = lambda event: DeskAnswer(key=event.key, code="cannot", aside="There is no such word.")
    ts = slack.reply("U1", CHANNEL, thread, text)
    (event,) = listening.wait_for_events(1)
    assert (event.kind, event.text, event.thread, event.place) == ("command", asked, thread, CHANNEL)
    assert event.key == f"slack:T0DESK:{CHANNEL}:{ts}"
    (aside,) = slack.wait(lambda: slack.space.ephemerals)
    assert (aside["user"], aside["thread_ts"], aside["text"]) == ("U1", thread, "There is no such word.")


def test_a_sentence_that_only_begins_with_an_exclamation_mark_is_a_reply(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.reply("U1", CHANNEL, thread, "!important: please restart the lamp")
    slack.reply("U1", CHANNEL, thread, "!! wow")
    assert [event.kind for event in listening.wait_for_events(2)] == ["reply", "reply"]


def test_buttons_are_actions_of_the_conversation(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.click("U1", CHANNEL, thread, "Claim", again=True)
    slack.click("U2", CHANNEL, thread, "Return to AI")
    claim, returned = listening.wait_for_events(2)
    assert (claim.action, claim.conversation_id, claim.who, claim.thread) == (
        Action.CLAIM,
        "0193-conv",
        "T0DESK:U1",
        thread,
    )
    assert claim.key.startswith(f"slackact:T0DESK:{CHANNEL}:{thread}:") and claim.key.endswith(":U1")
    assert (returned.action, returned.conversation_id) == (Action.RETURN, "0193-conv")
    slack.wait(lambda: listening.inbox.deliveries == 3)
    slack.wait(lambda: len(slack.space.noted("clicked", acked=True)) == 3)


def test_the_answer_is_shown_to_one_person_with_its_buttons_and_holds_up_nothing(listening: Running, slack) -> None:
    thread = a_thread(listening)
    listening.inbox.answer = lambda event: DeskAnswer(
        key=event.key, code="held", aside="Sent in 5 s. <!channel>", offer=(Action.UNDO,), value="reply-1"
    )
    slack.fail("slow_after", "chat.postEphemeral", seconds=1.5)
    ts = slack.reply("U1", CHANNEL, thread, "Hello")
    (acked,) = slack.wait(lambda: [a for a in slack.space.noted("acked") if a["event"].get("ts") == ts])
    assert acked["seconds"] < patient(1)
    (aside,) = slack.wait(lambda: slack.space.ephemerals)
    assert (aside["user"], aside["channel"], aside["thread_ts"]) == ("U1", CHANNEL, thread)
    assert aside["text"] == "Sent in 5 s. &lt;!channel&gt;"
    slack.click_aside("U1", aside, "Undo")
    undo = listening.wait_for_events(2)[1]
    assert (undo.action, undo.value, undo.thread, undo.kind) == (Action.UNDO, "reply-1", thread, "action")


def test_an_answer_to_a_click_on_the_card_is_shown_in_the_channel(listening: Running, slack) -> None:
    thread = a_thread(listening)
    listening.inbox.answer = lambda event: DeskAnswer(key=event.key, code="stale", aside="Ben claimed it 2 s ago.")
    slack.click("U1", CHANNEL, thread, "Claim")
    (aside,) = slack.wait(lambda: slack.space.ephemerals)
    assert aside["thread_ts"] == "" and aside["text"] == "Ben claimed it 2 s ago."


def test_a_pause_that_slack_asks_for_delays_a_sentence_and_a_failure_loses_nothing_else(
    listening: Running, slack
) -> None:
    thread = a_thread(listening)
    listening.inbox.answer = lambda event: DeskAnswer(key=event.key, code="not_linked", aside="Not linked.")
    slack.fail("429", "chat.postEphemeral")
    slack.reply("U1", CHANNEL, thread, "one")
    slack.wait(lambda: slack.space.ephemerals)
    slack.fail("error", "chat.postEphemeral", error="user_not_in_channel")
    slack.reply("U1", CHANNEL, thread, "two")
    listening.wait_for_events(2)


def test_payloads_that_make_no_sense_are_acknowledged_and_forgotten(listening: Running, slack) -> None:
    thread = a_thread(listening)
    for odd in ({"type": "message"}, {"type": "message", "subtype": "message_changed", "message": 7}, {"type": "reaction_added"},
                {"type": "message", "thread_ts": thread, "ts": {}, "user": "U1", "text": ["x"], "channel": CHANNEL}):  # fmt: skip
        slack._tell(odd)
    slack.reply("U1", CHANNEL, thread, "still here")
    slack.wait(lambda: any(event.text == "still here" for event in listening.inbox.events))
    slack.wait(lambda: len(slack.space.noted("acked")) >= 5)
    assert not slack.space.noted("not_acked")


def test_a_card_that_was_replaced_still_names_its_conversation(listening: Running, slack) -> None:
    thread = a_thread(listening)
    old = slack.space.message(CHANNEL, thread)
    listening.post(
        a_post(
            key="k2",
            subject=thread,
            thread=thread,
            card=a_card(version=2, state="human", assignee="Ben", actions=("resolve",)),
        )
    )
    with slack.space.lock:
        new, slack.space.channels[CHANNEL].messages[thread] = slack.space.channels[CHANNEL].messages[thread], old
    slack.click("U1", CHANNEL, thread, "Claim")  # from a screen that shows the old card
    with slack.space.lock:
        slack.space.channels[CHANNEL].messages[thread] = new
    (event,) = listening.wait_for_events(1)
    assert (event.action, event.conversation_id) == (Action.CLAIM, "0193-conv")


@pytest.mark.parametrize("scope", NEEDED)
def test_an_app_without_one_of_its_scopes_says_so_and_does_not_listen(running: Running, slack, scope: str) -> None:
    slack.space.scopes.discard(scope)
    with pytest.raises(ChannelDown, match=scope):
        running.run(running.desk.listen(running.inbox))
    assert running.inbox.connections in ([], [False])


def test_an_app_without_its_tokens_says_so_and_does_not_listen(running: Running, slack) -> None:
    slack.revoke()
    with pytest.raises(ChannelDown, match="SLACK_BOT_TOKEN"):
        running.run(running.desk.listen(running.inbox))
    assert running.inbox.connections in ([], [False])


def test_a_wrong_app_token_ends_the_listener_with_a_sentence_and_no_secret(another, slack) -> None:
    desk = another(app_token="xapp-wrong-SECRET")
    with pytest.raises(ChannelDown) as caught:
        desk.run(desk.desk.listen(desk.inbox))
    assert "SLACK_APP_TOKEN" in str(caught.value) and "xapp-wrong" not in str(caught.value)
    assert desk.inbox.connections == [False]
