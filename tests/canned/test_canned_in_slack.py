"""Canned replies where agents see them: the real Slack desk against the fake workspace, and the core behind it as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import agents, canned, replies
from bot.canned import CannedReply
from channels.slack import homes
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import labels, text_of
from tests.workplace.conftest import house as _house
from tests.workplace.inboxes import House
from tests.workplace.test_inbox_in_slack import CHANNEL, Office

house = _house
HOSTILE = "<!channel> *bold* <https://evil.example|here> & " + "\u202e" + "n" * 3_500


@pytest.fixture
def office(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(homes, "A_PERSON", 0.2)
    house.store.write(lambda: house.store.sql("DELETE FROM setting WHERE key = 'desk.wall'"))
    agents.link("ana", "slack", "T0DESK:U1", actor="test")
    agents.add_agent("boss", role="admin", actor="test")
    agents.link("boss", "slack", "T0DESK:U2", actor="test")
    with FakeSlack() as slack:
        made = Office(house, slack)
        yield made
        made.over()
        assert not slack.space.noted("refused_blocks"), "everything was within Slack's limits"


def add(office: Office, shortcut: str, text: str, **more: Any) -> CannedReply:
    return office.house.store.write(lambda: canned.add(CannedReply(shortcut=shortcut, text=text, **more), actor="test"))


def thread_of(office: Office, conversation: str) -> str:
    office.pump(conversation)
    return (
        str(office.slack.space.messages(CHANNEL)[-1]["ts"])
        if not _root(office, conversation)
        else _root(office, conversation)
    )


def _root(office: Office, conversation: str) -> str:
    query = "SELECT thread FROM desk_thread WHERE conversation_id = ? AND desk = 'slack'"
    return str(office.house.store.read(lambda: office.house.store.sql(query, (conversation,)).fetchone()[0]))


def told(office: Office, user: str, number: int) -> dict[str, Any]:
    return dict(
        office.slack.wait(lambda: len(office.slack.asides(user)) >= number and office.slack.asides(user)[number - 1])
    )


def later(office: Office, conversation: str) -> None:
    store = office.house.store
    store.write(lambda: store.Reply.update(due_at=0).where(store.Reply.state == "held").execute())
    replies.send_due()
    office.pump(conversation)


def answers(office: Office, conversation: str) -> list[str]:
    store = office.house.store
    query = "SELECT body FROM message WHERE conversation_id = ? AND author = 'agent' ORDER BY seq"
    return store.read(lambda: [row[0] for row in store.sql(query, (conversation,)).fetchall()])


def values(view: dict[str, Any]) -> dict[str, str]:
    """What stands in the fields of a form."""
    found = [block["element"] for block in view["blocks"] if block.get("element", {}).get("type") == "plain_text_input"]
    return {one["action_id"].partition(":")[2]: one.get("initial_value", "") for one in found}


def test_a_reply_from_the_form_with_a_gap_that_stops_it(office: Office) -> None:
    late = add(office, "late", "Hello {{customer.first_name}}, order {{order number}} is late.", category="Orders")
    add(office, "hostile", HOSTILE, title="<!here> `x` " + "t" * 80, category="<@U2>", language="en")
    conversation = office.house.waits("Where is it?", name="Anna *K*")
    thread, slack = thread_of(office, conversation), office.slack
    slack.reply("U1", CHANNEL, thread, "!canned")
    listed = told(office, "U1", 1)
    assert text_of(listed).count("!late") == text_of(listed).count("2 canned replies") == 1, "a list is shown once"
    assert text_of(listed).count("never sent") == 2
    assert listed["thread_ts"] == thread and "<!here> `x`" in text_of(listed) and "mrkdwn" not in str(listed["blocks"])
    slack.press("U1", listed, "Use", number=0)
    form = slack.window()
    assert form["title"]["text"] == "Canned reply"
    entries = slack.suggest("U1", form, "reply", "lat")
    assert next(one["text"]["text"] for one in entries) == "Late · !late"
    before = {block["block_id"] for block in form["blocks"] if block["type"] == "input"}
    slack.pick("U1", form, "reply", late.id)
    form = slack.wait(lambda: (view := slack.window()) and "⟨order number⟩" in values(view).get("text", "") and view)
    assert values(form)["text"] == "Hello Anna, order ⟨order number⟩ is late."
    assert {block["block_id"] for block in form["blocks"] if block["type"] == "input"} != before, (
        "Slack shows the new words"
    )
    slack.submit("U1", form, {"text": values(form)["text"]})
    (refused,) = slack.wait(
        lambda: [e for e in slack.space.noted("submitted") if (e.get("answer") or {}).get("errors")]
    )
    assert "⟨order number⟩" in str(refused["answer"]["errors"]) and answers(office, conversation) == []
    slack.submit("U1", form, {"text": "Hello Anna, order 4711 is late."}, again=True)
    undo = told(office, "U1", 2)
    assert "Sent in 5 seconds" in text_of(undo) and "Undo" in labels(undo)
    later(office, conversation)
    assert answers(office, conversation) == ["Hello Anna, order 4711 is late."]
    shown = [one for one in slack.space.messages(CHANNEL, thread) if "4711" in one["text"]]
    assert [(one["username"], one["thread_ts"]) for one in shown] == [("Ana · agent", thread)]
    assert "white_check_mark" in str(slack.space.message(CHANNEL, shown[0]["ts"]).get("reactions"))
    assert canned.listed()[1].shortcut == "late" and canned.listed()[1].uses == 1


def test_a_shortcut_in_the_thread_its_undo_and_the_menu_of_a_message(office: Office) -> None:
    add(office, "thanks", "Thank you, {{customer.name}}.")
    add(office, "long", "word " * 790)
    conversation = office.house.waits("Where is it?", name="Anna")
    thread, slack = thread_of(office, conversation), office.slack
    slack.reply("U1", CHANNEL, thread, "!thanks")
    undo = told(office, "U1", 1)
    assert "You claimed this. Sent in 5 seconds." in text_of(undo)
    slack.press("U1", undo, "Undo")
    assert "Taken back" in text_of(told(office, "U1", 2))
    later(office, conversation)
    assert answers(office, conversation) == []
    slack.reply("U1", CHANNEL, thread, "!thanx")
    assert "Nothing was sent" in text_of(told(office, "U1", 3))
    slack.reply("U1", CHANNEL, thread, "// !thanks")
    slack.reply("U1", CHANNEL, thread, "!thanks")
    told(office, "U1", 4)
    later(office, conversation)
    assert answers(office, conversation) == ["Thank you, Anna."]
    slack.shortcut("U1", CHANNEL, thread, "deskhand:canned")
    form = slack.window()
    (entry,) = slack.suggest("U1", form, "reply", "long")
    slack.pick("U1", form, "reply", entry["value"])
    form = slack.wait(lambda: (view := slack.window()) and values(view).get("more") and view)
    slack.submit("U1", form, {"resolve": "yes"})
    assert "Then it is resolved" in text_of(told(office, "U1", 5))
    later(office, conversation)
    assert answers(office, conversation)[1] == ("word " * 790).strip()
    assert office.house.ticket(conversation).state == "resolved"
    second = office.house.waits("And mine?", name="Ben")
    office.pump(second)
    slack.space.opened.clear()
    root = slack.space.message(CHANNEL, _root(office, second))
    slack.press("U1", root, "Canned reply", channel=CHANNEL)
    form = slack.window()
    (entry,) = slack.suggest("U1", form, "reply", "thanks")
    slack.pick("U1", form, "reply", entry["value"])
    slack.wait(lambda: values(slack.window()).get("text") == "Thank you, Ben.")
    slack.space.opened.clear()
    slack.home("U1")
    office.sees("U1", lambda view: "Unassigned (1)" in labels(view))
    slack.press(
        "U1", office.press("U1", "Unassigned (1)", lambda view: "Canned reply…" in labels(view)), "Canned reply…"
    )
    form = slack.window()
    slack.submit("U1", form, {"text": "From the inbox"})
    page = slack.wait(lambda: (view := slack.window()) and "Undo" in labels(view) and view)
    assert "You claimed this. Sent in 5 seconds." in text_of(page)
    slack.press("U1", page, "Undo")
    slack.wait(lambda: "Taken back" in str(slack.space.opened) + str(slack.home_of("U1")))
    later(office, second)
    assert answers(office, second) == []
    elsewhere = slack.say("U1", CHANNEL, "Lunch?")
    slack.space.opened.clear()
    slack.shortcut("U1", CHANNEL, elsewhere, "deskhand:canned")
    assert "not the thread of a conversation" in text_of(slack.window())


def test_admins_write_them_with_a_command_and_a_form(office: Office) -> None:
    slack = office.slack
    slack.command("U1", "/desk canned")
    answer = slack.command("U2", "/desk canned")
    assert "No canned reply is on here" in text_of(answer)
    slack.press("U2", {**answer, "ts": "1.1", "channel": CHANNEL}, "New canned reply")
    form = slack.window()
    slack.submit("U2", form, {"shortcut": "a b", "text": "Hi"})
    (refused,) = slack.wait(
        lambda: [e for e in slack.space.noted("submitted") if (e.get("answer") or {}).get("errors")]
    )
    assert "1 to 40 letters" in str(refused["answer"]["errors"]) and canned.listed() == []
    slack.submit(
        "U2", form, {"shortcut": "hello", "text": HOSTILE[:1_000] + " {{customer.name}}", "category": "First words"}
    )
    slack.wait(canned.listed)
    (made,) = canned.listed()
    assert (made.created_by, made.on, made.category) == ("boss", True, "First words")
    answer = slack.command("U2", "/desk canned bold")
    assert text_of(answer).count("!hello") == 1 and {"Edit", "Switch off", "Remove"} <= set(labels(answer))
    slack.press("U2", {**answer, "ts": "1.1", "channel": CHANNEL}, "Switch off")
    slack.wait(lambda: not canned.listed()[0].on)
    assert "No canned reply is on here" in text_of(slack.command("U1", "/desk canned bold"))
