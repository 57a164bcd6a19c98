"""What is for one agent alone: asides in a thread, messages to them, and mentions that alert only who is meant."""

from __future__ import annotations

from typing import Any

import pytest

from bot import Action, Page, PermanentFailure, Press, Presses, TemporaryFailure, ThreadGone, Uncertain, Words
from channels.slack.buttons import LABELS
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import labels, text_of

from .conftest import CHANNEL, Running, a_post, a_thread

PAGE = Page(
    name="notify.one", kind="aside", conversation_id="0193-conv",
    parts=(Words("<!channel> *is* broken"), Presses((Press(label="Claim", action=Action.CLAIM), Press(label="Later", what="notify.later")))),
)  # fmt: skip


def personal(op: str, **more: Any) -> Any:
    place = {"aside": CHANNEL, "direct": "T0DESK:U1"}[op]
    values = {
        "key": f"{op}-1",
        "op": op,
        "place": place,
        "person": "T0DESK:U1",
        "text": "It is **yours** now: <@U2>.",
        "card": None,
    }
    return a_post(**{**values, "author": "system", **more})


def test_an_aside_is_seen_by_one_person_in_the_thread(running: Running, slack: FakeSlack) -> None:
    thread = a_thread(running)
    posted = running.post(personal("aside", thread=thread, page=PAGE))
    (aside,) = slack.asides("U1")
    assert (aside["channel"], aside["thread_ts"], aside["ts"]) == (CHANNEL, thread, posted.id)
    assert text_of(aside) == "<!channel> *is* broken\n" and labels(aside) == ["Claim", "Later"]
    assert aside["text"] == "It is **yours** now: &lt;@U2&gt;." and len(slack.space.messages(CHANNEL, thread)) == 1
    assert running.find("aside-1", thread) is None, "whoever is uncertain may show it again"


def test_a_press_on_what_was_posted_to_one_person_says_where_it_belongs(running: Running, slack: FakeSlack) -> None:
    running.listen()
    running.post(personal("direct", page=PAGE))
    (message,) = slack.directs("U1")
    slack.press("U1", message, "Later", channel="D0U1")
    slack.press("U1", message, "Claim", channel="D0U1")
    later, claim = running.wait_for_events(2)
    assert (later.what, later.page, later.conversation_id, later.place) == (
        "notify.later",
        "notify.one",
        "0193-conv",
        "D0U1",
    )
    assert (claim.action, claim.conversation_id) == (Action.CLAIM, "0193-conv")


def test_a_direct_message_stays_and_is_found_again(running: Running, slack: FakeSlack) -> None:
    slack.fail("drop_after", "chat.postMessage")
    with pytest.raises(Uncertain):
        running.post(personal("direct"))
    (message,) = slack.directs("U1")
    found = running.run(running.desk.find("direct-1", "T0DESK:U1", ""))
    assert found is not None and found.id == message["ts"] and text_of(message) == "It is **yours** now: <@U2>."
    assert running.run(running.desk.find("another", "T0DESK:U1", "")) is None
    running.post(personal("direct", key="direct-2"))
    assert len(slack.directs("U1")) == 2
    assert len(slack.space.noted("call", method="conversations.open")) == 1, "the conversation is known"
    assert not slack.directs("U2")


def test_without_the_scopes_for_it_agents_are_still_written_to(running: Running, slack: FakeSlack) -> None:
    slack.space.scopes -= {"im:write", "im:history"}
    running.post(personal("direct"))
    running.post(personal("direct", key="direct-2"))
    assert len(slack.directs("U1")) == 2 and len(slack.space.noted("call", method="conversations.open")) == 1
    assert running.run(running.desk.find("direct-1", "T0DESK:U1", "")) is None, "told twice is better than never"
    slack.fail("500", "conversations.history")
    with pytest.raises(Uncertain):
        running.run(running.desk.find("direct-1", "T0DESK:U1", ""))


@pytest.mark.parametrize("person", ["T0DESK:UNOBODY", "T0DESK:U2", "", "<!channel>", "ana", "T0DESK:C0SUPPORT"])
def test_somebody_who_cannot_be_written_to_is_said_in_a_sentence(
    running: Running, slack: FakeSlack, person: str
) -> None:
    thread = a_thread(running)
    slack.space.users["U2"]["deleted"] = True
    slack.space.channels[CHANNEL].members.discard("U2")
    for op, more in (("direct", {"place": person}), ("aside", {"thread": thread})):
        with pytest.raises(PermanentFailure) as caught:
            running.post(personal(op, person=person, **more))
        assert str(caught.value).endswith(".") and "Traceback" not in str(caught.value)
        assert type(caught.value).__name__ != "ThreadGone", "the ticket's thread is none of its business"
    assert running.desk.doubt.is_set() is False


def test_a_place_that_is_gone_loses_an_aside_and_nothing_else(running: Running, slack: FakeSlack) -> None:
    for trouble, expected in (("429", TemporaryFailure), ("500", Uncertain)):
        slack.fail(trouble, "chat.postEphemeral", retry_after=1)
        with pytest.raises(expected):
            running.post(personal("aside", thread="1.1"))
        running.desk.pacer._blocked.clear()
    with pytest.raises(PermanentFailure):
        running.post(personal("aside", place="C0GONE"))
    for error in ("thread_not_found", "restricted_action_read_only_channel"):
        slack.fail("error", "chat.postEphemeral", error=error)
        with pytest.raises(PermanentFailure) as caught:
            running.post(personal("aside", place="C0OTHER", thread="1.1"))
        assert not isinstance(caught.value, ThreadGone), "no other thread is opened for it"
    with pytest.raises(PermanentFailure, match="nothing to say"):
        running.post(personal("aside", text=""))


def test_an_event_alerts_those_who_are_named_by_id_and_nobody_else(running: Running, slack: FakeSlack) -> None:
    thread = a_thread(running)
    running.post(
        a_post(
            key="e1", op="event", author="system", thread=thread, card=None, text="Overdue: <@U2> wrote <!here>",
            mention=("T0DESK:U1", "T0DESK:U1", "<!channel>", "T0DESK:<!here>", "U2"),
        )
    )  # fmt: skip
    message = slack.space.messages(CHANNEL, thread)[-1]
    assert message["text"] == "<@U1> Overdue: &lt;@U2&gt; wrote &lt;!here&gt;"
    people = [
        e
        for b in message["blocks"]
        for p in b.get("elements", [])
        for e in p.get("elements", [])
        if e["type"] == "user"
    ]
    assert people == [{"type": "user", "user_id": "U1"}] and text_of(message).endswith("Overdue: <@U2> wrote <!here>")


def test_every_action_has_a_label() -> None:
    assert set(LABELS) == set(Action) and all(LABELS.values())
