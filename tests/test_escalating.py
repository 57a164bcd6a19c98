"""Rules of plugins in the middle of real turns: what is stored of an answer that is passed on, and rules that break."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import clock, lease
from bot.messages import Inbound, Receipt
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.turns_process import Pool
from tests.fakes.llm import FakeLLM, Script
from tests.patience import wait_for

RULES = """
    from bot import Escalation, Reason, hookimpl


    @hookimpl
    def escalate(turn, answer):
        rules = {
            ("early", True): Escalation(reason=Reason.POLICY, answer_first=False),
            ("early with words", True): Escalation(reason=Reason.POLICY, say="One moment.", answer_first=False, priority="high"),
            ("afterwards", True): Escalation(reason=Reason.POLICY, detail="seen before", say="Ana looks at it, too."),
            ("added", False): Escalation(reason=Reason.POLICY, say="Ana looks at it, too."),
            ("replaced", False): Escalation(reason=Reason.POLICY, say="Let me ask Ana.", answer_first=False),
            ("replaced silently", False): Escalation(reason=Reason.POLICY, answer_first=False),
            ("junk", False): "please call somebody",
            ("counted", True): Escalation(reason=Reason.TURN_CAP, detail=f"{turn.turns} {turn.tokens > 0} {turn.site_key}"),
        }
        if turn.question == "boom":
            raise RuntimeError("this rule is broken")
        return rules.get((turn.question, answer is None))
"""


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        server.script(Script(answer="Thirty days.", times=0))
        yield server


@pytest.fixture
def pool(store: Any, environment: Callable[..., None], llm: FakeLLM, tmp_path: Path) -> Iterator[Pool]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "rules.py").write_text(textwrap.dedent(RULES), "utf-8")
    environment(
        OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url, DESKHAND_PLUGINS_DIR=str(folder), REDIS_URL="none"
    )
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("turns")
    made = Pool(4, load_plugins("turns"))
    yield made
    made.drain()
    forget_plugins()


def ask(store: Any, pool: Pool, text: str) -> list[tuple[str, str]]:
    """Ask, and read what was said when the turn is over."""
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id="anna", place="room", text=text)])[0]
    assert isinstance(got, Receipt)
    pool.on_wake(got.conversation_id.encode())

    def over() -> bool:
        row = store.Conversation.get_by_id(got.conversation_id)
        return not row.needs and not row.lease_owner

    wait_for(lambda: store.read(over), 15)
    query = store.Message.select().where(store.Message.seq > got.seq).order_by(store.Message.seq)
    return store.read(lambda: [(m.kind, m.body.partition("\n\n")[2] or m.body) for m in query])


def ticket(store: Any) -> Any:
    return store.read(store.Ticket.get)


def test_a_rule_before_the_ai_costs_no_request_and_leaves_no_empty_answer(store: Any, pool: Pool, llm: FakeLLM) -> None:
    ((kind, words),) = ask(store, pool, "early")
    assert kind == "handoff_no_desk" and "I would rather let a person answer this" in words
    assert not llm.requests and ticket(store).reason_code == "policy"
    assert store.read(lambda: store.Turn.get().state) == "done"


def test_words_of_a_rule_stand_before_what_happens_next(store: Any, pool: Pool, llm: FakeLLM) -> None:
    said = ask(store, pool, "early with words")
    assert said[0] == ("ai", "One moment.") and said[1][0] == "handoff_no_desk"
    assert ticket(store).priority == "high" and not llm.requests


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("afterwards", "Ana looks at it, too."),
        ("added", "Ana looks at it, too."),
        ("replaced", "Let me ask Ana."),
        ("replaced silently", "I am not sure enough about my answer, so I would rather let a person give you one."),
    ],
)
def test_an_answer_is_followed_or_replaced(store: Any, pool: Pool, question: str, answer: str) -> None:
    said = ask(store, pool, question)
    assert said[0] == ("ai", answer) and said[1][0] == "handoff_no_desk"
    stored = store.read(lambda: store.Message.get(store.Message.author == "ai").body)
    assert ("Thirty days." in stored) is not question.startswith("replaced")
    assert ("seen before" in ticket(store).reason) is (question == "afterwards")


@pytest.mark.parametrize("question", ["boom", "junk", "nothing of the kind"])
def test_a_rule_that_breaks_costs_nobody_an_answer(store: Any, pool: Pool, question: str) -> None:
    assert ask(store, pool, question) == [("ai", "Thirty days.")]
    assert store.read(lambda: store.Ticket.select().count()) == 0


def test_rules_know_how_long_the_ai_has_tried(store: Any, pool: Pool) -> None:
    ask(store, pool, "one")
    ask(store, pool, "two")
    ask(store, pool, "counted")
    assert ticket(store).reason.endswith("2 True demo")
