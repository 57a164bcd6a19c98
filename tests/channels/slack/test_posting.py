"""What the desk puts into Slack, and what it makes of refusals and of answers that do not come."""

from __future__ import annotations

import time

import pytest

from bot import ChannelDown, DeliveryFailure, PermanentFailure, Source, TemporaryFailure, Uncertain
from channels.slack.pacing import BURST, Pacer
from tests.patience import patient

from .conftest import CHANNEL, Running, a_card, a_post, a_thread


def test_the_first_card_opens_a_thread_and_a_newer_one_replaces_it_in_place(running: Running, slack) -> None:
    posted = running.post(a_post())
    assert posted.id == posted.thread
    again = running.post(
        a_post(key="k2", subject=posted.id, thread=posted.thread, card=a_card(state="human", assignee="Ben"))
    )
    assert again.id == posted.id
    (card,) = slack.space.messages(CHANNEL)
    assert "Ben is on it" in card["blocks"][0]["text"]["text"]
    assert card["metadata"]["event_payload"] == {"k": "k1"}
    assert len(slack.space.noted("posted")) == 1


def test_customers_and_the_ai_speak_under_names_that_cannot_be_taken_for_each_other(running: Running, slack) -> None:
    thread = a_thread(running)
    running.post(a_post(key="m1", op="message", thread=thread, text="Hi", author="customer", author_name="AI assistant",
                        picture="https://example.com/a.png"))  # fmt: skip
    running.post(a_post(key="m2", op="message", thread=thread, text="I **can** help. [1]", author="ai",
                        sources=(Source(n=1, passage_id="p", title="Returns", url="https://kb.example/r#how", heading="How", updated="2026-03-01"),
                                 Source(n=2, passage_id="q", title="Terms & <more>"))))  # fmt: skip
    running.post(a_post(key="m3", op="message", thread=thread, text="Hello", author="agent", author_name="Ana"))
    running.post(a_post(key="m4", op="event", thread=thread, text="Ana claimed this."))
    customer, ai, agent, event = slack.space.messages(CHANNEL, thread)[1:]
    assert (customer["username"], customer["icon_url"]) == ("AI assistant · customer", "https://example.com/a.png")
    assert ai["username"] == "AI assistant" and ai["text"].startswith("AI assistant: ")
    bold = ai["blocks"][0]["elements"][0]["elements"]
    assert {"type": "text", "text": "can", "style": {"bold": True}} in bold
    sources = ai["blocks"][1]["elements"][0]["elements"]
    named = {"type": "link", "url": "https://kb.example/r#how", "text": "[1] Returns: How (updated 2026-03-01)"}
    assert named in sources and {"type": "text", "text": "[2] Terms & <more>"} in sources
    assert agent["username"] == "Ana · agent"
    assert "username" not in event and event["text"] == "Ana claimed this."
    calls = slack.space.noted("call", method="chat.postMessage")
    assert all(one["arguments"]["unfurl_links"] is False and one["arguments"]["unfurl_media"] is False for one in calls)


def test_a_notice_to_all_is_a_post_of_its_own(running: Running, slack) -> None:
    posted = running.post(a_post(key="n1", op="event", author="system", text="The AI's budget is nearly used up."))
    assert posted.id == posted.thread
    (message,) = slack.space.messages(CHANNEL)
    assert message["text"] == "The AI's budget is nearly used up." and "thread_ts" not in message
    with pytest.raises(PermanentFailure, match="no thread"):
        running.post(a_post(key="n2", op="message", text="words of a customer"))


@pytest.mark.parametrize(
    "text", ["<!channel> <@U1> <https://evil.example|bank>", "*b* `c` & <b>", " ", "x" * 3_900, "😀" * 1_900]
)
def test_foreign_text_arrives_exactly_and_commands_nothing(running: Running, slack, text: str) -> None:
    thread = a_thread(running)
    running.post(a_post(key="m1", op="message", thread=thread, text=text))
    message = slack.space.messages(CHANNEL, thread)[1]
    shown = "".join(part["text"] for block in message["blocks"] for part in block["elements"][0]["elements"])
    assert shown == (text if text.strip() else "(empty)")
    assert {part["type"] for block in message["blocks"] for part in block["elements"][0]["elements"]} == {"text"}
    assert "<" not in message["text"] and ">" not in message["text"]


