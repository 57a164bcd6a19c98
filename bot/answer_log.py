"""One row for each answer, in the transaction of the answer: what it cost, from what and how sure it was. Never its text.

Marks are in ``bot.marks``; reading, for people, in ``bot.answer_views``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from bot import clock
from bot.events import Answer
from bot.messages import Source
from bot.metrics import counter
from bot.store import db, read, sql

if TYPE_CHECKING:
    from bot.turns import Account, Begun

PERSON = "person"
"""Type of the row of an agent's reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What an answer was made from, as far as its log row tells."""

    question: str = ""
    """Fingerprint of what was asked."""
    answerable: bool = True
    certainty: float | None = None
    """``None``: nothing was searched."""
    knowledge: int = 0
    prompt: str = ""
    articles: Mapping[str, str] = field(default_factory=dict)
    """Article ids by the ids of their passages that were given to the model."""
    steps: tuple[str, ...] = ()
    """What held the answer back, one word each."""


_INSERT = (
    "INSERT INTO answer_log (id, conversation_id, turn, message, site, channel, type, provider, model, input_tokens, output_tokens,"
    " cost, first_ms, total_ms, sources, knowledge, prompt, question, answerable, certainty, grounded, stated, confidence, handoff,"
    " steps, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def record(begun: Begun, answer: Answer, account: Account, message_id: str) -> None:
    """Store the row of an answer of the AI, with the tokens of attempts that failed. Inside the write of the answer."""
    basis = account.basis
    steps = tuple(dict.fromkeys((*basis.steps, *answer.steps)))
    sql(
        _INSERT,
        (
            clock.new_id(), begun.conversation_id, begun.turn_id, message_id, begun.site_id, begun.channel, answer.type, answer.provider,
            answer.model, account.input_tokens, account.output_tokens, account.cost, account.first_delta_ms, account.total_ms,
            _sources(answer.sources, basis.articles), basis.knowledge, basis.prompt, basis.question, basis.answerable, basis.certainty,
            answer.grounded, answer.stated, answer.confidence, str(answer.handoff_code) if answer.handoff_reason else "",
            " ".join(steps), clock.now(),
        ),
    )  # fmt: skip

    db.after_commit(lambda: _count(answer.type, steps))


def _count(kind: str, steps: Sequence[str]) -> None:
    counter("answers_total", "Answers that customers got, by type", ("type",)).labels(kind).inc()
    held = counter("answers_held_back_total", "Answers that a budget or the pace held back, by step", ("step",))
    for step in steps:
        held.labels(step).inc()


def _sources(sources: Sequence[Source], articles: Mapping[str, str]) -> str:
    cited = dict.fromkeys(source.passage_id for source in sources)
    return orjson.dumps([(passage, articles.get(passage, "")) for passage in cited]).decode()


def record_person(conversation_id: str, message_id: str, agent: str) -> None:
    """Store the row of an agent's reply. Inside the write of the reply."""
    now = clock.now()
    site, channel, asked = sql(
        "SELECT c.site_id, c.channel, (SELECT max(m.created_at) FROM message m WHERE m.conversation_id = c.id"
        " AND m.author = 'customer' AND NOT m.deleted) FROM conversation c WHERE c.id = ?",
        (conversation_id,),
    ).fetchone()
    sql(
        "INSERT INTO answer_log (id, conversation_id, message, site, channel, type, agent, total_ms, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (clock.new_id(), conversation_id, message_id, site, channel, PERSON, agent,
         None if asked is None else int(max(0.0, now - asked) * 1000), now),
    )  # fmt: skip
    db.after_commit(lambda: _count(PERSON, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentAnswer:
    """An answer that somebody got lately, for rules about how fast and how often. No text in it."""

    message_id: str
    conversation_id: str
    at: float
    type: str
    question: str
    """Fingerprint of what was asked: equal for a question that comes again."""
    answerable: bool
    handoff: bool


_RECENT = (
    "SELECT a.message, a.conversation_id, a.at, a.type, a.question, a.answerable, a.handoff FROM answer_log a"
    " JOIN conversation c ON c.id = a.conversation_id WHERE c.id IN (SELECT o.id FROM conversation o WHERE {which} AND o.active_at >= ?)"
    " AND a.at >= ? AND a.type <> ? ORDER BY a.at DESC LIMIT ?"
)


def recent_answers(
    conversation_id: str, seconds: float, *, origin: bool = False, limit: int = 200
) -> list[RecentAnswer]:
    """Answers that the visitor of this conversation got from the assistant in the last ``seconds``, newest first; ``origin``: all who
    write from the same address. Blocks."""

    def work() -> list[RecentAnswer]:
        contact, where = sql(
            "SELECT contact_id, origin FROM conversation WHERE id = ?", (conversation_id,)
        ).fetchone() or ("", "")
        if not (where if origin else contact):
            return []
        since = clock.now() - seconds
        which = "o.origin = ?" if origin else "o.contact_id = ?"
        rows = sql(_RECENT.format(which=which), (where if origin else contact, since, since, PERSON, limit)).fetchall()
        return [
            RecentAnswer(
                message_id=row[0], conversation_id=row[1], at=row[2], type=row[3], question=row[4], answerable=bool(row[5]),
                handoff=bool(row[6]),
            )
            for row in rows
        ]  # fmt: skip

    return read(work)
