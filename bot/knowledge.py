"""The knowledge contract: articles in, passages that can be cited out. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    """Version of the index that was searched."""


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
