"""Searching: few passages by the rarest words from SQLite, then a second scoring of those with every word.

A 12-word question has two or three words that matter. SQLite scores only passages that have one of the rarest; common words cost
nothing there and count in the second scoring, which looks at a hundred passages, or at more where they are entries of lists.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bot import Found, Passage, Question
from plugins.knowledge.certainty import LEVELS, Evidence, certainty, weigh
from plugins.knowledge.index import Index, IndexFile, Size, Unpacked
from plugins.knowledge.nearness import ENTRY, QUESTION
from plugins.knowledge.question import Asked, Term, read_question
from plugins.knowledge.scoring import Article, Scored, rank, score_all

if TYPE_CHECKING:
    from plugins.knowledge.vectors import Vectors

POSTINGS = 5_000
"""Passages that SQLite may have to score for one question, by the counts of the chosen words."""
CANDIDATES, ENTRIES = 100, 250
"""Passages that are scored again: of articles, and where most passages are entries of lists of questions."""
MEANINGS = 30
"""Passages that are scored because their meaning is near."""
KEPT = 2_000
"""Passages of an index that a process keeps unpacked, about 6 KB each."""
PER_ARTICLE = 2
"""Passages of one article in a result; the others would only repeat its subject."""
TITLE, HEADING = 3.0, 2.0

# All candidates as one row: sqlite3 gives the interpreter away for every row it steps to, and with many answers at work each
# time to another thread.
_CANDIDATES = (
    "SELECT group_concat(rowid) FROM"
    " (SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, 4.0, 2.0, 1.0, 0.5) LIMIT ?)"
)
_ROWS = (
    "SELECT rowid, id, article, title, heading, text, url, language, updated, title_words, heading_words, body_words, length,"
    " lines FROM passage WHERE rowid IN (SELECT value FROM json_each(?))"
)


@dataclass(frozen=True, slots=True)
class Result:
    """A search with its reasons, for ``deskhand knowledge test``."""

    found: Found
    asked: Asked
    evidence: Evidence = field(default_factory=Evidence)
    least: float = LEVELS["normal"]
    """The certainty from which on it would be answered."""
    scored: Sequence[Scored] = ()
    """Every passage that was looked at, best first."""
    articles: Sequence[Article] = ()


def search(index: Index, question: Question, least: float = LEVELS["normal"], vectors: Vectors | None = None) -> Found:
    """Search the newest index for ``question``. Finds nothing, and says so, while there is no index.

    ``least``: the certainty from which on it counts as answerable. ``vectors``: compare meanings, too, if they are at hand in time.
    """
    return explain(index, question, least, vectors).found


def explain(
    index: Index, question: Question, least: float = LEVELS["normal"], vectors: Vectors | None = None
) -> Result:
    """As :func:`search`, with the terms, the scores and the measures behind the decision."""
    for attempt in range(2):
        file = index.current()
        if file is None:
            break
        try:
            with file.connection() as db:
                return _search(file, db, question, least, vectors)
        except sqlite3.OperationalError:
            if attempt:  # the file was replaced between looking and opening: once more with the new one
                raise
        except sqlite3.DatabaseError:
            index.discard(file)
    return Result(Found(), Asked(question.language), least=least)


def _search(
    file: IndexFile, db: sqlite3.Connection, question: Question, least: float, vectors: Vectors | None
) -> Result:
    asked = read_question(question, file, db)
    scopes = file.seen_by(question.site)
    size = file.size(scopes)
    meanings = _meanings(file, asked, scopes, vectors)
    rows = _candidates(db, asked, scopes, size)
    candidates = _unpacked(file, db, [*rows, *(row for row in meanings if row not in set(rows))])
    scored = score_all(candidates, asked, size.words / size.passages if size.passages else 1.0, meanings)
    articles = rank(scored, asked)
    scored.sort(key=lambda one: (-one.score, one.passage.id))
    evidence = weigh(asked, scored, articles)
    sure = certainty(evidence)
    chosen = _choose(scored, max(1, question.limit))
    found = Found(passages=chosen, answerable=bool(chosen) and sure >= least, certainty=sure, version=file.number)
    return Result(found, asked, evidence, least, scored, articles)


def _meanings(file: IndexFile, asked: Asked, scopes: Sequence[int], vectors: Vectors | None) -> dict[int, float]:
    """Rows whose meaning is nearest to the question's, with how near; none without vectors, or for mere talk."""
    found = vectors.of_question(asked.text) if vectors is not None and asked.terms else None
    if found is None or (found[0].number, found[0].tag) != (file.number, file.tag):
        return {}
    space, vector = found
    return space.nearest(vector, scopes, MEANINGS)


def _candidates(db: sqlite3.Connection, asked: Asked, scopes: Sequence[int], size: Size) -> list[int]:
    terms = list(asked.terms)
    lists = size.listed * 2 > size.passages
    if lists:  # of a question such as "what are you" small words are all there is
        terms += [Term(word, {word: 1.0}, own=False, passages=count) for word, count in asked.small.items()]
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
    (found,) = db.execute(_CANDIDATES, (match, ENTRIES if lists else CANDIDATES)).fetchone()
    return [int(row) for row in found.split(",")] if found else []


def _unpacked(file: IndexFile, db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, Unpacked]:
    known = file.unpacked
    missing = [row for row in rows if row not in known]
    fresh = {row[0]: _unpack(row) for row in db.execute(_ROWS, (str(missing),))} if missing else {}
    if fresh:
        if len(known) + len(fresh) > KEPT:
            file.unpacked = {}
        file.unpacked.update(fresh)
    return {row: known.get(row) or fresh[row] for row in rows}


def _unpack(row: tuple[Any, ...]) -> Unpacked:
    _, id_, article, title, heading, text, url, language, updated, *parts, length, lines = row
    words: dict[str, float] = {}
    for part, times in zip(parts, (TITLE, HEADING, 1.0), strict=True):
        for word in part.split():
            words[word] = words.get(word, 0.0) + times
    passage = Passage(
        id=id_, article_id=article, title=title, heading=heading, text=text, url=url, language=language, updated=updated
    )
    kinds = [line[:1] for line in lines.split("\n")] if lines else []
    return Unpacked(passage, words, length, QUESTION in kinds or ENTRY in kinds, ENTRY in kinds, lines)


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
