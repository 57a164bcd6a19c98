"""A conversation goes on in another channel by a code, with everything in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot import deliver, desk_posts, handoff, history
from bot.channel import Capability
from bot.messages import Inbound
from bot.outbox import Outbox
from tests.carrying_over.conftest import Post, asked, comes, now_at, refused, rows, said, shows, texts


def test_a_conversation_goes_on_with_its_history_ticket_and_thread(store: Any) -> None:
    first = comes(said("post", "anna", "Where is my parcel?"))
    conversation = first.conversation_id
    store.write(lambda: handoff.hand_over(conversation, "asked for a person", asked=True))
    store.write(lambda: desk_posts.opened(conversation, "table", "t1"))
    ticket = rows(store, "SELECT number FROM ticket")
    aside = comes(said("post", "anna", "", kind="continue")).aside
    assert "within 10 minutes" in aside and "post.example" not in aside, "no link to where one is already"
    code = aside.partition("Your code is ")[2].split(".")[0]
    moved = comes(shows("pigeon", "p7", f" {code.lower()} "))
    assert moved.conversation_id == conversation and moved.seq > first.seq and moved.elsewhere
    assert now_at(store, conversation) == [("pigeon", "pigeon-p7")]
    text = "This conversation goes on by pigeon from here on; it began in Post. Everything said so far is part of it."
    assert texts(store, "post", "post-anna")[-1] == text and texts(store, "pigeon", "pigeon-p7") == [text]
    line = rows(store, "SELECT message FROM delivery WHERE channel = 'desk:table' AND op = 'send' ORDER BY ord DESC")
    assert line[0][0] == moved.message_id, "the agents see one line"
    more = comes(said("pigeon", "p7", "Here I am again"))
    assert more.conversation_id == conversation and more.elsewhere
    assert rows(store, "SELECT number FROM ticket") == ticket
    assert [row[0] for row in rows(store, "SELECT thread FROM desk_thread")] == ["t1"]
    seen = history.changes(conversation, 0)
    assert [m.text for m in seen.messages if m.author == "customer"] == ["Where is my parcel?", "Here I am again"]
    assert [m.seq for m in seen.messages] == list(range(1, len(seen.messages) + 1))


def test_what_was_on_its_way_stays_on_its_way_and_what_is_new_goes_to_the_new_place(store: Any) -> None:
    conversation = comes(said("post", "anna")).conversation_id
    store.write(lambda: handoff.hand_over(conversation, "asked for a person", asked=True))
    before = texts(store, "post", "post-anna")
    comes(shows("pigeon", "p7", asked("post", "anna")))
    store.write(lambda: handoff.resolve(conversation, by="customer"))
    assert texts(store, "post", "post-anna")[: len(before)] == before
    assert len(texts(store, "post", "post-anna")) == len(before) + 1 and len(texts(store, "pigeon", "pigeon-p7")) == 2
    states = {row[0] for row in rows(store, "SELECT state FROM delivery WHERE channel = 'post'")}
    assert states == {"pending"}


def test_a_change_of_what_was_said_before_goes_to_where_it_was_said(store: Any) -> None:
    class Editing(Post):
        capabilities = frozenset({Capability.EDIT})

    Outbox(Editing()).declare()
    deliver.forget_declarations()
    conversation = comes(said("post", "anna")).conversation_id
    message = store.write(lambda: handoff.hand_over(conversation, "asked for a person", asked=True)).message_id
    comes(shows("pigeon", "p7", asked("post", "anna")))
    assert store.write(lambda: deliver.follow(conversation, message, "better words", op="edit", version=1))
    edits = rows(store, "SELECT channel, place FROM delivery WHERE op = 'edit'")
    assert [tuple(row) for row in edits] == [("post", "post-anna")]


def test_afterwards_the_old_place_begins_something_new(store: Any) -> None:
    conversation = comes(said("post", "anna")).conversation_id
    comes(shows("pigeon", "p7", asked("post", "anna")))
    fresh = comes(said("post", "anna", "And another thing"))
    assert fresh.conversation_id != conversation
    assert now_at(store, fresh.conversation_id) == [("post", "post-anna")]


def test_a_place_that_is_one_conversation_says_where_it_went_on(store: Any) -> None:
    event = Inbound(channel="drum", key="d1", external_id="d", place="11111111-1111-4111-8111-111111111111", text="hi",
                    conversation_id="11111111-1111-4111-8111-111111111111")  # fmt: skip
    comes(event)
    code = comes(replace(event, key="d2", kind="continue", text="")).aside.partition("Your code is ")[2].split(".")[0]
    comes(shows("pigeon", "p7", code))
    assert refused(replace(event, key="d3", text="still there?")).code == "not_here"
    assert "goes on by pigeon now" in refused(replace(event, key="d4")).message
    # And back, where the place is the conversation itself and need not be said.
    back = comes(
        Inbound(channel="drum", key="d5", external_id="d", place="", text=asked("pigeon", "p7"), kind="continue")
    )
    assert now_at(store, back.conversation_id) == [("drum", event.place)]
    assert comes(replace(event, key="d6", text="back again")).conversation_id == event.place


def test_an_open_request_at_the_new_place_is_not_pushed_aside(store: Any) -> None:
    comes(said("post", "anna"))
    there = comes(said("pigeon", "p7", "I need a person")).conversation_id
    store.write(lambda: handoff.hand_over(there, "asked for a person", asked=True))
    code = asked("post", "anna")
    answer = refused(shows("pigeon", "p7", code))
    assert answer.code == "not_here" and "open request" in answer.message
    assert now_at(store, there) == [("pigeon", "pigeon-p7")]
    comes(shows("drum", "d", code))


def test_what_the_ai_talked_about_at_the_new_place_is_closed_quietly(store: Any) -> None:
    conversation = comes(said("post", "anna")).conversation_id
    there = comes(said("pigeon", "p7", "something else")).conversation_id
    comes(shows("pigeon", "p7", asked("post", "anna")))
    assert rows(store, "SELECT state FROM conversation WHERE id = ?", there) == [("resolved",)]
    assert now_at(store, there) == [] and now_at(store, conversation) == [("pigeon", "pigeon-p7")]


def test_the_same_event_again_moves_nothing_again(store: Any) -> None:
    comes(said("post", "anna"))
    event = shows("pigeon", "p7", asked("post", "anna"))
    first = comes(event)
    again = comes(event)
    assert again.duplicate and again.conversation_id == first.conversation_id and again.seq == first.seq
    assert rows(store, "SELECT count(*) FROM contact_merge") == [(1,)]
