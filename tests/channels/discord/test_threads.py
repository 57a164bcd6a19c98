"""Servers: threads under mentions and by /support, whose they are, forms, buttons and commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot import Button, PermanentFailure, Receipt, Refused
from channels.discord import interactions
from channels.discord.threads import short
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_state import GUILD_FORUM, PRIVATE_THREAD, PUBLIC_THREAD
from tests.patience import patient

from .conftest import Running, an_outbound


@pytest.fixture
def room(discord: FakeDiscord) -> str:
    return discord.world.add_channel(discord.world.add_guild())


def acked(discord: FakeDiscord, interaction: str) -> dict[str, Any]:
    (row,) = discord.wait(lambda: discord.world.noted("interaction_acked", id=interaction))
    return dict(row)


def aside(discord: FakeDiscord) -> str:
    return str(discord.wait(lambda: discord.world.ephemerals)[-1]["content"])


# Mentions ---------------------------------------------------------------------------------------------------------------


def test_naming_the_bot_opens_a_thread_in_which_only_that_person_is_answered(
    discord: FakeDiscord, running: Running, room: str
) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    message = discord.mention(ana, room, "my lamp is broken")
    (event,) = running.wait_for(1)
    assert (event.place, event.key, event.shared) == (message, f"dc:{room}:{message}", True)
    assert event.text == "my lamp is broken"
    (thread,) = discord.wait(lambda: discord.world.noted("thread"))
    assert (thread["thread"], thread["type"], thread["name"]) == (message, PUBLIC_THREAD, "my lamp is broken")
    discord.say(ben, message, "mine too")
    discord.mention(ben, message, "and me?")
    discord.say(ana, message, "it flickers")
    discord.edit(room, message, f"<@{discord.world.me}> my desk lamp is broken")
    running.wait_for(1, "edit")
    assert running.inbox.texts() == ["my lamp is broken", "it flickers"]
    assert running.inbox.of("edit")[0].subject == f"dc:{room}:{message}"
    assert running.inbox.of("edit")[0].place == message
    assert running.send(place=message, text="I see").platform_id
    assert discord.world.texts(message) == ["I see"]


def test_a_crash_before_the_thread_was_made_is_mended_by_the_answer(
    discord: FakeDiscord, running: Running, room: str
) -> None:
    running.listen()
    discord.fail("500", "POST /channels/*/messages/*/threads")
    ana = discord.world.add_user("Ana")
    message = discord.mention(ana, room, "hello")
    running.wait_for(1)
    discord.wait(lambda: discord.world.noted("fault"))
    running.send(place=message, text="the answer")
    assert discord.world.texts(message) == ["the answer"]


@pytest.mark.parametrize("code", [50013, 160006, 50024])
def test_where_no_thread_can_be_made_people_are_told(
    discord: FakeDiscord, running: Running, room: str, code: int
) -> None:
    running.listen()
    discord.fail("error", "POST /channels/*/messages/*/threads", error=f"403 {code}")
    discord.mention(discord.world.add_user("Ana"), room, "hello")
    (said,) = discord.wait(lambda: discord.world.texts(room))
    assert "direct message" in said


def test_in_a_thread_of_others_only_what_names_the_bot_is_for_it(
    discord: FakeDiscord, running: Running, room: str
) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    thread = discord.world.add_thread(room, discord.world.snowflake(), PUBLIC_THREAD, "theirs", ben)["id"]
    discord.say(ana, thread, "we talk")
    discord.mention(ana, thread, "what do you think?")
    running.wait_for(1)
    discord.say(ana, thread, "among ourselves")
    discord.mention(ana, thread, "and now?")
    running.wait_for(2)
    discord.mention(ben, thread, "me too")
    (said,) = discord.wait(lambda: discord.world.texts(thread))
    assert "/support" in said
    assert [(one.text, one.place) for one in running.inbox.events] == [
        ("what do you think?", thread),
        ("and now?", thread),
    ]


def test_in_a_post_of_a_forum_its_author_is_answered(discord: FakeDiscord, running: Running, room: str) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    post = discord.world.add_thread(room, discord.world.snowflake(), PUBLIC_THREAD, "My lamp flickers", ana)["id"]
    discord.mention(ana, post, "can you help?")
    running.wait_for(1)
    discord.say(ben, post, "try another bulb")
    discord.say(ana, post, "I did")
    running.wait_for(2)
    assert running.inbox.texts() == ["can you help?", "I did"]


def test_what_a_message_replies_to_is_quoted(discord: FakeDiscord, running: Running, room: str) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    first = discord.world.write(room, ben, "the switch is stuck")
    discord.say(ana, room, f"<@{discord.world.me}> what about this?", type=19, referenced_message=first)
    assert running.wait_for(1)[0].text == "> Ben: the switch is stuck\n\nwhat about this?"


def test_a_thread_that_was_forgotten_is_known_again(discord: FakeDiscord, running: Running, room: str) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    under = discord.mention(ana, room, "hello")
    running.wait_for(1)
    discord.support(ana, room, "I need help")
    running.wait_for(2)
    private = running.inbox.of("message")[1].place
    discord.wait(lambda: discord.world.texts(private))
    discord.wait(lambda: under in discord.world.channels)
    running.channel.memory.spots.clear()
    other = discord.world.add_thread(room, discord.world.snowflake(), PUBLIC_THREAD, "theirs", ben)["id"]
    for place in (under, private, other, room):
        discord.say(ben, place, "not me")
        discord.say(ana, place, f"again in {place}")
    running.wait_for(4)
    assert sorted(running.inbox.texts()[2:]) == sorted([f"again in {under}", f"again in {private}"])


def test_an_agents_reaction_reaches_the_message_above_the_thread(
    discord: FakeDiscord, running: Running, room: str
) -> None:
    running.listen()
    message = discord.mention(discord.world.add_user("Ana"), room, "hello")
    (event,) = running.wait_for(1)
    running.send(op="react", place=message, subject=event.key, text="👀")
    assert discord.world.noted("reaction", channel=room, id=message, emoji="👀")
    with pytest.raises(PermanentFailure, match="form"):
        running.send(op="react", place=message, subject="dc:ix:5", text="👀")


# /support ---------------------------------------------------------------------------------------------------------------


def test_support_in_a_server_opens_a_private_thread(discord: FakeDiscord, running: Running, room: str) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    asked = discord.support(ana, room, "It <@&5> flickers\nall night", subject="Broken lamp")
    (event,) = running.wait_for(1)
    assert event.text == "Broken lamp\n\nIt <@&5> flickers\nall night"
    assert (event.key, event.profile.language) == (f"dc:ix:{asked}", "en-GB")
    thread = discord.world.channels[event.place]
    assert (thread["type"], thread["name"]) == (PRIVATE_THREAD, f"Broken lamp · {short(asked)}")
    assert acked(discord, asked)["seconds"] < patient(3)
    assert aside(discord) == f"Your conversation is here: <#{event.place}>"
    assert ana in thread["members"]
    (opening,) = discord.wait(lambda: discord.world.texts(event.place))
    assert opening.startswith(f"<@{ana}> asked for support.")
    assert "> It " in opening
    assert set(discord.world.noted("pings")[-1]["who"]) == {ana}, "and nobody else"
    discord.say(ben, event.place, "not for me")
    discord.say(ana, event.place, "are you there?")
    running.wait_for(2)
    assert running.inbox.texts()[1:] == ["are you there?"]
    assert json.loads(running.inbox.stored)["spots"][event.place]["customer"] == ana


def test_support_in_a_direct_message_shows_what_was_asked(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    asked = discord.support(ana, dm, "It flickers")
    (event,) = running.wait_for(1)
    assert (event.place, event.text) == (dm, "It flickers")
    assert acked(discord, asked)["type"] == 4
    assert discord.world.texts(dm) == ["You asked:\n> It flickers"]


def test_what_was_typed_is_given_back_when_no_thread_can_be_made(
    discord: FakeDiscord, running: Running, room: str
) -> None:
    running.listen()
    forum = discord.world.add_channel(discord.world.channels[room]["guild_id"], "forum", GUILD_FORUM)
    discord.support(discord.world.add_user("Ana"), forum, "a long story")
    assert "a long story" in aside(discord)
    assert "direct message" in aside(discord)
    assert running.inbox.events == []


def test_a_slow_thread_keeps_discord_waiting_politely(
    discord: FakeDiscord, running: Running, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions, "DEFER_AFTER", 0.2)
    running.listen()
    discord.fail("slow_after", "POST /channels/*/threads", seconds=0.6)
    asked = discord.support(discord.world.add_user("Ana"), room, "hello")
    (event,) = running.wait_for(1)
    assert acked(discord, asked)["type"] == 5
    assert acked(discord, asked)["seconds"] < patient(3)
    assert event.place in aside(discord)


def test_many_who_ask_at_once_do_not_wait_for_each_other(
    discord: FakeDiscord, running: Running, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interactions, "DEFER_AFTER", 30.0)
    discord.routes.ack_within = 30.0
    running.listen()
    people = [discord.world.add_user(f"P{number}") for number in range(8)]
    discord.fail("slow_after", "POST /channels/*/threads", times=8, seconds=1.0)
    asked = [discord.fill_in(user, room, {"text": f"help {user}"}) for user in people]
    running.wait_for(8)
    assert max(acked(discord, one)["seconds"] for one in asked) < 6, "one after the other it would be eight"
    assert {one.text for one in running.inbox.of("message")} == {f"help {user}" for user in people}


def test_a_request_that_a_crash_interrupted_makes_no_second_thread(
    discord: FakeDiscord, running: Running, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    asked = discord.support(ana, room, "hello")
    (event,) = running.wait_for(1)
    running.stop_listening()
    running.channel.memory.spots.clear()
    running.inbox.stored = json.dumps({**json.loads(running.inbox.stored), "seq": 1, "spots": {}})
    running.inbox.events.clear()
    running.inbox.seen.clear()
    monkeypatch.setattr(interactions, "LATE", -1.0)
    running.listen()
    (again,) = running.wait_for(1)
    assert (again.key, again.place) == (f"dc:ix:{asked}", event.place)
    assert len(discord.world.noted("thread")) == 1


def test_an_empty_form_and_an_unknown_command(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    discord.fill_in(ana, dm, {"text": "   "})
    assert "empty" in aside(discord)
    discord.command(ana, dm, "somethingelse")
    discord.wait(lambda: len(discord.world.ephemerals) == 2)
    assert "do not know" in aside(discord)
    assert running.inbox.events == []


# Commands and buttons -----------------------------------------------------------------------------------------------------


def test_person_new_and_continue(discord: FakeDiscord, running: Running) -> None:
    running.inbox.answer = lambda event: Receipt(
        key=event.key, conversation_id="c", aside="The code is ABCD." if event.kind == "continue" else ""
    )
    running.listen()
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    discord.command(ana, dm, "person")
    running.wait_for(1, "handoff")
    discord.command(ana, dm, "continue", code=" AB12 ")
    (carried,) = running.wait_for(1, "continue")
    assert (carried.text, carried.place, carried.shared) == ("AB12", dm, False)
    discord.wait(lambda: len(discord.world.ephemerals) == 2)
    assert aside(discord) == "The code is ABCD."
    discord.command(ana, dm, "new")
    running.wait_for(1, "new")
    discord.wait(lambda: len(discord.world.ephemerals) == 3)
    assert "new conversation" in aside(discord)
    assert not discord.world.noted("interaction_expired")


def test_commands_where_there_is_no_conversation_or_somebody_elses(
    discord: FakeDiscord, running: Running, room: str
) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    discord.command(ana, room, "person")
    assert "no conversation here" in aside(discord)
    thread = discord.mention(ana, room, "hello")
    running.wait_for(1)
    discord.wait(lambda: thread in discord.world.channels)
    for number, name in enumerate(("person", "new", "continue"), 2):
        discord.command(ben, thread, name)
        discord.wait(lambda number=number: len(discord.world.ephemerals) == number)
        assert "somebody else" in aside(discord)
    assert [one.kind for one in running.inbox.events] == ["message"]


def test_a_button_is_answered_visibly_and_goes(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    buttons = (Button(label="Yes *please*", value="c0:k"), Button(label="No", value="c1:k"))
    ours = running.send(place=dm, text="Shall I?", buttons=buttons).platform_id
    running.inbox.delay = 0.2
    pressed = discord.press(ana, dm, ours, "Yes *please*")
    (event,) = running.wait_for(1, "button")
    assert (event.text, event.key, event.external_id) == ("c0:k", f"dc:ix:{pressed}", ana)
    row = acked(discord, pressed)
    assert row["type"] == 7
    assert 0.2 <= row["seconds"] < patient(3), "after the commit"
    shown = discord.world.messages[dm][ours]
    assert shown["components"] == []
    assert shown["content"] == "Shall I?\n-# ✓ Yes \\*please\\*"


def test_a_button_that_is_refused_stays(discord: FakeDiscord, running: Running) -> None:
    running.inbox.answer = lambda event: Refused(key=event.key, code="unknown_message", message="This is over.")
    running.listen()
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    ours = running.send(place=dm, text="Shall I?", buttons=(Button(label="Yes", value="v"),)).platform_id
    discord.press(ana, dm, ours, "Yes")
    assert aside(discord) == "This is over."
    assert discord.world.messages[dm][ours]["components"]


def test_somebody_elses_button_cannot_be_pressed(discord: FakeDiscord, running: Running, room: str) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    thread = discord.mention(ana, room, "hello")
    running.wait_for(1)
    discord.wait(lambda: thread in discord.world.channels)
    out = an_outbound(place=thread, text="Well?", buttons=(Button(label="Yes", value="v"),))
    ours = running.run(running.channel.send(out)).platform_id
    discord.press(ben, thread, ours, "Yes")
    assert "somebody else" in aside(discord)
    assert running.inbox.of("button") == []


def test_an_interaction_that_expired_is_kept_all_the_same(discord: FakeDiscord, running: Running) -> None:
    discord.routes.ack_within = 0.05
    running.inbox.delay = 0.2
    running.listen()
    ana = discord.world.add_user("Ana")
    discord.command(ana, discord.world.dm_of(ana), "person")
    running.wait_for(1, "handoff")
    discord.wait(lambda: discord.world.noted("interaction_expired"))
    assert running.trouble == []