def test_the_ai_can_make_no_mention_picture_or_odd_link(running: Running, slack) -> None:
    thread = a_thread(running)
    text = "# Hi\n\n<!channel> ![x](https://evil.example/p.png) [a](javascript:alert(1))\n\n- one\n- two\n  - deep\n\n```\ncode\n```\n1. a"
    running.post(a_post(key="m1", op="message", thread=thread, text=text, author="ai"))
    message = slack.space.messages(CHANNEL, thread)[1]
    flat = str(message["blocks"])
    assert (
        "'type': 'image'" not in flat
        and "broadcast" not in flat
        and "javascript" not in flat.replace("(javascript:alert(1))", "")
    )
    assert "rich_text_list" in flat and "rich_text_preformatted" in flat
    assert not slack.space.noted("refused_blocks")


def test_edits_and_deletes_are_done_once_however_often_they_are_asked(running: Running, slack) -> None:
    thread = a_thread(running)
    message = running.post(a_post(key="m1", op="message", thread=thread, text="one"))
    for _ in range(2):
        running.post(a_post(key="e1", op="edit", thread=thread, subject=message.id, text="two"))
    assert slack.space.message(CHANNEL, message.id)["text"] == "two"
    for _ in range(2):
        running.post(a_post(key="d1", op="delete", thread=thread, subject=message.id))
    assert len(slack.space.messages(CHANNEL, thread)) == 1


def test_marks_replace_each_other_and_survive_a_restart_of_the_desk(running: Running, another, slack) -> None:
    thread = a_thread(running)
    mine = slack.reply("U1", CHANNEL, thread, "Hello")

    def marks() -> set[str]:
        return set(slack.space.message(CHANNEL, mine).get("reactions", {}))

    for mark, shown in (("queued", "hourglass_flowing_sand"), ("failed", "warning"), ("sent", "white_check_mark")):
        running.post(a_post(key=mark, op="mark", thread=thread, subject=mine, mark=mark))
        running.post(a_post(key=mark, op="mark", thread=thread, subject=mine, mark=mark))
        assert marks() == {shown}
    another().post(a_post(key="q", op="mark", thread=thread, subject=mine, mark="queued"))
    assert marks() == {"hourglass_flowing_sand"}
    slack.delete(CHANNEL, mine)
    another().post(
        a_post(key="q2", op="mark", thread=thread, subject=mine, mark="sent")
    )  # gone: nothing to mark, no failure


def test_tick_marks_stay_below_slacks_limit_and_warnings_are_always_set(running: Running, slack) -> None:
    thread = a_thread(running)
    replies = [slack.reply("U1", CHANNEL, thread, str(n)) for n in range(30)]
    for one in replies:
        running.post(a_post(key=one, op="mark", thread=thread, subject=one, mark="sent"))
    assert len([c for c in slack.space.log if c["what"] == "call" and c["method"].startswith("reactions")]) <= 80
    running.post(a_post(key="w", op="mark", thread=thread, subject=replies[-1], mark="failed"))
    assert "warning" in slack.space.message(CHANNEL, replies[-1])["reactions"]


def test_a_mark_on_a_new_message_is_one_call_and_a_tick_is_not_worth_waiting_for(running: Running, slack) -> None:
    running.desk.marks.since = 0.0
    thread = a_thread(running)
    mine, other = slack.reply("U1", CHANNEL, thread, "Hello"), slack.reply("U1", CHANNEL, thread, "Bye")
    running.post(a_post(key="s", op="mark", thread=thread, subject=mine, mark="sent"))
    assert len([c for c in slack.space.log if c["what"] == "call" and c["method"].startswith("reactions")]) == 1
    slack.fail("429", "reactions.add")
    running.post(a_post(key="t", op="mark", thread=thread, subject=other, mark="sent"))
    slack.fail("429", "reactions.add")
    with pytest.raises(TemporaryFailure):
        running.post(a_post(key="u", op="mark", thread=thread, subject=other, mark="failed"))


@pytest.mark.parametrize("fault", ["drop_after", "500_after"])
@pytest.mark.parametrize("op", ["card", "message"])
def test_a_post_whose_answer_is_lost_is_found_again_and_never_posted_twice(
    running: Running, slack, fault: str, op: str
) -> None:
    thread = "" if op == "card" else a_thread(running)
    slack.fail(fault, "chat.postMessage")
    with pytest.raises(Uncertain):
        running.post(a_post(key="lost", op=op, thread=thread, text="Hello"))
    found = running.find("lost", thread)
    assert found is not None and found.thread == (thread or found.id)
    assert (
        len(
            [
                m
                for m in slack.space.messages(CHANNEL, thread)
                if m.get("metadata", {}).get("event_payload") == {"k": "lost"}
            ]
        )
        == 1
    )


def test_a_post_that_never_arrived_is_not_found(running: Running, slack) -> None:
    thread = a_thread(running)
    slack.fail("drop_before", "chat.postMessage")
    with pytest.raises(Uncertain):
        running.post(a_post(key="lost", op="message", thread=thread, text="Hello"))
    assert running.find("lost", thread) is None
    assert running.find("lost") is None
    assert running.find("k", "1.2") is None  # the thread itself is gone


