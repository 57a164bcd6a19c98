"""What plugins are told of the count of :mod:`bot.spending`, and what they have set aside of it: how the scopes of a turn stand, what
an answer will take, and which step people were told of. How much may be spent is a plugin's matter; a site's hard daily cap is not
theirs, and stands in a row of its own. A turn belongs to the day on which it began.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bot import audit, notices, spending
from bot.ai import Prompt
from bot.prices import price_of
from bot.spending import SCOPES, Sum, day_of, today
from bot.store import is_sqlite, read, sql, write

STEPS = ("", "cheap", "quotes", "person")
"""In the order in which they come."""
SHARED = frozenset({"all", "site", "channel"})
"""Whoever runs the house is told of these; a visitor's or a conversation's own budget is in the log only."""
CHARACTERS = 3
"""Of a text for each token: fewer than there are, so that rather too much is set aside."""
ROOM = 900
"""Tokens of the rules, the delimiters and the tool in a request, about."""
PICTURE = 1_600
"""Tokens of a picture, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """How one scope stands on one day. ``cost`` in millionths of a US dollar."""

    scope: str
    key: str
    """Site id, name of a channel, contact id, conversation id; ``all`` for the installation."""
    name: str = ""
    """For people: a site's key, else as ``key``."""
    tokens: int = 0
    cost: int = 0
    held_tokens: int = 0
    """Set aside for turns that run."""
    held_cost: int = 0
    turns: int = 0
    day: str = ""
    """The UTC day; empty: today."""


def estimate(prompt: Prompt, models: Sequence[tuple[str, str]] = ()) -> tuple[int, int]:
    """Tokens that an answer to this prompt will take, rather too many, and what they cost with the dearest of ``(provider, model)``
    whose price is known, in millionths of a US dollar."""
    written = len(prompt.system) + sum(len(message.text) for message in prompt.messages)
    written += sum(len(passage.title) + len(passage.heading) + len(passage.text) for passage in prompt.passages)
    pictures = sum(len(message.images) for message in prompt.messages)
    given = written // CHARACTERS + ROOM + PICTURE * pictures
    known = [one for model in models if (one := price_of(*model)) is not None]
    dearest = max((given * one.input + prompt.max_tokens * one.output for one in known), default=0.0)
    return given + prompt.max_tokens, math.ceil(dearest)


def standing(turn_id: str) -> tuple[Spent, ...]:
    """How the scopes of a running turn stand, with what is set aside for others; nothing is set aside. Blocks."""

    who = spending.spender(turn_id)

    def look() -> tuple[Spent, ...]:
        row = sql(
            f"SELECT t.started_at, c.id, c.site_id, c.channel, c.contact_id, s.key FROM {who.table} t"  # noqa: S608
            " JOIN conversation c ON c.id = t.conversation_id JOIN site s ON s.id = c.site_id WHERE t.id = ? AND t.state = ?",
            (who.id, who.running),
        ).fetchone()
        if row is None:
            return ()
        started, conversation, site, channel, contact, site_key = row
        keys = spending.scope_keys(conversation, site, channel, contact)
        day = day_of(started)
        rows = sql(
            "SELECT scope, tokens, cost, held_tokens, held_cost, turns FROM spend WHERE id IN (?, ?, ?, ?, ?)",
            tuple(f"{day}/{scope}/{key}" for scope, key in keys.items()),
        ).fetchall()
        found = {scope: numbers for scope, *numbers in rows}
        return tuple(
            Spent(
                scope=scope, key=keys[scope], name=site_key if scope == "site" else keys[scope], tokens=tokens, cost=cost,
                held_tokens=held_tokens, held_cost=held_cost, turns=turns, day=day,
            )
            for scope in SCOPES
            for tokens, cost, held_tokens, held_cost, turns in [found.get(scope, (0, 0, 0, 0, 0))]
        )  # fmt: skip

    return read(look)


