"""Rules in whole turns: they answer before the AI, only while it has the conversation, and changes count within a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot import ReplyRule, RuleSource, add_rule, change_rule, clock, lease, list_rules, remove_rule
from bot.messages import Inbound, Receipt
from bot.plugins import forget_plugins, load_plugins
from bot.receive import receive
from bot.turns_process import Pool
from plugins.auto_reply.memory import RulesInMemory
from tests.fakes.llm import FakeLLM, Script
from tests.patience import wait_for


@pytest.fixture
def pool(
    store: Any, valkey: Any, environment: Callable[..., None], llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pool]:
    monkeypatch.setattr("plugins.auto_reply.RULES", RulesInMemory())  # a process has one database
    environment(OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=llm.openai_url)
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("turns")
    made = Pool(4, load_plugins("turns"))
    yield made
    made.drain()
    forget_plugins()


class Talk:
    """Somebody who writes and reads what comes back."""

    def __init__(self, store: Any, pool: Pool) -> None:
        self.store, self.pool = store, pool
        self.place = clock.new_id()
        self.conversation = ""

    def say(self, text: str) -> None:
        got = receive(
            [Inbound(channel="test", key=clock.new_id(), external_id=self.place, place=self.place, text=text)]
        )[0]
        assert isinstance(got, Receipt)
        self.conversation = got.conversation_id
        self.pool.on_wake(self.conversation.encode())

    def ask(self, text: str) -> Any:
        """The row of the answer."""
        before = len(self.answers())
        self.say(text)
        return wait_for(lambda: self.answers()[before:], 8)[-1]

    def anew(self, text: str) -> Any:
        """The answer to somebody else, who asks for the first time: nobody is slowed down for asking twice."""
        return Talk(self.store, self.pool).ask(text)

    def answers(self) -> list[Any]:
        message = self.store.Message
        mine = (message.conversation == self.conversation) & (message.author == "ai")
        return self.store.read(lambda: list(message.select().where(mine).order_by(message.seq)))

    def row(self) -> Any:
        return self.store.read(lambda: self.store.Conversation.get_by_id(self.conversation))


@pytest.fixture
def talk(store: Any, pool: Pool) -> Talk:
    return Talk(store, pool)


def hours(**more: Any) -> ReplyRule:
    return ReplyRule(**{"name": "Hours", "phrases": ("opening hours",), "answer": "We open at **9**.", **more})


def test_a_rule_answers_and_the_ai_is_not_asked(talk: Talk, llm: FakeLLM) -> None:
    add_rule(
        hours(choices=("Where?",), sources=(RuleSource(title="Contact", url="https://shop.example/c"),)), actor="t"
    )
    answer = talk.ask("What are your opening hours?")
    assert (answer.kind, answer.body) == ("auto", "We open at **9**.")
    assert "https://shop.example/c" in answer.extra and "Where?" in answer.extra
    assert llm.requests == []
    wait_for(lambda: list_rules()[0].uses == 1, 8)
    (turn,) = talk.store.read(lambda: list(talk.store.Turn.select()))
    assert (turn.state, turn.provider, turn.output_tokens) == ("done", "", 0)


def test_what_an_admin_changes_counts_within_a_second(talk: Talk, llm: FakeLLM) -> None:
    llm.script(Script(answer="The AI says this.", times=0))
    assert talk.ask("opening hours?").kind != "auto"
    add_rule(hours(), actor="t")
    wait_for(lambda: talk.anew("opening hours?").body == "We open at **9**.", 1)
    change_rule("Hours", actor="t", answer="We open at ten.")
    wait_for(lambda: talk.anew("opening hours?").body == "We open at ten.", 1)
    remove_rule("Hours", actor="t")
    wait_for(lambda: talk.anew("opening hours?").kind != "auto", 1)


def test_a_rule_can_pass_the_conversation_on_with_its_own_words(talk: Talk, llm: FakeLLM) -> None:
    add_rule(hours(action="handoff", answer="A colleague looks at this.", phrases=("chargeback",)), actor="t")
    answer = talk.ask("I want a chargeback")
    assert (answer.body, answer.kind, llm.requests) == ("A colleague looks at this.", "auto", [])
    assert talk.row().state == "waiting"
    (ticket,) = talk.store.read(lambda: list(talk.store.Ticket.select()))
    assert ticket.reason_code == "policy" and "Hours" in ticket.reason


def test_a_rule_can_only_offer_quick_replies(talk: Talk, llm: FakeLLM) -> None:
    llm.script(Script(answer="Gladly.", conclude={"confidence": 0.9, "quick_replies": ["More", "Sizes"]}))
    add_rule(hours(action="choices", answer="", choices=("Sizes", "Colours"), phrases=("tents",)), actor="t")
    answer = talk.ask("Tell me of your tents")
    assert answer.body == "Gladly." and answer.kind == "ai"
    assert '["Sizes","Colours","More"]' in answer.extra.replace(", ", ",")


def test_who_asks_for_a_person_gets_one_whatever_the_rules_say(talk: Talk, llm: FakeLLM) -> None:
    add_rule(hours(phrases=("person",), priority=1_000), actor="t")
    talk.say("I want to talk to a person")
    wait_for(lambda: talk.row().state == "waiting", 8)
    assert [answer.kind for answer in talk.answers()] == [] and list_rules()[0].uses == 0


def test_no_rule_speaks_while_people_have_the_conversation(talk: Talk, llm: FakeLLM) -> None:
    add_rule(hours(), actor="t")
    talk.say("speak to a human")
    wait_for(lambda: talk.row().state == "waiting", 8)
    talk.say("opening hours?")
    time.sleep(0.5)
    assert talk.answers() == [] and list_rules()[0].uses == 0


def test_rules_of_another_site_do_not_answer(talk: Talk, llm: FakeLLM) -> None:
    talk.store.write(lambda: talk.store.Site.create(id="s2", key="other", name="Other", created_at=clock.now() + 1))
    llm.script(Script(answer="From the AI.", times=0))
    add_rule(hours(site="other"), actor="t")
    assert talk.ask("opening hours?").body == "From the AI."


def test_a_rule_answers_while_no_provider_does(talk: Talk, llm: FakeLLM) -> None:
    llm.script(Script(fault="503", times=0))
    add_rule(hours(), actor="t")
    assert talk.ask("opening hours?").kind == "auto"


def test_the_rules_are_switched_off_with_their_plugin(talk: Talk, llm: FakeLLM) -> None:
    from bot import switches

    llm.script(Script(answer="From the AI.", times=0))
    add_rule(hours(), actor="t")
    switches.switch("auto_reply", False, actor="t")
    wait_for(lambda: talk.anew("opening hours?").body == "From the AI.", 2)


def test_an_answer_of_a_rule_looks_like_one(talk: Talk) -> None:
    """Its kind reaches the widget, which names it."""
    from bot.history import changes

    add_rule(hours(), actor="t")
    talk.ask("opening hours?")
    page = changes(talk.conversation, 0)
    assert [message.type for message in page.messages if message.author == "ai"] == ["auto"]