def test_a_key_is_found_behind_many_other_messages(running: Running, slack) -> None:
    thread = a_thread(running)
    for n in range(450):
        slack.reply("U1", CHANNEL, thread, str(n))
        slack.say("U2", CHANNEL, str(n))
    posted = running.post(a_post(key="far", op="message", thread=thread, text="Hello"))
    assert running.find("far", thread) == posted
    assert running.find("root") is not None


def test_looking_that_fails_says_nothing_about_the_post(running: Running, slack) -> None:
    slack.fail("500", "conversations.history")
    with pytest.raises(Uncertain):
        running.find("lost")
    slack.fail("429", "conversations.history")
    with pytest.raises(TemporaryFailure):
        running.find("lost")


def failure(running: Running, **changed: object) -> DeliveryFailure:
    with pytest.raises(DeliveryFailure) as caught:
        running.post(a_post(**changed))
    return caught.value


@pytest.mark.parametrize(
    ("error", "advice"),
    [("msg_too_long", "Shorten"), ("thread_not_found", "deleted"), ("something_new", "something_new")],
)
def test_what_slack_refuses_for_good_says_what_to_do(running: Running, slack, error: str, advice: str) -> None:
    slack.fail("error", "chat.postMessage", error=error)
    refused = failure(running)
    assert isinstance(refused, PermanentFailure) and advice in str(refused)
    assert slack.space.messages(CHANNEL) == []


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("channel_not_found", "/invite"), ("not_in_channel", "/invite"), ("is_archived", "archive"), ("restricted_action", "admin"),
        ("invalid_auth", "SLACK_BOT_TOKEN"), ("token_revoked", "SLACK_BOT_TOKEN"), ("account_inactive", "Install"),
    ],
)  # fmt: skip
def test_what_only_an_admin_can_mend_loses_nothing_and_says_so(
    running: Running, slack, error: str, advice: str
) -> None:
    slack.fail("error", "chat.postMessage", error=error)
    refused = failure(running)
    assert isinstance(refused, ChannelDown) and advice in str(refused) and "Nothing is lost" in str(refused)
    assert slack.space.messages(CHANNEL) == []
    if "TOKEN" not in advice and advice != "Install":  # in a channel of earlier days only this message is lost
        slack.fail("error", "chat.postMessage", error=error)
        assert isinstance(failure(running, place="C0EARLIER"), PermanentFailure)


@pytest.mark.parametrize(("error", "kind"), [("service_unavailable", TemporaryFailure), ("fatal_error", Uncertain), ("internal_error", Uncertain)])  # fmt: skip
def test_slacks_own_troubles_are_told_apart(running: Running, slack, error: str, kind: type[Exception]) -> None:
    slack.fail("error", "chat.postMessage", error=error)
    assert type(failure(running)) is kind


def test_real_refusals_of_the_workspace(running: Running, slack) -> None:
    slack.space.scopes.discard("chat:write")
    assert "chat:write" in str(failure(running))
    slack.space.scopes.add("chat:write")
    slack.space.add_channel("C0OTHER", "other", with_bot=False)
    assert "/invite" in str(failure(running, place="C0OTHER"))
    assert "/invite" in str(failure(running, place="C0NONE"))
    thread = a_thread(running)
    mine = slack.reply("U1", CHANNEL, thread, "an agent's own words")
    assert isinstance(failure(running, op="edit", thread=thread, subject=mine, text="x"), PermanentFailure)
    assert "deleted" in str(failure(running, op="edit", thread=thread, subject="1.000001", text="x"))
    slack.space.channels[CHANNEL].is_archived = True
    assert "archive" in str(failure(running, key="k9"))
    slack.revoke()
    assert "SLACK_BOT_TOKEN" in str(failure(running, key="k10"))


@pytest.mark.parametrize("fault", ["500", "drop_before", "drop_after", "500_after"])
def test_what_may_have_arrived_is_uncertain(running: Running, slack, fault: str) -> None:
    slack.fail(fault, "chat.postMessage")
    assert type(failure(running)) is Uncertain


def test_an_answer_that_comes_too_late_is_uncertain(running: Running, slack, monkeypatch) -> None:
    from channels.slack import _web

    monkeypatch.setattr(_web, "TIMEOUT", 0.5)
    slack.fail("slow_after", "chat.postMessage", seconds=1.2)
    assert type(failure(running)) is Uncertain
    assert running.find("k1") is not None


