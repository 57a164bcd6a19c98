"""Searching: few passages by the rarest words from SQLite, then a second scoring of those with every word.

A 12-word question has two or three words that matter. SQLite scores only passages that have one of the rarest; common words cost
nothing there and count in the second scoring, which looks at a hundred passages at most.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot import Found, Passage, Question
from plugins.knowledge.index import Index, IndexFile, Unpacked
from plugins.knowledge.question import Asked, Term, read_question

POSTINGS = 5_000
"""Passages that SQLite may have to score for one question, by the counts of the chosen words."""
CANDIDATES = 100
KEPT = 2_000
"""Passages of an index that a process keeps unpacked, about 6 KB each."""
PER_ARTICLE = 2
"""Passages of one article in a result; the others would only repeat its subject."""
TITLE, HEADING = 3.0, 2.0
_K1, _B = 1.2, 0.6
_OTHER_LANGUAGE = 0.85
_LEAD = 1.1  # the first words of an article say what it is about
_SUPPORT = 0.03  # an article that has it in many places is more about it
ENOUGH, BEYOND = 3.0, 0.2
"""Questions up to the weight of three of the rarest words must be covered as a whole, longer ones less and less."""
ANSWERABLE = 0.6
"""Least coverage (see :func:`coverage`) of an answerable question, set on the calibration half of the tests' question list."""

# All candidates as one row: sqlite3 gives the interpreter away for every row it steps to, and with many answers at work each
# time to another thread.
_CANDIDATES = "SELECT group_concat(rowid) FROM (SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, 4.0, 2.0, 1.0) LIMIT ?)"
_ROWS = (
    "SELECT rowid, id, article, title, heading, text, url, language, updated, title_words, heading_words, body_words, length"
    " FROM passage WHERE rowid IN (SELECT value FROM json_each(?))"
)


@dataclass(slots=True)
class Scored:
    """A candidate with what was found in it."""

    passage: Passage
    score: float
    found: dict[int, float]
    """Positions of the terms that it has, each with how well its form stands for the word."""


@dataclass(frozen=True, slots=True)
class Result:
    """A search with its reasons, for ``deskhand knowledge test``."""

    found: Found
    asked: Asked
    coverage: float


def search(index: Index, question: Question) -> Found:
    """Search the newest index for ``question``. Finds nothing, and says so, while there is no index."""
    return explain(index, question).found


def explain(index: Index, question: Question) -> Result:
    """As :func:`search`, with the terms and the measure behind the decision."""
    for attempt in range(2):
        file = index.current()
        if file is None:
            break
        try:
            with file.connection() as db:
                return _search(file, db, question)
        except sqlite3.OperationalError:
            if attempt:  # the file was replaced between looking and opening: once more with the new one
                raise
        except sqlite3.DatabaseError:
            index.discard(file)
    return Result(Found(), Asked(question.language), 0.0)


def _search(file: IndexFile, db: sqlite3.Connection, question: Question) -> Result:
    asked = read_question(question, file, db)
    scopes = file.seen_by(question.site)
    candidates = _candidates(file, db, asked.terms, scopes)
    passages = sum(file.sizes.get(scope, (0, 0))[0] for scope in scopes)
    words = sum(file.sizes.get(scope, (0, 0))[1] for scope in scopes)
    average = words / passages if passages else 1.0
    forms: dict[str, list[tuple[int, float]]] = {}
    for position, term in enumerate(asked.terms):
        for form, how in term.forms.items():
            forms.setdefault(form, []).append((position, how))
    scored = [_score(one, asked, forms, average) for one in candidates]
    _support(scored)
    scored.sort(key=lambda one: (-one.score, one.passage.id))
    covered = coverage(asked, scored)
    chosen = _choose(scored, max(1, question.limit))
    found = Found(passages=chosen, answerable=bool(chosen) and covered >= ANSWERABLE, version=file.number)
    return Result(found, asked, covered)


