"""Writing an index file: SQLite with FTS5, made from the stored passages, whole or by what changed.

A word is indexed as ``scope:word``, where the scope is a small number that stands for a site (0: every site). So a search names the
scopes it may see in every word it asks for: another site's passage can neither be found nor change a score.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bot import KnowledgeVersion, StoredPassage, base_language, changed_articles, passages_of
from plugins.knowledge.nearness import ENTRY, lines_of, packed, packed_parts
from plugins.knowledge.words import index_words

FORMAT = 2
"""Raise it when words, columns or stop words change: files of another format are not opened."""
EVERYONE = 0
LISTED = 3
"""Passages without a heading that make an article a list, so that each is looked at as a question."""
_BATCH = 200
_Counts = Counter[tuple[int, str]]

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE scope(site TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE) WITHOUT ROWID;
CREATE TABLE passage(
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL, article TEXT NOT NULL, scope INTEGER NOT NULL, title TEXT NOT NULL,
    heading TEXT NOT NULL, text TEXT NOT NULL, url TEXT NOT NULL, language TEXT NOT NULL, updated TEXT NOT NULL,
    title_words TEXT NOT NULL, heading_words TEXT NOT NULL, body_words TEXT NOT NULL, length INTEGER NOT NULL,
    lines TEXT NOT NULL, listed INTEGER NOT NULL);
CREATE INDEX passage_article ON passage(article);
CREATE TABLE term(scope INTEGER NOT NULL, word TEXT NOT NULL, passages INTEGER NOT NULL, PRIMARY KEY(scope, word)) WITHOUT ROWID;
CREATE TABLE gram(scope INTEGER NOT NULL, word TEXT NOT NULL, passages INTEGER NOT NULL, PRIMARY KEY(scope, word)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(title, heading, body, small, content='', tokenize="ascii tokenchars ':~'");
"""


def build(target: Path, version: KnowledgeVersion, base: Path | None = None, base_number: int = 0) -> None:
    """Write the index of ``version`` to ``target``: from nothing, or from a copy of ``base`` and what changed since."""
    if base is not None:
        shutil.copyfile(base, target)
    db = sqlite3.connect(target, isolation_level=None)
    try:
        # The file becomes visible by a rename when it is whole, so it needs no journal.
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-64000;")
        db.execute("BEGIN")
        if base is None:
            for statement in _SCHEMA.strip().split(";\n"):
                db.execute(statement)
        _fill(db, changed_articles(base_number if base is not None else 0))
        _finish(db, version, whole=base is None)
        db.execute("COMMIT")
    finally:
        db.close()


def _fill(db: sqlite3.Connection, articles: Sequence[str]) -> None:
    scopes: dict[str, int] = {"": EVERYONE, **dict(db.execute("SELECT site, number FROM scope"))}
    counts: Counter[tuple[int, str]] = Counter()
    grams: Counter[tuple[int, str]] = Counter()
    for start in range(0, len(articles), _BATCH):
        some = articles[start : start + _BATCH]
        _forget(db, some, counts, grams)
        found = passages_of(some)
        bare = Counter(stored.passage.article_id for stored in found if not stored.passage.heading)
        for stored in found:
            scope = scopes.setdefault(stored.site, len(scopes))
            _add(db, stored, scope, bare[stored.passage.article_id] >= LISTED, counts, grams)
    db.executemany("INSERT OR IGNORE INTO scope VALUES (?, ?)", scopes.items())
    for table, changes in (("term", counts), ("gram", grams)):
        db.executemany(
            f"INSERT INTO {table} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET passages = passages + excluded.passages",  # noqa: S608
            ((scope, word, change) for (scope, word), change in sorted(changes.items()) if change),
        )
        db.execute(f"DELETE FROM {table} WHERE passages <= 0")  # noqa: S608


def _forget(db: sqlite3.Connection, articles: Iterable[str], counts: _Counts, grams: _Counts) -> None:
    for article in articles:
        rows = db.execute(
            "SELECT rowid, scope, lines, title_words, heading_words, body_words FROM passage WHERE article = ?",
            (article,),
        ).fetchall()
        for rowid, scope, lines, *columns in rows:
            small, letters = packed_parts(lines)
            values = [_scoped(words, scope) for words in (*(text.split() for text in columns), sorted(small))]
            db.execute(
                "INSERT INTO words(words, rowid, title, heading, body, small) VALUES ('delete', ?, ?, ?, ?, ?)",
                (rowid, *values),
            )
            counts.subtract((scope, word) for word in small.union(*(text.split() for text in columns)))
            grams.subtract((scope, gram) for gram in letters)
        if rows:
            db.execute("DELETE FROM passage WHERE article = ?", (article,))


def _add(
    db: sqlite3.Connection, stored: StoredPassage, scope: int, listed: bool, counts: _Counts, grams: _Counts
) -> None:
    passage = stored.passage
    language = base_language(passage.language)
    title, heading, body = (index_words(text, language) for text in (passage.title, passage.heading, passage.text))
    lines = packed(lines_of(passage, language, listed))
    small, letters = packed_parts(lines)
    cursor = db.execute(
        "INSERT INTO passage(id, article, scope, title, heading, text, url, language, updated, title_words, heading_words,"
        " body_words, length, lines, listed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            passage.id, passage.article_id, scope, passage.title, passage.heading, passage.text, passage.url, language,
            passage.updated, _spread(title), _spread(heading), _spread(body), len(title) + len(heading) + len(body),
            lines, int(lines.rpartition("\n")[2].startswith(ENTRY)),
        ),
    )  # fmt: skip
    db.execute(
        "INSERT INTO words(rowid, title, heading, body, small) VALUES (?, ?, ?, ?, ?)",
        (cursor.lastrowid, *(_scoped(words, scope) for words in (title, heading, body, sorted(small)))),
    )
    counts.update((scope, word) for word in {*title, *heading, *body, *small})
    grams.update((scope, gram) for gram in letters)


def _spread(words: Iterable[str]) -> str:
    """Join with two blanks and one at each end, so that ``text.count(" word ")`` counts neighbours, too."""
    return f" {'  '.join(words)} "


def _scoped(words: Iterable[str], scope: int) -> str:
    return " ".join(f"{scope}:{word}" for word in words)


def _finish(db: sqlite3.Connection, version: KnowledgeVersion, *, whole: bool) -> None:
    if whole:
        db.execute("INSERT INTO words(words) VALUES ('optimize')")
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", _meta(db, version))


def _meta(db: sqlite3.Connection, version: KnowledgeVersion) -> Iterator[tuple[str, str]]:
    yield "number", str(version.number)
    yield "tag", version.tag
    for scope, *sizes in db.execute(
        "SELECT scope, count(*), sum(length), sum(lines <> ''), sum(listed) FROM passage GROUP BY scope"
    ).fetchall():
        yield f"scope.{scope}", " ".join(map(str, sizes))
    languages = db.execute("SELECT language FROM passage GROUP BY language ORDER BY count(*) DESC").fetchall()
    yield "languages", " ".join(language for (language,) in languages if language)
