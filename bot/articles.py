"""Articles of the knowledge base: the only way importers and indexes touch their rows.

Every change moves the knowledge version in the same transaction. An index is derived from these rows and remembers the version
it was made from, so it can catch up by itself, on every host.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import fn

from bot.clock import new_id, now
from bot.knowledge import Passage
from bot.store import Article, Setting, Site, is_sqlite, read, write
from bot.store import Passage as PassageRow

VERSION_KEY = "knowledge.version"
_REMEMBERED = 50
_VIEW = ("id", "source", "path", "site", "slug", "title", "language", "url", "updated", "checksum", "version", "state")
_CHUNK = 400  # ids in one statement; SQLite allows 999 parameters in old builds


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A passage to be stored: its text under its heading path, such as ``Refunds › How long``."""

    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleText:
    """An article as an importer hands it in. One per (source, site, path); a second one replaces the first."""

    source: str
    """Importer and place, such as ``markdown:folder``."""
    path: str
    title: str
    body: str
    pieces: tuple[Piece, ...]
    site: str = ""
    """Site id; empty means every site."""
    slug: str = ""
    language: str = ""
    url: str = ""
    updated: str = ""
    """ISO date."""
    checksum: str = ""
    id: str = ""
    """Of the stored article that was moved to this path; empty to find or make it by its path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleView:
    """A stored article without its text."""

    id: str
    source: str
    path: str
    site: str
    slug: str
    title: str
    language: str
    url: str
    updated: str
    checksum: str
    version: int
    state: str
    """live or gone"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeVersion:
    """Where the knowledge base stands. ``tag`` tells apart two histories with equal numbers (a restored backup)."""

    number: int = 0
    tag: str = ""
    recent: tuple[tuple[int, str], ...] = ()
    """Earlier (number, tag) pairs, newest first: an index of one of them can catch up; any other is made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPassage:
    """A passage with the site that may see it (empty: every site)."""

    passage: Passage
    site: str


def knowledge_version() -> KnowledgeVersion:
    """Read the version. Cheap (one row by key). Raises :class:`bot.StoreUnavailable`."""
    return read(_version)


def list_articles(source: str = "", *, gone: bool = False) -> list[ArticleView]:
    """Return stored articles in the order of their paths, of one source or of all; ``gone`` includes retired ones."""

    def load() -> list[ArticleView]:
        columns = [getattr(Article, "site_id" if name == "site" else name) for name in _VIEW]
        query = Article.select(*columns).order_by(Article.source, Article.path, Article.site_id)
        if source:
            query = query.where(Article.source == source)
        if not gone:
            query = query.where(Article.state == "live")
        return [ArticleView(**dict(zip(_VIEW, row, strict=True))) for row in _rows(query)]

    return read(load)


def article_sources() -> dict[str, int]:
    """Return how many live articles each source has."""

    def load() -> dict[str, int]:
        query = Article.select(Article.source, fn.COUNT(Article.id)).where(Article.state == "live")
        return {row[0]: int(row[1]) for row in _rows(query.group_by(Article.source))}

    return read(load)


def save_articles(articles: Sequence[ArticleText]) -> list[str]:
    """Store articles with their passages in one transaction and return their ids, in order.

    At most about 20 at a time, so that other writers do not wait long. Saving an unchanged article again changes its version
    only. Passage ids depend on article, heading and text, so what did not change keeps its id.
    """

    def save() -> list[str]:
        number = _bump()
        return [_save(article, number) for article in articles]

    return write(save)


def retire_articles(ids: Collection[str]) -> int:
    """Retire these articles in one transaction; returns how many were live.

    A retired article keeps its row and text (it may come back) and loses its passages.
    """
    wanted = sorted(ids)

    def retire() -> int:
        number = _bump()
        retired = 0
        for some in _chunks(wanted):
            change = Article.update(state="gone", version=number, changed_at=now())
            retired += change.where(Article.id.in_(some) & (Article.state == "live")).execute()
            PassageRow.delete().where(PassageRow.article.in_(some)).execute()
        return retired

    return write(retire) if wanted else 0


def changed_articles(since: int) -> list[str]:
    """Return the ids of articles, live or gone, that changed after version ``since``; for 0 all that are live."""

    def load() -> list[str]:
        chosen = (Article.version > since) if since else (Article.state == "live")
        return [row[0] for row in _rows(Article.select(Article.id).where(chosen))]

    return read(load)


def passages_of(article_ids: Sequence[str]) -> list[StoredPassage]:
    """Return the passages of these articles, in order. Retired articles have none."""

    def load() -> list[StoredPassage]:
        query = (
            PassageRow.select(
                PassageRow.id, PassageRow.article, PassageRow.heading, PassageRow.text, PassageRow.language,
                Article.title, Article.url, Article.updated, Article.site_id,
            )
            .join(Article)
            .where(PassageRow.article.in_(list(article_ids)) & (Article.state == "live"))
            .order_by(PassageRow.article, PassageRow.ord)
        )  # fmt: skip
        names = ("id", "article_id", "heading", "text", "language", "title", "url", "updated")
        return [
            StoredPassage(passage=Passage(**dict(zip(names, row[:-1], strict=True))), site=row[-1])
            for row in _rows(query)
        ]

    return read(load)


def site_ids() -> dict[str, str]:
    """Return the ids of all sites by their keys."""
    return read(lambda: {row[0]: row[1] for row in _rows(Site.select(Site.key, Site.id))})


def _version() -> KnowledgeVersion:
    rows = _rows(Setting.select(Setting.value).where(Setting.key == VERSION_KEY))
    return _as_version(rows[0][0]) if rows else KnowledgeVersion()


def _rows(query: Any) -> list[tuple[Any, ...]]:
    return list(query.tuples())


def _as_version(value: Any) -> KnowledgeVersion:
    recent = tuple((int(number), str(tag)) for number, tag in value["recent"])
    return KnowledgeVersion(number=int(value["number"]), tag=str(value["tag"]), recent=recent)


def _bump() -> int:
    """Take the next version. On PostgreSQL the row lock makes other writers of knowledge wait for this transaction."""
    empty = {"number": 0, "tag": "", "recent": []}
    Setting.insert(key=VERSION_KEY, value=empty, changed_at=now()).on_conflict_ignore().execute()
    query = Setting.select(Setting.value).where(Setting.key == VERSION_KEY)
    before = _as_version(_rows(query if is_sqlite() else query.for_update())[0][0])
    recent = [(before.number, before.tag), *before.recent][:_REMEMBERED]
    value = {"number": before.number + 1, "tag": secrets.token_hex(6), "recent": recent}
    Setting.update(value=value, changed_at=now()).where(Setting.key == VERSION_KEY).execute()
    return before.number + 1


def _save(article: ArticleText, version: int) -> str:
    here = (Article.source == article.source) & (Article.site_id == article.site) & (Article.path == article.path)
    found = [row[0] for row in _rows(Article.select(Article.id).where(here))]
    article_id = article.id or (found[0] if found else _new_article_id(article))
    for other in found:
        if other != article_id:  # the place of a moved article was taken by a retired one
            Article.delete().where(Article.id == other).execute()
    values: dict[str, Any] = {
        name: getattr(article, name)
        for name in ("source", "path", "slug", "title", "language", "body", "url", "checksum", "updated")
    }
    values |= {"site_id": article.site, "version": version, "state": "live", "changed_at": now()}
    if not Article.update(values).where(Article.id == article_id).execute():
        Article.insert(id=article_id, **values).execute()
    PassageRow.delete().where(PassageRow.article == article_id).execute()
    rows = _passage_rows(article_id, article)
    for start in range(0, len(rows), 100):
        PassageRow.insert_many(rows[start : start + 100]).execute()
    return article_id


def _new_article_id(article: ArticleText) -> str:
    wanted = _digest(article.source, article.site, article.path)
    taken = Article.select(Article.id).where(Article.id == wanted).exists()
    return new_id() if taken else wanted  # taken: the article that was born here has moved on and keeps its id


def _passage_rows(article_id: str, article: ArticleText) -> list[dict[str, Any]]:
    seen: Counter[tuple[str, str]] = Counter()
    rows = []
    for ord_, piece in enumerate(article.pieces):
        key = (piece.heading, " ".join(piece.text.casefold().split()))
        rows.append({
            "id": _digest(article_id, *key, str(seen[key])),
            "article": article_id,
            "ord": ord_,
            "heading": piece.heading,
            "text": piece.text,
            "language": article.language,
        })  # fmt: skip
        seen[key] += 1
    return rows


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
