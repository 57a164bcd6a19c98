"""What answers cost: built-in prices, what admins say, and nonsense that is refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

import bot
from bot import prices
from bot.ai import Usage
from bot.prices import BadPrice, Price, drop_price, own_prices, read_number, set_price


@pytest.fixture(autouse=True)
def _fresh(store: Any) -> Iterator[None]:
    prices.forget_prices()
    yield
    prices.forget_prices()


def test_a_dollar_per_million_is_a_millionth_per_token() -> None:
    assert bot.cost("openai", "gpt-5.5", Usage(1_000, 100)) == 1_000 * 5 + 100 * 30
    assert bot.cost("anthropic", "claude-opus-5-5", Usage(1_000, 100, 400)) == 600 * 4 + 100 * 20 + 80
    assert bot.cost("openai", "gpt-5.4-nano", Usage(1, 0)) == 1  # rounded up
    assert bot.cost("offline", "quotes", Usage()) == 0


def test_a_dated_model_costs_what_the_model_costs_and_an_unknown_one_nobody_knows() -> None:
    assert bot.price_of("anthropic", "claude-haiku-4-5-20251001") == bot.price_of("anthropic", "claude-haiku-4-5")
    assert bot.price_of("openai", "gpt-4.1-2025-04-14") == Price(2, 8, 0.5)
    assert bot.cost("compatible", "my-own-model", Usage(5, 5)) is None


def test_what_an_admin_says_counts_and_can_be_taken_back() -> None:
    set_price("my-own-model", Price(1, 2), actor="test")
    set_price("gpt-5.5", Price(3, 9), provider="gateway", actor="test")
    assert bot.cost("compatible", "my-own-model", Usage(10, 10, 10)) == 30
    assert bot.cost("gateway", "gpt-5.5", Usage(1, 1)) == 12
    assert bot.cost("openai", "gpt-5.5", Usage(1, 1)) == 35
    set_price("my-own-model", Price(0, 0, 0), actor="test")
    assert bot.cost("compatible", "my-own-model", Usage(10, 10)) == 0
    assert own_prices() == {("", "my-own-model"): Price(0, 0, 0), ("gateway", "gpt-5.5"): Price(3, 9)}
    assert drop_price("my-own-model", actor="test") and not drop_price("my-own-model", actor="test")
    assert bot.cost("compatible", "my-own-model", Usage(10, 10)) is None


def test_changes_are_in_the_audit_trail(store: Any) -> None:
    set_price("m", Price(1, 2), actor="anna")
    drop_price("m", actor="anna")
    rows = store.read(lambda: list(store.sql("SELECT actor, action, object FROM audit ORDER BY id").fetchall()))
    assert [tuple(row) for row in rows] == [("anna", "prices.set", "model:|m"), ("anna", "prices.unset", "model:|m")]


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, -math.inf, 1e99])
def test_nonsense_is_refused_and_nothing_changes(value: float) -> None:
    for price in (Price(value, 1), Price(1, value), Price(1, 1, value)):
        with pytest.raises(BadPrice, match=r"^Nothing was changed: .* from 0 to 10,000"):
            set_price("m", price, actor="test")
    assert own_prices() == {}


@pytest.mark.parametrize("text", ["-1", "NaN", "inf", "1e99", "three", "", "1,5", "0x10", "1\n2", "\x1b[31m5"])
def test_a_price_that_is_no_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadPrice, match="the output price is ") as caught:
        read_number(text, "the output price")
    assert str(caught.value).isprintable()


def test_a_price_may_have_a_dollar_sign() -> None:
    assert read_number(" $2.50 ", "x") == 2.5


@pytest.mark.parametrize("model", ["", "   ", "a|b", "a\nb", "x" * 201])
def test_names_that_are_none_are_refused(model: str) -> None:
    with pytest.raises(BadPrice, match="a model's name"):
        set_price(model, Price(1, 1), actor="test")


def test_every_built_in_price_is_one() -> None:
    for model, price in prices.KNOWN.items():
        assert 0 <= price.input <= 100 and 0 <= price.output <= 300, model
        assert price.cached is None or price.cached <= price.input, model
