"""What comes in: direct messages, threads, edits, deletions, reactions, files, and what must be ignored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
import structlog

from bot import Receipt, Refused
from channels.discord import intake
from tests.fakes.discord import FakeDiscord

from .conftest import Running, talking


def test_a_direct_message_is_committed_with_its_natural_key(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    message = discord.dm(ana, "Hello, my lamp is broken")
    (event,) = running.wait_for(1)
    dm = discord.world.dm_of(ana)
    assert (event.key, event.place, event.external_id) == (f"dc:{dm}:{message}", dm, ana)
    assert (event.text, event.profile.name, event.shared) == ("Hello, my lamp is broken", "Ana", False)


def test_the_stream_is_compressed_and_asks_for_exactly_what_it_needs(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    assert discord.wait(lambda: discord.world.noted("connected"))[0]["compressed"]
    (identified,) = discord.wait(lambda: discord.world.noted("identify"))
    wanted = {
        "guilds": 0,
        "guild_messages": 9,
        "guild_reactions": 10,
        "dm_messages": 12,
        "dm_reactions": 13,
        "content": 15,
    }
    assert identified["intents"] == sum(1 << bit for bit in wanted.values())


def test_edits_deletions_and_reactions_name_the_message(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    first = discord.dm(ana, "My lmap is broken")
    ours = running.send(place=dm, text="I am sorry").platform_id
    discord.edit(dm, first, "My lamp is broken")
    discord.react(ana, dm, ours, "👍")
    discord.react(ana, dm, first, "🙈")
    discord.react(ana, dm, ours, "👍", gone=True)
    discord.delete(dm, first)
    running.wait_for(1, "delete")
    (edit,) = running.inbox.of("edit")
    assert (edit.subject, edit.text) == (f"dc:{dm}:{first}", "My lamp is broken")
    assert edit.key.startswith(f"dc:{dm}:{first}:e20")
    reactions = [(one.subject, one.text, one.gone) for one in running.inbox.of("reaction")]
    assert reactions == [(ours, "👍", False), (f"dc:{dm}:{first}", "🙈", False), (ours, "👍", True)]
    assert running.inbox.of("delete")[0].subject == f"dc:{dm}:{first}"


def test_what_no_person_wrote_is_ignored(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana, robot = discord.world.add_user("Ana"), discord.world.add_user("Robot", bot=True)
    dm = discord.world.dm_of(ana)
    guild = discord.world.add_guild()
    room = discord.world.add_channel(guild)
    running.send(place=dm, text="from ourselves")
    discord.mention(robot, room, "a bot talks to us")
    discord.say(ana, room, f"<@{discord.world.me}>", webhook_id="5")
    discord.say(ana, dm, "", type=7)
    discord.say(ana, dm, "", type=6)
    discord.say(ana, dm, "", type=999)
    discord.say(ana, room, "not for us")
    discord.say(ana, room, "@everyone look", mention_everyone=True)
    discord.dm(ana, "this counts")
    assert [one.text for one in running.wait_for(1)] == ["this counts"]
    assert running.trouble == []


def test_odd_messages_are_told_in_words(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana, ben = discord.world.add_user("Ana"), discord.world.add_user("Ben")
    discord.dm(ana, "", sticker_items=[{"id": "1", "name": "Wave", "format_type": 1}])
    discord.dm(ana, "", poll={"question": {"text": "Which?"}, "answers": [{"poll_media": {"text": "red"}}]})
    discord.dm(ana, "see", message_snapshots=[{"message": {"content": "the old text", "attachments": []}}])
    discord.dm(ana, f"hi <@{ben}> <:lamp:123456789012345678> <t:0:R> <#123456> <@&123456>")
    discord.dm(ana, "", components=[{"type": 17}], flags=1 << 15)
    discord.dm(ana, "", embeds=[{"title": "x"}], something_new={"deep": [1]})
    texts = [one.text for one in running.wait_for(6)]
    assert texts == [
        "(sticker: Wave)",
        "(poll) Which?\n- red",
        "see\n(forwarded)\nthe old text",
        "hi @Ben :lamp: 1970-01-01 00:00 UTC #channel @role",
        "(sent something that cannot be shown here)",
        "(sent something that cannot be shown here)",
    ]


def test_events_of_the_future_and_broken_ones_do_no_harm(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    for name, data in (
        ("SOMETHING_NEW", {"x": 1}),
        ("MESSAGE_CREATE", {"id": "1"}),
        ("MESSAGE_UPDATE", {"id": 5, "channel_id": None}),
        ("MESSAGE_DELETE_BULK", {"ids": None, "channel_id": "4"}),
        ("MESSAGE_REACTION_ADD", {"emoji": "?"}),
        ("INTERACTION_CREATE", {"type": 2}),
        ("INTERACTION_CREATE", {"type": 99}),
    ):
        discord.world.tell(name, data)
    discord.dm(ana, "still there")
    assert running.wait_for(1)[0].text == "still there"
    assert running.trouble == []


def test_files_come_with_their_bytes_and_in_order(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    discord.dm(
        ana, "first", files=(("lamp.png", b"\x89PNG" * 50_000, "image/png"), ("a b.txt", b"hello", "text/plain"))
    )
    discord.dm(ana, "second")
    discord.dm(ana, "", files=(("voice.ogg", b"OggS" * 20, "audio/ogg"),))
    first, second, third = running.wait_for(3)
    assert [(f.name, f.type, len(f.content), f.problem) for f in first.files] == [
        ("lamp.png", "image/png", 200_000, ""),
        ("a b.txt", "text/plain", 5, ""),
    ]
    assert (first.text, second.text, third.text) == ("first", "second", "")
    assert third.files[0].content == b"OggS" * 20


def test_files_that_cannot_be_had_say_why(discord: FakeDiscord, running: Running) -> None:
    running.listen()
    ana = discord.world.add_user("Ana")
    dm = discord.world.dm_of(ana)
    files = [
        {"id": "1", "filename": "big.zip", "size": 40_000_000, "url": f"{discord.cdn}/attachments/1/big.zip"},
        {"id": "2", "filename": "gone.txt", "size": 5, "url": f"{discord.cdn}/attachments/2/gone.txt"},
        {"id": "3", "filename": "else.txt", "size": 5, "url": "http://127.0.0.1:1/attachments/3/else.txt"},
    ]
    discord.world.write(dm, ana, "three", attachments=files)
    (event,) = running.wait_for(1)
    assert [(f.name, f.problem) for f in event.files] == [
        ("big.zip", "too_large"),
        ("gone.txt", "unavailable"),
        ("else.txt", "unavailable"),
    ]


def test_a_refusal_is_told_in_the_chat_once(discord: FakeDiscord, running: Running) -> None:
    running.inbox.answer = lambda event: Refused(
        key=event.key, code="blocked", message="You cannot write here any more."
    )
    running.listen()
    ana = discord.world.add_user("Ana")
    for number in range(5):
        discord.dm(ana, f"hello {number}")
    running.wait_for(5)
    dm = discord.world.dm_of(ana)
    discord.wait(lambda: discord.world.texts(dm))
    assert discord.world.texts(dm) == ["You cannot write here any more."]


def test_nothing_counts_as_heard_before_it_is_committed(discord: FakeDiscord, running: Running) -> None:
    ana = talking(discord, running)
    discord.wait(lambda: json.loads(running.inbox.stored)["seq"] >= 2)
    before = json.loads(running.inbox.stored)["seq"]
    running.inbox.failing = 100_000
    discord.dm(ana, "two")
    discord.wait(lambda: running.inbox.failing < 99_997)
    assert json.loads(running.inbox.stored)["seq"] == before
    running.inbox.failing = 0
    running.wait_for(2)
    discord.wait(lambda: json.loads(running.inbox.stored)["seq"] > before)
    assert running.inbox.texts() == ["one", "two"]


def test_one_event_that_cannot_be_stored_takes_no_other_with_it(discord: FakeDiscord, running: Running) -> None:
    running.inbox.poison = "poison"
    running.inbox.delay = 0.05
    running.listen()
    ana = discord.world.add_user("Ana")
    for text in ("a", "poison", "b", "c"):
        discord.dm(ana, text)
    assert [one.text for one in running.wait_for(3, seconds=20)] == ["a", "b", "c"]
    dm = discord.world.dm_of(ana)
    assert discord.wait(lambda: discord.world.texts(dm)) == [intake.SORRY]


def test_a_way_in_that_closes_for_a_stop_gives_no_event_up(
    discord: FakeDiscord, running: Running, another: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PAUSES", (0.3,) * 4)
    ana = talking(discord, running)
    running.inbox.closed = True  # as the host closes it, just before it cancels
    discord.dm(ana, "two")
    discord.wait(lambda: running.inbox.turned_away)
    with structlog.testing.capture_logs() as said:
        running.stop_listening()
        turned_away = running.inbox.turned_away
        time.sleep(1.1)  # by then it would have been given up
    assert not [one for one in said if one["event"] == "event_given_up"]
    assert running.inbox.turned_away == turned_away, "nothing goes on after the stop"
    assert discord.world.texts(discord.world.dm_of(ana)) == []
    running.inbox.closed = False
    another(inbox=running.inbox).listen()
    running.wait_for(2)
    assert running.inbox.texts() == ["one", "two"]


def test_a_revoked_token_and_a_missing_intent_are_named_for_the_admin(discord: FakeDiscord, running: Running) -> None:
    discord.world.flags = 0
    running.listen(connected=False)
    discord.wait(lambda: running.trouble)
    assert type(running.trouble[0]).__name__ == "ChannelDown"
    assert "Message Content Intent" in str(running.trouble[0])
    discord.world.flags = 1 << 19
    discord.wait(lambda: discord.gateway.open)
    discord.world.revoked = True
    discord.run(discord.gateway.close(4004))
    discord.wait(lambda: any("DISCORD_BOT_TOKEN" in str(one) for one in running.trouble))
    assert all(discord.world.token not in str(one) + repr(one) for one in running.trouble)


@pytest.mark.parametrize("text", ["", "   ", "\u200b"])
def test_an_empty_message_harms_nothing(discord: FakeDiscord, running: Running, text: str) -> None:
    running.inbox.answer = lambda event: Receipt(key=event.key, conversation_id="c")
    running.listen()
    discord.dm(discord.world.add_user("Ana"), text)
    running.wait_for(1)
    assert running.trouble == []
