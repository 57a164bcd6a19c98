"""What people do with articles: drafts and their review, edits, former versions. Each step is in the audit trail.

A draft is a version that waits. It stands beside a live article (its source changed, somebody proposes another text), or is an
article that never was live. Approving makes it what customers hear; whoever approves or edits has reviewed the article, and from
then on no importer replaces it (:mod:`bot.articles`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from bot import audit
from bot.article_rows import add_draft, add_version, digest_of, new_article_id, next_version, put_text, retire_rows
from bot.articles import with_pieces
from bot.clock import now
from bot.knowledge import ArticleText, Visibility
from bot.store import Article, ArticleVersion, read, write

_FORMER = ("old", "replaced", "rejected", "live")


class ArticleRefused(Exception):
    """What was asked for cannot be done with this article or draft. The text is a sentence for the one who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version of an article. ``body`` is Markdown; of a removal it is empty."""

    id: str
    article: str
    number: int
    state: Literal["live", "old", "draft", "rejected", "replaced"]
    kind: Literal["text", "removal"]
    author: str
    note: str
    title: str
    language: str
    body: str
    url: str
    updated: str
    checksum: str
    created_at: float
    decided_by: str
    decided_at: float | None
    source: str = ""
    path: str = ""
    site: str = ""
    visibility: Visibility = "public"
    beside: bool = False
    """Whether the article is live meanwhile."""


def draft_article(article: ArticleText, *, author: str, note: str = "") -> str:
    """Put an article down for review and return the id of the draft. Nothing of it is retrieved before it is approved.

    Beside the live article of the same source, site and path (or ``article.id``) if there is one, else as an article that is not
    live yet. A newer draft of the same author takes the place of the earlier. Raises :class:`bot.UnusableArticle`.
    """
    article = replace(with_pieces(article), author=author)

    def put() -> str:
        here = (Article.source == article.source) & (Article.site_id == article.site) & (Article.path == article.path)
        row = Article.get_or_none((Article.id == article.id) if article.id else here)
        if row is None:
            row_id = new_article_id(article)
            put_text(row_id, article, next_version(), state="draft", passages=False)
        else:
            row_id = row.id
            if row.state == "gone":
                Article.update(state="draft", changed_at=now()).where(Article.id == row_id).execute()
        draft = add_draft(row_id, article, note)
        audit.record(author, "article.draft", f"article:{row_id}", {"draft": draft})
        return draft

    return write(put)


def list_drafts(*, site: str = "", source: str = "") -> list[VersionView]:
    """What waits for a decision, oldest first; of one site id or one source if given."""

    def load() -> list[VersionView]:
        query = ArticleVersion.select(ArticleVersion, Article).join(Article).where(ArticleVersion.state == "draft")
        if site:
            query = query.where(Article.site_id == site)
        if source:
            query = query.where(Article.source == source)
        return [_view(row) for row in query.order_by(ArticleVersion.created_at, ArticleVersion.id)]

    return read(load)


def article_history(article_id: str) -> list[VersionView]:
    """All versions of an article that are kept, newest first."""
    query = ArticleVersion.select(ArticleVersion, Article).join(Article).where(ArticleVersion.article == article_id)
    return read(lambda: [_view(row) for row in query.order_by(ArticleVersion.number.desc())])


def find_version(version_id: str) -> VersionView | None:
    """One version by its id, such as a draft's."""
    query = ArticleVersion.select(ArticleVersion, Article).join(Article).where(ArticleVersion.id == version_id)
    return read(lambda: next((_view(row) for row in query), None))


