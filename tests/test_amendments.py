"""Customers' files, edits, deletes, reactions and buttons as they come in: stored once, only theirs, never silently dropped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import clock, deliver, file_keeping, files, handoff, turns
from bot.events import Answer
from bot.messages import Attachment, Inbound, Receipt, Refused
from bot.receive import receive
from bot.store.statements import last_messages
from tests.test_files import on_disk, png


@pytest.fixture(autouse=True)
def site(store: Any) -> None:
    store.write(lambda: store.Site.create(id=clock.new_id(), key="demo", name="Demo", created_at=clock.now()))


def event(
    text: str = "", *, key: str = "", who: str = "anna", place: str = "room", kind: Any = "message", **more: Any
) -> Inbound:
    return Inbound(
        channel="test", key=key or clock.new_id(), external_id=who, place=place, text=text, kind=kind, **more
    )


def one(*args: Any, **more: Any) -> Receipt | Refused:
    return receive([event(*args, **more)])[0]


def ok(*args: Any, **more: Any) -> Receipt:
    got = one(*args, **more)
    assert isinstance(got, Receipt), got
    return got


def no(*args: Any, **more: Any) -> Refused:
    got = one(*args, **more)
    assert isinstance(got, Refused), got
    return got


def said(store: Any, conversation_id: str) -> list[Any]:
    return store.read(lambda: last_messages(conversation_id, 1_000, 1_000))


def note(text: str = "hello") -> Attachment:
    return Attachment(name="note.txt", content=text.encode())


# Files -------------------------------------------------------------------------------------------------------------------


def test_a_message_may_be_nothing_but_a_file(store: Any) -> None:
    got = ok(files=(Attachment(name="photo.png", content=png()),))
    (message,) = said(store, got.conversation_id)
    (file,) = message.files
    assert (message.text, file.name, file.type, file.width, file.problem) == ("", "photo.png", "image/png", 40, "")
    assert file.url.startswith(f"/f/{file.id}/photo.png?e=") and len(on_disk()) == 1
    assert store.read(lambda: store.Conversation.get_by_id(got.conversation_id)).needs, "the AI answers it"


def test_a_refused_file_never_loses_its_message(store: Any) -> None:
    got = ok("See this", files=(Attachment(name="video.mov", size=40_000_000, problem="too_large"), note()))
    (message,) = said(store, got.conversation_id)
    refused, taken = message.files
    assert message.text == "See this" and taken.url and not refused.url
    assert refused.problem == "video.mov was not taken: 40 MB, and 10 MB are possible here."


def test_a_redelivered_file_is_stored_once_and_leaves_nothing(store: Any) -> None:
    first = ok("a", key="k1", files=(note(),))
    again = ok("a", key="k1", files=(note(),))
    assert again.duplicate and again.message_id == first.message_id and len(on_disk()) == 1
    assert no("b", key="k1", files=(note(),)).code == "key_reused" and len(on_disk()) == 1


def test_a_refused_message_leaves_no_bytes(store: Any) -> None:
    ok("mine")
    assert no("not mine", who="mallory", files=(note(),)).code == "not_yours"
    assert not on_disk()


def test_an_uploaded_file_is_sent_once_by_who_brought_it(store: Any) -> None:
    got = ok("hi")
    contact = store.read(lambda: store.Conversation.get_by_id(got.conversation_id)).contact_id
    kept = [files.keep([note(str(n))])[0] for n in range(3)]
    store.write(lambda: [files.insert(one_, None, contact=contact) for one_ in kept])
    mine, old, _ = kept
    sent = ok("here", files=(Attachment(name=mine.id, id=mine.id),))
    assert said(store, sent.conversation_id)[-1].files[0].name == "note.txt"
    assert no("again", files=(Attachment(name=mine.id, id=mine.id),)).code == "bad_file"
    assert no("guess", files=(Attachment(name="x" * 32, id="x" * 32),)).field == "files"
    assert no("theirs", place="other", who="bert", files=(Attachment(name=old.id, id=old.id),)).code == "bad_file"
    store.write(lambda: store.sql("UPDATE stored_file SET created_at = 0 WHERE id = ?", (old.id,)))
    assert no("late", files=(Attachment(name=old.id, id=old.id),)).code == "bad_file"
    assert len(said(store, got.conversation_id)) == 2, "a refused message is not stored"


def test_a_kill_between_bytes_and_commit_leaves_neither_half(store: Any, database_url: str, tmp_path: Path) -> None:
    script = (
        "from bot import store, config\nfrom bot.receive import receive\nfrom bot.messages import Attachment, Inbound\n"
        "store.open_database(config.config().database)\n"
        "receive([Inbound(channel='test', key='k', external_id='anna', place='room', text='x',"
        " files=(Attachment(name='a.txt', content=b'x'),))])\nprint('done')\n"
    )
    env = {**os.environ, "DATABASE_URL": database_url, "DESKHAND_DATA": str(tmp_path), "REDIS_URL": "none"}
    point = {"DESKHAND_FAILPOINTS": "receive.before_commit=kill"}
    killed = subprocess.run(
        [sys.executable, "-c", script], env={**env, **point}, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (orphan,) = on_disk()
    assert not store.read(lambda: store.StoredFile.select().count()) and not store.read(
        lambda: store.Message.select().count()
    )
    file_keeping.sweep()
    assert on_disk() == [orphan], "it may still be in somebody's transaction"
    subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True)
    os.utime(orphan, (1, 1))
    file_keeping.sweep()
    (left,) = on_disk()
    row = store.read(store.StoredFile.get)
    assert left == files.folder() / row.path and left != orphan


# Edits and deletes -------------------------------------------------------------------------------------------------------


def test_an_edit_changes_the_message_with_a_new_rev(store: Any) -> None:
    got = ok("helo", key="m1")
    edited = ok("hello", kind="edit", subject="m1", key="e1")
    (message,) = said(store, got.conversation_id)
    assert (message.text, message.seq, message.rev) == ("hello", 1, 2) and message.edited_at
    assert (edited.message_id, edited.rev) == (got.message_id, 2)
    assert ok("hello", kind="edit", subject="m1", key="e1").duplicate
    assert ok("hello", kind="edit", subject="m1", key="e2").rev == 2, "platforms also tell of changes that nobody sees"
    ok("by our id", kind="edit", subject=got.message_id)
    assert said(store, got.conversation_id)[0].text == "by our id"


def test_a_deleted_message_and_its_files_are_really_gone(store: Any) -> None:
    got = ok("my secret", key="m1", files=(note(),))
    ok(kind="delete", subject="m1")
    (message,) = said(store, got.conversation_id)
    assert message.deleted and not message.text and not message.files and message.rev == 2
    row = store.read(store.Message.get)
    assert "secret" not in row.body + row.extra and not store.read(lambda: store.StoredFile.select().count())
    (job,) = store.read(lambda: list(store.Job.select().where(store.Job.kind == "files.remove")))
    files.remove(job.ref)
    assert not on_disk()
    assert no("back", kind="edit", subject="m1").code == "unknown_message"


@pytest.mark.parametrize("kind", ["edit", "delete", "reaction"])
def test_what_is_unknown_or_somebody_elses_is_refused_alike(store: Any, kind: Any) -> None:
    ok("mine", key="m1")
    ok("another's", key="m2", who="bert", place="elsewhere")
    answers = [no("x", kind=kind, subject=subject) for subject in ("m2", "nothing", "")]
    assert {(a.code, a.field, a.message) for a in answers} == {("unknown_message", "subject", answers[0].message)}
    assert no("x", kind=kind, subject="m1", who="mallory").code == "unknown_message"


def test_an_edit_cannot_empty_a_message_nor_change_ours(store: Any) -> None:
    ok("mine", key="m1")
    assert no("  ", kind="edit", subject="m1").code == "empty"
    answer = ok(kind="handoff")
    assert no("x", kind="edit", subject=answer.message_id).code == "not_yours"
    assert no("x" * 4_001, kind="edit", subject="m1").code == "too_long"


def test_an_edit_reopens_nothing(store: Any) -> None:
    got = ok("hi", key="m1")
    ok(kind="resolve")
    ok("hello", kind="edit", subject="m1")
    ok("👍", kind="reaction", subject="m1")
    assert store.read(lambda: store.Conversation.get_by_id(got.conversation_id)).state == "resolved"


def test_sealed_messages_stay_sealed(store: Any, environment: Any) -> None:
    plain = ok("one", key="m1", files=(note(),))
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    ok("two", kind="edit", subject="m1")
    ok("❤️", kind="reaction", subject="m1")
    row = store.read(store.Message.get)
    assert row.sealed and "two" not in row.body and "note" not in row.extra
    (message,) = said(store, plain.conversation_id)
    assert (message.text, message.files[0].name, message.reactions[0].emoji) == ("two", "note.txt", "❤️")


def test_a_question_that_is_changed_while_it_waits_is_answered_as_it_is_now(store: Any) -> None:
    from bot import lease

    lease.start("turns")
    got = ok("helo", key="m1")
    begun = store.write(lambda: turns.begin(got.conversation_id))
    assert store.read(lambda: turns.news(begun)) == (False, 1, False)
    ok("hello", kind="edit", subject="m1")
    assert store.read(lambda: turns.news(begun)) == (False, 1, True)
    again = store.write(lambda: turns.begin(got.conversation_id, restart=True))
    assert again.turn_id == begun.turn_id and again.history[-1].text == "hello"
    assert store.read(lambda: turns.news(again)) == (False, 1, False)
    ok(kind="delete", subject="m1")
    assert store.read(lambda: turns.news(again)) == (False, 0, True)
    assert store.write(lambda: turns.begin(got.conversation_id, restart=True)) is None
    assert store.read(store.Turn.get).state == "superseded"
    assert not store.read(lambda: store.Conversation.get_by_id(got.conversation_id)).needs


def test_a_question_that_is_changed_after_its_answer_gets_no_second_one(store: Any) -> None:
    from bot import lease

    lease.start("turns")
    got = ok("helo", key="m1")
    begun = store.write(lambda: turns.begin(got.conversation_id))
    store.write(lambda: turns.end(begun, Answer(text="Hi."), turns.Account()))
    ok("hello", kind="edit", subject="m1")
    assert store.write(lambda: turns.begin(got.conversation_id)) is None


# Reactions and buttons ---------------------------------------------------------------------------------------------------


def test_reactions_come_go_and_are_one_of_a_kind(store: Any) -> None:
    got = ok("hi", key="m1")

    def shown() -> list[tuple[str, str]]:
        return [(r.emoji, r.author) for r in said(store, got.conversation_id)[0].reactions]

    assert ok("👍", kind="reaction", subject="m1").rev == 2
    assert ok("👍", kind="reaction", subject="m1").rev == 2, "twice is once"
    ok("🎉", kind="reaction", subject="m1")
    assert shown() == [("👍", "customer"), ("🎉", "customer")]
    ok("👍", kind="reaction", subject="m1", gone=True)
    assert shown() == [("🎉", "customer")]
    ok("", kind="reaction", subject="m1", gone=True)
    assert shown() == []
    assert no("two words", kind="reaction", subject="m1").code == "bad_field"
    assert no("", kind="reaction", subject="m1").code == "empty"
    for n in range(10):
        ok(f":e{n}:", kind="reaction", subject="m1")
    assert no(":e10:", kind="reaction", subject="m1").code == "too_many"


def test_reactions_at_the_same_moment_are_all_kept(store: Any) -> None:
    got = ok("hi", key="m1")
    gate = threading.Barrier(6)

    def react(number: int) -> None:
        gate.wait()
        ok(f":e{number}:", kind="reaction", subject="m1")

    threads = [threading.Thread(target=react, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {r.emoji for r in said(store, got.conversation_id)[0].reactions} == {f":e{n}:" for n in range(6)}


def pressed(store: Any, value: str, **more: Any) -> Receipt | Refused:
    return one(value, kind="button", **more)


def answered(store: Any, text: str, **more: Any) -> tuple[str, str]:
    """An answer of the AI to a new question, and the key of its delivery."""
    from bot import lease

    lease.start("turns")
    deliver.forget_declarations()
    got = ok("question")
    begun = store.write(lambda: turns.begin(got.conversation_id))
    store.write(lambda: turns.end(begun, Answer(text=text, **more), turns.Account()))
    return got.conversation_id, store.read(
        lambda: store.Delivery.select().order_by(store.Delivery.ord.desc()).get()
    ).key


def test_a_quick_reply_becomes_the_customers_words(store: Any) -> None:
    conversation, key = answered(store, "Which one?", choices=("The red one", "Talk to a person"))
    got = pressed(store, f"c0:{key}")
    assert isinstance(got, Receipt) and said(store, conversation)[-1].text == "The red one"
    assert said(store, conversation)[-1].author == "customer"
    pressed(store, f"c1:{key}")
    assert store.read(lambda: store.Conversation.get_by_id(conversation)).state == "waiting"


def test_person_and_rating_buttons(store: Any) -> None:
    conversation, _ = answered(store, "I do not know.", type="offline")
    assert isinstance(pressed(store, "rate:5"), Refused), "not closed yet"
    pressed(store, "person")
    assert store.read(lambda: store.Conversation.get_by_id(conversation)).state == "waiting"
    store.write(lambda: handoff.resolve(conversation, by="ana"))
    rated = pressed(store, "rate:4")
    assert isinstance(rated, Receipt) and "Thank you" in rated.aside
    assert store.read(store.Rating.get).score == 4
    assert store.read(lambda: store.Conversation.get_by_id(conversation)).state == "resolved", "a rating opens nothing"


@pytest.mark.parametrize("value", ["c7:{key}", "c0:" + "a" * 24, "c0:", "rate:9", "drop table", "", "c0:{key}\n"])
def test_old_and_strange_buttons_are_refused_with_a_sentence(store: Any, value: str) -> None:
    _, key = answered(store, "Which?", choices=("A",))
    if value == "c0:{key}\n":
        assert isinstance(pressed(store, value.format(key=key), place="elsewhere", who="bert"), Refused), (
            "offered elsewhere"
        )
        return
    got = pressed(store, value.format(key=key))
    assert isinstance(got, Refused) and got.code == "unknown_message" and got.message.endswith(".")


@pytest.mark.parametrize("seed", range(4))
def test_who_pulls_by_the_cursor_ends_with_what_is_there(store: Any, seed: int) -> None:
    """Any order of messages, edits, deletions and reactions, read at any time: the same as read afresh, and no change without a number."""
    from bot import history

    dice = random.Random(seed)
    conversation = ok("first", key="m0").conversation_id
    keys, shown, cursor, revs = ["m0"], {}, 0, {1}

    def pull() -> int:
        page = history.changes(conversation, cursor)
        shown.update(
            {
                message.id: replace(message, files=tuple(replace(file, url="") for file in message.files))
                for message in page.messages
            }
        )
        return page.cursor

    for number in range(60):
        what = dice.choice(["message", "message", "edit", "edit", "delete", "reaction", "reaction", "gone", "pull"])
        subject = dice.choice(keys)
        if what == "message":
            keys.append(f"m{number + 1}")
            got: Any = one(f"text {number}", key=keys[-1], files=(note(),) if dice.random() < 0.3 else ())
        elif what == "pull":
            cursor = pull()
            continue
        elif what == "gone":
            got = one("👍", kind="reaction", subject=subject, gone=True)
        else:
            got = one(
                {"edit": f"new {number}", "reaction": dice.choice("👍🎉")}.get(what, ""), kind=what, subject=subject
            )
        if isinstance(got, Receipt):
            revs.add(got.rev)
        else:
            assert got.code == "unknown_message", got
    cursor = pull()
    fresh = history.changes(conversation, 0)
    assert {m.id: replace(m, files=tuple(replace(f, url="") for f in m.files)) for m in fresh.messages} == shown
    assert cursor == fresh.cursor == store.read(lambda: store.Conversation.get_by_id(conversation)).rev
    assert revs == set(range(1, cursor + 1)), "every change has its number, and there is no number without a change"
