"""What models cost: prices of well-known ones as of a date, and what an admin says of them and of others.

Money is counted in millionths of a US dollar: a price of 3 dollars per million tokens is 3 of them per token.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bot import audit, clock
from bot.ai import Usage
from bot.store import StoreUnavailable, read, sql, write

AS_OF = "2026-10"
"""When the prices below were looked up. They are list prices; discounts, batches and long contexts are not in them."""
DEAREST = 10_000.0
"""US dollars per million tokens: what is more is a slip of the finger."""
FRESH = 5.0
"""Seconds for which the table is remembered."""


class BadPrice(Exception):
    """Nothing was changed. A sentence that says what is wrong."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    cached: float | None = None
    """Of input that the provider had in its cache; ``None``: as other input."""


KNOWN: Mapping[str, Price] = {
    "claude-opus-5-5": Price(4, 20, 0.2),
    "claude-opus-5": Price(5, 25, 0.5),
    "claude-opus-4-8": Price(5, 25, 0.5),
    "claude-sonnet-5-5": Price(2, 10, 0.2),
    "claude-sonnet-5": Price(2, 10, 0.2),
    "claude-haiku-5-5": Price(0.1, 0.5, 0.01),
    "claude-haiku-4-5": Price(1, 5, 0.1),
    "claude-fable-5-1": Price(10, 50, 0.25),
    "gpt-6-astra": Price(10, 50, 1),
    "gpt-5.6-sol": Price(4, 20, 0.4),
    "gpt-5.6-terra": Price(2, 12, 0.2),
    "gpt-5.6-luna": Price(0.2, 1.2, 0.02),
    "gpt-5.5": Price(5, 30, 0.5),
    "gpt-5.4": Price(2.5, 15, 0.25),
    "gpt-5.4-mini": Price(0.75, 4.5, 0.075),
    "gpt-5.4-nano": Price(0.2, 1.25, 0.02),
    "gpt-4.1": Price(2, 8, 0.5),
    "gpt-4.1-mini": Price(0.4, 1.6, 0.1),
    "gpt-4.1-nano": Price(0.1, 0.4, 0.025),
    "gpt-4o": Price(2.5, 10, 1.25),
    "gpt-4o-mini": Price(0.15, 0.6, 0.075),
    "gemini-3.8-flash": Price(0.75, 3.75, 0.075),
    "gemini-3.5-flash": Price(1.5, 9, 0.15),
    "gemini-3.5-flash-lite": Price(0.3, 2.5, 0.03),
    "gemini-2.5-pro": Price(1.25, 10, 0.125),
    "gemini-2.5-flash": Price(0.3, 2.5, 0.03),
    "gemini-2.5-flash-lite": Price(0.1, 0.4, 0.01),
    "text-embedding-3-small": Price(0.02, 0),
    "text-embedding-3-large": Price(0.13, 0),
    "mistral-embed": Price(0.1, 0),
    # Quotes the articles, without a model.
    "quotes": Price(0, 0, 0),
}

_DATED = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d|latest)$")
"""A version of a model costs what the model costs."""


def cost(provider: str, model: str, usage: Usage) -> int | None:
    """What these tokens cost, in millionths of a US dollar, rounded up; ``None`` when nobody knows the price.

    ``usage.cached_tokens`` are a part of ``usage.input_tokens``. Never raises; with the database away the last known table counts.
    """
    known = price_of(provider, model)
    if known is None:
        return None
    cached = min(usage.cached_tokens, usage.input_tokens)
    dollars = (usage.input_tokens - cached) * known.input + usage.output_tokens * known.output
    dollars += cached * (known.input if known.cached is None else known.cached)
    return math.ceil(round(dollars, 6))


def price_of(provider: str, model: str) -> Price | None:
    """What an admin said of this provider's model, else of the model at whoever has it, else the built-in price."""
    own = _own()
    plain = _DATED.sub("", model)
    for key in (f"{provider}|{model}", f"|{model}", f"{provider}|{plain}", f"|{plain}"):
        if key in own:
            return own[key]
    return KNOWN.get(model) or KNOWN.get(plain)


def own_prices() -> dict[tuple[str, str], Price]:
    """What admins said, by provider (empty: whoever has the model) and model."""
    return {(key.partition("|")[0], key.partition("|")[2]): one for key, one in _load().items()}


def set_price(model: str, price: Price, *, provider: str = "", actor: str) -> None:
    """From now on ``model`` costs this, in all processes within some seconds. Raises :class:`BadPrice`."""
    model = _named(model)
    for what, value in (("input", price.input), ("output", price.output), ("cached input", price.cached)):
        if value is not None and not (math.isfinite(value) and 0 <= value <= DEAREST):
            raise BadPrice(
                f"Nothing was changed: the price of {what} must be a number from 0 to {DEAREST:,.0f} US dollars per million tokens."
            )
    values = (f"{provider}|{model}", provider, model, price.input, price.output, price.cached, clock.now())

    def fn() -> None:
        sql(
            "INSERT INTO model_price (id, provider, model, input, output, cached, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET input = excluded.input, output = excluded.output, cached = excluded.cached,"
            " changed_at = excluded.changed_at",
            values,
        )
        detail = {"input": price.input, "output": price.output, "cached": price.cached}
        audit.record(actor, "prices.set", f"model:{values[0]}", detail)

    write(fn)
    forget_prices()


def drop_price(model: str, *, provider: str = "", actor: str) -> bool:
    """Forget what was said of ``model``: the built-in price counts again, if there is one. False: nothing was said."""
    key = f"{provider}|{_named(model)}"

    def fn() -> bool:
        if not sql("DELETE FROM model_price WHERE id = ?", (key,)).rowcount:
            return False
        audit.record(actor, "prices.unset", f"model:{key}")
        return True

    dropped = write(fn)
    forget_prices()
    return dropped


def read_number(text: str, what: str) -> float:
    """A price as somebody typed it. Raises :class:`BadPrice`."""
    try:
        value = float(text.strip().removeprefix("$"))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and 0 <= value <= DEAREST):
        shown = text.strip()[:40].encode("unicode_escape").decode()
        raise BadPrice(
            f"Nothing was changed: {what} is {shown!r}, and must be a number from 0 to {DEAREST:,.0f}, in US dollars per million tokens."
        )
    return value


def _named(model: str) -> str:
    model = model.strip()
    if not model or len(model) > 200 or "|" in model or not model.isprintable():
        raise BadPrice("Nothing was changed: a model's name has 1 to 200 characters, without | and control characters.")
    return model


_lock = threading.Lock()
_table: dict[str, Price] = {}
_until = 0.0


def forget_prices() -> None:
    """Look the table up again with the next question: after a change, and in tests."""
    global _until
    _until = 0.0


def _own() -> dict[str, Price]:
    global _table, _until
    now = time.monotonic()
    if now >= _until:
        with _lock:
            if now >= _until:
                try:
                    _table = _load()
                except StoreUnavailable:
                    pass
                _until = now + FRESH
    return _table


def _load() -> dict[str, Price]:
    rows = read(lambda: sql("SELECT id, input, output, cached FROM model_price").fetchall())
    return {key: Price(given, written, cached) for key, given, written, cached in rows}