def _candidates(
    file: IndexFile, db: sqlite3.Connection, terms: Sequence[Term], scopes: Sequence[int]
) -> list[Unpacked]:
    chosen: list[Term] = []
    postings = 0
    for term in sorted((term for term in terms if term.passages), key=lambda term: (not term.own, term.passages)):
        if chosen and postings + term.passages > POSTINGS:
            continue
        chosen.append(term)
        postings += term.passages
    if not chosen:
        return []
    # Every word carries its scope (plugins.knowledge.building): what the site may not see is not even compared.
    match = " OR ".join(f'"{scope}:{form}"' for term in chosen for form in term.forms for scope in scopes)
    (found,) = db.execute(_CANDIDATES, (match, CANDIDATES)).fetchone()
    rows = [int(row) for row in found.split(",")] if found else []
    known = file.unpacked
    missing = [row for row in rows if row not in known]
    fresh = {row[0]: _unpack(row) for row in db.execute(_ROWS, (str(missing),))} if missing else {}
    if fresh:
        if len(known) + len(fresh) > KEPT:
            file.unpacked = {}
        file.unpacked.update(fresh)
    return [known.get(row) or fresh[row] for row in rows]


def _unpack(row: tuple[Any, ...]) -> Unpacked:
    _, id_, article, title, heading, text, url, language, updated, title_words, heading_words, body_words, length = row
    words: dict[str, float] = {}
    for part, times in ((title_words, TITLE), (heading_words, HEADING), (body_words, 1.0)):
        for word in part.split():
            words[word] = words.get(word, 0.0) + times
    passage = Passage(
        id=id_, article_id=article, title=title, heading=heading, text=text, url=url, language=language, updated=updated
    )
    return Unpacked(passage, words, length)


def _score(one: Unpacked, asked: Asked, forms: dict[str, list[tuple[int, float]]], average: float) -> Scored:
    """``forms``: each form with the positions of the terms that it stands for, and how well."""
    best: dict[int, float] = {}
    found: dict[int, float] = {}
    for form in one.words.keys() & forms.keys():
        times = one.words[form]
        for position, how in forms[form]:
            best[position] = max(best.get(position, 0.0), how * times)
            found[position] = max(found.get(position, 0.0), how)
    norm = _K1 * (1 - _B + _B * one.length / average)
    score = sum(
        asked.terms[position].weight * most * (_K1 + 1) / (most + norm) for position, most in sorted(best.items())
    )
    passage = one.passage
    score *= 1.0 if not asked.language or passage.language == asked.language else _OTHER_LANGUAGE
    score *= 1.0 if passage.heading else _LEAD
    return Scored(passage, score, found)


def _support(scored: Sequence[Scored]) -> None:
    total: dict[str, float] = {}
    for one in scored:
        total[one.passage.article_id] = total.get(one.passage.article_id, 0.0) + one.score
    for one in scored:
        one.score += _SUPPORT * (total[one.passage.article_id] - one.score)


def coverage(asked: Asked, scored: Sequence[Scored]) -> float:
    """Return how much of what is asked for one of the best articles has, from 0 to 1, rare words counting more.

    A long message tells a story beside its question: of what is asked for beyond ``ENOUGH`` only a fifth must be there, too.
    What was said before may help a follow-up, and never speaks against it.
    """
    has: dict[str, dict[int, float]] = {one.passage.article_id: {} for one in scored[:5]}
    for one in scored:
        article = has.get(one.passage.article_id)
        if article is not None:
            for position, how in one.found.items():
                article[position] = max(article.get(position, 0.0), how)
    best = list(has.values())
    own = [position for position, term in enumerate(asked.terms) if term.own]
    return max(_covered(asked, positions, best) for positions in (own, range(len(asked.terms))))


def _covered(asked: Asked, positions: Sequence[int], articles: Sequence[dict[int, float]]) -> float:
    whole = sum(asked.terms[at].weight for at in positions)
    if not whole:
        return 0.0
    enough = ENOUGH * asked.rarest
    need = whole if whole <= enough else enough + BEYOND * (whole - enough)
    most = max(
        (sum(asked.terms[at].weight * found.get(at, 0.0) for at in positions) for found in articles), default=0.0
    )
    return round(min(most / need, 1.0), 3)


def _choose(scored: Sequence[Scored], limit: int) -> tuple[Passage, ...]:
    chosen: list[Passage] = []
    articles: dict[str, int] = {}
    seen: set[tuple[str, ...]] = set()
    for one in scored:
        passage = one.passage
        if articles.get(passage.article_id, 0) >= PER_ARTICLE:
            continue
        same = (passage.title, passage.heading, " ".join(passage.text.split()))
        if same in seen:
            continue
        articles[passage.article_id] = articles.get(passage.article_id, 0) + 1
        seen.add(same)
        chosen.append(replace(passage, score=round(one.score, 3)))
        if len(chosen) >= limit:
            break
    return tuple(chosen)
