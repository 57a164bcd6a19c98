"""Reading the answer log: a page of it, one row with its history, everything for an export, and sums per model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from bot.calibration import Judged
from bot.crypto import CryptoError, reveal
from bot.store import read, sql
from bot.store.statements import COLUMNS as MESSAGE
from bot.store.statements import view

TYPES = ("ai", "auto", "cache", "offline", "fallback", "stopped", "person")
BATCH = 500
COLUMNS = (
    "id", "at", "conversation_id", "message", "turn", "site", "channel", "type", "provider", "model", "agent", "input_tokens",
    "output_tokens", "cost", "first_ms", "total_ms", "sources", "knowledge", "prompt", "answerable", "certainty", "grounded", "stated",
    "confidence", "handoff", "steps", "mark", "reason", "words", "marked_at", "verdict", "note", "judged_by", "judged_at",
)  # fmt: skip
"""What people are shown. The fingerprint of the question is of no use to them."""
_SELECT = f"SELECT {', '.join('a.' + name for name in COLUMNS)} FROM answer_log a"  # noqa: S608


class WrongDay(ValueError):
    """What was typed is no day; the text says how one is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows. Empty: all. ``since`` and ``until`` are UTC days, both included; confidences from 0 to 1."""

    type: str = ""
    mark: str = ""
    verdict: str = ""
    provider: str = ""
    model: str = ""
    site: str = ""
    """Its key."""
    channel: str = ""
    conversation: str = ""
    step: str = ""
    below: float | None = None
    above: float | None = None
    since: str = ""
    until: str = ""

    def where(self) -> tuple[str, list[Any]]:
        """Conditions for ``answer_log a``, and their values. Raises :class:`WrongDay`."""
        parts, values = ["1 = 1"], []
        for name in ("type", "mark", "verdict", "provider", "model", "channel"):
            if wanted := getattr(self, name):
                # "none" stands for rows without one.
                parts.append(f"a.{name} = ?")
                values.append("" if wanted == "none" else wanted)
        if self.conversation:
            parts.append("a.conversation_id = ?")
            values.append(self.conversation)
        if self.site:
            parts.append("a.site = (SELECT s.id FROM site s WHERE s.key = ?)")
            values.append(self.site)
        if self.step:
            parts.append("' ' || a.steps || ' ' LIKE ?")
            values.append(f"% {self.step} %")
        for sign, value in (("<", self.below), (">=", self.above)):
            if value is not None:
                parts.append(f"a.confidence {sign} ?")
                values.append(value)
        if self.since:
            parts.append("a.at >= ?")
            values.append(_day(self.since))
        if self.until:
            parts.append("a.at < ?")
            values.append(_day(self.until, 1))
        return " AND ".join(parts), values


def _day(text: str, later: int = 0) -> float:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise WrongDay(f"{text[:40]!r} is no day. Write it like 2026-03-31.") from None
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=later)).timestamp()


def page(wanted: Wanted, rows: int = 50, number: int = 1) -> tuple[list[dict[str, Any]], int]:
    """The newest rows first, and how many there are in all. Blocks."""
    where, values = wanted.where()

    def work() -> tuple[list[dict[str, Any]], int]:
        count = sql(f"SELECT count(*) FROM answer_log a WHERE {where}", values).fetchone()[0]  # noqa: S608
        found = sql(
            f"{_SELECT} WHERE {where} ORDER BY a.at DESC, a.id DESC LIMIT ? OFFSET ?",
            (*values, rows, rows * (number - 1)),
        ).fetchall()
        return [_row(one) for one in found], count

    return read(work)


def every(wanted: Wanted) -> Iterator[dict[str, Any]]:
    """All rows, oldest first, a batch at a time: an export holds up nobody and needs no memory. Blocks."""
    where, values = wanted.where()
    at, last = -1.0, ""
    while True:
        some = read(
            lambda at=at, last=last: sql(  # type: ignore[misc]
                f"{_SELECT} WHERE {where} AND (a.at > ? OR (a.at = ? AND a.id > ?)) ORDER BY a.at, a.id LIMIT ?",
                (*values, at, at, last, BATCH),
            ).fetchall()
        )
        yield from map(_row, some)
        if len(some) < BATCH:
            return
        at, last = some[-1][1], some[-1][0]


SHORTEST = 6
"""Characters of an id that may stand for the whole of it, its first or its last ones."""


class Several(ValueError):
    """More than one answer is meant."""


def find(which: str) -> dict[str, Any] | None:
    """One row, by its own id or its message's, or by the beginning or the end of its own. Raises :class:`Several`. Blocks."""

    def work() -> Any:
        row = sql(f"{_SELECT} WHERE a.id = ? OR a.message = ?", (which, which)).fetchone()
        if row or len(which) < SHORTEST or not re.fullmatch(r"[0-9a-f-]+", which):
            return row
        found = sql(f"{_SELECT} WHERE a.id LIKE ? OR a.id LIKE ? LIMIT 2", (f"{which}%", f"%{which}")).fetchall()
        if len(found) > 1:
            raise Several
        return found[0] if found else None

    row = read(work)
    return _row(row) if row else None


