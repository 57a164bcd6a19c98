"""One count of what is spent: the cap of a site and the budgets are written together, and the numbers of an older version stay."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from bot import budgeting, clock, lease, spending, turns
from bot.erase import erase_conversation
from bot.events import Answer
from bot.messages import Inbound, Receipt
from bot.receive import receive
from bot.turns import Account

CAP = 100_000


@pytest.fixture
def begun(store: Any) -> turns.Begun:
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", daily_tokens=CAP, created_at=clock.now()))
    lease.start("test")
    return begin(store)


def begin(store: Any, who: str = "anna") -> turns.Begun:
    got = receive([Inbound(channel="test", key=clock.new_id(), external_id=who, place=who, text="What is the price?")])[
        0
    ]
    assert isinstance(got, Receipt)
    found = store.write(lambda: turns.begin(got.conversation_id))
    assert found is not None
    return found  # type: ignore[no-any-return]


def rows(store: Any) -> dict[str, tuple[int, int, int]]:
    """Tokens, what is set aside of them, and turns of each scope."""
    return {
        row.scope: (row.tokens, row.held_tokens, row.turns) for row in store.read(lambda: list(store.Spend.select()))
    }


def left(store: Any) -> int | None:
    return store.read(lambda: spending.tokens_left("s1", CAP))  # type: ignore[no-any-return]


def test_what_the_cap_sets_aside_is_in_no_budget_and_no_list(store: Any, begun: turns.Begun) -> None:
    assert begun.reserved > 2_000 and rows(store) == {"cap": (0, begun.reserved, 0)}
    assert left(store) == CAP - begun.reserved and budgeting.spent_of_day() == []
    store.write(lambda: spending.book("s1", 70))
    assert left(store) == CAP - begun.reserved - 70 and budgeting.spent_of_day() == [], "a summary is nobody's turn"


@pytest.mark.parametrize("budget", [False, True])
def test_an_end_is_booked_in_all_six_scopes_by_one_statement(
    store: Any, begun: turns.Begun, budget: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if budget:
        budgeting.set_aside(begun.turn_id, 900, 5)
        assert rows(store)["cap"] == (0, begun.reserved, 0) and rows(store)["site"] == (0, 900, 0)
    said: list[str] = []
    true_sql = spending.sql

    def listening(statement: str, values: Any = ()) -> Any:
        said.append(statement.split(maxsplit=1)[0])
        return true_sql(statement, values)

    monkeypatch.setattr(spending, "sql", listening)
    account = Account(input_tokens=30, output_tokens=12, cost=7)
    assert store.write(lambda: turns.end(begun, Answer(text="x"), account)).stored
    assert said == (["SELECT", "UPDATE", "INSERT"] if budget else ["SELECT", "INSERT"])
    assert rows(store) == dict.fromkeys((spending.CAP, *spending.SCOPES), (42, 0, 1)) and left(store) == CAP - 42


def test_a_lost_attempt_counts_against_the_cap_even_when_its_conversation_is_gone(
    store: Any, begun: turns.Begun
) -> None:
    budgeting.set_aside(begun.turn_id, 900, 5)
    assert erase_conversation(begun.conversation_id)
    assert left(store) == CAP and all(row[:2] == (0, 0) for row in rows(store).values()), "all was given back at once"
    store.write(lambda: turns.spend(begun, Account(input_tokens=9)))
    assert left(store) == CAP - 9 and rows(store)["all"] == (0, 0, 0)


def test_a_lost_attempt_of_yesterday_is_charged_to_the_cap_of_today(
    store: Any, begun: turns.Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday, now = spending.today(), clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 86_400)
    store.write(lambda: turns.spend(begun, Account(input_tokens=9)))
    assert left(store) == CAP - 9
    found = {row.id: (row.tokens, row.held_tokens) for row in store.read(lambda: list(store.Spend.select()))}
    assert found[f"{yesterday}/cap/s1"] == (0, begun.reserved), "the turn still runs"
    assert found[f"{yesterday}/site/s1"] == (9, 0) and found[f"{spending.today()}/cap/s1"] == (9, 0)


def test_one_of_yesterday_that_begins_again_leaves_nothing_set_aside(
    store: Any, begun: turns.Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yesterday the cap was used up, and so nothing was set aside for it."""
    store.write(lambda: spending.give_back(begun.conversation_id))
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 86_400)
    again = store.write(lambda: turns.begin(begun.conversation_id, restart=True))
    assert again.reserved > 0
    assert store.write(lambda: turns.end(again, Answer(text="x"), Account(input_tokens=42))).stored
    assert left(store) == CAP - 42
    assert {row.held_tokens for row in store.read(lambda: list(store.Spend.select()))} == {0}


def test_an_update_keeps_the_numbers(store: Any, begun: turns.Begun) -> None:
    """As the version before left them: what was spent and what was set aside, in one number."""
    day = spending.today()

    def older() -> None:
        store.sql("DELETE FROM spend")
        for site, when, tokens in (("s1", day, 5_000 + begun.reserved), ("s1", "2026-01-31", 777), ("s2", day, 12)):
            store.sql("INSERT INTO token_spend VALUES (?, ?, ?, ?, 3)", (f"{site}/{when}", site, when, tokens))
        store.sql(
            "INSERT INTO spend (id, day, scope, key, tokens, cost, turns, held_tokens, held_cost, told)"
            " VALUES (?, ?, 'site', 's1', 4000, 9, 2, 0, 0, 'cheap')",
            (f"{day}/site/s1", day),
        )
        importlib.import_module("bot.store.migrations.0029_one_count").up(None, store.db)

    store.write(older)
    assert left(store) == CAP - 5_000 - begun.reserved
    found = {row.id: (row.tokens, row.held_tokens, row.told) for row in store.read(lambda: list(store.Spend.select()))}
    assert found == {
        f"{day}/cap/s1": (5_000, begun.reserved, ""),
        "2026-01-31/cap/s1": (777, 0, ""),
        f"{day}/cap/s2": (12, 0, ""),
        f"{day}/site/s1": (4_000, 0, "cheap"),
    }
    assert store.write(lambda: turns.end(begun, Answer(text="x"), Account(input_tokens=42))).stored
    assert left(store) == CAP - 5_042 and rows(store)["site"][0] == 4_042
