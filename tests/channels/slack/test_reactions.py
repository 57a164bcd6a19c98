"""Emoji both ways, and what is said where Slack has none."""

from __future__ import annotations

import pytest

from channels.slack.emoji import name_of, picture

from .conftest import CHANNEL, Running, a_post, a_thread


@pytest.fixture
def listening(running: Running) -> Running:
    return running.listen()


def mirrored(running: Running, thread: str) -> str:
    return running.post(a_post(key="m", op="message", thread=thread, text="Thank you")).id


def test_an_agents_emoji_and_its_removal_are_events_of_the_message(listening: Running, slack) -> None:
    ts = mirrored(listening, a_thread(listening))
    slack.react("U1", CHANNEL, ts, "thumbsup::skin-tone-3")
    slack.unreact("U1", CHANNEL, ts, "thumbsup::skin-tone-3")
    slack.react("U2", CHANNEL, ts, "party_parrot")
    on, off, own = listening.wait_for_events(3)
    assert (on.kind, on.text, on.gone, on.message, on.place, on.who) == (
        "reaction",
        "👍",
        False,
        ts,
        CHANNEL,
        "T0DESK:U1",
    )
    assert (off.text, off.gone) == ("👍", True) and on.key != off.key
    assert own.text == ":party_parrot:", "what only this workspace has is told by its name"


def test_our_marks_other_peoples_messages_and_redeliveries_are_no_news(listening: Running, slack) -> None:
    thread = a_thread(listening)
    ts = mirrored(listening, thread)
    mine = slack.reply("U1", CHANNEL, thread, "Hello")
    listening.post(a_post(key="q", op="mark", thread=thread, subject=mine, mark="queued"))
    slack.react("U2", CHANNEL, ts, "white_check_mark")
    slack.react("U2", CHANNEL, mine, "heart")
    slack.sockets.twins, slack.sockets.most_twins = 1.0, 3
    slack.react("U2", CHANNEL, ts, "heart")
    slack.wait(lambda: [one for one in listening.inbox.events if one.kind == "reaction"])
    slack.wait(lambda: listening.inbox.deliveries >= 5)
    assert [one.text for one in listening.inbox.events if one.kind == "reaction"] == ["❤️"]


def react(running: Running, thread: str, subject: str, text: str) -> None:
    running.post(a_post(key=f"r{text}", op="react", thread=thread, subject=subject, text=text, author_name="Anna"))


def test_a_customers_emoji_replaces_the_one_before(running: Running, slack, another) -> None:
    thread = a_thread(running)
    mine = slack.reply("U1", CHANNEL, thread, "Hello")
    running.post(a_post(key="s", op="mark", thread=thread, subject=mine, mark="sent"))

    def there() -> set[str]:
        return set(slack.space.message(CHANNEL, mine)["reactions"])

    for _ in range(2):
        react(running, thread, mine, "👍🏽")
    assert there() == {"white_check_mark", "+1"}
    react(another(), thread, mine, "❤")  # after a restart nobody remembers what was there
    assert there() == {"white_check_mark", "heart"}
    react(running, thread, mine, "")
    react(another(), thread, mine, "")
    assert there() == {"white_check_mark"}
    assert len(slack.space.messages(CHANNEL, thread)) == 2


@pytest.mark.parametrize("how", ["unknown", "mark", "refused", "scope"])
def test_what_cannot_be_a_reaction_is_a_line(running: Running, slack, how: str) -> None:
    thread = a_thread(running)
    mine = slack.reply("U1", CHANNEL, thread, "Hello")
    if how == "refused":
        slack.fail("error", "reactions.add", error="too_many_emoji")
    if how == "scope":
        slack.space.scopes -= {"reactions:read", "reactions:write"}
    emoji = {"unknown": "🧿", "mark": "✅"}.get(how, "👍")
    react(running, thread, mine, emoji)
    assert slack.space.messages(CHANNEL, thread)[-1]["text"] == f"Anna reacted with {emoji}"
    assert running.find(f"r{emoji}", thread) is not None


def test_a_message_that_is_gone_needs_no_reaction(running: Running, slack) -> None:
    thread = a_thread(running)
    mine = slack.reply("U1", CHANNEL, thread, "Hello")
    slack.delete(CHANNEL, mine)
    react(running, thread, mine, "👍")
    assert len(slack.space.messages(CHANNEL, thread)) == 1


def test_names_and_pictures_agree() -> None:
    assert picture("+1") == picture("thumbsup::skin-tone-2") == "👍" and picture("nothing_like_it") == ""
    assert name_of("👍🏿") == "+1" and name_of("❤️") == name_of("❤") == "heart" and name_of("🧿") == ""
