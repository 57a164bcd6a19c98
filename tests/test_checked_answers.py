"""A site with checked answers: nothing is shown before everything has checked it, and all else is as on other sites."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from bot import accounts, bus, clock, hours, lease, showing, switches
from bot.messages import Inbound, Receipt
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.stopping import request_stop
from bot.turns import running_turn
from bot.turns_process import Pool
from plugins.knowledge.folder import Folder
from tests.fakes.llm import FakeLLM, Script
from tests.patience import patient, wait_for

TEXT = "Standard shipping costs €4.90. Express shipping costs €12.50. You can return items within 30 days."
QUESTION = "What does standard shipping cost?"


@pytest.fixture
def pool(store: Any, valkey: Any, environment: Callable[..., None], llm: FakeLLM, tmp_path: Any) -> Iterator[Pool]:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "shipping.md").write_text(f"# Shipping\n\n{TEXT}\n", "utf-8")
    os.utime(folder / "shipping.md", (time.time() - 60, time.time() - 60))
    Folder(folder, "markdown:folder").sync()
    environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    store.write(lambda: hours.change_site("s1", answers="checked"))
    accounts.forget_sites()
    lease.start("turns")
    registry = load_plugins("turns")
    made = Pool(8, registry)
    registry.on_overdue = made.on_overdue
    yield made
    made.drain()
    forget_plugins()


class Heard:
    """What watchers of the conversation are told, live."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self._listening = threading.Event()
        self._listener = bus.bus().listen({"live": self._take})
        assert self._listening.wait(patient(10)), "what is told before nobody hears"

    def _take(self, payload: bytes) -> None:
        self._listening.set()
        if len(payload) > 36:
            self.frames.append(orjson.loads(payload[36:]))

    @property
    def shown(self) -> str:
        return "".join(frame["text"] for frame in self.frames if frame["t"] == "delta")

    @property
    def phases(self) -> list[str]:
        return [frame["phase"] for frame in self.frames if frame["t"] == "turn"]


@pytest.fixture
def heard(pool: Pool) -> Iterator[Heard]:
    made = Heard()
    yield made
    made._listener.stop()


def say(pool: Pool, text: str, *, kind: Any = "message") -> str:
    got = receive(
        [Inbound(channel="test", key=clock.new_id(), external_id="anna", place="room", text=text, kind=kind)]
    )[0]
    assert isinstance(got, Receipt)
    pool.on_wake(got.conversation_id.encode())
    return got.conversation_id


def answers(store: Any) -> list[Any]:
    return store.read(
        lambda: list(store.Message.select().where(store.Message.author == "ai").order_by(store.Message.seq))
    )


def test_nothing_is_shown_before_it_passed(store: Any, pool: Pool, llm: FakeLLM, heard: Heard) -> None:
    llm.script(Script(answer="Standard shipping costs €4.90 [1]. Express shipping costs €15 [1]."))
    say(pool, QUESTION)
    (answer,) = wait_for(lambda: answers(store), 30)
    assert answer.body.startswith("Standard shipping costs €4.90 [1].\n\nI left out") and "15" not in answer.body
    assert wait_for(lambda: "checking" in heard.phases, 30) and heard.phases[0] == "thinking"
    time.sleep(0.2)
    assert heard.shown == "", "no piece of it left before it was stored"


def test_on_other_sites_it_is_shown_and_replaced(store: Any, pool: Pool, llm: FakeLLM, heard: Heard) -> None:
    store.write(lambda: hours.change_site("s1", answers=""))
    # Slow enough to be watched, and with words behind it: what comes all at once is committed before a piece of it is told.
    long = "Standard shipping costs €4.90 [1]. Express shipping costs €15 [1]. You can return items within 30 days [1]."
    llm.script(Script(answer=long, tokens_per_second=8))
    say(pool, QUESTION)
    (answer,) = wait_for(lambda: answers(store), 30)
    assert wait_for(lambda: "€15" in heard.shown, 30) and "checking" not in heard.phases
    assert "€15" not in answer.body and "€4.90" in answer.body


def test_a_new_message_starts_it_again_until_the_end(store: Any, pool: Pool, llm: FakeLLM, heard: Heard) -> None:
    llm.script(
        Script(answer="Standard shipping costs €4.90 [1]. " * 3, tokens_per_second=20),
        Script(answer="You can return items within 30 days [1].", times=0),
    )
    conversation = say(pool, QUESTION)
    wait_for(lambda: "checking" in heard.phases, 30)
    say(pool, "And how many days do I have to return items?")
    wait_for(lambda: answers(store), 30)
    time.sleep(0.3)
    assert [one.body for one in answers(store)] == ["You can return items within 30 days [1]."]
    assert heard.shown == "" and conversation


def test_a_stop_keeps_nothing_that_was_not_shown(store: Any, pool: Pool, llm: FakeLLM, heard: Heard) -> None:
    llm.script(Script(answer="Standard shipping costs €4.90 [1]. " * 5, tokens_per_second=15))
    conversation = say(pool, QUESTION)
    wait_for(lambda: "checking" in heard.phases, 30)
    turn = store.read(lambda: running_turn(conversation))
    assert turn is not None and request_stop(conversation, turn[0])
    pool.on_wake(conversation.encode())
    (answer,) = wait_for(lambda: answers(store), 30)
    assert (answer.body, answer.kind) == ("", "stopped") and heard.shown == ""


