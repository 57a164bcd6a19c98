"""What is spent on one UTC day and what is set aside for turns that run: the one count of it, and the only one who writes it.

Seven scopes. Five are what the budgets look at: the installation, a site, a channel, a visitor and a conversation, each with what the
answers and the drafts of the turns that began on a day have cost. The sixth is the hard daily cap of a site. It counts tokens alone,
also those of summaries and articles, which are nobody's turn, and on the day on which they are paid. What it sets aside is set aside
by each turn when it begins; what the budgets set aside is theirs to say (:mod:`bot.budgeting`). The seventh is a part of what the
installation has spent: vectors of passages and questions, which serve all sites.

Counting goes on without any limit, so that one that is set at noon knows of the morning. Everything here is inside a read or a write.
On PostgreSQL rows are taken in the order of :data:`TAKEN`, older days first, after the turn's own row.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from bot import clock
from bot.config import config
from bot.messages import MessageView
from bot.store import sql

SCOPES = ("all", "site", "channel", "visitor", "conversation")
CAP = "cap"
EMBEDDINGS = "embeddings"
TAKEN = (CAP, *SCOPES, EMBEDDINGS)
CHARACTERS = 4
"""Of a text for each token, about."""
PASSAGES = 2_400
"""Tokens of the passages and instructions in a prompt, about."""
ANSWER = 700
"""Tokens of an answer when nobody says how long it may be."""
DRAFT = "draft:"
"""Before the id of a draft for an agent, where the id of a turn is asked for."""


@dataclass(frozen=True, slots=True)
class Spender:
    """The row of who spends: a turn, or a draft for an agent. Both have a beginning and what is set aside for them."""

    table: Literal["turn", "agent_draft"]
    id: str
    running: str
    """The state in which it may spend."""


def spender(turn_id: str) -> Spender:
    if turn_id.startswith(DRAFT):
        return Spender("agent_draft", turn_id.removeprefix(DRAFT), "writing")
    return Spender("turn", turn_id, "running")


def today() -> str:
    """The UTC day."""
    return day_of(clock.now())


def day_of(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


# The hard cap of a site ------------------------------------------------------------------------------------------------------


def cap_row(site_id: str) -> str:
    """The id of the row that counts against a site's cap today."""
    return f"{today()}/{CAP}/{site_id}"


def tokens_left(site_id: str, cap: int | None) -> int | None:
    """What is left of a site's cap today; ``None`` without a cap."""
    row = sql("SELECT tokens + held_tokens FROM spend WHERE id = ?", (cap_row(site_id),)).fetchone()
    return left(cap, row[0] if row else 0)


def left(cap: int | None, spent: int) -> int | None:
    """What is left of ``cap``, or of the installation's cap when the site has none of its own."""
    limit = config().daily_tokens if cap is None else cap
    return limit - spent if limit else None


def set_aside(turn_id: str, site_id: str, history: Sequence[MessageView], longest: int | None = None) -> int:
    """Set aside of the cap what the answer will cost, roughly, before it is asked for: answers that run side by side would each find
    the cap not reached yet. ``longest``: tokens of an answer at most. :func:`settle` puts the true number in its place."""
    written = sum(len(message.text) for message in history)
    tokens = written // CHARACTERS + PASSAGES + (longest or ANSWER)
    row = sql("UPDATE turn SET reserved = ? WHERE id = ? RETURNING started_at", (tokens, turn_id)).fetchone()
    # Of the day on which the turn began, as it is given back: one that is begun again after midnight takes from that day, too.
    add([Sum(day_of(row[0]), CAP, site_id, held_tokens=tokens)])
    return tokens


def book(site_id: str, tokens: int) -> None:
    """Count tokens that are no turn's, such as those of a summary, against a site's cap of today."""
    add([Sum(today(), CAP, site_id, tokens)])


def book_embeddings(tokens: int, cost: int) -> None:
    """Count what vectors have cost, which belong to no site. ``cost`` in millionths of a US dollar."""
    add([Sum(today(), scope, "all", tokens, cost) for scope in ("all", EMBEDDINGS)])


def of_tests() -> list[Sum]:
    """In a scratch installation: what its answer tests have spent, as the installation counts it that they are for: whole, by site, and
    as a channel of their own, whose answers alone are counted. No cap of a site is touched: tests must not silence the assistant."""
    scopes = ("all", "site", "channel", EMBEDDINGS)
    rows = sql(
        "SELECT day, scope, key, tokens, cost, turns FROM spend WHERE scope IN (?, ?, ?, ?) AND (tokens > 0 OR cost > 0)",
        scopes,
    ).fetchall()
    found = [
        Sum(day, scope, key, tokens, cost, turns if scope == "channel" else 0)
        for day, scope, key, tokens, cost, turns in rows
    ]
    return sorted(found, key=lambda one: (one.day, TAKEN.index(one.scope), one.key))


# Turns and drafts --------------------------------------------------------------------------------------------------------------


