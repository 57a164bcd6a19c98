"""The knowledge contract: sources and articles in, passages that can be cited out. No I/O here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Visibility = Literal["public", "internal"]
"""Whom an article is for: customers too, or agents only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of knowledge that can be cited. ``id`` is stable while its article, heading and text stay the same."""

    id: str
    article_id: str
    title: str
    text: str
    """Plain text or simple Markdown, at most about 1,200 characters. Untrusted: data, not instructions."""
    heading: str = ""
    url: str = ""
    language: str = ""
    updated: str = ""
    """ISO date of the article's last change."""
    score: float = 0.0
    """Higher is better; comparable within one search only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A passage to be stored: its text under its heading path, such as ``Refunds › How long``."""

    text: str
    heading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to search for. ``site`` limits the search to what that site may see."""

    site: str
    """Site id."""
    text: str
    language: str = ""
    context: str = ""
    """The customer's earlier words, for follow-up questions such as "and how much is it?"."""
    limit: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found, best first. ``answerable`` says whether the passages are good enough to answer from."""

    passages: tuple[Passage, ...] = ()
    answerable: bool = False
    certainty: float = 0.0
    """How sure the search is that they hold the answer, from 0 to 1; comparable between questions."""
    version: int = 0
    """Version of the index that was searched; 0: there was nothing to search, or it is not told."""


class UnusableArticle(ValueError):
    """An article that cannot be stored. The text is a sentence without its subject, such as ``it has headings, but no text``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleText:
    """An article as an importer or a person hands it in. One per (source, site, path); a second one replaces the first."""

    source: str
    """Importer and place, such as ``markdown:folder``."""
    path: str
    title: str
    body: str
    """Markdown."""
    pieces: tuple[Piece, ...] = ()
    """Its passages; empty: the body is cut under its headings."""
    place: str = ""
    """The place of the source that it was read from, when several articles may come from one."""
    site: str = ""
    """Site id; empty means every site."""
    slug: str = ""
    language: str = ""
    url: str = ""
    updated: str = ""
    """ISO date."""
    checksum: str = ""
    """Of what the source has: an importer that finds it unchanged need not hand the article in again."""
    id: str = ""
    """Of the stored article that was moved to this path; empty to find or make it by its path."""
    visibility: Visibility = "public"
    author: str = ""
    """Who wrote it; empty: the source."""


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
    """live, draft (it never was live) or gone"""
    visibility: Visibility = "public"
    author: str = ""
    reviewed_by: str = ""
    """Who approved or wrote what it says; empty: nobody, so its source may replace it."""
    reviewed_at: float | None = None
    place: str = ""


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


# Sources: places outside that articles come from --------------------------------------------------------------------


class SourceRefused(Exception):
    """An address that cannot be a source. The text is a sentence: what is wrong with it and what to do."""


class SourceFailed(Exception):
    """A whole look that failed, such as a folder that is not there. A sentence; the articles stay as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOrder:
    """What somebody wants to be read."""

    address: str
    """An ``https://`` address, or a file or folder of this machine."""
    language: str = ""
    """Language of everything that is there; empty: what it says itself."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Small JSON, checked by the source: ``sitemap`` (bool), ``depth``, ``pages`` and ``delay`` for websites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A page or a file of a source. ``path`` is its stable name there, such as an address; ``hint`` small JSON for the reader."""

    path: str
    hint: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceArticle:
    """One article of a place. ``name`` tells several of one place apart and stays the same as long as the article does."""

    title: str
    body: str
    """Markdown without HTML. Untrusted."""
    name: str = ""
    url: str = ""
    language: str = ""
    updated: str = ""
    """ISO date."""
    sites: tuple[str, ...] = ()
    """Keys of the sites that may see it; empty: those of the source."""
    internal: bool = False
    """For agents only, also when the source is for everybody."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was left out, such as ``("row 12", "it has no answer")``. The rest goes on. With an empty ``what`` it is the place
    itself: what was read of it before stays."""

    what: str
    reason: str
    """A clause without its subject."""


@dataclass(frozen=True, slots=True)
class Remember:
    """Small JSON that :meth:`SourceReader.read` gets again at the next look, such as an ETag."""

    note: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The place is as it was at the last look: its articles stay."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing is at the place. Its articles leave at once if that is ``certain``, else when it is so twice in a row."""

    certain: bool = True


Finding = Place | SourceArticle | LeftOut | Remember | Unchanged | Gone


class SourceReader:
    """One look at one source. Used by one thread; closed at its end. A long look has several readers, so keep nothing that matters."""

    def places(self) -> Iterable[Place]:
        """Where a look begins. Raises :class:`SourceFailed`."""
        raise NotImplementedError

    def read(self, place: Place, note: Mapping[str, Any]) -> Iterator[Finding]:
        """Yield what is at a place; another :class:`Place` is read as well, once in a look. Within a few minutes.

        ``note`` is what was remembered of it last time. Whatever it raises is a problem of this place alone.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Let go of connections and processes."""


class KnowledgeSource:
    """A kind of source. The hook ``knowledge_source`` returns one or several; Deskhand does the rest: rows, progress, versions, review."""

    kind: str = ""
    """A word such as ``web``, stored with each source. Unique among all plugins."""
    title: str = ""
    complete: bool = False
    """Whether what a look does not name is certainly gone, as in a folder. Else it is looked for, and leaves after two looks."""

    def accepts(self, address: str) -> bool:
        """Whether ``deskhand knowledge add ADDRESS`` may mean this kind. Cheap: asks nobody."""
        raise NotImplementedError

    def check(self, order: SourceOrder) -> SourceOrder:
        """Return the order as it is to be stored: the address in one form, every option known. Raises :class:`SourceRefused`."""
        raise NotImplementedError

    def open(self, order: SourceOrder) -> SourceReader:
        """Begin or go on with a look."""
        raise NotImplementedError