def set_aside(turn_id: str, tokens: int, cost: int) -> tuple[Spent, ...]:
    """Set aside what the turn will cost in all its scopes; returns how they stand without it. Once a turn: again it only reads.

    Blocks. A turn that has ended has nothing set aside, and gets nothing.
    """

    who = spending.spender(turn_id)

    def work() -> tuple[Spent, ...]:
        row = sql(
            f"SELECT t.started_at, t.held_tokens, t.held_cost, c.id, c.site_id, c.channel, c.contact_id, s.key FROM {who.table} t"  # noqa: S608
            " JOIN conversation c ON c.id = t.conversation_id JOIN site s ON s.id = c.site_id WHERE t.id = ? AND t.state = ?"
            f"{'' if is_sqlite() else ' FOR UPDATE OF t'}",
            (who.id, who.running),
        ).fetchone()
        if row is None:
            return ()
        started, had_tokens, had_cost, conversation, site, channel, contact, site_key = row
        more = (0, 0) if had_tokens else (tokens, cost)
        if not had_tokens:
            sql(f"UPDATE {who.table} SET held_tokens = ?, held_cost = ? WHERE id = ?", (tokens, cost, who.id))  # noqa: S608
        keys = spending.scope_keys(conversation, site, channel, contact)
        rows = spending.add(
            [Sum(day_of(started), scope, keys[scope], held_tokens=more[0], held_cost=more[1]) for scope in SCOPES]
        )
        mine = (had_tokens, had_cost) if had_tokens else (tokens, cost)
        return tuple(
            Spent(
                scope=scope, key=keys[scope], name=site_key if scope == "site" else keys[scope], tokens=rows[scope][0],
                cost=rows[scope][1], held_tokens=rows[scope][2] - mine[0], held_cost=rows[scope][3] - mine[1], turns=rows[scope][4],
                day=day_of(started),
            )
            for scope in SCOPES
        )  # fmt: skip

    # After a power cut the turn begins again, and sets aside again.
    return write(work, durable=False)


def give_back(turn_id: str) -> None:
    """The turn will not spend anything. Blocks."""
    write(lambda: spending.free(turn_id), durable=False)


def told(spent: Spent, step: str, words: str) -> bool:
    """Note that a scope reached a step on its day, and tell people of the house in ``words``; False: it was told before. Blocks."""
    ranks = {name: rank for rank, name in enumerate(STEPS)}

    def work() -> bool:
        day = spent.day or today()  # a turn that began before midnight tells of the day before
        row_id = f"{day}/{spent.scope}/{spent.key}"
        row = sql("SELECT told FROM spend WHERE id = ?", (row_id,)).fetchone()
        if row is None or ranks[row[0]] >= ranks[step]:
            return False
        if not sql("UPDATE spend SET told = ? WHERE id = ? AND told = ?", (step, row_id, row[0])).rowcount:
            return False
        if spent.scope in SHARED:
            audit.record("deskhand", "budget.step", f"budget:{spent.scope}:{spent.name}", {"step": step, "day": day})
            notices.tell(f"budget/{row_id}/{step}", "A budget of the AI", words)
        return True

    return write(work, durable=False)


def spent_of_day(day: str = "", limit: int = 50) -> list[Spent]:
    """How all scopes of a day stand: installation with its part for embeddings, sites and channels, then visitors and
    conversations, the dearest first. Blocks."""

    def work() -> list[Spent]:
        found: list[Spent] = []
        for scope in ("all", spending.EMBEDDINGS, *SCOPES[1:]):
            rows = sql(
                "SELECT p.key, coalesce(s.key, p.key), p.tokens, p.cost, p.held_tokens, p.held_cost, p.turns FROM spend p"
                " LEFT JOIN site s ON p.scope = 'site' AND s.id = p.key WHERE p.day = ? AND p.scope = ?"
                " ORDER BY p.tokens DESC, p.key LIMIT ?",
                (day or today(), scope, limit),
            ).fetchall()
            found += [
                Spent(
                    scope=scope,
                    key=r[0],
                    name=r[1],
                    tokens=r[2],
                    cost=r[3],
                    held_tokens=r[4],
                    held_cost=r[5],
                    turns=r[6],
                )
                for r in rows
            ]
        return found

    return read(work)
