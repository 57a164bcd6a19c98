"""What became of drafts for agents, by month, provider and model. Inside a read."""

from __future__ import annotations

import calendar
import time
from dataclasses import dataclass

from bot import clock
from bot.drafting import DAY, NOW
from bot.store import sql

UNTOUCHED = DAY
"""Seconds after which one that is still ready counts as ignored; one of a resolved or erased conversation does so at once."""
QUOTES = "(quotes)"
"""In place of a model's name: no model was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One provider and model in one month (UTC)."""

    month: str
    """``2026-11``"""
    provider: str
    model: str
    made: int
    """Drafts and versions that were ready; each of them is in one of the next six."""
    as_it_is: int
    edited: int
    similarity: float | None
    """How much of the edited ones was left, on average, from 0 to 1."""
    rewritten: int
    """Replaced by another version, or by a draft that was asked for later."""
    discarded: int
    ignored: int
    open: int
    failed: int
    tokens: int
    cost: int
    """Millionths of a US dollar, as far as prices are known."""


def month_of(at: float, back: int = 0) -> str:
    """The UTC month of a moment, or so many before it."""
    moment = time.gmtime(at)
    count = moment.tm_year * 12 + moment.tm_mon - 1 - back
    return f"{count // 12:04}-{count % 12 + 1:02}"


def span(month: str) -> tuple[float, float]:
    """Beginning and end of a month in Unix seconds. Raises ValueError for what is none."""
    begin = time.strptime(f"{month}-01", "%Y-%m-%d")
    days = calendar.monthrange(begin.tm_year, begin.tm_mon)[1]
    start = float(calendar.timegm(begin))
    return start, start + days * DAY


def by_model(month: str) -> list[Acceptance]:
    """A month's numbers, the most used first."""
    now = f"({NOW})"
    ready = f"d.ready_at IS NOT NULL AND {now} = 'ready'"
    over = "(v.id IS NULL OR v.state = 'resolved' OR d.ready_at < ?)"
    rows = sql(
        "SELECT d.provider, CASE WHEN d.kind = 'quotes' THEN ? ELSE d.model END,"  # noqa: S608
        " sum(CASE WHEN d.ready_at IS NOT NULL THEN 1 ELSE 0 END),"
        f" sum(CASE WHEN {now} = 'sent' AND NOT d.edited THEN 1 ELSE 0 END),"
        f" sum(CASE WHEN {now} = 'sent' AND d.edited THEN 1 ELSE 0 END),"
        f" avg(CASE WHEN {now} = 'sent' AND d.edited THEN d.similarity END),"
        f" sum(CASE WHEN {now} = 'replaced' AND d.ready_at IS NOT NULL THEN 1 ELSE 0 END),"
        f" sum(CASE WHEN {now} = 'discarded' AND d.ready_at IS NOT NULL THEN 1 ELSE 0 END),"
        f" sum(CASE WHEN {ready} AND {over} THEN 1 ELSE 0 END), sum(CASE WHEN {ready} AND NOT {over} THEN 1 ELSE 0 END),"
        " sum(CASE WHEN d.state = 'failed' THEN 1 ELSE 0 END), sum(d.input_tokens + d.output_tokens), sum(coalesce(d.cost, 0))"
        " FROM agent_draft d LEFT JOIN conversation v ON v.id = d.conversation_id LEFT JOIN reply r ON r.id = d.reply"
        " WHERE d.started_at >= ? AND d.started_at < ? AND (d.ready_at IS NOT NULL OR d.state = 'failed')"
        " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        (QUOTES, clock.now() - UNTOUCHED, clock.now() - UNTOUCHED, *span(month)),
    ).fetchall()
    return [
        Acceptance(
            month=month, provider=row[0], model=row[1], made=row[2], as_it_is=row[3], edited=row[4], similarity=row[5], rewritten=row[6],
            discarded=row[7], ignored=row[8], open=row[9], failed=row[10], tokens=int(row[11]), cost=int(row[12]),
        )
        for row in rows
    ]  # fmt: skip