def words_of(row: dict[str, Any]) -> tuple[str, str]:
    """What was asked and what was answered; empty where it is gone. Blocks."""

    def work() -> tuple[str, str]:
        query = f"SELECT {MESSAGE} FROM message WHERE id = ?"  # noqa: S608
        said = sql(query, (row["message"],)).fetchone()
        if said is None:
            return "", ""
        answer = view(said)
        query = f"SELECT {MESSAGE} FROM message WHERE conversation_id = ? AND seq < ? AND author = 'customer' ORDER BY seq DESC LIMIT 1"  # noqa: S608
        asked = sql(query, (row["conversation_id"], answer.seq)).fetchone()
        return (view(asked).text if asked else ""), answer.text

    return read(work)


def history(answer_id: str) -> list[tuple[float, str, str, str, str, str]]:
    """Every change of its marks, oldest first: when, by whom, mark or verdict, what it became, reason, words. Blocks."""
    rows = read(
        lambda: sql(
            "SELECT at, by, kind, value, reason, words, id FROM answer_mark WHERE answer_id = ? ORDER BY id",
            (answer_id,),
        ).fetchall()
    )
    return [(*row[:5], _opened("answer_mark", "words", row[6], row[5])) for row in rows]


def titles(articles: Sequence[str]) -> dict[str, str]:
    """Titles of articles that are still there. Blocks."""

    def work() -> dict[str, str]:
        found = {}
        for article in articles:
            row = sql("SELECT title FROM article WHERE id = ?", (article,)).fetchone()
            if row is not None:
                found[article] = row[0]
        return found

    return read(work)


def _row(values: Sequence[Any]) -> dict[str, Any]:
    row = dict(zip(COLUMNS, values, strict=True))
    row["sources"] = [tuple(pair) for pair in orjson.loads(row["sources"] or "[]")]
    row["answerable"] = bool(row["answerable"])
    for name in ("words", "note"):
        row[name] = _opened("answer_log", name, row["id"], row[name])
    return row


