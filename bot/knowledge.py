"""The knowledge contract: articles in, passages that can be cited out. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass


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