def approve_article(draft: str, *, by: str) -> str:
    """Make a draft what customers hear (or, of a removal, take the article away); returns the article's id.

    Raises :class:`ArticleRefused` when it was decided already.
    """
    found = _waiting(draft)
    text = None if found.kind == "removal" else with_pieces(_text(found))

    def approve() -> str:
        version = (
            next_version()
        )  # first, as importers do: PostgreSQL would have to end one of two that wait for each other
        if text is None:
            _decide(draft, "old", by)
            retire_rows([found.article], version)
        else:
            _no_longer_live(found.article)
            _decide(draft, "live", by)
            put_text(found.article, _in_place(found.article, text), version, reviewed_by=by, reviewed_at=now())
        audit.record(by, "article.approve", f"article:{found.article}", {"draft": draft, "author": found.author})
        return found.article

    return write(approve)


def reject_article(draft: str, *, by: str, note: str = "") -> None:
    """Put a draft aside. Its source does not bring the same text again. Raises :class:`ArticleRefused`."""
    found = _waiting(draft)

    def reject() -> None:
        _decide(draft, "rejected", by, **({"note": note} if note else {}))
        others = (ArticleVersion.article == found.article) & (ArticleVersion.state == "draft")
        if not ArticleVersion.select().where(others).exists():
            Article.update(state="gone").where((Article.id == found.article) & (Article.state == "draft")).execute()
        audit.record(by, "article.reject", f"article:{found.article}", {"draft": draft, "author": found.author})

    write(reject)


def forget_drafts(article_id: str) -> None:
    """Really delete what was drafted for an article and never became live; an article that never was live goes whole.

    Inside a write: for drafts that were made of what somebody wants erased. What is live, and was, stays.
    """
    never = ("draft", "rejected", "replaced")
    ArticleVersion.delete().where((ArticleVersion.article == article_id) & ArticleVersion.state.in_(never)).execute()
    if not ArticleVersion.select().where(ArticleVersion.article == article_id).exists():
        Article.delete().where((Article.id == article_id) & (Article.state != "live")).execute()


def edit_draft(draft: str, *, by: str, title: str = "", body: str = "", language: str = "", url: str = "") -> str:
    """Change what a draft says (empty: as it is) and return the id of the new draft, whose author is ``by``.

    Raises :class:`ArticleRefused` and :class:`bot.UnusableArticle`.
    """
    found = _waiting(draft)
    if found.kind == "removal":
        raise ArticleRefused("This draft asks for the removal of the article: approve or reject it.")
    text = with_pieces(_changed(_text(found), title, body, language, url))

    def edit() -> str:
        _decide(draft, "replaced", by)
        new = add_draft(found.article, replace(text, author=by), found.note)
        audit.record(by, "article.edit_draft", f"article:{found.article}", {"draft": new, "before": draft})
        return new

    return write(edit)


def edit_article(
    article_id: str, *, by: str, title: str = "", body: str = "", language: str = "", url: str = "",
    visibility: Visibility | None = None,
) -> int:  # fmt: skip
    """Change a live article at once (empty: as it is); returns the number of the new version.

    Its source does not replace it any more. Raises :class:`ArticleRefused` and :class:`bot.UnusableArticle`.
    """
    row = _article(article_id)
    if row.state != "live":
        raise ArticleRefused("This article is not live: approve its draft, or restore one of its versions.")
    text = _changed(_text_of_row(row), title, body, language, url)
    return _set(row, replace(text, visibility=visibility or text.visibility), by, "article.edit", "")


def restore_article(article_id: str, number: int, *, by: str) -> int:
    """Make a former version what the article says, live; returns the number of the new version.

    Raises :class:`ArticleRefused` when there is no such version.
    """
    row = _article(article_id)
    known = {one.number: one for one in article_history(article_id) if one.kind == "text" and one.state in _FORMER}
    if number not in known:
        shown = ", ".join(str(one) for one in sorted(known)) or "none"
        raise ArticleRefused(f"This article has no version {number} that can be restored. There are: {shown}.")
    old = known[number]
    text = _text_of_row(row)
    text = replace(text, title=old.title, language=old.language, url=old.url, updated=old.updated, body=old.body)
    return _set(row, text, by, "article.restore", f"Version {number} again.")


