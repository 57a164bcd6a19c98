"""The rows of an article: its text and passages, its versions, and the knowledge version that moves with each change.

For :mod:`bot.articles` (importers) and :mod:`bot.article_versions` (people) only. Everything here runs inside a write.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any

from peewee import fn

from bot.clock import new_id, now
from bot.knowledge import ArticleText, KnowledgeVersion
from bot.store import Article, ArticleVersion, Setting, is_sqlite
from bot.store import Passage as PassageRow

VERSION_KEY = "knowledge.version"
KEPT_VERSIONS = 50
"""Former versions that an article keeps; drafts are not counted."""
_REMEMBERED = 400
"""Versions an index may be behind and still catch up: a crawl takes some twenty in a second."""
_TEXT = ("title", "language", "url", "body")


def rows_of(query: Any) -> list[tuple[Any, ...]]:
    """Run a query and return its rows as tuples."""
    return list(query.tuples())


def as_version(value: Any) -> KnowledgeVersion:
    """Read what the setting holds."""
    recent = tuple((int(number), str(tag)) for number, tag in value["recent"])
    return KnowledgeVersion(number=int(value["number"]), tag=str(value["tag"]), recent=recent)


def next_version() -> int:
    """Take the next version, inside a write. On PostgreSQL the row lock makes other writers of knowledge wait for this transaction."""
    empty = {"number": 0, "tag": "", "recent": []}
    Setting.insert(key=VERSION_KEY, value=empty, changed_at=now()).on_conflict_ignore().execute()
    query = Setting.select(Setting.value).where(Setting.key == VERSION_KEY)
    before = as_version(rows_of(query if is_sqlite() else query.for_update())[0][0])
    recent = [(before.number, before.tag), *before.recent][:_REMEMBERED]
    value = {"number": before.number + 1, "tag": secrets.token_hex(6), "recent": recent}
    Setting.update(value=value, changed_at=now()).where(Setting.key == VERSION_KEY).execute()
    return before.number + 1


def put_text(article_id: str, article: ArticleText, version: int, *, passages: bool = True, **more: Any) -> None:
    """Make this the text that the article has, live unless ``more`` says otherwise, with its passages. ``version`` was taken
    in this transaction."""
    values: dict[str, Any] = {
        name: getattr(article, name)
        for name in (
            "source",
            "path",
            "place",
            "slug",
            "title",
            "language",
            "body",
            "url",
            "checksum",
            "updated",
            "visibility",
        )
    }
    values |= {"site_id": article.site, "version": version, "state": "live", "changed_at": now()}
    values |= {"author": article.author or article.source, "reviewed_by": "", "reviewed_at": None} | more
    if not Article.update(values).where(Article.id == article_id).execute():
        Article.insert(id=article_id, **values).execute()
    PassageRow.delete().where(PassageRow.article == article_id).execute()
    rows = _passage_rows(article_id, article) if passages else []
    for start in range(0, len(rows), 100):
        PassageRow.insert_many(rows[start : start + 100]).execute()


def retire_rows(ids: Sequence[str], version: int) -> int:
    """Take live articles out of the answers. Inside a write that took ``version``; returns how many were live."""
    change = Article.update(state="gone", version=version, changed_at=now(), reviewed_by="", reviewed_at=None)
    retired = change.where(Article.id.in_(list(ids)) & (Article.state == "live")).execute()
    PassageRow.delete().where(PassageRow.article.in_(list(ids))).execute()
    _settle_versions(ids)
    return int(retired)


def _settle_versions(ids: Sequence[str]) -> None:
    """Nothing of a retired article is live, and nobody need decide about its removal."""
    live = ArticleVersion.article.in_(list(ids)) & (ArticleVersion.state == "live")
    ArticleVersion.update(state="old").where(live).execute()
    removal = ArticleVersion.article.in_(list(ids)) & (ArticleVersion.kind == "removal")
    ArticleVersion.delete().where(removal & (ArticleVersion.state == "draft")).execute()


def add_draft(article_id: str, article: ArticleText, note: str) -> str:
    """Put a text down for a decision, in place of an earlier one of the same author. Inside a write; returns its id. One that
    says what was rejected last is not put down again: its id is returned."""
    mine = (ArticleVersion.article == article_id) & (ArticleVersion.author == (article.author or article.source))
    open_ = mine & (ArticleVersion.state == "draft") & (ArticleVersion.kind == "text")
    for row in ArticleVersion.select().where(mine & ArticleVersion.state.in_(["draft", "rejected"])):
        if row.checksum == digest_of(article) and row.kind == "text":
            return str(row.id)
    ArticleVersion.update(state="replaced", decided_at=now()).where(open_).execute()
    return add_version(article_id, article, "draft", note=note)


def add_version(article_id: str, article: ArticleText, state: str, **more: Any) -> str:
    """Write a version down, inside a write, and forget the oldest beyond :data:`KEPT_VERSIONS`; returns its id."""
    mine = ArticleVersion.article == article_id
    last = rows_of(ArticleVersion.select(fn.MAX(ArticleVersion.number)).where(mine))[0][0] or 0
    values = {name: getattr(article, name) for name in (*_TEXT, "updated")}
    values |= {"author": article.author or article.source, "checksum": digest_of(article), "created_at": now()} | more
    version_id = new_id()
    ArticleVersion.insert(id=version_id, article=article_id, number=last + 1, state=state, **values).execute()
    former = ArticleVersion.select(ArticleVersion.id).where(
        mine & ArticleVersion.state.in_(["old", "replaced", "rejected"])
    )
    beyond = [row[0] for row in rows_of(former.order_by(ArticleVersion.number.desc()).offset(KEPT_VERSIONS).limit(100))]
    if beyond:
        ArticleVersion.delete().where(ArticleVersion.id.in_(beyond)).execute()
    return version_id


def digest_of(text: Any) -> str:
    """SHA-256 of what people read of an article or a version: title, language, address and text."""
    return hashlib.sha256(
        "\x1f".join(str(getattr(text, name)) for name in ("title", "language", "url", "body")).encode()
    ).hexdigest()


def new_article_id(article: ArticleText) -> str:
    """An id for an article that is new here. Inside a read or a write."""
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
