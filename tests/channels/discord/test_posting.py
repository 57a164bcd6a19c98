"""What goes out: sends, edits, files, buttons, reactions, drafts, and every way in which Discord says no."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot import Attachment, Button, ChannelDown, PermanentFailure, Source, TemporaryFailure, Uncertain
from tests.fakes import discord_limits
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_state import PUBLIC_THREAD
from tests.patience import patient

from .conftest import Running, an_outbound

SEND = "POST /channels/*/messages"


@pytest.fixture
def dm(discord: FakeDiscord) -> str:
    return discord.world.dm_of(discord.world.add_user("Ana"))


def message(discord: FakeDiscord, channel: str, number: int = -1) -> dict[str, Any]:
    return list(discord.world.messages[channel].values())[number]


def test_a_message_carries_its_key_pings_nobody_and_shows_no_pictures(
    discord: FakeDiscord, running: Running, dm: str
) -> None:
    sent = running.send(place=dm, text="@everyone <@5> <@&6> see https://shop.example/a_b_c", key="k" * 24)
    (call,) = discord.world.noted("call", route=SEND)
    assert call["body"]["nonce"] == "k" * 24
    assert call["body"]["enforce_nonce"] is True
    assert call["body"]["allowed_mentions"] == {"parse": []}
    assert call["body"]["flags"] & 4
    running.send(op="edit", subject=sent.platform_id, place=dm, text="@here again")
    (edit,) = discord.world.noted("call", route="PATCH /channels/*/messages/*")
    assert edit["body"]["allowed_mentions"] == {"parse": []}
    assert edit["body"]["flags"] & 4
    assert [one["who"] for one in discord.world.noted("pings")] == [[], []]


def test_agents_have_a_name_and_answers_their_sources(discord: FakeDiscord, running: Running, dm: str) -> None:
    running.send(place=dm, text="Hello", author="agent", author_name="Ana *K*")
    assert message(discord, dm)["content"] == r"**Ana \*K\*:** Hello"
    sources = (
        Source(
            n=1,
            passage_id="p",
            title="Returns [30]",
            url="https://shop.example/returns#how",
            heading="How",
            updated="2026-03-01",
        ),
        Source(n=2, passage_id="q", title="Terms", url="javascript:x"),
    )
    running.send(place=dm, text="30 days [1].", sources=sources)
    assert message(discord, dm)["content"] == (
        "30 days [1].\n-# Sources: \\[1\\] [Returns \\[30\\]\\: How \\(updated 2026\\-03\\-01\\)](<https://shop.example/returns#how>) · \\[2\\] Terms"
    )
    with pytest.raises(PermanentFailure, match="internal"):
        running.send(place=dm, text="a note", author="note")


@pytest.mark.parametrize(
    "hostile", ["@", "*", "||", "[x](https://evil.example)", "<@1>", "`", "```\n", "~~", "\\", "😀"]
)
def test_the_longest_part_fits_whatever_it_is_made_of(
    discord: FakeDiscord, running: Running, dm: str, hostile: str
) -> None:
    text = (hostile * 1_800)[: running.channel.limits.max_text]
    sources = tuple(
        Source(n=n, passage_id="p", title="A title " * 9, url="https://shop.example/x") for n in range(1, 11)
    )
    running.send(place=dm, text=text, author="agent", author_name="A" * 100, sources=sources)
    shown = message(discord, dm)["content"]
    assert len(shown) <= 2_000
    assert "](https://evil" not in shown
    assert not discord.world.noted("refused_message")


def test_an_answer_that_got_lost_is_asked_for_again_and_shown_once(
    discord: FakeDiscord, running: Running, dm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(discord_limits.BUCKETS, SEND, (5, 0.8))
    for kind in ("drop_after", "500_after", "drop_before", "500"):
        discord.fail(kind, SEND)
        sent = running.send(place=dm, text=kind)
        assert sent.platform_id == message(discord, dm)["id"]
    assert discord.world.texts(dm) == ["drop_after", "500_after", "drop_before", "500"]
    discord.fail("drop_after", SEND, times=2)
    out = an_outbound(place=dm, text="twice lost")
    with pytest.raises(Uncertain):
        running.run(running.channel.send(out))
    again = running.run(running.channel.send(out))
    assert discord.world.texts(dm).count("twice lost") == 1
    assert again.platform_id == message(discord, dm)["id"]


def test_rate_limits_are_told_and_not_slept_through(discord: FakeDiscord, running: Running, dm: str) -> None:
    discord.fail("429", SEND, retry_after=60)
    began = time.monotonic()
    with pytest.raises(TemporaryFailure) as told:
        running.send(place=dm)
    assert told.value.retry_after == 60
    with pytest.raises(TemporaryFailure) as again:
        running.send(place=dm)
    assert 30 < (again.value.retry_after or 0) <= 60
    assert len(discord.world.noted("call", route=SEND)) == 1, "what Discord forbade is not asked again"
    discord.fail("banned", SEND)
    with pytest.raises(TemporaryFailure) as banned:
        running.send(place=discord.world.dm_of(discord.world.add_user("Ben")))
    assert (banned.value.retry_after or 0) >= 60
    assert time.monotonic() - began < patient(30)


def test_a_burst_keeps_within_the_bucket(
    discord: FakeDiscord, running: Running, dm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(discord_limits.BUCKETS, SEND, (5, 0.8))
    for number in range(7):
        running.send(place=dm, text=str(number))
    assert discord.world.texts(dm) == [str(number) for number in range(7)]
    assert not discord.world.noted("429")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("403 50007", PermanentFailure, "direct messages"),
        ("404 10003", PermanentFailure, "not there any more"),
        ("403 50001", PermanentFailure, "cannot see the channel"),
        ("403 50013", PermanentFailure, "may not do this"),
        ("400 50035", PermanentFailure, "form of this message"),
        ("400 160005", PermanentFailure, "locked"),
        ("413 40005", PermanentFailure, "larger"),
        ("418 1", PermanentFailure, "status 418"),
        ("404 0", TemporaryFailure, "something else"),
        ("401 0", ChannelDown, "DISCORD_BOT_TOKEN"),
    ],
)
def test_refusals_have_words(
    discord: FakeDiscord, running: Running, dm: str, error: str, kind: type[Exception], words: str
) -> None:
    discord.fail("error", SEND, error=error)
    with pytest.raises(kind, match=words) as told:
        running.send(place=dm)
    assert discord.world.token not in str(told.value)


def test_a_network_that_is_away_is_certainly_not_sent(discord: FakeDiscord, running: Running, dm: str) -> None:
    discord.down()
    with pytest.raises(TemporaryFailure):
        running.send(place=dm)
    discord.up()


def test_edits_deletions_and_reactions(discord: FakeDiscord, running: Running, dm: str) -> None:
    ours = running.send(place=dm, text="wrogn").platform_id
    running.send(op="edit", place=dm, subject=ours, text="wrong")
    running.send(op="react", place=dm, subject=ours, text="👍")
    running.send(op="react", place=dm, subject=ours, text="🎉")
    (shown,) = discord.world.messages[dm].values()
    assert shown["content"] == "wrong"
    assert {emoji for emoji, users in shown["who_reacted"].items() if users} == {"🎉"}
    running.send(op="react", place=dm, subject=ours, text="")
    assert not any(shown["who_reacted"].values())
    with pytest.raises(PermanentFailure, match="emoji"):
        running.send(op="react", place=dm, subject=ours, text="shipit")
    running.send(op="delete", place=dm, subject=ours, text="")
    running.send(op="delete", place=dm, subject=ours, text="")
    assert not discord.world.messages[dm]
    with pytest.raises(PermanentFailure, match="deleted"):
        running.send(op="edit", place=dm, subject=ours, text="too late")
    with pytest.raises(PermanentFailure, match="never arrived"):
        running.send(op="edit", place=dm, subject="", text="what")


def test_buttons_and_files(discord: FakeDiscord, running: Running, dm: str) -> None:
    buttons = tuple(Button(label=f"Choice {n} " + "x" * 90, value=f"v{n}") for n in range(7))
    running.send(place=dm, text="Which?", buttons=buttons)
    rows = message(discord, dm)["components"]
    assert [len(row["components"]) for row in rows] == [5, 2]
    assert rows[1]["components"][1]["custom_id"] == "v6"
    file = Attachment(id="f", name='in"voice\\1.pdf', content=b"%PDF" * 1000, type="application/pdf")
    running.send(place=dm, text="", files=(file,), author="agent", author_name="Ana")
    shown = message(discord, dm)
    (stored,) = shown["attachments"]
    assert (stored["size"], shown["content"]) == (4_000, "**Ana:**")
    assert shown["nonce"]


def test_an_archived_thread_is_opened_again_and_a_locked_one_explained(discord: FakeDiscord, running: Running) -> None:
    guild = discord.world.add_guild()
    room = discord.world.add_channel(guild)
    thread = discord.world.add_thread(room, discord.world.snowflake(), PUBLIC_THREAD, "t", discord.world.me)
    ours = running.send(place=thread["id"], text="one").platform_id
    thread["thread_metadata"]["archived"] = True
    running.send(op="edit", place=thread["id"], subject=ours, text="two")
    assert discord.world.texts(thread["id"]) == ["two"]
    assert discord.world.noted("unarchived")
    thread["thread_metadata"] = {"archived": True, "locked": True}
    for changed in ({"op": "edit", "subject": ours}, {"op": "send"}):
        with pytest.raises(PermanentFailure, match="locked"):
            running.send(place=thread["id"], text="three", **changed)


def test_a_message_is_found_by_its_nonce(discord: FakeDiscord, running: Running, dm: str) -> None:
    running.listen()
    out = an_outbound(place=dm)
    running.run(running.channel.send(out))
    discord.wait(lambda: running.channel.echoes)
    assert running.run(running.channel.find(out.key, dm)).platform_id == message(discord, dm)["id"]
    assert running.run(running.channel.find("unknown", dm)) is None
    discord.world.nonces_in_history = True
    running.channel.echoes.clear()
    assert running.run(running.channel.find(out.key, dm)).platform_id == message(discord, dm)["id"]


def test_a_draft_grows_within_the_limits_and_becomes_the_answer(
    discord: FakeDiscord, running: Running, dm: str
) -> None:
    running.channel.drafts.every = 0.3
    began = time.monotonic()
    for number in range(40):
        running.draft(dm, "t1", "word " * (number + 1))
        time.sleep(0.04)
    assert len(discord.world.messages[dm]) == 1
    assert discord.world.texts(dm)[0].endswith("-# writing …")
    most = (time.monotonic() - began) / 0.27 + 2
    sent = running.send(place=dm, text="The whole answer", turn="t1")
    running.draft(dm, "t1", "a late piece")
    assert discord.world.texts(dm) == ["The whole answer"]
    assert sent.platform_id == message(discord, dm)["id"]
    assert 2 <= len(discord.world.noted("edit")) <= most
    assert not discord.world.noted("429")


def test_a_corrected_answer_takes_the_place_of_its_draft(discord: FakeDiscord, running: Running, dm: str) -> None:
    """A check at the end took something out: it is gone from the message that was shown."""
    running.draft(dm, "t1", "30 days. The label costs €49.")
    assert "€49" in discord.world.texts(dm)[0]
    running.send(place=dm, text="30 days.", turn="t1")
    assert discord.world.texts(dm) == ["30 days."]


def test_the_answer_comes_also_when_its_draft_was_deleted_or_the_edit_got_lost(
    discord: FakeDiscord, running: Running, dm: str
) -> None:
    running.draft(dm, "t1", "some words")
    discord.delete(dm, message(discord, dm)["id"])
    running.send(place=dm, text="The answer", turn="t1")
    assert discord.world.texts(dm) == ["The answer"]
    running.channel.drafts.every = 0
    running.draft(dm, "t2", "other words")
    discord.fail("drop_after", "PATCH /channels/*/messages/*", times=2)
    out = an_outbound(place=dm, text="The other answer", turn="t2")
    with pytest.raises(Uncertain):
        running.run(running.channel.send(out))
    running.run(running.channel.send(out))
    assert discord.world.texts(dm) == ["The answer", "The other answer"]


def test_the_answer_replaces_a_draft_of_which_only_the_echo_told(
    discord: FakeDiscord, running: Running, dm: str
) -> None:
    running.listen()
    discord.fail("drop_after", SEND)
    with pytest.raises(Uncertain):
        running.draft(dm, "t1", "half an answer")
    discord.wait(lambda: running.channel.echoes)
    running.send(place=dm, text="The answer", turn="t1")
    assert discord.world.texts(dm) == ["The answer"]


def test_a_draft_is_taken_back_when_a_person_takes_over(discord: FakeDiscord, running: Running, dm: str) -> None:
    running.draft(dm, "t1", "half an answer")
    assert len(discord.world.texts(dm)) == 1
    running.draft(dm, "t1", "")
    running.draft(dm, "t2", "")
    assert discord.world.texts(dm) == []
    running.draft(dm, "t1", "too late")
    assert discord.world.texts(dm) == []


def test_a_draft_that_a_crash_left_is_removed_and_an_answer_never(
    discord: FakeDiscord, running: Running, dm: str
) -> None:
    running.listen()
    running.draft(dm, "t1", "left alone")
    running.draft(discord.world.dm_of(discord.world.add_user("Ben")), "t2", "answered")
    discord.wait(lambda: len(running.channel.echoes) >= 2)
    memory = running.channel.memory
    answered = memory.drafts["t2"]
    discord.run(_change(discord, answered.channel, answered.message))
    for one in memory.drafts.values():
        one.at -= 200
    running.run(running.channel.drafts.sweep(running.channel.rest()))
    assert discord.world.texts(dm) == []
    assert discord.world.texts(answered.channel) == ["The answer of a process that died"]


def test_a_draft_that_is_being_written_is_not_taken_for_a_left_over(
    discord: FakeDiscord, running: Running, dm: str
) -> None:
    running.draft(dm, "t1", "still writing")
    memory = running.channel.memory
    running.channel.drafts.left_over(dm, memory.drafts["t1"].message)
    memory.drafts[f"?{memory.drafts['t1'].message}"].at -= 200
    running.run(running.channel.drafts.sweep(running.channel.rest()))
    assert list(memory.drafts) == ["t1"]
    assert len(discord.world.texts(dm)) == 1


async def _change(discord: FakeDiscord, channel: str, message: str) -> None:
    discord.world.find(channel, message)["content"] = "The answer of a process that died"


def test_typing_is_shown(discord: FakeDiscord, running: Running, dm: str) -> None:
    running.run(running.channel.typing(dm))
    assert discord.world.noted("typing")


def test_many_places_at_once_stay_below_the_limit_of_all_routes(discord: FakeDiscord, running: Running) -> None:
    places = [discord.world.dm_of(discord.world.add_user(f"P{n}")) for n in range(80)]

    async def one(place: str) -> None:
        out = an_outbound(place=place)
        while True:
            try:
                await running.channel.send(out)
                return
            except TemporaryFailure as failure:
                await asyncio.sleep(failure.retry_after or 1.0)

    async def go() -> None:
        await asyncio.gather(*(one(place) for place in places))

    running.run(go())
    # On a busy machine requests of two seconds may arrive within one; without pacing there were dozens.
    assert len(discord.world.noted("429")) <= 8
    assert all(len(discord.world.texts(place)) == 1 for place in places)


def test_an_answer_that_a_process_made_of_its_draft_before_it_died_stands_there_once(
    discord: FakeDiscord, running: Running, dm: str, another: Callable[..., Running]
) -> None:
    """Neither the draft nor the answer was written down: Discord tells the next process by the nonce of both."""
    running.draft(dm, "t1", "half an answer")
    out = an_outbound(place=dm, text="The answer", turn="t1")
    running.run(running.channel.send(out))
    later = another()
    assert later.run(later.channel.find(out.key, dm)) is None
    later.run(later.channel.send(replace(out, attempt=2, first_sent_at=1.0)))
    assert discord.world.texts(dm) == ["The answer"]


def test_the_answer_replaces_a_draft_that_a_process_showed_before_it_died(
    discord: FakeDiscord, running: Running, dm: str, another: Callable[..., Running]
) -> None:
    running.draft(dm, "t1", "half an answer")
    another().send(place=dm, text="The answer", turn="t1")
    assert discord.world.texts(dm) == ["The answer"]
