"""The code: how it is told and kept, what a wrong one says, and how many there may be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from bot import carry_over, whereabouts
from bot.messages import Inbound, Receipt, Refused
from bot.receive import receive
from bot.store import StoreUnavailable
from tests.carrying_over.conftest import asked, comes, now_at, refused, rows, said, shows


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