def _opened(table: str, column: str, row_id: str, stored: str) -> str:
    try:
        return reveal(table, column, row_id, stored)
    except CryptoError:
        return "(cannot be opened: its key is not there)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """One provider and model, or people (``provider`` empty, the type in ``model``)."""

    provider: str
    model: str
    answers: int
    tokens: int
    cost: int
    unpriced: int
    """Answers of which nobody knows the price."""
    first: tuple[int, int] | None
    """Median and 95th percentile until the first words, in milliseconds."""
    total: tuple[int, int] | None
    confidence: float | None
    up: int
    down: int
    right: int
    wrong: int
    needs_work: int
    handoffs: int

    @property
    def accuracy(self) -> float | None:
        """Of those that somebody here judged: how many were right."""
        judged = self.right + self.wrong + self.needs_work
        return self.right / judged if judged else None


_ASKED = "a.provider <> '' AND a.type NOT IN ('auto', 'cache', 'person')"
"""A model worked for this very answer; what was given again cost nothing and took no time of its."""
_PROVIDER = f"CASE WHEN {_ASKED} THEN a.provider ELSE '' END"
_MODEL = f"CASE WHEN {_ASKED} THEN a.model ELSE a.type END"


def summary(wanted: Wanted) -> list[Sums]:
    """Sums for each provider and model, those with most answers first. Blocks."""
    where, values = wanted.where()

    def work() -> list[Sums]:
        rows = sql(
            f"SELECT {_PROVIDER}, {_MODEL}, count(*), sum(a.input_tokens + a.output_tokens), coalesce(sum(a.cost), 0),"  # noqa: S608
            " sum(CASE WHEN a.cost IS NULL AND a.type <> 'person' THEN 1 ELSE 0 END), avg(a.confidence),"
            " sum(CASE WHEN a.mark = 'up' THEN 1 ELSE 0 END), sum(CASE WHEN a.mark = 'down' THEN 1 ELSE 0 END),"
            " sum(CASE WHEN a.verdict = 'right' THEN 1 ELSE 0 END), sum(CASE WHEN a.verdict = 'wrong' THEN 1 ELSE 0 END),"
            " sum(CASE WHEN a.verdict = 'needs_work' THEN 1 ELSE 0 END), sum(CASE WHEN a.handoff <> '' THEN 1 ELSE 0 END)"
            f" FROM answer_log a WHERE {where} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            values,
        ).fetchall()
        return [
            Sums(
                provider=row[0], model=row[1], answers=int(row[2]), tokens=int(row[3]), cost=int(row[4]), unpriced=int(row[5]),
                first=_percentiles("first_ms", where, values, row[0], row[1]),
                total=_percentiles("total_ms", where, values, row[0], row[1]),
                confidence=None if row[6] is None else float(row[6]), up=int(row[7]), down=int(row[8]), right=int(row[9]),
                wrong=int(row[10]), needs_work=int(row[11]), handoffs=int(row[12]),
            )
            for row in rows
        ]  # fmt: skip

    return read(work)


def _percentiles(column: str, where: str, values: list[Any], provider: str, who: str) -> tuple[int, int] | None:
    mine = f"FROM answer_log a WHERE {where} AND {_PROVIDER} = ? AND {_MODEL} = ? AND a.{column} IS NOT NULL"
    count = sql(f"SELECT count(*) {mine}", (*values, provider, who)).fetchone()[0]
    if not count:
        return None
    at = (count // 2, min(count - 1, int(count * 0.95)))
    found = [
        sql(f"SELECT a.{column} {mine} ORDER BY a.{column} LIMIT 1 OFFSET ?", (*values, provider, who, one)).fetchone()[
            0
        ]
        for one in at
    ]
    return found[0], found[1]


def judged(wanted: Wanted) -> list[Judged]:
    """Answers of which somebody said whether they were right: an agent's verdict, else the customer's thumb. What only was too long was
    no mistake, and is left out. Blocks."""
    found = []
    for row in every(wanted):
        if row["type"] not in {"ai", "offline", "cache"} or (row["stated"] is None and row["certainty"] is None):
            continue
        if not row["verdict"] and (not row["mark"] or row["reason"] == "too_long"):
            continue
        right = row["verdict"] == "right" if row["verdict"] else row["mark"] == "up"
        certainty = row["certainty"] if row["answerable"] else None
        found.append(Judged(stated=row["stated"], certainty=certainty, grounded=row["grounded"], right=right))
    return found


def from_lines(lines: Iterator[str], name: str) -> list[Judged]:
    """Judged answers from JSON lines with ``stated``, ``certainty``, ``grounded`` (numbers from 0 to 1, or null) and ``right``. Raises
    ValueError that names the line."""
    found = []
    known = {one.name for one in fields(Judged)}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = orjson.loads(line)
        except ValueError:
            raise ValueError(f"{name}, line {number}: this is no JSON. Nothing was changed.") from None
        if not isinstance(told, dict) or not isinstance(told.get("right"), bool):
            raise ValueError(f'{name}, line {number}: "right" must be true or false. Nothing was changed.')
        values = {key: told.get(key) for key in known - {"right"}}
        for key, value in values.items():
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1
            ):
                raise ValueError(
                    f'{name}, line {number}: "{key}" must be a number from 0 to 1, or null. Nothing was changed.'
                )
        found.append(Judged(**values, right=told["right"]))
    return found
