"""Answers that may be given again for a while, as rows that all processes share. Sealed like messages, erased with the conversation
in which they were given, and gone when their time is over. What a key is made of is the business of whoever keeps them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson
import structlog

from bot import audit, clock
from bot.crypto import CryptoError, keep, reveal
from bot.events import Answer
from bot.messages import Source
from bot.store import read, sql, submit, write

log = structlog.get_logger("answering")

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedView:
    """One kept answer as people see it. Times are Unix seconds."""

    site: str
    """Key of the site."""
    question: str
    text: str
    model: str
    hits: int
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTotals:
    """What is kept now, and how often it was given again."""

    answers: int
    hits: int


def cached_answer(key: str) -> Answer | None:
    """The answer under this key that has not expired. One small read; raises :class:`bot.StoreUnavailable`."""
    row = read(
        lambda: sql("SELECT answer FROM cached_answer WHERE id = ? AND expires_at > ?", (key, clock.now())).fetchone()
    )
    if row is None:
        return None
    try:
        value: dict[str, Any] = orjson.loads(reveal("cached_answer", "answer", key, row[0]))
    except CryptoError as error:
        log.warning("cached_answer_not_readable", reason=str(error))
        return None
    return _answer(value)


def _answer(value: dict[str, Any]) -> Answer:
    sources = tuple(Source(**one) for one in value.pop("sources"))
    return Answer(**{**value, "sources": sources, "choices": tuple(value["choices"])})


_KEPT = ("text", "choices", "confidence", "grounded", "stated", "provider", "model")
_INSERT = (
    "INSERT INTO cached_answer (id, site_id, conversation_id, question, answer, hits, created_at, expires_at)"
    " SELECT ?, ?, id, ?, ?, 0, ?, ? FROM conversation WHERE id = ?"
    " ON CONFLICT (id) DO UPDATE SET conversation_id = excluded.conversation_id, question = excluded.question,"
    " answer = excluded.answer, created_at = excluded.created_at, expires_at = excluded.expires_at"
)


def cache_answer(key: str, answer: Answer, *, site: str, conversation: str, question: str, seconds: float) -> None:
    """Keep an answer for so long. Nothing is kept for a conversation that is gone. Raises :class:`bot.StoreUnavailable`."""
    value = {name: getattr(answer, name) for name in _KEPT} | {"sources": [asdict(one) for one in answer.sources]}
    packed = orjson.dumps(value).decode()
    now = clock.now()

    def work() -> None:
        row = (
            key, site, keep("cached_answer", "question", key, question), keep("cached_answer", "answer", key, packed),
            now, now + seconds, conversation,
        )  # fmt: skip
        sql(_INSERT, row)

    # A power cut costs one more question to the AI.
    write(work, durable=False)


def count_hit(key: str) -> None:
    """Count that an answer was given again, soon and without waiting."""

    def work() -> None:
        sql("UPDATE cached_answer SET hits = hits + 1, hit_at = ? WHERE id = ?", (clock.now(), key))

    submit(work, lambda _result, _error: None)


def sweep_cached(most: int) -> int:
    """Remove what has expired, and the oldest beyond ``most``. Returns how many went."""
    gone = _remove("expires_at <= ?", (clock.now(),))
    count = read(lambda: int(sql("SELECT count(*) FROM cached_answer").fetchone()[0]))
    if count > most:
        oldest = read(
            lambda: sql(
                "SELECT created_at FROM cached_answer ORDER BY created_at DESC LIMIT 1 OFFSET ?", (most,)
            ).fetchone()
        )
        gone += _remove("created_at <= ?", (oldest[0],)) if oldest else 0
    return gone


def clear_cached(site_id: str = "", *, actor: str) -> int:
    """Forget all answers, or those of one site. Returns how many there were."""
    gone = _remove("site_id = ?", (site_id,)) if site_id else _remove("expires_at > ?", (0,))
    write(lambda: audit.record(actor, "cache.clear", f"site:{site_id}" if site_id else "cache", {"answers": gone}))
    return gone


def _remove(condition: str, values: tuple[object, ...]) -> int:
    """A little at a time, so that no writer waits."""
    statement = f"DELETE FROM cached_answer WHERE id IN (SELECT id FROM cached_answer WHERE {condition} LIMIT {BATCH})"  # noqa: S608
    total = 0
    while True:
        count = int(write(lambda: sql(statement, values).rowcount))
        total += count
        if count < BATCH:
            return total


def cache_totals() -> CacheTotals:
    """What is kept now. One read."""
    row = read(
        lambda: sql(
            "SELECT count(*), coalesce(sum(hits), 0) FROM cached_answer WHERE expires_at > ?", (clock.now(),)
        ).fetchone()
    )
    return CacheTotals(answers=int(row[0]), hits=int(row[1]))


def list_cached(limit: int = 20) -> list[CachedView]:
    """What is kept now, what was given again most often first."""
    rows = read(
        lambda: sql(
            "SELECT c.id, s.key, c.question, c.answer, c.hits, c.created_at, c.expires_at FROM cached_answer c"
            " JOIN site s ON s.id = c.site_id WHERE c.expires_at > ? ORDER BY c.hits DESC, c.created_at DESC LIMIT ?",
            (clock.now(), limit),
        ).fetchall()
    )
    return [_view(*row) for row in rows]


def _view(
    key: str, site: str, question: str, packed: str, hits: int, created_at: float, expires_at: float
) -> CachedView:
    try:
        asked = reveal("cached_answer", "question", key, question)
        said = _answer(orjson.loads(reveal("cached_answer", "answer", key, packed)))
    except CryptoError as error:
        asked, said = f"(not readable: {error})", Answer(text="")
    return CachedView(
        site=site,
        question=asked,
        text=said.text,
        model=said.model,
        hits=hits,
        created_at=created_at,
        expires_at=expires_at,
    )