def remove_article(article_id: str, *, by: str) -> None:
    """Take an article away, also one that was reviewed. Its versions stay and can be restored. Raises :class:`ArticleRefused`."""
    _article(article_id)

    def remove() -> None:
        if not retire_rows([article_id], next_version()):
            raise ArticleRefused("This article is not live.")
        audit.record(by, "article.remove", f"article:{article_id}")

    write(remove)


def _set(row: Any, text: ArticleText, by: str, action: str, note: str) -> int:
    text = replace(with_pieces(text), author=by)

    def store() -> int:
        version = next_version()
        current = Article.get_or_none(Article.id == row.id)
        if current is None or (current.state, digest_of(current)) != (row.state, digest_of(row)):
            raise ArticleRefused("Somebody changed this article at the same moment. Look at it again.")
        _no_longer_live(row.id)
        put_text(row.id, _in_place(row.id, text), version, reviewed_by=by, reviewed_at=now())
        version_id = add_version(row.id, text, "live", note=note, decided_by=by, decided_at=now())
        number = int(ArticleVersion.get(ArticleVersion.id == version_id).number)
        audit.record(by, action, f"article:{row.id}", {"number": number, "checksum": digest_of(text)})
        return number

    return write(store)


def _waiting(draft: str) -> VersionView:
    found = find_version(draft)
    if found is None:
        raise ArticleRefused("There is no such draft. deskhand knowledge review shows what waits.")
    if found.state != "draft":
        raise ArticleRefused(f"This draft was decided already: it is {found.state}.")
    return found


def _decide(draft: str, state: str, by: str, **more: Any) -> None:
    """Inside a write. Of two who decide at once one wins."""
    change = ArticleVersion.update(state=state, decided_by=by, decided_at=now(), **more)
    if not change.where((ArticleVersion.id == draft) & (ArticleVersion.state == "draft")).execute():
        raise ArticleRefused("Somebody else decided about this draft at the same moment.")


def _no_longer_live(article_id: str) -> None:
    live = (ArticleVersion.article == article_id) & (ArticleVersion.state == "live")
    ArticleVersion.update(state="old").where(live).execute()


def _article(article_id: str) -> Any:
    row = read(lambda: Article.get_or_none(Article.id == article_id))
    if row is None:
        raise ArticleRefused("There is no such article. deskhand knowledge list shows them.")
    return row


def _in_place(article_id: str, text: ArticleText) -> ArticleText:
    """The text at the place and with the mark that the article has now: an importer may have moved it meanwhile."""
    row = Article.get(Article.id == article_id)
    return replace(
        text, path=row.path, place=row.place, slug=row.slug, checksum=row.checksum, visibility=text.visibility
    )


def _text_of_row(row: Any) -> ArticleText:
    return ArticleText(
        source=row.source, path=row.path, place=row.place, site=row.site_id, slug=row.slug, title=row.title, language=row.language,
        body=row.body, url=row.url, updated=row.updated, checksum=row.checksum, visibility=row.visibility,
    )  # fmt: skip


def _text(found: VersionView) -> ArticleText:
    return ArticleText(
        source=found.source, path=found.path, site=found.site, title=found.title, language=found.language, body=found.body,
        url=found.url, updated=found.updated, visibility=found.visibility, author=found.author,
    )  # fmt: skip


def _changed(text: ArticleText, title: str, body: str, language: str, url: str) -> ArticleText:
    return replace(
        text,
        title=title or text.title,
        body=body or text.body,
        language=language or text.language,
        url=url or text.url,
        pieces=(),
    )


def _view(row: Any) -> VersionView:
    names = ("id", "number", "state", "kind", "author", "note", "title", "language", "body", "url", "updated", "checksum",
             "created_at", "decided_by", "decided_at")  # fmt: skip
    article = row.article
    return VersionView(
        article=article.id, source=article.source, path=article.path, site=article.site_id, visibility=article.visibility,
        beside=article.state == "live", **{name: getattr(row, name) for name in names},
    )  # fmt: skip
