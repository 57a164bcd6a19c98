"""A conversation goes on in another channel by a code, with everything in it; and the merge of contacts can be undone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from bot import audit, carry_over, clock, deliver, desk_posts, handoff, history, lease, merging, throttle, whereabouts
from bot.channel import Capability, Channel, Limits
from bot.desk import Desk
from bot.messages import Inbound, Receipt, Refused
from bot.outbox import DeskOutbox, Outbox
from bot.receive import receive
from bot.store import StoreUnavailable
from tests.commanding import command


class Post(Channel):
    name: ClassVar[str] = "post"
    limits = Limits(max_text=400, timeout=5)

    def start_link(self, code: str) -> str:
        return f"https://post.example/start?c={code}" if self.name == "post" else ""


class Pigeon(Post):
    name = "pigeon"
    where = "by pigeon"


class Table(Desk):
    name = "table"
    place = "round"


@pytest.fixture(autouse=True)
def house(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_current", None)  # what was counted in the test before
    deliver.forget_declarations()
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("channels")
    for channel in (Post(), Pigeon()):
        Outbox(channel).declare()
        whereabouts.announce(channel)
    DeskOutbox(Table()).declare()


_number = 0


def said(channel: str, who: str, text: str = "hello", **more: Any) -> Inbound:
    global _number
    _number += 1
    return Inbound(channel=channel, key=f"k{_number}", external_id=who, place=f"{channel}-{who}", text=text, **more)


def comes(event: Inbound) -> Receipt:
    outcome = receive([event])[0]
    assert isinstance(outcome, Receipt), outcome
    return outcome


def refused(event: Inbound) -> Refused:
    outcome = receive([event])[0]
    assert isinstance(outcome, Refused), outcome
    return outcome


def asked(channel: str, who: str) -> str:
    aside = comes(said(channel, who, "", kind="continue")).aside
    return aside.partition("Your code is ")[2].split(".")[0]


def shows(channel: str, who: str, code: str, **more: Any) -> Inbound:
    return said(channel, who, code, kind="continue", **more)


def rows(store: Any, statement: str, *values: Any) -> list[Any]:
    return store.read(lambda: store.sql(statement, values).fetchall())


def now_at(store: Any, conversation: str) -> list[tuple[str, str]]:
    found = rows(store, "SELECT channel, place FROM route WHERE conversation_id = ? AND current", conversation)
    return [tuple(row) for row in found]


def texts(store: Any, channel: str, place: str) -> list[str]:
    """What is on its way to one place."""
    found = rows(
        store,
        "SELECT message FROM delivery WHERE channel = ? AND place = ? AND op = 'send' ORDER BY ord",
        channel,
        place,
    )
    return [rows(store, "SELECT body FROM message WHERE id = ?", row[0])[0][0] for row in found]


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


def test_the_code_is_stored_as_a_hash_and_told_in_two_groups(store: Any) -> None:
    comes(said("post", "anna"))
    code = asked("post", "anna")
    assert len(code) == 11 and code[5] == "-"
    (row,) = rows(store, "SELECT code_hash FROM carry_code")
    assert len(row[0]) == 64
    for table in ("message", "ledger", "setting", "carry_code"):
        for found in rows(store, f"SELECT * FROM {table}"):
            assert carry_over.normal(code) not in str(found) and code not in str(found)


WRONG: list[tuple[str, Callable[[str], str], str]] = [
    ("unknown", lambda code: "ZZZZZ-ZZZZZ", carry_over.UNKNOWN),
    ("nonsense", lambda code: "'; DROP TABLE carry_code; --\x00", carry_over.UNKNOWN),
    ("almost", lambda code: code[:-1] + ("0" if code[-1] != "0" else "1"), carry_over.UNKNOWN),
]


@pytest.mark.parametrize(("name", "spoil", "text"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_code_is_a_sentence_and_changes_nothing(
    store: Any, name: str, spoil: Callable[[str], str], text: str
) -> None:
    conversation = comes(said("post", "anna")).conversation_id
    code = asked("post", "anna")
    answer = refused(shows("pigeon", "p7", spoil(code)))
    assert (answer.code, answer.message) == ("bad_code", text)
    assert now_at(store, conversation) == [("post", "post-anna")]
    assert rows(store, "SELECT count(*) FROM contact")[0][0] == 1, "nobody new was made"
    comes(shows("pigeon", "p7", code))


def test_a_used_an_expired_and_a_replaced_code_are_told_apart(store: Any) -> None:
    comes(said("post", "anna"))
    first = asked("post", "anna")
    second = asked("post", "anna")
    assert refused(shows("pigeon", "p7", first)).message == carry_over.EXPIRED, "only the newest is good"
    store.write(lambda: store.sql("UPDATE carry_code SET expires_at = expires_at - 601 WHERE used_at IS NULL"))
    assert refused(shows("pigeon", "p7", second)).message == carry_over.EXPIRED
    third = asked("post", "anna")
    comes(shows("pigeon", "p7", third))
    assert refused(shows("drum", "x", third)).message == carry_over.USED


def test_ones_own_code_and_a_conversation_that_is_there_already(store: Any) -> None:
    conversation = comes(said("post", "anna")).conversation_id
    code = asked("post", "anna")
    answer = refused(shows("post", "anna", code))
    assert (answer.code, answer.message) == ("not_here", "This conversation is here already: just go on writing.")
    comes(shows("pigeon", "p7", code))
    assert now_at(store, conversation) == [("pigeon", "pigeon-p7")], "the code was still good"


def test_groups_neither_give_nor_take_codes(store: Any) -> None:
    comes(said("post", "anna"))
    code = asked("post", "anna")
    assert refused(said("post", "anna", "", kind="continue", shared=True)).code == "not_here"
    answer = refused(shows("pigeon", "p7", code, shared=True))
    assert (answer.code, answer.message) == ("not_here", carry_over.GROUP)
    comes(shows("pigeon", "p7", code))


def test_who_has_no_conversation_or_somebody_elses_place_gets_no_code(store: Any) -> None:
    assert refused(said("post", "anna", "", kind="continue")).code == "unknown_conversation"
    comes(said("post", "anna"))
    stranger = Inbound(channel="post", key="s1", external_id="eve", place="post-anna", kind="continue")
    assert refused(stranger).code == "unknown_conversation"
    comes(said("pigeon", "p7"))
    intruder = Inbound(
        channel="pigeon", key="s2", external_id="eve", place="pigeon-p7", kind="continue", text=asked("post", "anna")
    )
    assert refused(intruder).code == "not_yours"


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


def test_blocked_people_carry_nothing_over(store: Any) -> None:
    comes(said("post", "anna"))
    code = asked("post", "anna")
    comes(said("pigeon", "p7"))
    block = "UPDATE contact SET blocked = ? WHERE id = (SELECT contact_id FROM identity WHERE channel = ?)"
    store.write(lambda: store.sql(block, (True, "pigeon")))
    assert refused(shows("pigeon", "p7", code)).code == "blocked"
    store.write(lambda: store.sql(block, (True, "post")))
    assert refused(shows("drum", "d", code)).code == "blocked"
    assert refused(said("post", "anna", "", kind="continue")).code == "unknown_conversation"


def test_guesses_and_codes_are_counted(store: Any) -> None:
    comes(said("post", "anna"))
    answers = [receive([said("post", "anna", "", kind="continue")])[0] for _ in range(7)]
    assert [isinstance(one, Receipt) for one in answers] == [True] * 5 + [False] * 2
    assert isinstance(answers[-1], Refused) and answers[-1].code == "too_many" and "again in" in answers[-1].message
    guesses = [refused(shows("pigeon", "guesser", f"AAAAA-AAA{n:02}")).code for n in range(12)]
    assert guesses == ["bad_code"] * 10 + ["too_many"] * 2
    assert refused(shows("pigeon", "somebody else", "AAAAA-AAAAA")).code == "bad_code"


def test_the_same_event_again_moves_nothing_again(store: Any) -> None:
    comes(said("post", "anna"))
    event = shows("pigeon", "p7", asked("post", "anna"))
    first = comes(event)
    again = comes(event)
    assert again.duplicate and again.conversation_id == first.conversation_id and again.seq == first.seq
    assert rows(store, "SELECT count(*) FROM contact_merge") == [(1,)]


def test_of_two_who_show_a_code_at_once_one_wins(store: Any) -> None:
    for round_ in range(6):
        who = f"anna{round_}"
        conversation = comes(said("post", who)).conversation_id
        code = asked("post", who)
        outcomes: list[Any] = []
        start = threading.Barrier(4)

        def show(
            number: int, code: str = code, outcomes: list[Any] = outcomes, start: Any = start, n: int = round_
        ) -> None:
            event = shows(("pigeon", "drum")[number % 2], f"r{n}-{number}", code)
            start.wait()
            try:
                outcomes.append(receive([event])[0])
            except StoreUnavailable as error:
                outcomes.append(error)

        threads = [threading.Thread(target=show, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [one for one in outcomes if isinstance(one, Receipt)]
        assert len(won) == 1 and won[0].conversation_id == conversation, outcomes
        assert {one.message for one in outcomes if isinstance(one, Refused)} <= {carry_over.USED}
        assert len(now_at(store, conversation)) == 1


def test_nothing_is_taken_for_more_sure_than_it_was(store: Any) -> None:
    comes(said("post", "anna"))
    comes(said("pigeon", "p7"))
    kept, gone = (
        rows(store, "SELECT contact_id FROM identity WHERE channel = ?", channel)[0][0]
        for channel in ("post", "pigeon")
    )
    for contact, address, at in (
        (kept, "a@example.com", None),
        (gone, "a@example.com", 5.0),
        (gone, "b@example.com", None),
    ):
        store.write(
            lambda c=contact, a=address, t=at: store.MailAddress.create(
                id=clock.new_id(), contact=c, address=a, confirmed_at=t, created_at=1
            )
        )
    comes(shows("pigeon", "p7", asked("post", "anna")))
    found = rows(store, "SELECT address, confirmed_at FROM mail_address WHERE contact_id = ? ORDER BY address", kept)
    assert found == [("a@example.com", None), ("b@example.com", None)], "confirmed only for whoever confirmed it"


def test_a_merge_can_be_undone_and_everything_is_as_before(store: Any) -> None:
    mine = comes(said("post", "anna")).conversation_id
    theirs = comes(said("pigeon", "p7", "mine")).conversation_id
    before = (
        rows(store, "SELECT id, contact_id FROM conversation ORDER BY id"),
        rows(store, "SELECT id, contact_id FROM identity ORDER BY id"),
    )
    comes(shows("pigeon", "p7", asked("post", "anna")))
    assert len({row[1] for row in rows(store, "SELECT id, contact_id FROM identity")}) == 1
    (merge,) = store.read(merging.merges)
    store.write(lambda: merging.unmerge(merge.id[:18], actor="cli:test"))
    after = (
        rows(store, "SELECT id, contact_id FROM conversation ORDER BY id"),
        rows(store, "SELECT id, contact_id FROM identity ORDER BY id"),
    )
    assert after == before
    assert now_at(store, mine) == [("post", "post-anna")] and now_at(store, theirs) == [("pigeon", "pigeon-p7")]
    assert comes(said("post", "anna", "again")).conversation_id == mine
    assert comes(said("pigeon", "p7", "again")).conversation_id == theirs
    with pytest.raises(merging.MergeError, match="undone before"):
        store.write(lambda: merging.unmerge(merge.id, actor="cli:test"))
    told = {entry.action for entry in audit.entries()}
    assert {"contact.merge", "contact.unmerge"} <= told


def test_what_began_since_the_merge_goes_with_the_place_it_began_at(store: Any) -> None:
    mine = comes(said("post", "anna")).conversation_id
    comes(shows("pigeon", "p7", asked("post", "anna")))
    comes(shows("drum", "d1", asked("pigeon", "p7")))  # the conversation goes on to a third place
    fresh = comes(said("pigeon", "p7", "new here")).conversation_id
    second, first = store.read(merging.merges)
    with pytest.raises(merging.MergeError, match=second.id):
        store.write(lambda: merging.unmerge(first.id, actor="cli:test"))
    store.write(lambda: merging.unmerge(second.id, actor="cli:test"))
    assert now_at(store, mine) == [], "its old place has another conversation by now"
    store.write(lambda: merging.unmerge(first.id, actor="cli:test"))
    owner = rows(store, "SELECT contact_id FROM identity WHERE external_id = 'p7'")
    assert rows(store, "SELECT contact_id FROM conversation WHERE id = ?", fresh) == owner
    assert comes(said("pigeon", "p7", "more")).conversation_id == fresh


def test_an_operator_lists_and_undoes_merges(store: Any) -> None:
    comes(said("post", "anna"))
    comes(shows("pigeon", "p7", asked("post", "anna")))
    shown = command(store, "contacts", "merges")
    assert shown.exit_code == 0 and "post to pigeon" in shown.output
    done = command(store, "contacts", "unmerge", shown.output.split()[0])
    assert done.exit_code == 0 and "two contacts again" in done.output
    assert "undone" in command(store, "contacts", "merges").output
    wrong = command(store, "contacts", "unmerge", "nothing")
    assert wrong.exit_code == 1 and "No merge has this id" in wrong.output


def test_a_link_is_offered_while_its_channel_runs(store: Any) -> None:
    conversation = comes(said("pigeon", "p7")).conversation_id
    made = carry_over.offer(conversation)
    assert made is not None
    assert [(link.channel, link.name, link.url) for link in made.links] == [
        ("post", "Post", f"https://post.example/start?c={made.code}")
    ]
    aside = comes(said("pigeon", "p7", "", kind="continue")).aside
    assert "Post: https://post.example/start?c=" in aside
    whereabouts.withdraw("post")
    assert carry_over.offer(conversation).links == ()  # type: ignore[union-attr]
    assert store.read(lambda: whereabouts.where("post")) == "in Post"
    assert carry_over.offer("nothing") is None