def settle(
    turn_id: str, site_id: str, tokens: int, cost: int, *, reserved: int = 0, over: bool = True, free: bool = True
) -> None:
    """Book what a turn or a draft has spent (``over``: it ends) and give back what was set aside for it: ``reserved`` tokens of the
    cap, and what the budgets hold (``free``). ``cost`` in millionths of a US dollar.

    One that is gone by now, because its conversation was deleted, has been paid all the same: that counts against the cap.
    """
    who = spender(turn_id)
    row = sql(
        f"SELECT t.started_at, t.held_tokens, t.held_cost, c.id, c.site_id, c.channel, c.contact_id FROM {who.table} t"  # noqa: S608
        " JOIN conversation c ON c.id = t.conversation_id WHERE t.id = ?",
        (who.id,),
    ).fetchone()
    if row is None:
        if tokens:
            book(site_id, tokens)
        return
    started, held_tokens, held_cost, *place = row
    held = (held_tokens, held_cost) if free else (0, 0)
    if any(held):
        sql(f"UPDATE {who.table} SET held_tokens = 0, held_cost = 0 WHERE id = ?", (who.id,))  # noqa: S608
    _count(
        day_of(started), scope_keys(*place), (tokens, cost), held, reserved=reserved, turns=1 if over and tokens else 0
    )


def free(turn_id: str) -> None:
    """A turn or a draft will not spend anything: the budgets hold nothing for it."""
    settle(turn_id, "", 0, 0, over=False)


def give_back(conversation_id: str) -> None:
    """A turn of this conversation will not be answered any more: nothing is set aside for it."""
    row = sql(
        "SELECT t.id, t.started_at, t.reserved, t.held_tokens, t.held_cost, c.id, c.site_id, c.channel, c.contact_id FROM turn t"
        " JOIN conversation c ON c.id = t.conversation_id WHERE t.conversation_id = ? AND t.state = 'running'",
        (conversation_id,),
    ).fetchone()
    if row is None:
        return
    turn_id, started, reserved, held_tokens, held_cost, *place = row
    if reserved or held_tokens or held_cost:
        sql("UPDATE turn SET reserved = 0, held_tokens = 0, held_cost = 0 WHERE id = ?", (turn_id,))
        _count(day_of(started), scope_keys(*place), (0, 0), (held_tokens, held_cost), reserved=reserved)


def scope_keys(conversation_id: str, site_id: str, channel: str, contact_id: str) -> dict[str, str]:
    """The scopes that a turn of this conversation counts in, each with its key."""
    return {"all": "all", "site": site_id, "channel": channel, "visitor": contact_id, "conversation": conversation_id}


def _count(
    day: str,
    keys: Mapping[str, str],
    spent: tuple[int, int],
    held: tuple[int, int],
    *,
    reserved: int,
    turns: int = 0,
) -> None:
    """Book tokens and cost of a turn that began on ``day``, and give back what was ``held`` and ``reserved``: one statement.

    The cap takes back on the day from which it was taken, and is charged today: a turn may have begun before midnight.
    """
    site, now, tokens = keys["site"], today(), spent[0]
    sums: list[Sum] = []
    if reserved and day != now:
        sums.append(Sum(day, CAP, site, held_tokens=-reserved))
        reserved = 0
    if reserved or tokens:
        sums.append(Sum(now, CAP, site, tokens, turns=turns, held_tokens=-reserved))
    if any(spent) or any(held):
        sums += (Sum(day, scope, keys[scope], *spent, turns, -held[0], -held[1]) for scope in SCOPES)
    if sums:
        add(sums)


# The rows ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sum:
    """What is added to one scope on one day; less than zero is taken away. Costs in millionths of a US dollar."""

    day: str
    scope: str
    key: str
    tokens: int = 0
    cost: int = 0
    turns: int = 0
    held_tokens: int = 0
    held_cost: int = 0


@lru_cache(maxsize=8)
def _adding(rows: int) -> str:
    return (
        "INSERT INTO spend (id, day, scope, key, tokens, cost, turns, held_tokens, held_cost) VALUES "  # noqa: S608  fixed text
        + ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * rows)
        + " ON CONFLICT (id) DO UPDATE SET tokens = spend.tokens + excluded.tokens, cost = spend.cost + excluded.cost,"
        " turns = spend.turns + excluded.turns, held_tokens = spend.held_tokens + excluded.held_tokens,"
        " held_cost = spend.held_cost + excluded.held_cost RETURNING scope, tokens, cost, held_tokens, held_cost, turns"
    )


def add(sums: Sequence[Sum]) -> dict[str, tuple[int, int, int, int, int]]:
    """Add to rows, made if need be; returns tokens, cost, both as held, and turns of each scope. Inside a write.

    One statement: each of them is a moment in which many answers wait for one writer. ``sums`` come in the order of :data:`TAKEN`.
    """
    values: list[str | int] = []
    for one in sums:
        values += (f"{one.day}/{one.scope}/{one.key}", one.day, one.scope, one.key)
        values += (one.tokens, one.cost, one.turns, one.held_tokens, one.held_cost)
    found = sql(_adding(len(sums)), tuple(values)).fetchall()
    return {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in found}
