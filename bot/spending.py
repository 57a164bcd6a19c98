"""The daily cap of AI tokens of a site: what is left, what is set aside for running turns, what was spent. Inside a write."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bot import clock
from bot.config import config
from bot.messages import MessageView
from bot.store import sql

CHARACTERS = 4
"""Of a text for each token, about."""
PASSAGES = 2_400
"""Tokens of the passages and instructions in a prompt, about."""
ANSWER = 700
"""Tokens of an answer when nobody says how long it may be."""


def today() -> str:
    """The UTC day."""
    return _day(clock.now())


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def tokens_left(site_id: str, cap: int | None) -> int | None:
    """What is left of a site's cap today; ``None`` without a cap. Inside a read or a write."""
    row = sql("SELECT tokens FROM token_spend WHERE id = ?", (f"{site_id}/{today()}",)).fetchone()
    return left(cap, row[0] if row else 0)


def left(cap: int | None, spent: int) -> int | None:
    """What is left of ``cap``, or of the installation's cap when the site has none of its own."""
    limit = config().daily_tokens if cap is None else cap
    return limit - spent if limit else None


def set_aside(turn_id: str, site_id: str, history: Sequence[MessageView], longest: int | None = None) -> int:
    """Book what the answer will cost, roughly, before it is asked for: answers that run side by side would each find the cap not
    reached yet. ``longest``: tokens of an answer at most. :func:`settle` puts the true number in its place."""
    written = sum(len(message.text) for message in history)
    tokens = written // CHARACTERS + PASSAGES + (longest or ANSWER)
    sql("UPDATE turn SET reserved = ? WHERE id = ?", (tokens, turn_id))
    book(site_id, tokens)
    return tokens


def give_back(conversation_id: str, site_id: str) -> None:
    """A turn that will not be answered any more has nothing set aside."""
    row = sql(
        "SELECT id, reserved, started_at FROM turn WHERE conversation_id = ? AND state = 'running' AND reserved > 0",
        (conversation_id,),
    ).fetchone()
    if row is not None:
        sql("UPDATE turn SET reserved = 0 WHERE id = ?", (row[0],))
        book(site_id, -row[1], day=_day(row[2]))


def settle(turn_id: str, site_id: str, reserved: int, spent: int) -> None:
    """Book what a turn has cost, and give back what was set aside for it, on the day on which it was."""
    tokens = spent
    if reserved:
        day = _day(sql("SELECT started_at FROM turn WHERE id = ?", (turn_id,)).fetchone()[0])
        if day == today():
            tokens -= reserved
        else:
            book(site_id, -reserved, day=day)
    if spent or tokens:
        book(site_id, tokens, turns=1 if spent else 0)


def book(site_id: str, tokens: int, *, turns: int = 0, day: str = "") -> None:
    """Count tokens against a site's cap of today (or of another day)."""
    day = day or today()
    sql(
        "INSERT INTO token_spend (id, site, day, tokens, turns) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET tokens = token_spend.tokens + excluded.tokens, turns = token_spend.turns + excluded.turns",
        (f"{site_id}/{day}", site_id, day, tokens, turns),
    )
