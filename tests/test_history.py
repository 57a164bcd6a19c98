"""What clients read: pages after a cursor, without notes, and only of their own; and nothing of what was erased."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bot import accounts, clock, history
from bot.erase import erase_conversation
from bot.messages import Inbound, Receipt, Refused
from bot.receive import receive
from bot.store.statements import Place, insert_message


@pytest.fixture
def visitor(store: Any) -> accounts.VisitorView:
    accounts.forget_sites()
    return accounts.new_visitor(accounts.ensure_default_site())[1]


def inbound(visitor: accounts.VisitorView, conv: str, cid: str, text: str, **more: Any) -> Inbound:
    return Inbound(
        channel="widget", key=f"web:{conv}:{cid}", external_id=visitor.id, place=conv, text=text, client_key=cid,
        conversation_id=conv, **more,
    )  # fmt: skip


def say(visitor: accounts.VisitorView, conv: str, text: str, cid: str = "") -> Receipt:
    receipt = receive([inbound(visitor, conv, cid or clock.new_id(), text)])[0]
    assert isinstance(receipt, Receipt)
    return receipt


def add(store: Any, conv: str, author: str, text: str, **more: Any) -> None:
    def work() -> None:
        row = store.sql(
            "UPDATE conversation SET seq = seq + 1, rev = rev + 1 WHERE id = ? RETURNING seq, rev", (conv,)
        ).fetchone()
        insert_message(clock.new_id(), conv, Place(*row), author=author, body=text, created_at=clock.now(), **more)

    store.write(work)


def test_changes_are_read_page_by_page_without_a_hole(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    for number in range(7):
        say(visitor, conv, str(number))
    add(store, conv, "note", "between colleagues")
    seen, after = [], 0
    while True:
        page = history.changes(conv, after, limit=3)
        assert page.after == after
        seen += [message.text for message in page.messages]
        after = page.cursor
        if not page.more:
            break
    assert seen == [str(number) for number in range(7)]
    assert after == 8  # past the note
    assert history.changes(conv, after).messages == ()
    assert history.changes(conv, 99).cursor == 99


def test_a_page_that_holds_only_notes_still_moves_on(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    say(visitor, conv, "x")
    for _ in range(4):
        add(store, conv, "note", "n")
    add(store, conv, "agent", "hello", author_name="Ana")
    page = history.changes(conv, 1, limit=3)
    assert (page.messages, page.cursor, page.more) == ((), 4, True)
    rest = history.changes(conv, page.cursor, limit=3)
    assert [(m.author, m.author_name, m.seq) for m in rest.messages] == [("agent", "Ana", 6)]


def test_an_edit_comes_again_with_its_new_rev(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    say(visitor, conv, "a")
    add(store, conv, "agent", "tpyo")

    def edit() -> None:
        rev = store.sql("UPDATE conversation SET rev = rev + 1 WHERE id = ? RETURNING rev", (conv,)).fetchone()[0]
        store.sql(
            "UPDATE message SET body = 'typo', rev = ?, edited_at = 5 WHERE conversation_id = ? AND seq = 2",
            (rev, conv),
        )

    store.write(edit)
    page = history.changes(conv, 2)
    assert [(m.seq, m.rev, m.text, m.edited_at) for m in page.messages] == [(2, 3, "typo", 5.0)]


def test_a_state_change_without_a_message_moves_the_cursor(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    say(visitor, conv, "a")
    store.write(lambda: store.sql("UPDATE conversation SET state = 'human', rev = rev + 1 WHERE id = ?", (conv,)))
    page = history.changes(conv, 1)
    assert (page.state, page.cursor, page.messages) == ("human", 2, ())


def test_what_happens_while_a_page_is_read_comes_with_the_next(
    store: Any, visitor: accounts.VisitorView, monkeypatch: pytest.MonkeyPatch
) -> None:
    conv = clock.new_id()
    say(visitor, conv, "a person, please")
    read_messages = history.changed_messages

    def in_between(*args: Any) -> Any:
        # Another process passes the conversation to people after the state was read and before the messages are.
        monkeypatch.setattr(history, "changed_messages", read_messages)
        other = threading.Thread(target=receive, args=([inbound(visitor, conv, clock.new_id(), "", kind="handoff")],))
        other.start()
        other.join()
        return read_messages(*args)

    monkeypatch.setattr(history, "changed_messages", in_between)
    first = history.changes(conv, 0)
    assert (first.state, first.cursor) == ("ai", 1), "or the cursor would be past a state that was not told"
    second = history.changes(conv, first.cursor)
    assert second.state == "waiting" and [m.type for m in second.messages] == ["handoff_no_desk"]


def test_an_answer_in_progress_is_named(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    say(visitor, conv, "a")
    store.write(
        lambda: store.Turn.insert(
            id="t1", conversation=conv, upto_seq=1, state="running", attempt=3, started_at=1
        ).execute()
    )
    assert history.changes(conv, 0).turn == history.RunningTurn("t1", 3)
    store.write(lambda: store.Turn.update(state="done").execute())
    assert history.changes(conv, 0).turn is None


def test_a_big_page_is_cut_by_bytes_but_never_empty(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    say(visitor, conv, "a")
    for _ in range(3):
        add(store, conv, "ai", "x" * 200_000)
    sizes, after = [], 0
    while True:
        page = history.changes(conv, after)
        sizes.append(len(page.messages))
        after = page.cursor
        if not page.more:
            break
    assert sum(sizes) == 4
    assert max(sizes) <= 2


def test_sealed_messages_are_read_in_clear(store: Any, environment: Any, visitor: accounts.VisitorView) -> None:
    environment(DESKHAND_ENCRYPT_MESSAGES="1", DESKHAND_KEY="00" * 32)
    conv = clock.new_id()
    say(visitor, conv, "secret words")
    body = store.read(lambda: store.sql("SELECT body FROM message").fetchone()[0])
    assert "secret" not in body
    assert history.changes(conv, 0).messages[0].text == "secret words"
    assert history.conversations(visitor.contact_id)[0].preview == "secret words"


def test_what_does_not_exist_is_gone(store: Any) -> None:
    page = history.changes("nothing", 3)
    assert (page.state, page.cursor, page.more) == ("gone", 3, False)
    assert history.ownership("nothing") is None
    assert not history.owns("nobody", "nothing")


def test_heads_tell_which_conversations_moved(store: Any, visitor: accounts.VisitorView) -> None:
    one, two = clock.new_id(), clock.new_id()
    say(visitor, one, "a")
    say(visitor, two, "a")
    say(visitor, two, "b")
    assert history.heads([one, two, "gone"]) == {one: 1, two: 2}
    assert history.heads([]) == {}


def test_conversations_belong_to_their_contact(store: Any, visitor: accounts.VisitorView) -> None:
    other = accounts.new_visitor(accounts.ensure_default_site())[1]
    mine, theirs = clock.new_id(), clock.new_id()
    say(visitor, mine, "mine")
    say(other, theirs, "theirs")
    assert history.owns(visitor.contact_id, mine)
    assert not history.owns(visitor.contact_id, theirs)
    assert [line.id for line in history.conversations(visitor.contact_id)] == [mine]
    assert history.last_conversation(other.contact_id) == theirs
    assert history.ownership(mine) == history.Ownership(visitor.contact_id, mine)


def test_the_last_conversation_is_an_open_one_or_one_that_may_be_opened_again(
    store: Any, visitor: accounts.VisitorView
) -> None:
    conv = clock.new_id()
    say(visitor, conv, "a")
    store.write(
        lambda: store.sql("UPDATE conversation SET state = 'resolved', resolved_at = ?", (clock.now() - 86_400,))
    )
    assert history.last_conversation(visitor.contact_id) == conv
    store.write(lambda: store.sql("UPDATE conversation SET resolved_at = ?", (clock.now() - 8 * 86_400,)))
    assert history.last_conversation(visitor.contact_id) == ""


def test_unread_counts_what_others_said_later(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    say(visitor, conv, "q")
    add(store, conv, "ai", "a")
    add(store, conv, "note", "n")
    add(store, conv, "agent", "b")
    assert [history.unread(conv, seen) for seen in (0, 1, 2, 4)] == [2, 2, 1, 0]


def test_a_conversation_may_be_begun_empty_and_only_once(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    for _ in range(2):
        made = history.start_conversation(
            contact_id=visitor.contact_id,
            site_id=visitor.site_id,
            channel="widget",
            conversation_id=conv,
            language="de",
        )
        assert made == conv
    assert history.changes(conv, 0).state == "ai"
    assert say(visitor, conv, "first").conversation_id == conv
    assert store.read(lambda: store.Route.select().count()) == 1


def test_erasing_leaves_nothing_but_the_ledgers_keys(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    say(visitor, conv, "remember me not", "cid-1")
    receive([inbound(visitor, conv, "cid-2", "", kind="handoff")])
    from bot.messages import Profile

    receive(
        [
            inbound(
                visitor,
                conv,
                "cid-3",
                "my number",
                kind="contact",
                profile=Profile(name="Anna", email="anna@example.com"),
            )
        ]
    )
    store.write(lambda: store.Turn.insert(id="t1", conversation=conv, upto_seq=1, state="done", started_at=1).execute())
    assert erase_conversation(conv)
    assert not erase_conversation(conv)
    for table in (store.Conversation, store.Message, store.Turn, store.Delivery, store.Ticket, store.Route):
        assert store.read(lambda table=table: table.select().count()) == 0, table
    ledger = store.read(lambda: list(store.Ledger.select().dicts()))
    assert sorted(row["key"] for row in ledger) == [f"web:{conv}:cid-{n}" for n in (1, 2, 3)]
    assert {(row["body_hash"], row["payload"]) for row in ledger} == {("", "")}
    contact = store.read(lambda: store.Contact.get_by_id(visitor.contact_id))
    assert (contact.name, contact.email) == ("", "")
    assert history.changes(conv, 0).state == "gone"


def test_a_late_redelivery_brings_nothing_back(store: Any, visitor: accounts.VisitorView) -> None:
    conv = clock.new_id()
    say(visitor, conv, "gone for good", "cid-1")
    erase_conversation(conv)
    outcome = receive([inbound(visitor, conv, "cid-1", "gone for good")])[0]
    assert isinstance(outcome, Refused)
    assert store.read(lambda: store.Conversation.select().count()) == 0
    assert store.read(lambda: store.Message.select().count()) == 0


def test_erasing_one_of_two_keeps_the_other_and_the_address(store: Any, visitor: accounts.VisitorView) -> None:
    one, two = clock.new_id(), clock.new_id()
    say(visitor, one, "a")
    say(visitor, two, "b")
    store.write(lambda: store.sql("UPDATE contact SET email = 'a@example.com'"))
    erase_conversation(one)
    assert history.changes(two, 0).messages[0].text == "b"
    assert store.read(lambda: store.Contact.get_by_id(visitor.contact_id)).email == "a@example.com"
