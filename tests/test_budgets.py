"""Budgets: every scope counts exactly, turns side by side cannot spend the same rest, and each step does what it says and is told once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bot import answer_log, audit, budgeting, clock, lease, prices, turns
from bot.ai import Prompt, PromptMessage
from bot.erase import erase_conversation
from bot.events import Answer, TurnContext
from bot.messages import Inbound, Receipt
from bot.plugins import forget_plugins
from bot.receive import receive
from bot.turns import Account
from plugins import budgets
from tests.commanding import command
from tests.patience import patient

LIMIT = 100_000
EACH = 5_000


@pytest.fixture
def site(store: Any) -> Iterator[str]:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    lease.start("test")
    yield "s1"
    forget_plugins()


def say(who: str = "anna", place: str = "room") -> str:
    event = Inbound(channel="test", key=clock.new_id(), external_id=who, place=place, text="What is the price?")
    got = receive([event])[0]
    assert isinstance(got, Receipt)
    return got.conversation_id


def begun(store: Any, conversation_id: str) -> turns.Begun:
    found = store.write(lambda: turns.begin(conversation_id))
    assert found is not None
    return found


def context(one: turns.Begun, **more: Any) -> TurnContext:
    return TurnContext(turn_id=one.turn_id, conversation_id=one.conversation_id, site="s1", channel="test", **more)


def spent(scope: str) -> budgeting.Spent:
    (found,) = [one for one in budgeting.spent_of_day() if one.scope == scope]
    return found


def prompt(text: str = "What is the price?", max_tokens: int = 700) -> Prompt:
    return Prompt(system="s", messages=(PromptMessage("user", text),), max_tokens=max_tokens)


def used(store: Any, tokens: int, cost: int = 0, **where: str) -> None:
    """Let a turn spend so much."""
    one = begun(store, say(**where))
    account = Account(input_tokens=tokens, cost=cost)
    assert store.write(lambda: turns.end(one, Answer(text="x"), account)).stored


def test_a_turn_is_counted_in_all_its_scopes(store: Any, site: str) -> None:
    used(store, 120, 340)
    used(store, 30, 60, who="ben", place="other")
    assert [(one.scope, one.name, one.tokens, one.cost, one.turns) for one in budgeting.spent_of_day()][:3] == [
        ("all", "all", 150, 400, 2), ("site", "demo", 150, 400, 2), ("channel", "test", 150, 400, 2),
    ]  # fmt: skip
    assert [one.tokens for one in budgeting.spent_of_day() if one.scope in {"visitor", "conversation"}] == [
        120,
        30,
        120,
        30,
    ]


def test_fifty_turns_side_by_side_are_booked_to_the_token_and_spend_no_rest_twice(store: Any, site: str) -> None:
    settings = budgets.BudgetSettings(all_tokens=LIMIT, visitor_tokens=0)
    started = [begun(store, say(f"visitor{n}", f"place{n}")) for n in range(50)]
    allowed: list[turns.Begun] = []
    refused: list[turns.Begun] = []
    gate = threading.Barrier(50)
    failures: list[BaseException] = []
    big = prompt("x" * ((EACH - 700 - budgeting.ROOM) * budgeting.CHARACTERS))
    tokens, _ = budgeting.estimate(big)
    assert abs(tokens - EACH) < 5

    def work(one: turns.Begun) -> None:
        try:
            gate.wait()
            found = budgets.afford(settings, context(one), big, [("openai", "m")])
            free = found is None or found.economy == "cheap"
            (allowed if free else refused).append(one)
            if free:
                account = Account(input_tokens=tokens - 200, output_tokens=100, cost=7)
                store.write(lambda: turns.end(one, Answer(text="x"), account))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in started]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patient(60))
    assert failures == [] and len(allowed) + len(refused) == 50
    total = spent("all")
    assert total.tokens == len(allowed) * (tokens - 100) and total.cost == 7 * len(allowed), (
        "not a token lost or doubled"
    )
    assert total.held_tokens == total.held_cost == 0, "who was refused or has ended holds nothing"
    assert total.turns == len(allowed)
    # Who is let in sees less than 95 % used or set aside by all others, so not even one answer goes over.
    assert 0.85 * LIMIT < total.tokens <= LIMIT
    rows = store.read(lambda: list(store.Spend.select().where(store.Spend.scope == "visitor")))
    assert sum(row.tokens for row in rows) == total.tokens and all(row.held_tokens == 0 for row in rows)


@pytest.mark.parametrize(
    ("tokens", "step", "economy"),
    [(79_000, "", None), (80_000, "cheap", "cheap"), (95_000, "quotes", "quotes"), (100_000, "person", None)],
)
def test_the_steps_come_at_80_95_and_100_percent(
    store: Any, site: str, tokens: int, step: str, economy: str | None
) -> None:
    used(store, tokens)
    one = begun(store, say("ben", "other"))
    found = budgets.afford(budgets.BudgetSettings(all_tokens=LIMIT), context(one), prompt(), [("openai", "m")])
    if not step:
        assert found is None
    elif step == "person":
        assert found is not None and found.escalation is not None and "person" in found.escalation.say
        assert found.escalation.answer_first is False
    else:
        assert found is not None and found.escalation is None and found.economy == economy
    assert (spent("all").held_tokens > 0) is (step in {"", "cheap"}), "what costs nothing sets nothing aside"


def test_quotes_of_nothing_are_no_answer(store: Any, site: str) -> None:
    used(store, 96_000)
    one = begun(store, say("ben", "other"))
    turn = context(one, answerable=False)
    found = budgets.afford(budgets.BudgetSettings(all_tokens=LIMIT), turn, prompt(), [("openai", "m")])
    assert found is not None and found.escalation is not None


@pytest.mark.parametrize("scope", ["all", "site", "channel", "visitor", "conversation"])
def test_each_scope_has_its_own_limit_in_tokens_and_in_money(store: Any, site: str, scope: str) -> None:
    used(store, 1_000, 2_000_000)
    one = begun(store, say())
    limits = budgets.BudgetSettings.model_validate({"visitor_tokens": 0, f"{scope}_tokens": 1_000})
    found = budgets.afford(limits, context(one), prompt(), [("openai", "m")])
    assert found is not None and found.escalation is not None and scope in found.why
    money = budgets.BudgetSettings.model_validate({"visitor_tokens": 0, f"{scope}_money": 2.0})
    found = budgets.afford(money, context(one), prompt(), [("openai", "m")])
    assert found is not None and found.escalation is not None and "money" in found.why
    if scope in {"visitor", "conversation"}:
        other = begun(store, say("ben", "other"))
        assert budgets.afford(limits, context(other), prompt(), [("openai", "m")]) is None, "it is that one's alone"


def test_money_is_set_aside_by_the_dearest_model_that_may_answer(store: Any, site: str) -> None:
    dear, cheap = ("anthropic", "claude-opus-5"), ("openai", "gpt-4.1-nano")
    tokens, cost = budgeting.estimate(prompt(), [cheap, dear, ("compatible", "nobody-knows")])
    own = prices.price_of(*dear)
    assert own is not None and cost >= (tokens - 700) * own.input + 700 * own.output
    assert budgeting.estimate(prompt(), [("compatible", "nobody-knows")])[1] == 0
    one = begun(store, say())
    budgets.afford(budgets.BudgetSettings(all_money=5), context(one), prompt(), [dear])
    assert spent("all").held_cost == budgeting.estimate(prompt(), [dear])[1]


def test_a_turn_that_begins_again_sets_aside_once(store: Any, site: str) -> None:
    one = begun(store, say())
    settings = budgets.BudgetSettings(all_tokens=LIMIT)
    for _ in range(3):
        assert budgets.afford(settings, context(one), prompt(), [("openai", "m")]) is None
    assert spent("all").held_tokens == budgeting.estimate(prompt())[0]


def test_what_a_person_takes_over_gives_back(store: Any, site: str) -> None:
    conversation = say()
    one = begun(store, conversation)
    budgeting.set_aside(one.turn_id, 900, 5)
    event = Inbound(channel="test", key="h", external_id="anna", place="room", kind="handoff")
    receive([event])
    assert not store.write(lambda: turns.end(one, Answer(text="late"), Account(input_tokens=40, cost=3))).stored
    assert (spent("all").tokens, spent("all").cost, spent("all").held_tokens) == (40, 3, 0)


def test_an_attempt_that_was_thrown_away_is_paid_and_holds_on(store: Any, site: str) -> None:
    one = begun(store, say())
    budgeting.set_aside(one.turn_id, 900, 5)
    store.write(lambda: turns.spend(one, Account(input_tokens=11, output_tokens=4, cost=2)))
    assert (spent("all").tokens, spent("all").cost, spent("all").held_tokens, spent("all").turns) == (15, 2, 900, 0)


def test_a_day_begins_at_midnight_utc_and_a_turn_stays_on_its_own(
    store: Any, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_800_000_000 // 86_400 * 86_400 + 86_399.0
    monkeypatch.setattr(clock, "now", lambda: now)
    one = begun(store, say())
    settings = budgets.BudgetSettings(all_tokens=2_000)
    budgets.afford(settings, context(one), prompt(), [("openai", "m")])
    day = budgeting.today()
    monkeypatch.setattr(clock, "now", lambda: now + 2)
    assert budgeting.today() > day and budgeting.spent_of_day() == []
    store.write(lambda: turns.end(one, Answer(text="x"), Account(input_tokens=1_999)))
    (before,) = [one for one in budgeting.spent_of_day(day) if one.scope == "all"]
    assert (before.tokens, before.held_tokens) == (1_999, 0)
    assert budgets.afford(settings, context(begun(store, say())), prompt(), [("openai", "m")]) is None


def test_people_are_told_once_for_each_step_and_day(store: Any, site: str, environment: Any) -> None:
    environment(DESKHAND_TEAM_MAIL="ana@shop.example")
    store.write(lambda: store.sql("INSERT INTO setting (key, value, changed_at) VALUES ('desk.slack', ?, 0)",
                                  ('{"place": "C1", "can": [], "follows": []}',)))  # fmt: skip
    settings = budgets.BudgetSettings(all_tokens=LIMIT, visitor_tokens=100)
    used(store, 85_000)
    for who in ("ben", "cleo"):
        budgets.afford(settings, context(begun(store, say(who, who))), prompt(), [("openai", "m")])
    trail = audit.entries(action="budget.step")
    assert [(one.object, one.detail["step"]) for one in trail] == [("budget:all:all", "cheap")]
    mails = store.read(lambda: [(m.to_address, m.text) for m in store.Mail.select()])
    assert len(mails) == 1 and "cheaper models" in mails[0][1] and mails[0][0] == "ana@shop.example"
    posts = store.read(lambda: [(d.channel, d.op, d.message) for d in store.Delivery.select()])
    assert [one[:2] for one in posts if one[0] == "desk:slack"] == [("desk:slack", "event")]
    used(store, 8_000, who="dora", place="dora")
    budgets.afford(settings, context(begun(store, say("eve", "eve"))), prompt(), [("openai", "m")])
    assert [one.detail["step"] for one in audit.entries(action="budget.step")] == ["quotes", "cheap"]
    environment(DESKHAND_TEAM_MAIL=None)


def test_a_turn_of_yesterday_tells_of_yesterday_and_today_is_told_itself(
    store: Any, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_800_000_000 // 86_400 * 86_400 + 86_390.0
    monkeypatch.setattr(clock, "now", lambda: now)
    settings = budgets.BudgetSettings(all_tokens=LIMIT)
    used(store, 97_000)
    late = begun(store, say("ben", "ben"))
    yesterday = budgeting.today()
    monkeypatch.setattr(clock, "now", lambda: now + 20)
    used(store, 10, who="cleo", place="cleo")
    budgets.afford(settings, context(late), prompt(), [("openai", "m")])
    assert [(one.detail["step"], one.detail["day"]) for one in audit.entries(action="budget.step")] == [
        ("quotes", yesterday)
    ]
    used(store, 96_000, who="dora", place="dora")
    budgets.afford(settings, context(begun(store, say("eve", "eve"))), prompt(), [("openai", "m")])
    assert [one.detail["day"] for one in audit.entries(action="budget.step")] == [budgeting.today(), yesterday]


def test_a_turn_whose_conversation_is_erased_gives_back(store: Any, site: str) -> None:
    conversation = say()
    one = begun(store, conversation)
    budgeting.set_aside(one.turn_id, 900, 5)
    assert spent("all").held_tokens == 900
    assert erase_conversation(conversation)
    assert [(one.held_tokens, one.held_cost) for one in budgeting.spent_of_day()] == [(0, 0)] * 3


def test_without_a_limit_nothing_is_set_aside(store: Any, site: str) -> None:
    one = begun(store, say())
    assert budgets.afford(budgets.BudgetSettings(visitor_tokens=0), context(one), prompt(), [("openai", "m")]) is None
    assert budgeting.spent_of_day() == []


def test_the_command_says_what_is_spent_left_and_which_step(store: Any, site: str) -> None:
    used(store, 350_000, 1_500_000)
    out = command(store, "budgets").output
    assert "installation" in out and "350,000 tokens, $1.5000, 1 answers" in out
    assert "50,000 tokens left" in out and "cheap: answers come from cheaper models" in out
    assert "Nothing was spent on that day." in command(store, "budgets", "--day", "2020-01-01").output
    bad = command(store, "budgets", "--day", "yesterday")
    assert bad.exit_code == 1 and "Write it like" in bad.output


def test_deleting_conversations_deletes_what_they_spent(store: Any, site: str) -> None:
    used(store, 120)
    conversation = store.read(lambda: store.AnswerLog.get().conversation_id)
    assert erase_conversation(conversation)
    assert [one.scope for one in budgeting.spent_of_day()] == ["all", "site", "channel"]
    assert answer_log.recent_answers(conversation, 60) == []
