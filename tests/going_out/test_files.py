"""Files, changes and deletions of agents on their way to the customer's channel, as it can take them."""

from __future__ import annotations

from typing import Any

import pytest

from bot import files
from bot.channel import Channel
from bot.desk import DeskEvent
from bot.desk_actions import Action
from bot.desk_events import receive_desk
from bot.messages import Attachment
from tests.test_files import on_disk, png

from .conftest import Able, Plain, Puller, Wall, note


def test_an_agents_files_are_deliveries_of_their_own_after_the_text(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    held = w.agent("Two pages for you.", note(), Attachment(name="photo.png", content=png()), message="r1")
    assert held.code == "held" and held.aside.startswith("You claimed this. Sent in 5 seconds.")
    w.later()
    w.posts()
    got = [out for out in w.drain() if out.author == "agent"]
    assert [(out.op, out.text, [file.name for file in out.files]) for out in got] == [
        ("send", "Two pages for you.", []), ("send", "", ["note.txt"]), ("send", "", ["photo.png"]),
    ]  # fmt: skip
    assert [(out.part, out.parts) for out in got] == [(0, 3), (1, 3), (2, 3)]
    assert (
        got[1].files[0].content == b"hello"
        and got[2].files[0].type == "image/png"
        and len({out.key for out in got}) == 3
    )
    assert [post.mark for post in w.posts() if post.op == "mark"] == ["sent"], "when all of it has arrived"
    assert [file.name for file in w.last().files] == ["note.txt", "photo.png"]


def test_a_reply_may_be_only_a_file(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    assert w.agent("", note()).code == "held"
    w.later()
    (out,) = [out for out in w.drain() if out.author == "agent"]
    assert out.text == "" and out.files[0].name == "note.txt"


def test_an_undone_reply_takes_its_files_along(world: Any, store: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    held = w.agent("oops", note())
    assert w.agent(kind="action", action=Action.UNDO, value=held.value).code == "done"
    assert not store.read(lambda: store.StoredFile.select().count())
    (job,) = store.read(lambda: list(store.Job.select().where(store.Job.kind == "files.remove")))
    files.remove(job.ref)
    assert not on_disk()
    w.later()
    assert not [out for out in w.drain() if out.files]


def test_a_forbidden_file_is_refused_aloud_and_the_words_go(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    held = w.agent("See the attachment.", note(b"MZ", "setup.exe"))
    assert held.code == "held" and "setup.exe was not taken: this kind of file is not possible" in held.aside
    alone = w.agent("", note(b"MZ", "setup.exe"))
    assert alone.code == "cannot" and alone.aside.startswith("Nothing was sent. setup.exe was not taken")
    w.later()
    (out,) = [out for out in w.drain() if out.author == "agent"]
    assert out.text == "See the attachment." and not out.files


def test_a_stranger_at_the_desk_leaves_no_file(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    assert w.agent("hi", note(), who_name="x").code == "held"
    event = DeskEvent(desk="wall", key="s", kind="reply", who="T1:stranger", place="W1", thread="wall-thread", message="s1",
                      text="hi", files=(note(),))  # fmt: skip
    assert receive_desk([event])[0].code == "not_linked"
    assert len(on_disk()) == 1


@pytest.mark.parametrize("channel", [Plain(), Able()])
def test_what_a_channel_cannot_take_becomes_a_link(world: Any, environment: Any, channel: Channel) -> None:
    environment(DESKHAND_PUBLIC_URL="https://help.example")
    w = world(channel, Wall())
    w.waits()
    assert "cannot" not in w.agent("Here.", note(b"x" * 6_000, "list.txt")).aside
    w.later()
    _, out = [out for out in w.drain() if out.author == "agent"]
    assert not out.files and out.text.startswith("list.txt (6 KB): https://help.example/f/")
    assert [post.mark for post in w.posts() if post.op == "mark"][-1] == "sent"


@pytest.mark.parametrize(("channel", "why"), [(Plain(), "takes no files"), (Able(), "takes 5 KB at most")])
def test_without_a_public_address_the_agent_hears_that_it_could_not(world: Any, channel: Channel, why: str) -> None:
    w = world(channel, Wall())
    w.waits()
    held = w.agent("Here.", note(b"x" * 6_000, "list.txt"))
    assert (
        f"list.txt cannot be sent: the customer's channel {why}" in held.aside and "DESKHAND_PUBLIC_URL" in held.aside
    )
    w.later()
    assert [out.text for out in w.drain() if out.author == "agent"] == ["Here."]
    assert [post.mark for post in w.posts() if post.op == "mark"][-1] == "failed"


def test_a_page_reads_files_by_itself(world: Any) -> None:
    w = world(Puller(), Wall())
    w.waits()
    assert "cannot" not in w.agent("Here.", note()).aside
    w.later()
    assert w.last().files[0].url and w.drain() == []


def test_bytes_that_are_gone_stop_nothing_and_are_told(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("Here.", note())
    w.later()
    on_disk()[0].unlink()
    w.agent("And more.")
    w.later()
    assert [out.text for out in w.drain() if out.author == "agent"] == ["Here.", "And more."]
    assert "failed" in [post.mark for post in w.posts() if post.op == "mark"]


def test_an_edit_may_make_a_message_longer_and_shorter(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("short", note(), message="r1")
    w.later()
    w.drain()
    w.agent("one two three four five six seven eight nine ten", kind="edit", message="r1")
    longer = w.drain()
    assert [(out.op, bool(out.subject)) for out in longer] == [("edit", True), ("send", False)]
    assert "".join(out.text for out in longer).replace(" ", "").endswith("ten")
    w.agent("short again", kind="edit", message="r1")
    shorter = w.drain()
    assert [(out.op, out.text) for out in shorter] == [("edit", "short again"), ("edit", "…")]
    assert shorter[1].subject and shorter[1].subject != shorter[0].subject


def test_words_may_be_added_to_a_file_and_taken_away_again(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("", note(), message="r1")
    w.later()
    w.drain()
    assert w.agent("The list you asked for.", kind="edit", message="r1").code == "done"
    (added,) = w.drain()
    assert (added.op, added.text) == ("send", "The list you asked for.")
    assert w.agent("", kind="edit", message="r1").code == "done"
    assert [(out.op, out.text, bool(out.subject)) for out in w.drain()] == [("edit", "…", True)]
    assert w.last().text == "" and [file.name for file in w.last().files] == ["note.txt"]


def test_a_deleted_message_goes_with_all_its_parts(world: Any, store: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("one two three four five six seven eight nine ten", note(), message="r1")
    w.later()
    assert len([out for out in w.drain() if out.author == "agent"]) == 3
    w.agent(kind="delete", message="r1")
    gone = w.drain()
    assert [out.op for out in gone] == ["delete"] * 3 and len({out.subject for out in gone}) == 3
    assert w.last().deleted and not w.last().files and not store.read(lambda: store.StoredFile.select().count())


def test_what_was_deleted_before_it_was_sent_is_never_sent(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.agent("wrong person", note(), message="r1")
    w.later()
    w.agent(kind="delete", message="r1")
    assert [out for out in w.drain() if out.author == "agent"] == []