def test_a_take_over_leaves_a_draft_and_shows_nothing(store: Any, pool: Pool, llm: FakeLLM, heard: Heard) -> None:
    llm.script(
        Script(answer="Standard shipping costs €4.90 [1]. Express shipping costs €12.50 [1].", tokens_per_second=15)
    )
    say(pool, QUESTION)
    wait_for(lambda: "checking" in heard.phases, 30)
    say(pool, "", kind="handoff")
    state = wait_for(lambda: store.read(lambda: [t.state for t in store.Turn.select() if t.state != "running"]), 30)
    assert state == ["superseded"] and not answers(store) and heard.shown == ""


def test_a_provider_that_breaks_in_the_middle_leaves_no_word_behind(
    store: Any, pool: Pool, llm: FakeLLM, heard: Heard
) -> None:
    llm.script(
        Script(answer="Express shipping costs €15 [1]. More", fault="cut", after=6),
        Script(answer="Standard shipping costs €4.90 [1].", times=0),
    )
    say(pool, QUESTION)
    (answer,) = wait_for(lambda: answers(store), 15)
    assert answer.body == "Standard shipping costs €4.90 [1]."
    time.sleep(0.2)
    assert heard.shown == "" and heard.phases.count("checking") == 2


def test_when_nothing_holds_a_person_is_offered_or_comes(store: Any, pool: Pool, llm: FakeLLM, heard: Heard) -> None:
    llm.script(Script(answer="Standard shipping costs €99 [1]."))
    say(pool, QUESTION)
    (answer,) = wait_for(lambda: answers(store), 30)
    assert answer.body.startswith("I could not confirm my answer") and "Talk to a person" in answer.extra
    assert heard.shown == ""


def test_a_question_without_an_answer_costs_nothing_and_is_told_so(store: Any, pool: Pool, llm: FakeLLM) -> None:
    say(pool, "Do you have vegetarian recipes with pumpkin?")
    (answer,) = wait_for(lambda: answers(store), 30)
    assert (
        answer.body.startswith("I did not find an answer")
        and answer.kind == "auto"
        and "Talk to a person" in answer.extra
    )
    assert not llm.requests, "no provider was asked"
    llm.script(Script(answer="Hello! How can I help?"))
    say(pool, "Hello")
    wait_for(lambda: len(answers(store)) == 2, 30)
    assert answers(store)[1].body == "Hello! How can I help?" and len(llm.requests) == 1


def test_a_site_may_have_the_ai_asked_all_the_same(store: Any, pool: Pool, llm: FakeLLM) -> None:
    switches.store_settings("escalation_no_answer", "{}", {"answer": "ask_anyway"}, actor="test", changed=("answer",))
    pool.registry.on_changed(b"")
    llm.script(Script(answer="Yes, 40 recipes for $3 each."), Script(answer="I do not know.", times=0))
    say(pool, "Do you have vegetarian recipes with pumpkin?")
    (answer,) = wait_for(lambda: answers(store), 30)
    assert len(llm.requests) == 1
    assert "40" not in answer.body and answer.body.startswith("I could not confirm"), "and what it made up is not given"


def test_an_answer_that_cannot_be_confirmed_may_become_a_ticket_with_its_reason(
    store: Any, pool: Pool, llm: FakeLLM
) -> None:
    switches.store_settings("grounding", "{}", {"when": "always"}, actor="test", changed=("when",))
    pool.registry.on_changed(b"")
    llm.script(Script(answer="Standard shipping costs €99 [1].", times=0))
    say(pool, QUESTION)
    (answer,) = wait_for(lambda: answers(store), 30)
    assert answer.body.startswith("I could not confirm my answer")
    (ticket,) = store.read(lambda: list(store.Ticket.select()))
    assert ticket.reason == "the answer could not be confirmed: 1 of 1 statements"
    assert wait_for(
        lambda: [t.state for t in store.read(lambda: list(store.Turn.select())) if t.state != "running"], 30
    ) == ["done"]


def test_while_it_is_checked_platforms_show_that_somebody_writes() -> None:
    frame = {"t": "turn", "conv": "c", "turn": "t", "attempt": 1, "phase": "checking"}
    hint = showing._hint(("telegram", "place"), "c", frame)
    assert hint is not None and (hint.kind, hint.turn) == ("thinking", "t")


def test_an_answer_that_nobody_could_check_is_not_shown(
    store: Any, pool: Pool, llm: FakeLLM, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ValueError("no")

    monkeypatch.setattr("plugins.grounding.check.check", fails)
    llm.default = Script(answer="Express shipping costs €15 [1].")
    conversation = say(pool, QUESTION)
    (answer,) = wait_for(lambda: answers(store), 30)
    assert "15" not in answer.body and heard.shown == ""
    assert wait_for(lambda: store.read(lambda: store.Conversation.get_by_id(conversation).state) != "ai", 30)


def test_nor_is_one_whose_check_deskhand_switched_off(store: Any, pool: Pool, llm: FakeLLM, heard: Heard) -> None:
    for _ in range(3):
        switches.strike("grounding", "after_ai", "no", wait=True)
    assert not pool.registry.fresh().is_on("grounding")
    llm.default = Script(answer="Express shipping costs €15 [1].")
    say(pool, QUESTION)
    (answer,) = wait_for(lambda: answers(store), 30)
    assert "15" not in answer.body and heard.shown == ""


def test_an_admin_may_do_without_the_check(store: Any, pool: Pool, llm: FakeLLM) -> None:
    switches.switch("grounding", False, actor="cli:anna")
    pool.registry.fresh()
    llm.default = Script(answer="Express shipping costs €15 [1].")
    say(pool, QUESTION)
    (answer,) = wait_for(lambda: answers(store), 30)
    assert "€15" in answer.body
