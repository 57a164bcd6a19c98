"""The inbox, forms, /desk and a message's menu: what somebody does there comes in once, and its answer is where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot import Action, Choice, DeskAnswer, DeskEvent, Field, Heading, Option, Page, Press, Presses, Row, Words
from channels.slack import homes
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_visits import labels, text_of

from .conftest import CHANNEL, Running, a_post, a_thread

CONV = "0193-conv"
ROW = Row(
    title="#1042 Anna <!channel>", text="It is broken.", presses=(
        Press(label="Claim", action=Action.CLAIM, conversation_id=CONV, style="primary"),
        Press(label="Reply", opens="canned.choose", value="v1", conversation_id=CONV),
        Press(label="Open thread", url="https://acme.example/archives/C0SUPPORT/p1"),
    ),
    menu=(Press(label="Snooze", action=Action.SNOOZE, conversation_id=CONV), Press(label="Tag", what="inbox.tag", value="vip")),
)  # fmt: skip
HOME = Page(
    name="inbox", kind="home", title="Ana", value="mine/0",
    parts=(Presses((Press(label="Go away", what="inbox.away"),)), Choice(name="tag", label="Tag", options=(Option("", "All"), Option("vip", "VIP")), what="inbox.filter"), ROW),
)  # fmt: skip
FORM = Page(
    name="canned.choose", kind="form", title="Canned reply", submit="Send", what="canned.send", value="form-1", conversation_id=CONV,
    parts=(
        Choice(name="reply", label="Reply", search=True, what="canned.picked", optional=True),
        Field(name="text", label="Text", kind="text", value="Dear ", edition="1"), Field(name="who", label="Who", kind="person", optional=True),
    ),
)  # fmt: skip


@pytest.fixture
def at_home(running: Running, slack: FakeSlack) -> Running:
    running.inbox.pages |= {"inbox": HOME, "canned.choose": FORM, "ticket.make": FORM}
    running.listen()
    slack.home("U1")
    return running


def answering(running: Running, **more: Any) -> None:
    running.inbox.answer = lambda event: DeskAnswer(key=event.key, **{"code": "done", **more})


def pressed(running: Running, number: int = 1) -> DeskEvent:
    return running.wait_for_events(number)[number - 1]


def window(slack: FakeSlack, has: str) -> dict[str, Any]:
    """The open window that shows these words."""
    return dict(
        slack.wait(
            lambda: next((v for v in list(slack.space.opened.values()) if has in text_of(v) + v["title"]["text"]), None)
        )
    )


def test_the_inbox_is_published_when_it_is_opened_and_says_who_looks(at_home: Running, slack: FakeSlack) -> None:
    view = slack.home_of("U1")
    assert labels(view) == ["Go away", "Claim", "Reply", "Open thread", "Snooze", "Tag"] and "<!channel>" in text_of(
        view
    )
    (wanted,) = at_home.inbox.wanted
    assert (wanted.name, wanted.who, wanted.who_name, wanted.trusted, wanted.again) == (
        "inbox",
        "T0DESK:U1",
        "Ana",
        True,
        False,
    )
    slack.home("UGUEST")
    assert at_home.inbox.wanted[-1].trusted is False
    slack.run(_told(slack, {"type": "app_home_opened", "user": "U2", "tab": "messages", "event_ts": "1.1"}))
    slack.reply("U1", CHANNEL, a_thread(at_home), "still listening")
    pressed(at_home)
    assert "U2" not in slack.space.homes, "the messages tab is no inbox"


async def _told(slack: FakeSlack, event: dict[str, Any]) -> None:
    slack.sockets.event(event)


def test_a_press_at_home_is_one_event_and_the_inbox_follows_at_once(
    at_home: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "A_PERSON", 600.0)  # what they did themselves waits for no turn
    view = slack.home_of("U1")
    at_home.inbox.pages["inbox"] = Page(name="inbox", kind="home", title="Ana", parts=(Words("You are away."),))
    answering(at_home, aside="You are away now.")
    slack.press("U1", view, "Go away", again=True)
    # What came of it stands above what is there now.
    slack.wait(lambda: text_of(slack.home_of("U1")).startswith("You are away now."))
    assert "You are away." in text_of(slack.home_of("U1"))
    slack.wait(lambda: at_home.inbox.deliveries == 2)
    (event,) = at_home.inbox.events
    assert (event.kind, event.what, event.value, event.page, event.page_value) == (
        "press",
        "inbox.away",
        "mine/0",
        "inbox",
        "mine/0",
    )
    assert event.key.startswith("slackact:T0DESK:VHOMEU1:")
    assert not slack.space.ephemerals and not slack.space.noted("view"), "no window for a sentence"


def test_everything_on_a_row_says_about_whom(at_home: Running, slack: FakeSlack) -> None:
    view = slack.home_of("U1")
    slack.press("U1", view, "Claim")
    event = pressed(at_home)
    assert (event.kind, event.action, event.conversation_id, event.thread) == ("action", Action.CLAIM, CONV, "")
    slack.press("U1", view, "Tag")
    event = pressed(at_home, 2)
    assert (event.what, event.value, event.conversation_id) == ("inbox.tag", "vip", "")
    slack.pick("U1", view, "tag", "vip")
    event = pressed(at_home, 3)
    assert (event.what, event.value, event.fields["tag"], event.page_value) == ("inbox.filter", "vip", "vip", "mine/0")
    slack.press("U1", view, "Open thread")
    slack.press("U1", view, "Snooze")
    form = window(slack, "Snooze")
    assert len(at_home.inbox.events) == 3, "a link and a form are no events"
    slack.submit("U1", form["id"], {"deskhand:field": "60"})
    event = pressed(at_home, 4)
    assert (event.action, event.value, event.conversation_id) == (Action.SNOOZE, "60", CONV)


def test_what_an_action_from_home_could_not_do_is_said_where_the_person_is(at_home: Running, slack: FakeSlack) -> None:
    answering(at_home, code="stale", aside="Ben has it. Nothing was changed.")
    slack.press("U1", slack.home_of("U1"), "Claim")
    slack.wait(lambda: "Ben has it." in text_of(slack.home_of("U1")))
    slack.press("U1", slack.home_of("U1"), "Snooze")
    slack.submit("U1", window(slack, "Snooze")["id"], {"deskhand:field": "60"})
    assert "Ben has it." in text_of(window(slack, "Ben has it."))


def test_a_form_opens_with_what_the_core_says_now_and_is_sent_once(at_home: Running, slack: FakeSlack) -> None:
    slack.press("U1", slack.home_of("U1"), "Reply")
    form = window(slack, "Canned reply")
    wanted = at_home.inbox.wanted[-1]
    assert (wanted.name, wanted.value, wanted.conversation_id, wanted.who) == ("canned.choose", "v1", CONV, "T0DESK:U1")
    slack.submit("U1", form, {"text": "Dear Anna & <co>", "who": "U2"}, again=True)
    slack.wait(lambda: len(slack.space.noted("submitted", acked=True)) == 2)
    (event,) = at_home.inbox.events
    assert (event.kind, event.what, event.value, event.page) == ("press", "canned.send", "form-1", "canned.choose")
    assert (
        event.fields == {"reply": "", "text": "Dear Anna & <co>", "who": "T0DESK:U2"} and event.conversation_id == CONV
    )
    assert form["id"] not in slack.space.opened, "it closed"


def test_what_is_wrong_with_a_form_is_said_at_its_field_and_it_can_be_sent_again(
    at_home: Running, slack: FakeSlack
) -> None:
    slack.press("U1", slack.home_of("U1"), "Reply")
    form = window(slack, "Canned reply")
    answering(at_home, code="invalid", errors={"text": "The gap {order} is not filled.", "nothing": "Too late."})
    slack.submit("U1", form, {"text": "Dear {order}"})
    told = slack.wait(lambda: slack.space.noted("submitted"))[0]["answer"]
    blocks = [one["block_id"] for one in form["blocks"] if one["type"] == "input"]
    assert told == {
        "response_action": "errors",
        "errors": {blocks[1]: "The gap {order} is not filled.", blocks[0]: "Too late."},
    }
    answering(at_home)
    slack.submit("U1", form, {"text": "Dear Anna"})
    slack.wait(lambda: form["id"] not in slack.space.opened)
    one, two = at_home.inbox.events
    assert one.key != two.key and two.fields["text"] == "Dear Anna"


def test_a_form_may_be_answered_with_the_next_one(at_home: Running, slack: FakeSlack) -> None:
    slack.press("U1", slack.home_of("U1"), "Reply")
    form = window(slack, "Canned reply")
    answering(
        at_home,
        page=Page(
            name="canned.sure", kind="form", title="Sure?", submit="Yes", what="canned.yes", parts=(Words("Really?"),)
        ),
    )
    slack.submit("U1", form)
    slack.wait(lambda: "Really?" in text_of(slack.space.opened[form["id"]]))
    answering(at_home, aside="It is on its way.")
    slack.submit("U1", slack.space.opened[form["id"]])
    slack.wait(lambda: "on its way" in text_of(slack.space.opened[form["id"]]))
    assert [one.what for one in at_home.inbox.events] == ["canned.send", "canned.yes"]
    assert not slack.space.ephemerals, "from the inbox there is no place for them"


def test_a_pick_in_a_form_changes_the_form_and_the_newest_one_wins(at_home: Running, slack: FakeSlack) -> None:
    at_home.inbox.offered = [Option("r1", "Refund"), Option("r2", "Return", "of a lamp"), Option("x" * 149, "Long")]
    slack.press("U1", slack.home_of("U1"), "Reply")
    form = window(slack, "Canned reply")
    offered = slack.suggest("U1", form, "reply", "re")
    assert [(one["text"]["text"], one["value"]) for one in offered] == [("Refund", "=r1"), ("Return", "=r2")]
    wanted, query = at_home.inbox.asked[-1]
    assert (wanted.name, wanted.value, wanted.conversation_id, query) == ("canned.choose", "reply", CONV, "re")

    def filled(event: DeskEvent) -> DeskAnswer:
        parts = (
            FORM.parts[0],
            Field(name="text", label="Text", kind="text", value=f"Text of {event.value}", edition=event.value),
        )
        return DeskAnswer(
            key=event.key,
            code="done",
            page=Page(name=FORM.name, kind="form", title="Canned reply", submit="Send", what=FORM.what, parts=parts),
        )

    at_home.inbox.answer = filled
    slack.fail("slow_after", "views.update", seconds=0.3)
    slack.pick("U1", form, "reply", "r1", fields={"text": "typed"})
    slack.pick("U1", form, "reply", "r2")  # with the hash of before: the first answer has moved it
    slack.wait(lambda: "Text of r2" in str(slack.space.opened[form["id"]]["blocks"]))
    one, two = at_home.inbox.events
    assert (one.what, one.value, one.fields) == ("canned.picked", "r1", {"reply": "r1", "text": "typed", "who": ""})
    assert two.value == "r2" and len(slack.space.opened) == 1


def test_a_list_that_cannot_be_read_is_empty_in_time(
    at_home: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.press("U1", slack.home_of("U1"), "Reply")
    form = window(slack, "Canned reply")
    monkeypatch.setattr("channels.slack.showing.PATIENCE", 0.3)
    at_home.inbox.offered, at_home.inbox.page_delay = [Option("r1", "Refund")], 1.0
    assert slack.suggest("U1", form, "reply", "re") == []
    at_home.inbox.page_delay, at_home.inbox.offered = 0.0, [Option("v" * 500, "Refund")]
    assert slack.suggest("U1", form, "reply", "re") == [], "what Slack would not take is not offered"


def test_a_page_that_comes_too_late_for_slack_is_explained(
    at_home: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = a_thread(at_home)
    monkeypatch.setattr("channels.slack.showing.PATIENCE", 0.3)
    at_home.inbox.page_delay = 1.0
    slack.shortcut("U1", CHANNEL, thread, "deskhand:canned")
    (aside,) = slack.wait(lambda: slack.asides("U1"))
    assert "too long" in aside["text"] and "Nothing was changed" in aside["text"]
    at_home.inbox.page_delay = 0.0
    slack.fail("error", "views.open", error="expired_trigger_id")
    slack.press("U1", slack.home_of("U1"), "Reply")
    slack.wait(lambda: "took too long" in text_of(slack.home_of("U1")))
    assert not slack.space.opened


def test_the_menu_of_a_message_opens_a_page_about_it(at_home: Running, slack: FakeSlack) -> None:
    thread = a_thread(at_home)
    ts = slack.reply("U2", CHANNEL, thread, "See &lt;this&gt; :wave:")
    slack.shortcut("U1", CHANNEL, ts, "deskhand:ticket")
    form = window(slack, "Canned reply")
    wanted = at_home.inbox.wanted[-1]
    assert (wanted.name, wanted.place, wanted.thread, wanted.text) == ("ticket.make", CHANNEL, thread, "See <this> 👋")
    slack.submit("U1", form)
    event = next(one for one in at_home.wait_for_events(2) if one.kind == "press")
    assert event.place == CHANNEL and event.conversation_id == CONV
    slack.shortcut("U1", CHANNEL, thread, "other:app")
    slack.wait(lambda: len(slack.space.noted("shortcut_used", acked=True)) == 2)
    assert len(slack.space.views) == 1


def test_a_command_is_answered_to_its_person_alone(at_home: Running, slack: FakeSlack) -> None:
    page = Page(name="desk.queue", kind="aside", title="Queue", parts=(Heading("2 wait"), ROW))
    answering(at_home, page=page, aside="Queue: 2 wait, and so on in words.")
    answer = slack.command("U1", "/desk Queue &lt;all&gt;", channel="C0ELSE")
    assert answer["response_type"] == "ephemeral" and "#1042 Anna &lt;!channel&gt;" in answer["text"]
    assert "in words" not in text_of(answer), "nothing twice"
    assert labels(answer) == ["Claim", "Reply", "Open thread", "Snooze", "Tag"]
    event = pressed(at_home)
    assert (event.kind, event.text, event.place, event.thread, event.who) == (
        "command",
        "Queue <all>",
        "C0ELSE",
        "",
        "T0DESK:U1",
    )
    answering(at_home)
    assert slack.command("U1", "/desk")["text"] == "Done."
    assert slack.command("U1", "/desk status away", again=True) == {}, "told twice, done once"
    assert len(at_home.inbox.events) == 3
    at_home.inbox.failing = 1
    assert "nothing was changed" in slack.command("U1", "/desk who")["text"]
    answering(at_home, page=FORM)
    assert slack.command("U1", "/desk canned") == {}
    assert window(slack, "Canned reply")


def test_a_command_that_takes_long_is_answered_later(
    at_home: Running, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.slack.showing.PATIENCE", 0.2)
    at_home.inbox.delay = 0.6
    answering(at_home, aside="Found 3.")
    assert "follows here" in slack.command("U1", "/desk search lamp")["text"]
    (hook,) = slack.wait(lambda: slack.space.noted("hook"))
    assert hook["answer"]["text"] == "Found 3." and hook["answer"]["response_type"] == "ephemeral"


def test_an_aside_with_buttons_in_a_thread_knows_its_page(at_home: Running, slack: FakeSlack) -> None:
    thread = a_thread(at_home)
    draft = Page(
        name="draft.show", kind="aside", title="AI draft", value="d1", conversation_id=CONV, parts=(
            Words("Dear Anna", "markdown"), Presses((Press(label="Send", what="draft.send", style="primary"), Press(label="Edit…", opens="canned.choose", value="e1"))),
            Choice(name="tone", label="Tone", options=(Option("kind", "Friendlier"),), what="draft.tone"),
        ),
    )  # fmt: skip
    answering(at_home, page=draft)
    slack.reply("U1", CHANNEL, thread, "!draft")
    (aside,) = slack.wait(lambda: slack.asides("U1"))
    assert aside["thread_ts"] == thread and "Dear Anna" in text_of(aside) and "Dear Anna" in aside["text"]
    answering(at_home)
    slack.press("U1", aside, "Send")
    event = pressed(at_home, 2)
    assert (event.what, event.value, event.page, event.page_value, event.conversation_id) == (
        "draft.send",
        "d1",
        "draft.show",
        "d1",
        CONV,
    )
    assert (event.thread, event.place) == ("", CHANNEL), "the conversation is named, and its thread may move"
    slack.press("U1", aside, "Edit…")
    assert window(slack, "Canned reply")
    wanted = at_home.inbox.wanted[-1]
    assert (wanted.value, wanted.conversation_id, wanted.place, wanted.thread) == ("e1", CONV, CHANNEL, thread)
    slack.pick("U1", aside, "tone", "kind")
    event = pressed(at_home, 3)
    assert (event.what, event.value, event.page, event.conversation_id) == ("draft.tone", "kind", "draft.show", CONV)


def test_words_in_a_thread_that_need_a_form_are_answered_with_a_button_that_opens_it(
    at_home: Running, slack: FakeSlack
) -> None:
    thread = a_thread(at_home)
    answering(at_home, page=FORM)
    slack.reply("U1", CHANNEL, thread, "!canned")
    (aside,) = slack.wait(lambda: slack.asides("U1"))
    assert labels(aside) == ["Canned reply"]
    slack.press("U1", aside, "Canned reply")
    assert window(slack, "Canned reply")["private_metadata"].count(thread) == 1
    assert at_home.inbox.wanted[-1].value == "form-1"


def test_a_sentence_for_somebody_in_a_form_stands_over_it(at_home: Running, slack: FakeSlack) -> None:
    slack.press("U1", slack.home_of("U1"), "Reply")
    form = window(slack, "Canned reply")
    answering(at_home, code="cannot", aside="This reply is switched off.")
    slack.pick("U1", form, "reply", "r1")
    over = window(slack, "switched off")
    assert over.get("pushed") and form["id"] in slack.space.opened, "what was typed is still there"


@pytest.mark.parametrize("how", ["press", "submit"])
def test_what_was_not_stored_is_not_acknowledged(at_home: Running, slack: FakeSlack, how: str) -> None:
    view = slack.home_of("U1")
    if how == "press":
        act: Callable[[], None] = lambda: slack.press("U1", view, "Go away")  # noqa: E731
        done = "clicked"
    else:
        slack.press("U1", view, "Reply")
        form = window(slack, "Canned reply")
        act, done = (lambda: slack.submit("U1", form)), "submitted"
    at_home.inbox.failing = 1
    act()
    slack.wait(lambda: slack.space.noted(done, acked=False))
    act()
    pressed(at_home)


def test_no_view_of_all_this_was_refused(at_home: Running, slack: FakeSlack) -> None:
    at_home.post(a_post(key="root2"))
    slack.press("U1", slack.home_of("U1"), "Reply")
    window(slack, "Canned reply")
    assert not slack.space.noted("refused_blocks") and not slack.space.noted("too_fast")
