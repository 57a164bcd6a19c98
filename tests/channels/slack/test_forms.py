"""Notes, colleagues, durations and the last question before a block: what a button cannot say is asked in a form."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot import Action, DeskAnswer
from channels.slack.forms import FIELD, form, read_form, sentence
from tests.fakes.slack_limits import wrong_view
from tests.patience import patient

from .conftest import CHANNEL, Running, a_card, a_post, a_thread


@pytest.fixture
def listening(running: Running) -> Running:
    return running.listen()


def opened(slack, number: int = 1) -> dict[str, Any]:
    return dict(slack.wait(lambda: slack.space.noted("view")[number - 1 :])[0]["view"])


def test_a_note_is_written_in_a_form_and_kept_once(listening: Running, slack) -> None:
    thread = a_thread(listening)
    slack.click("U1", CHANNEL, thread, "Note")
    view = opened(slack)
    slack.wait(lambda: slack.space.noted("clicked", acked=True))
    assert listening.inbox.events == [], "nothing happened yet"
    slack.submit("U1", view["id"], {FIELD: "He is a :star: customer & <friendly>"}, again=True)
    slack.wait(lambda: len(slack.space.noted("submitted", acked=True)) == 2)
    (event,) = listening.inbox.events
    assert (event.kind, event.text, event.who) == ("note", "He is a :star: customer & <friendly>", "T0DESK:U1")
    assert (event.conversation_id, event.thread, event.place) == ("0193-conv", thread, CHANNEL)
    assert event.key == f"slackform:T0DESK:{view['id']}" and event.message == ""
    assert view["id"] not in slack.space.opened, "the form closed"


@pytest.mark.parametrize(
    ("label", "given", "action", "value"),
    [
        ("Assign to…", "U2", Action.TRANSFER, "T0DESK:U2"), ("Snooze…", "240", Action.SNOOZE, "240"),
        ("Block visitor…", None, Action.BLOCK, ""), ("Priority…", "high", Action.PRIORITY, "high"),
    ],
)  # fmt: skip
def test_what_needs_more_words_asks_for_them(
    listening: Running, slack, label: str, given: str | None, action: Action, value: str
) -> None:
    thread = a_thread(listening)
    slack.click("U1", CHANNEL, thread, label)
    slack.submit("U1", opened(slack)["id"], {FIELD: given} if given else {})
    (event,) = listening.wait_for_events(1)
    assert (event.kind, event.action, event.value, event.conversation_id) == ("action", action, value, "0193-conv")


def test_an_empty_note_keeps_the_form_open_and_says_why(listening: Running, slack) -> None:
    slack.click("U1", CHANNEL, a_thread(listening), "Note")
    view = opened(slack)
    slack.submit("U1", view["id"], {FIELD: "   "})
    said = slack.wait(lambda: slack.space.noted("submitted"))[0]["answer"]
    assert said["response_action"] == "errors" and "Nothing was changed" in said["errors"][FIELD]
    assert view["id"] in slack.space.opened and listening.inbox.events == []


def test_a_form_that_is_out_of_date_says_so_in_its_own_place(listening: Running, slack) -> None:
    thread = a_thread(listening)
    listening.inbox.answer = lambda event: DeskAnswer(key=event.key, code="resolved", aside="This is resolved already.")
    slack.click("U1", CHANNEL, thread, "Snooze…")
    view = opened(slack)
    slack.submit("U1", view["id"], {FIELD: "60"})
    slack.wait(lambda: slack.space.noted("submitted"))
    assert slack.space.opened[view["id"]]["blocks"][0]["text"]["text"] == "This is resolved already."
    assert not slack.space.ephemerals and not slack.space.noted("refused_blocks")


def test_a_form_that_was_sent_while_nothing_could_be_stored_can_be_sent_again(listening: Running, slack) -> None:
    slack.click("U1", CHANNEL, a_thread(listening), "Note")
    view = opened(slack)
    listening.inbox.failing = 1
    slack.submit("U1", view["id"], {FIELD: "patient"})
    slack.wait(lambda: slack.space.noted("submitted", acked=False))
    slack.submit("U1", view["id"], {FIELD: "patient"})
    (event,) = listening.wait_for_events(1)
    assert event.text == "patient"


def test_a_double_click_opens_at_most_two_forms_and_changes_nothing(listening: Running, slack) -> None:
    slack.click("U1", CHANNEL, a_thread(listening), "Block visitor…", again=True)
    slack.wait(lambda: len(slack.space.noted("clicked", acked=True)) == 2)
    slack.wait(lambda: slack.space.ephemerals)  # the trigger was used up
    assert "press the button once more" in slack.space.ephemerals[0]["text"]
    assert len(slack.space.noted("view")) == 1 and listening.inbox.events == []


def test_a_form_that_slack_opens_too_late_is_explained(listening: Running, slack) -> None:
    slack.fail("error", "views.open", error="expired_trigger_id")
    slack.click("U1", CHANNEL, a_thread(listening), "Note")
    (aside,) = slack.wait(lambda: slack.space.ephemerals)
    assert "press the button once more" in aside["text"] and "Nothing was changed" in aside["text"]


def test_the_click_is_acknowledged_although_the_form_takes_its_time(listening: Running, slack) -> None:
    slack.fail("slow_after", "views.open", seconds=1.5)
    began = time.monotonic()
    slack.click("U1", CHANNEL, a_thread(listening), "Note")
    slack.wait(lambda: slack.space.noted("clicked", acked=True))
    assert time.monotonic() - began < patient(1.4)


def test_a_note_can_be_typed_as_a_command(listening: Running, slack) -> None:
    thread = a_thread(listening)
    ts = slack.reply("U1", CHANNEL, thread, "!note ask <@U2> tomorrow :wave:")
    slack.reply("U1", CHANNEL, thread, "!note")
    (event,) = listening.wait_for_events(1)
    assert (event.kind, event.text, event.message) == ("note", "ask @Ben tomorrow 👋", ts)
    assert "empty" in slack.wait(lambda: slack.space.ephemerals)[0]["text"]


@pytest.mark.parametrize("what", ["note", "transfer", "snooze", "priority", "block"])
def test_forms_keep_slacks_limits_and_forms_of_others_mean_nothing(what: str) -> None:
    view = form(what, conversation="c" * 36, place=CHANNEL, thread="1.000001")
    assert wrong_view(view) == "" and wrong_view(sentence("x" * 9_000)) == ""
    assert read_form({**view, "callback_id": "other"}) is None
    assert read_form({**view, "private_metadata": '{"w": "destroy"}'}) is None
    with pytest.raises(ValueError, match="more than Slack allows"):
        form(what, conversation="c" * 3_000, place=CHANNEL, thread="")


def test_a_closed_card_has_no_note_and_a_card_names_its_version(listening: Running, slack) -> None:
    posted = listening.post(a_post(card=a_card(version=7)))
    (actions,) = [b for b in slack.space.message(CHANNEL, posted.id)["blocks"] if b["type"] == "actions"]
    assert actions["block_id"] == "card:0193-conv:7"
    assert [one["text"]["text"] for one in actions["elements"] if "confirm" in one] == ["Resolve"]
    listening.post(a_post(key="k2", subject=posted.id, card=a_card(version=8, state="resolved", actions=("reopen",))))
    assert "Note" not in str(slack.space.message(CHANNEL, posted.id)["blocks"])
