"""Articles of the knowledge base: what importers and indexes see of their rows. People's side is :mod:`bot.article_versions`.

Every change moves the knowledge version in the same transaction. An index is derived from these rows and remembers the version
it was made from, so it can catch up by itself, on every host.

What a person approved or wrote is never replaced by an importer: its new text becomes a draft beside the article.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from peewee import fn

from bot.article_rows import (
    VERSION_KEY,
    add_draft,
    add_version,
    as_version,
    digest_of,
    new_article_id,
    next_version,
    put_text,
    retire_rows,
    rows_of,
)
from bot.clock import now
from bot.knowledge import ArticleText, ArticleView, KnowledgeVersion, Passage, StoredPassage, UnusableArticle
from bot.store import Article, ArticleVersion, KnowledgeSource, Setting, Site, read, write
from bot.store import Passage as PassageRow

_VIEW = ("id", "source", "path", "site", "slug", "title", "language", "url", "updated", "checksum", "version", "state",
         "visibility", "author", "reviewed_by", "reviewed_at", "place")  # fmt: skip
_CHUNK = 400  # ids in one statement; SQLite allows 999 parameters in old builds


def knowledge_version() -> KnowledgeVersion:
    """Read the version. Cheap (one row by key). Raises :class:`bot.StoreUnavailable`."""
    return read(_version)


def list_articles(source: str = "", *, gone: bool = False, drafts: bool = False, place: str = "") -> list[ArticleView]:
    """Return stored articles in the order of their paths, of one source (and one place of it) or of all; ``gone`` includes
    retired ones, ``drafts`` those that were never live."""

    def load() -> list[ArticleView]:
        query = Article.select(*_view_columns()).order_by(Article.source, Article.path, Article.site_id)
        if source:
            query = query.where(Article.source == source)
        if place:
            query = query.where(Article.place == place)
        states = ["live", *(["gone"] if gone else []), *(["draft"] if drafts else [])]
        query = query.where(Article.state.in_(states))
        return [ArticleView(**dict(zip(_VIEW, row, strict=True))) for row in rows_of(query)]

    return read(load)


def article_sources() -> dict[str, int]:
    """Return how many live articles each source has."""

    def load() -> dict[str, int]:
        query = Article.select(Article.source, fn.COUNT(Article.id)).where(Article.state == "live")
        return {row[0]: int(row[1]) for row in rows_of(query.group_by(Article.source))}

    return read(load)


def article_view(article_id: str) -> ArticleView | None:
    """Return one article in whatever state, or ``None``."""

    def load() -> ArticleView | None:
        rows = rows_of(Article.select(*_view_columns()).where(Article.id == article_id))
        return ArticleView(**dict(zip(_VIEW, rows[0], strict=True))) if rows else None

    return read(load)


def article_text(article_id: str) -> str:
    """Return what an article says now, as Markdown. Empty: there is no such article."""
    rows = read(lambda: rows_of(Article.select(Article.body).where(Article.id == article_id)))
    return str(rows[0][0]) if rows else ""


def save_articles(articles: Sequence[ArticleText], *, source_id: str = "") -> list[str]:
    """Store articles with their passages in one transaction and return their ids, in order.

    At most about 20 at a time, so that other writers do not wait long. Saving an unchanged article again changes its version
    only. Passage ids depend on article, heading and text, so what did not change keeps its id. Where a person has reviewed the
    article its new text becomes a draft beside it. Raises :class:`UnusableArticle` before anything is stored.

    ``source_id``: nothing is stored once this added source has been removed; then the list is empty.
    """
    whole = [with_pieces(article) for article in articles]

    def save() -> list[str]:
        number = next_version()  # whoever removes a source takes one, too, so one of the two comes first
        if source_id and not KnowledgeSource.select().where(KnowledgeSource.id == source_id).exists():
            return []
        return [_save(article, number) for article in whole]

    return write(save)


def with_pieces(article: ArticleText) -> ArticleText:
    """Cut the article into passages unless it has some. Raises :class:`UnusableArticle` if there is nothing to cut."""
    if article.pieces:
        return article
    from bot.pieces import cut

    pieces = cut(article.body, article.title)
    if not pieces:
        raise UnusableArticle("it has headings, but no text" if article.body.strip() else "it has no text")
    return replace(article, pieces=pieces)


def retire_articles(ids: Collection[str]) -> int:
    """Retire these articles in one transaction, because their source does not have them any more; returns how many were live.

    A retired article keeps its row and text (it may come back) and loses its passages. One that a person reviewed stays, and
    its removal waits for a decision.
    """
    wanted = sorted(ids)

    def retire() -> int:
        number = next_version()
        retired = 0
        for some in _chunks(wanted):
            live = Article.id.in_(some) & (Article.state == "live")
            reviewed = list(Article.select().where(live & Article.reviewed_at.is_null(False)))
            for row in reviewed:
                _ask_for_removal(row)
            gone = [one for one in some if one not in {row.id for row in reviewed}]
            retired += retire_rows(gone, number)
        return retired

    return write(retire) if wanted else 0


def _ask_for_removal(row: Any) -> None:
    """Put the removal of a reviewed article down once; one that was rejected is not asked for again."""
    removal = (ArticleVersion.article == row.id) & (ArticleVersion.kind == "removal")
    if not ArticleVersion.select().where(removal & ArticleVersion.state.in_(["draft", "rejected"])).exists():
        text = ArticleText(
            source=row.source, path=row.path, title=row.title, body="", language=row.language, url=row.url
        )
        add_version(row.id, text, "draft", kind="removal", note="Its source does not have it any more.")


def changed_articles(since: int) -> list[str]:
    """Return the ids of articles, live or gone, that changed after version ``since``; for 0 all that are live."""

    def load() -> list[str]:
        chosen = (Article.version > since) if since else (Article.state == "live")
        return [row[0] for row in rows_of(Article.select(Article.id).where(chosen))]

    return read(load)


def passages_of(article_ids: Sequence[str], *, internal: bool = False) -> list[StoredPassage]:
    """Return the passages of these articles, in order. Retired articles have none, and those for agents only are left out
    unless ``internal``: what is read here for customers cannot have them."""

    def load() -> list[StoredPassage]:
        shown = Article.visibility.in_(["public", "internal"] if internal else ["public"])
        query = (
            PassageRow.select(
                PassageRow.id, PassageRow.article, PassageRow.heading, PassageRow.text, PassageRow.language,
                Article.title, Article.url, Article.updated, Article.site_id,
            )
            .join(Article)
            .where(PassageRow.article.in_(list(article_ids)) & (Article.state == "live") & shown)
            .order_by(PassageRow.article, PassageRow.ord)
        )  # fmt: skip
        names = ("id", "article_id", "heading", "text", "language", "title", "url", "updated")
        return [
            StoredPassage(passage=Passage(**dict(zip(names, row[:-1], strict=True))), site=row[-1])
            for row in rows_of(query)
        ]

    return read(load)


def site_ids() -> dict[str, str]:
    """Return the ids of all sites by their keys."""
    return read(lambda: {row[0]: row[1] for row in rows_of(Site.select(Site.key, Site.id))})


def _view_columns() -> list[Any]:
    return [getattr(Article, "site_id" if name == "site" else name) for name in _VIEW]


def _version() -> KnowledgeVersion:
    rows = rows_of(Setting.select(Setting.value).where(Setting.key == VERSION_KEY))
    return as_version(rows[0][0]) if rows else KnowledgeVersion()


def _save(article: ArticleText, version: int) -> str:
    here = (Article.source == article.source) & (Article.site_id == article.site) & (Article.path == article.path)
    found = [row[0] for row in rows_of(Article.select(Article.id).where(here))]
    article_id = article.id or (found[0] if found else new_article_id(article))
    for other in found:
        if other != article_id:  # the place of a moved article was taken by a retired one
            Article.delete().where(Article.id == other).execute()
    stored = Article.get_or_none(Article.id == article_id)
    if stored is not None and stored.state == "live" and stored.reviewed_at is not None:
        _beside(stored, article, version)
        return article_id
    if stored is None or stored.state != "live" or digest_of(stored) != digest_of(article):
        ArticleVersion.update(state="old").where(
            (ArticleVersion.article == article_id) & (ArticleVersion.state == "live")
        ).execute()
        put_text(article_id, article, version)
        add_version(article_id, article, "live")
    else:
        put_text(article_id, article, version)
    return article_id


def _beside(stored: Any, article: ArticleText, version: int) -> None:
    """What a person reviewed stays; the source's new text becomes a draft, and its place and date are followed. What a source
    wants to keep for agents is kept at once: that takes nothing away from what was reviewed."""
    changed = stored.checksum != article.checksum or not article.checksum
    values: dict[str, Any] = {name: getattr(article, name) for name in ("path", "place", "slug", "checksum")}
    if article.visibility == "internal" != stored.visibility:
        values |= {"visibility": "internal", "version": version}
    Article.update({**values, "changed_at": now()}).where(Article.id == stored.id).execute()
    own = (ArticleVersion.article == stored.id) & (ArticleVersion.author == (article.author or article.source))
    last = (
        ArticleVersion.select()
        .where(own & (ArticleVersion.kind == "text"))
        .order_by(ArticleVersion.number.desc())
        .first()
    )
    if changed and digest_of(article) not in {digest_of(stored), last.checksum if last is not None else ""}:
        add_draft(stored.id, article, "Its source has changed.")


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