def test_no_connection_is_temporary_because_nothing_left(running: Running, slack, another) -> None:
    slack.down()
    assert type(failure(running)) is TemporaryFailure
    assert type(failure(another(api_url="http://deskhand-test.invalid/api/"))) is TemporaryFailure
    slack.up()
    running.post(a_post())


def test_a_429_waits_as_long_as_slack_says_and_holds_up_only_its_channel(running: Running, slack) -> None:
    slack.space.add_channel("C0OTHER", "other")
    slack.fail("429", "chat.postMessage", retry_after=30)
    first = failure(running)
    assert isinstance(first, TemporaryFailure) and first.retry_after == 30
    again = failure(running)
    assert isinstance(again, TemporaryFailure) and again.retry_after is not None and 28 < again.retry_after <= 30
    assert len(slack.space.noted("call", method="chat.postMessage")) == 1  # the second did not even ask
    running.post(a_post(place="C0OTHER"))


def test_a_flood_for_one_channel_keeps_to_a_message_a_second(running: Running, slack) -> None:
    # One more than the desk's own: what was sent a second apart may arrive less than that apart.
    slack.paced, slack.burst = True, BURST + 1
    thread = a_thread(running)
    sent = 0
    delayed: list[float | None] = []
    began = time.monotonic()
    for n in range(8):
        try:
            running.post(a_post(key=f"m{n}", op="message", thread=thread, text=str(n)))
            sent += 1
        except TemporaryFailure as wait:
            delayed.append(wait.retry_after)
    assert sent >= 4 and None not in delayed
    assert not slack.space.noted("429"), "the desk keeps the pace by itself"
    assert time.monotonic() - began < patient(10)


def test_no_token_is_in_any_failure_or_in_the_desk_itself(running: Running, slack, caplog) -> None:
    caplog.set_level("DEBUG")
    secrets = (slack.space.bot_token, slack.space.app_token)
    said = [repr(running.desk)]
    for fault in ("500", "drop_before", "429"):
        slack.fail(fault, "chat.postMessage")
        said.append(repr(failure(running, place=f"C0{fault.upper()}")))
    slack.revoke()
    said.append(repr(failure(running)))
    slack.down()
    said.append(repr(failure(running, key="x")))
    everything = "\n".join([*said, caplog.text])
    assert not any(secret in everything for secret in secrets)


def test_changes_of_cards_take_turns_so_that_slack_never_asks_for_a_pause(running: Running, slack) -> None:
    posted = [running.post(a_post(key=f"k{number}")) for number in range(7)]
    later: dict[str, float] = {}
    for one in posted:
        try:
            running.post(a_post(key=f"c{one.id}", subject=one.id, thread=one.id))
        except TemporaryFailure as failure:
            later[one.id] = failure.retry_after or 0.0
    first, second = later
    assert 0 < later[first] < later[second], "five at once, then each has a turn of its own"
    with pytest.raises(TemporaryFailure) as early:
        running.post(a_post(key="early", subject=second, thread=second))
    assert early.value.retry_after == pytest.approx(later[second], abs=1.0), "who comes early keeps the turn"
    time.sleep(later[first] + 0.1)
    running.post(a_post(key="in time", subject=first, thread=first))
    assert len(slack.space.noted("call", method="chat.update")) == 6


def test_changes_keep_slacks_limit_and_those_beyond_it_wait_for_the_outbox() -> None:
    pacer = Pacer()
    waits = [pacer.wait_for("chat.update", CHANNEL) for _ in range(11)]
    assert waits[9] == 0.0 < waits[10] <= 2.0, "ten at once, then forty a minute: fifty in any minute"
    with pytest.raises(TemporaryFailure) as caught:
        pacer.wait_for("chat.update", CHANNEL)
    assert 2.0 < (caught.value.retry_after or 0) < 5
    assert pacer.wait_for("chat.postMessage", CHANNEL) == pacer.wait_for("reactions.add", "") == 0.0


def test_a_first_mark_takes_nothing_away_and_a_new_process_sets_few_at_first(running: Running, slack) -> None:
    root = a_thread(running)
    written = [slack.reply("U1", CHANNEL, root, f"reply {number}") for number in range(10)]
    for ts in written[:9]:
        running.post(a_post(key=f"m{ts}", op="mark", thread=root, subject=ts, mark="sent", first=True))
    assert slack.space.noted("call", method="reactions.remove") == []
    assert len(slack.space.noted("call", method="reactions.add")) == 8, (
        "Slack still counts what the process before it did"
    )
    running.post(a_post(key="m9", op="mark", thread=root, subject=written[9], mark="failed"))
    assert len(slack.space.noted("call", method="reactions.add")) == 9, "a warning is always shown"
    assert len(slack.space.noted("call", method="reactions.remove")) == 2, (
        "and of an older message nobody knows what it has"
    )
