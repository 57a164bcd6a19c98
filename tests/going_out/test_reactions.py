"""Agents' reactions and notes: what reaches the customer, and what never does."""

from __future__ import annotations

from typing import Any

import pytest

from bot import agents
from bot.channel import Channel
from bot.desk import DeskEvent, Posted
from bot.desk_events import receive_desk
from bot.store.statements import last_messages

from .conftest import Able, Plain, Puller, Wall, World, note


def mirrored(w: World, key: str = "m1") -> str:
    w.customer("Is it there?", key=key)
    w.posts()
    return str(w.store.read(lambda: w.store.Delivery.select().order_by(w.store.Delivery.ord.desc()).get()).platform_id)


def test_an_agents_reaction_reaches_the_customers_message(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    copy = mirrored(w)
    assert w.agent("👍", kind="reaction", message=copy).code == "done"
    (out,) = w.drain()
    assert (out.op, out.subject, out.text) == ("react", "m1", "👍")
    w.agent("🎉", kind="reaction", message=copy)
    assert [(r.emoji, r.author, r.name) for r in w.last("customer").reactions] == [("🎉", "agent", "Ana")], (
        "one of each agent"
    )
    assert w.agent("👍", kind="reaction", message=copy, gone=True).code == "ignored", "a newer one is shown"
    assert [out.text for out in w.drain()] == ["🎉"]
    w.agent("🎉", kind="reaction", message=copy, gone=True)
    assert [out.text for out in w.drain()] == [""] and not w.last("customer").reactions


def test_a_channel_without_reactions_is_said_once_and_nothing_is_kept(world: Any) -> None:
    w = world(Plain(), Wall())
    w.waits()
    copy = mirrored(w)
    answer = w.agent("👍", kind="reaction", message=copy)
    assert answer.code == "cannot" and "cannot show reactions" in answer.aside and not w.last("customer").reactions
    assert w.agent("👍", kind="reaction", message=copy, gone=True).aside == ""


def test_what_a_platform_refuses_to_change_is_said_in_the_thread(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    assert w.agent("🦖", kind="reaction", message=mirrored(w)).code == "done"
    claimed = w.outbox.claim("room")
    assert claimed is not None
    w.outbox.refused(claimed, "Telegram has no reaction 🦖.")
    (post,) = w.posts()
    assert post.op == "event" and post.text.endswith(
        "did not take a reaction, so they do not see it. Telegram has no reaction 🦖."
    )


def test_a_message_from_another_channel_cannot_be_reacted_to_any_more(world: Any, store: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    copy = mirrored(w)
    store.write(lambda: store.sql("UPDATE ledger SET channel = 'before' WHERE key = 'm1'"))
    answer = w.agent("👍", kind="reaction", message=copy)
    assert (
        answer.code == "cannot"
        and "another channel" in answer.aside
        and not w.drain()
        and not w.last("customer").reactions
    )


@pytest.mark.parametrize("channel", [Able, Plain])
def test_an_emoji_before_its_post_is_known_ends_as_one_after_it(world: Any, channel: type[Channel]) -> None:
    """On the customer's channel, or as a sentence to the agent alone: the answer to the event came too early for it."""
    w = world(channel(), Wall())
    w.waits()
    w.customer("Is it there?", key="m1")
    claimed = w.desks["wall"].claim(w.conversation)
    assert w.agent("👍", kind="reaction", message="copy").code == "done"
    assert w.agent("🎉", kind="reaction", message="copy").aside == ""
    w.desks["wall"].posted(claimed, Posted("copy", "wall-thread"))
    posts, out = w.posts(), [(one.op, one.subject, one.text) for one in w.drain()]
    if channel is Able:
        assert set(out) == {("react", "m1", "🎉")} and not posts
    else:
        (aside,) = posts
        assert (aside.op, aside.person) == ("aside", "T1:ana") and "cannot show reactions" in aside.text
        assert not out and not w.last("customer").reactions


def test_pages_see_reactions_as_a_change(world: Any) -> None:
    w = world(Puller(), Wall())
    w.waits()
    copy = mirrored(w)
    before = w.last("customer").rev
    assert w.agent("👍", kind="reaction", message=copy).code == "done"
    assert w.last("customer").rev > before and w.last("customer").reactions[0].emoji == "👍"


def test_only_agents_reactions_on_the_customers_messages_count(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    copy = mirrored(w)
    event = DeskEvent(
        desk="wall",
        key="x",
        kind="reaction",
        who="T1:nobody",
        place="W1",
        thread="wall-thread",
        message=copy,
        text="👎",
    )
    (answer,) = receive_desk([event])
    assert (answer.code, answer.aside) == ("ignored", "")
    assert w.agent("👍", kind="reaction", message="some card").code == "ignored"
    agents.set_active("ana", False, actor="test")
    assert w.agent("👍", kind="reaction", message=copy).code == "ignored"
    assert not w.last("customer").reactions and not w.drain()


def test_notes_by_a_button_stay_inside_whatever_they_begin_with(world: Any, store: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    for text in ("He is right, refund him.", "and again"):
        assert w.agent(text, kind="note", message="").code == "note"
    assert w.agent("note: with a page", note(), message="n3").code == "note"
    assert w.last("note").text == "with a page" and w.last("note").files[0].name == "note.txt"
    notes = [m.text for m in store.read(lambda: last_messages(w.conversation, 10**6, 100)) if m.author == "note"]
    assert notes == ["He is right, refund him.", "and again", "with a page"]
    w.later()
    assert not w.drain() and {post.author for post in w.posts()} <= {"note"}
