"""One row for each answer, in its transaction; marks of customers and agents with their whole history; nothing left after an erasure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import answer_log, audit, clock, lease, marks, turns
from bot.answer_log import Basis
from bot.erase import erase_conversation
from bot.events import Answer, Reason
from bot.messages import Inbound, Receipt, Refused, Source
from bot.receive import receive
from bot.turns import Account

SOURCES = (Source(n=1, passage_id="p1", title="Returns"), Source(n=2, passage_id="p9", title="Fees"))


@pytest.fixture
def conversation(store: Any) -> Iterator[str]:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("test")
    return say("Where is my order?")


def say(text: str, kind: Any = "message", **more: Any) -> str:
    got = tell(text=text, kind=kind, **more)
    assert isinstance(got, Receipt)
    return got.conversation_id


def tell(**event: Any) -> Receipt | Refused:
    event = {"channel": "test", "key": clock.new_id(), "external_id": "anna", "place": "room", **event}
    return receive([Inbound(**event)])[0]


def answered(store: Any, conversation_id: str, answer: Answer | None = None, **account: Any) -> dict[str, Any]:
    begun = store.write(lambda: turns.begin(conversation_id))
    said = answer or Answer(
        text="On its way. [1]", provider="openai", model="gpt-x", stated=0.9, confidence=0.8, sources=SOURCES
    )
    assert store.write(lambda: turns.end(begun, said, Account(**account))).stored
    return row(store, turn=begun.turn_id)


def row(store: Any, **which: Any) -> dict[str, Any]:
    def work() -> dict[str, Any]:
        return (
            store.AnswerLog.select().where(*(getattr(store.AnswerLog, k) == v for k, v in which.items())).dicts().get()
        )

    return store.read(work)


def history(store: Any) -> list[tuple[str, str, str, str]]:
    def work() -> list[Any]:
        query = store.AnswerMark.select().order_by(store.AnswerMark.id)
        return [(one.by, one.kind, one.value, one.reason) for one in query]

    return store.read(work)


def test_an_answer_leaves_one_row_that_tells_everything_but_its_words(store: Any, conversation: str) -> None:
    basis = Basis(
        question="f00", certainty=0.7, knowledge=4, prompt="3", articles={"p1": "a1", "p2": "a2"}, steps=("cheap",)
    )
    found = answered(
        store, conversation, input_tokens=70, output_tokens=30, cost=1_234, first_delta_ms=40, total_ms=90, basis=basis
    )
    message = store.read(lambda: store.Message.get(store.Message.author == "ai"))
    assert found["message"] == message.id and found["conversation"] == conversation
    assert (found["site"], found["channel"], found["type"]) == ("s1", "test", "ai")
    assert (found["provider"], found["model"], found["cost"]) == ("openai", "gpt-x", 1_234)
    assert (found["input_tokens"], found["output_tokens"], found["first_ms"], found["total_ms"]) == (70, 30, 40, 90)
    assert found["sources"] == '[["p1","a1"],["p9",""]]'
    assert (found["knowledge"], found["prompt"], found["question"], found["steps"]) == (4, "3", "f00", "cheap")
    assert (found["stated"], found["certainty"], found["grounded"], found["confidence"]) == (0.9, 0.7, None, 0.8)
    assert found["handoff"] == "" and found["answerable"]
    assert "On its way" not in str(found)


def test_a_row_is_stored_with_its_answer_or_not_at_all(store: Any, conversation: str) -> None:
    begun = store.write(lambda: turns.begin(conversation))

    def both() -> None:
        turns.end(begun, Answer(text="Yes."), Account())
        raise RuntimeError("the power goes")

    with pytest.raises(RuntimeError):
        store.write(both)
    assert store.read(lambda: (store.AnswerLog.select().count(), store.Message.select().count())) == (0, 1)
    say("", kind="handoff")
    assert not store.write(lambda: turns.end(begun, Answer(text="too late"), Account())).stored
    assert store.read(lambda: store.AnswerLog.select().count()) == 0


def test_every_type_and_a_handoff_are_told_apart(store: Any, conversation: str) -> None:
    for kind in ("auto", "cache", "offline", "stopped"):
        assert answered(store, conversation, Answer(text="x", type=kind))["type"] == kind
        say("and?")
    found = answered(
        store,
        conversation,
        Answer(text="x", type="fallback", handoff_reason="technical error", handoff_code=Reason.ERROR),
    )
    assert (found["type"], found["handoff"]) == ("fallback", "error")


def test_a_handoff_without_a_word_is_no_answer(store: Any, conversation: str) -> None:
    begun = store.write(lambda: turns.begin(conversation))
    said = Answer(text="", handoff_reason="a word", handoff_code=Reason.KEYWORD)
    assert store.write(lambda: turns.end(begun, said, Account())).stored
    assert store.read(lambda: store.AnswerLog.select().count()) == 0


def test_a_thumb_is_a_mark_and_the_newest_one_counts(store: Any, conversation: str) -> None:
    message = answered(store, conversation)["message"]
    tell(kind="reaction", text="\N{THUMBS UP SIGN}", subject=message)
    assert row(store, message=message)["mark"] == "up"
    tell(kind="reaction", text="\N{THUMBS DOWN SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}", subject=message)
    assert row(store, message=message)["mark"] == "down"
    shown = store.read(lambda: turns.last_messages(conversation, 99, 9))[-1].reactions
    assert [one.emoji[0] for one in shown] == ["\N{THUMBS DOWN SIGN}"], "both thumbs at once say nothing"
    tell(kind="reaction", text="\N{PARTY POPPER}", subject=message)
    assert row(store, message=message)["mark"] == "down"
    tell(kind="reaction", text="", subject=message, gone=True)
    assert row(store, message=message)["mark"] == "" and row(store, message=message)["marked_at"] is not None
    assert history(store) == [
        ("customer", "mark", "up", ""), ("customer", "mark", "down", ""), ("customer", "mark", "", ""),
    ]  # fmt: skip


def test_a_mark_has_a_reason_and_words_and_changing_it_keeps_what_was(store: Any, conversation: str) -> None:
    message = answered(store, conversation)["message"]
    assert isinstance(tell(kind="mark", mark="down", subject=message), Receipt)
    assert isinstance(tell(kind="mark", mark="down", reason="outdated", text=" old price ", subject=message), Receipt)
    found = row(store, message=message)
    assert (found["mark"], found["reason"], found["words"]) == ("down", "outdated", "old price")
    assert isinstance(tell(kind="mark", mark="down", subject=message), Receipt), "the same thumb again"
    assert row(store, message=message)["reason"] == "outdated"
    tell(kind="mark", mark="up", subject=message)
    found = row(store, message=message)
    assert (found["mark"], found["reason"], found["words"]) == ("up", "", "")
    assert [one[2:] for one in history(store)] == [("down", ""), ("down", "outdated"), ("up", "")]
    view = store.read(lambda: turns.last_messages(conversation, 99, 9))[-1]
    assert [one.emoji for one in view.reactions] == ["\N{THUMBS UP SIGN}"]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"mark": "sideways"}, "mark"),
        ({"mark": "up", "reason": "wrong"}, "reason"),
        ({"mark": "down", "reason": "because"}, "reason"),
    ],
)
def test_a_mark_that_means_nothing_is_refused(store: Any, conversation: str, event: dict[str, str], field: str) -> None:
    message = answered(store, conversation)["message"]
    got = tell(kind="mark", subject=message, **event)
    assert (
        isinstance(got, Refused)
        and (got.code, got.field) == ("bad_field", field)
        and "Nothing was changed" in got.message
    )
    assert row(store, message=message)["mark"] == "" and history(store) == []


def test_only_answers_are_marked_and_only_by_their_customer(store: Any, conversation: str) -> None:
    message = answered(store, conversation)["message"]
    mine = store.read(lambda: store.Message.get(store.Message.author == "customer").id)
    own = tell(kind="mark", mark="up", subject=mine)
    assert isinstance(own, Refused) and own.code == "bad_field"
    say("hi", external_id="ben", place="other")
    other = tell(kind="mark", mark="up", subject=message, external_id="ben", place="other")
    assert isinstance(other, Refused) and other.code == "unknown_message"
    assert row(store, message=message)["mark"] == ""


def test_the_words_of_a_mark_are_sealed_like_messages(store: Any, conversation: str, environment: Any) -> None:
    from bot.config import config
    from bot.crypto import reveal

    message = answered(store, conversation)["message"]
    environment(DESKHAND_ENCRYPT_MESSAGES="true")
    assert config().encrypt_messages
    tell(kind="mark", mark="down", reason="wrong", text="my secret", subject=message)
    found = row(store, message=message)
    assert "secret" not in found["words"] and reveal("answer_log", "words", found["id"], found["words"]) == "my secret"
    environment(DESKHAND_ENCRYPT_MESSAGES=None)


def test_an_agents_verdict_is_kept_with_who_and_when_and_audited(store: Any, conversation: str) -> None:
    found = answered(store, conversation)
    assert store.write(lambda: marks.by_person(found["id"], "wrong", "the price is 5", "ana"))
    assert not store.write(lambda: marks.by_person(found["id"], "wrong", "", "ana"))
    assert store.write(lambda: marks.by_person(found["id"], "right", "", "cli:root"))
    after = row(store, id=found["id"])
    assert (after["verdict"], after["judged_by"], after["note"]) == ("right", "cli:root", "")
    assert history(store) == [("ana", "verdict", "wrong", ""), ("cli:root", "verdict", "right", "")]
    trail = audit.entries(action="answer.mark")
    assert [(one.actor, one.detail["before"], one.detail["after"]) for one in trail] == [
        ("cli:root", "wrong", "right"), ("ana", "", "wrong"),
    ]  # fmt: skip
    assert audit.verify().problem == "" and "price" not in str(trail)


def test_deleting_a_conversation_deletes_its_rows(store: Any, conversation: str) -> None:
    message = answered(store, conversation)["message"]
    tell(kind="mark", mark="down", reason="wrong", text="words", subject=message)
    assert erase_conversation(conversation)
    assert store.read(lambda: (store.AnswerLog.select().count(), store.AnswerMark.select().count())) == (0, 0)


def test_what_somebody_was_answered_lately_is_known_by_person_and_by_address(store: Any, conversation: str) -> None:
    first = answered(store, conversation, Answer(text="x"), basis=Basis(question="q1", answerable=False))
    say("hello", origin="net7")
    second = answered(store, conversation, Answer(text="y"), basis=Basis(question="q2"))
    other = say("hello", external_id="ben", place="other", origin="net7")
    third = answered(store, other, Answer(text="z"), basis=Basis(question="q2"))
    mine = answer_log.recent_answers(conversation, 600)
    assert [one.message_id for one in mine] == [second["message"], first["message"]]
    assert [(one.question, one.answerable) for one in mine] == [("q2", True), ("q1", False)]
    near = answer_log.recent_answers(conversation, 600, origin=True)
    assert {one.message_id for one in near} == {one["message"] for one in (first, second, third)}
    assert answer_log.recent_answers(conversation, 0) == []
    stranger = say("hi", external_id="eve", place="third")
    assert answer_log.recent_answers(stranger, 600, origin=True) == [], (
        "a channel that knows no address counts nobody together"
    )


def test_an_address_is_kept_as_a_hash_and_only_a_public_one_counts(store: Any) -> None:
    from bot import fingerprints
    from bot.proxies import address_prefix

    one, two = (fingerprints.of_origin(address_prefix(text)) for text in ("2606:4700::1:1", "2606:4700::1:2"))
    assert one and one == two and "2606" not in one, "a household counts as one"
    assert fingerprints.of_origin(address_prefix("93.184.216.34")) not in {"", one}
    for text in ("127.0.0.1", "10.0.0.7", "192.168.1.4", "::1", "fe80::1", "", "unix:"):
        assert fingerprints.of_origin(address_prefix(text)) == "", text
    asked = {
        fingerprints.of_question(text) for text in ("What does it cost?", "what  does it COST", "What does it cost?!")
    }
    assert len(asked) == 1 and fingerprints.of_question("???") != "" and fingerprints.of_question("") == ""
