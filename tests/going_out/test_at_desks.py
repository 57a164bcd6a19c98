"""A customer's files, changes and reactions in the threads of desks."""

from __future__ import annotations

from typing import Any

from .conftest import Able, Paper, Wall, note


def test_a_customers_files_come_into_the_thread(world: Any) -> None:
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.customer("Look", files=(note(), note(b"x" * 6_000, "large.txt"), note(b"MZ", "bad.exe")))
    text, file, large = w.posts("wall")
    assert (text.op, text.author) == ("message", "customer")
    assert text.text.splitlines() == ["Look", text.text.splitlines()[1]] and "bad.exe was not taken" in text.text
    assert (file.op, file.text, file.files[0].name, file.files[0].content) == ("message", "", "note.txt", b"hello")
    assert not large.files and large.text.startswith("large.txt (6 KB, text/plain) cannot be shown here")
    assert [bool(post.files) for post in w.posts("paper")] == [False] * 3


def test_a_file_alone_needs_no_empty_post(world: Any) -> None:
    w = world(Able(), Wall())
    w.waits()
    w.customer(files=(note(),))
    (post,) = w.posts()
    assert post.files[0].name == "note.txt" and post.author == "customer" and post.author_name


def test_files_from_before_the_handoff_are_in_the_new_thread(world: Any) -> None:
    w = world(Able(), Wall())
    w.customer("My receipt", files=(note(name="receipt.txt"),))
    w.customer(kind="handoff")
    posts = w.posts()
    assert [(post.op, [file.name for file in post.files]) for post in posts] == [
        ("card", []),
        ("event", []),
        ("message", ["receipt.txt"]),
    ]
    assert "[file: receipt.txt, text/plain]" in posts[1].text


def test_a_customers_edit_and_deletion_follow(world: Any) -> None:
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.customer("helo", key="m1", files=(note(),))
    posted = w.posts("wall")
    w.posts("paper")
    w.customer("hello", kind="edit", subject="m1")
    (edit, *cards) = sorted(w.posts("wall"), key=lambda post: post.op != "edit")
    assert (edit.op, edit.text) == ("edit", "hello") and edit.subject and [card.op for card in cards] == ["card"]
    (line, *_) = sorted(w.posts("paper"), key=lambda post: post.op == "card")
    assert line.op == "event" and line.text.endswith("changed a message. It is now: hello")
    w.customer(kind="delete", subject="m1")
    gone = [post for post in w.posts("wall") if post.op == "delete"]
    assert len(gone) == len(posted) == 2 and len({post.subject for post in gone}) == 2
    lines = [post for post in w.posts("paper") if post.op == "event"]
    assert [post.text.endswith("deleted a message.") for post in lines] == [True]


def test_a_file_without_words_is_deleted_and_reacted_to_like_any_message(world: Any) -> None:
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.customer(files=(note(), note(name="second.txt")), key="m1")
    first, _ = w.posts("wall")
    w.posts("paper")
    w.customer("👍", kind="reaction", subject="m1")
    (post,) = w.posts("wall")
    assert (
        (post.op, post.text) == ("react", "👍")
        and post.subject.startswith("wall")
        and first.files[0].name == "note.txt"
    )
    w.posts("paper")
    w.customer(kind="delete", subject="m1")
    assert [post.op for post in w.posts("wall") if post.op != "card"] == ["delete", "delete"]
    lines = [post.text for post in w.posts("paper") if post.op == "event"]
    assert len(lines) == 1 and lines[0].endswith("deleted a message.")


def test_a_change_of_what_only_the_transcript_has_is_a_line(world: Any) -> None:
    w = world(Able(), Wall())
    w.customer("helo", key="m1")
    w.waits()
    w.customer("hello", kind="edit", subject="m1")
    assert next(post.text for post in w.posts() if post.op == "event").endswith("It is now: hello")


def test_a_customers_reaction_is_put_on_the_agents_own_message(world: Any) -> None:
    w = world(Able(), Wall(), Paper())
    w.waits()
    w.agent("All done.", message="r1")
    w.later()
    sent = w.drain()[-1]
    w.posts("wall"), w.posts("paper")
    platform_id = w.store.read(lambda: w.store.Delivery.get(w.store.Delivery.key == sent.key)).platform_id
    w.customer("❤️", kind="reaction", subject=platform_id)
    (post,) = w.posts("wall")
    assert (post.op, post.subject, post.text) == ("react", "r1", "❤️")
    (line,) = w.posts("paper")
    assert line.op == "event" and line.text.endswith("reacted with ❤️ to: All done.")
    w.customer("❤️", kind="reaction", subject=platform_id, gone=True)
    (post,) = w.posts("wall")
    assert (post.op, post.text) == ("react", "") and w.posts("paper") == []
