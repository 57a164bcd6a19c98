"""The second scoring: each candidate with every word of the question, then the articles they belong to.

Two kinds of text are found. A passage of an article is scored by the words it has (BM25 with title and heading). A line that is like
a question is scored by words, pairs of words and letters together, and its article also by how many such lines are near and how
much of the question all of them have: asking the same in a hundred ways is what a list of questions is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot import Passage
from plugins.knowledge.index import Unpacked
from plugins.knowledge.nearness import UNIT, Likeness
from plugins.knowledge.question import Asked

_K1, _B = 1.2, 0.6
_OTHER_LANGUAGE = 0.85
_LEAD = 1.1  # the first words of an article say what it is about
_NAMED = 0.1  # a name of a subject that is like the question
# The following were set by cross-validation on training parts of two public sets of questions (docs/knowledge.md).
_OF_WORDS = 0.5  # words of one passage beside the three kinds of likeness
_LEAST = 0.5  # the best likeness counts as a whole one only from here on, so that faint ones stay faint
_POWER = 5.0  # of the passages of an article the nearest count most
_OFTEN = 2.0  # how often an article has a word until more of it says little
_SHARP = 4.0
_NAMES = 20
_NONE = Likeness()
_OF_MEANING = 0.45  # a little less than half: where words and meaning point to two articles, the words do


@dataclass(slots=True)
class Scored:
    """A candidate with what was found in it."""

    passage: Passage
    source: Unpacked
    words: float
    """BM25 of its words."""
    found: dict[int, float]
    """Positions of the terms that it has, each with how well its form stands for the word."""
    like: Likeness
    question: bool
    """True if it was compared as a question."""
    listed: bool
    times: dict[int | str, float]
    """How often it has each term, by position, and each small word."""
    meaning: float = 0.0
    """How near it is in meaning: 0 unrelated, 1 as near as neighbours are to each other."""
    part: float = 0.0
    """Its own score, beside the best one's 1."""
    score: float = 0.0
    """That of its article, less for a lesser passage."""


@dataclass(slots=True)
class Article:
    """What candidates of one article say about it together."""

    id: str
    passages: list[Scored] = field(default_factory=list)
    near: float = 0.0
    """Sum over its passages, the nearest counting most."""
    whole: float = 0.0
    """How much of the question its lines have together, from 0 to 1."""
    score: float = 0.0


def score_all(
    candidates: Mapping[int, Unpacked], asked: Asked, average: float, meanings: Mapping[int, float]
) -> list[Scored]:
    """Score candidates, by row, one by one. ``average``: words of a passage that the site may see. ``meanings``: how near some rows
    are in meaning (``plugins.knowledge.vectors``)."""
    forms: dict[str, list[tuple[int, float]]] = {}
    for position, term in enumerate(asked.terms):
        for form, how in term.forms.items():
            forms.setdefault(form, []).append((position, how))
    small = frozenset(asked.small)
    scored = []
    for row, candidate in candidates.items():
        one = _score(candidate, asked, forms, small, average)
        one.meaning = max(0.0, meanings.get(row, 0.0))
        scored.append(one)
    _compare(scored, asked)
    return scored


def _score(
    one: Unpacked, asked: Asked, forms: dict[str, list[tuple[int, float]]], small: frozenset[str], average: float
) -> Scored:
    """``forms``: each form with the positions of the terms that it stands for, and how well."""
    best: dict[int, float] = {}
    found: dict[int, float] = {}
    for form in one.words.keys() & forms.keys():
        times = one.words[form]
        for position, how in forms[form]:
            if how * times > best.get(position, 0.0):
                best[position] = how * times
            if how > found.get(position, 0.0):
                found[position] = how
    norm = _K1 * (1 - _B + _B * one.length / average)
    words = sum(
        asked.terms[position].weight * most * (_K1 + 1) / (most + norm) for position, most in sorted(best.items())
    )
    passage = one.passage
    words *= 1.0 if not asked.language or passage.language == asked.language else _OTHER_LANGUAGE
    words *= 1.0 if passage.heading else _LEAD
    counted: dict[int | str, float] = {}
    if one.question:
        counted.update(best)
        for line in one.lines:
            for word in line.words & small:
                counted[word] = counted.get(word, 0.0) + 1.0
    return Scored(passage, one, words, found, _NONE, one.question, one.listed, counted)


def _compare(scored: Sequence[Scored], asked: Asked) -> None:
    """Compare every question, and the names of the subjects of those passages that have the most words."""
    names = sorted((one for one in scored if not one.question), key=lambda one: (-one.words, one.passage.id))
    for one in (*(one for one in scored if one.question), *names[:_NAMES]):
        for line in one.source.lines:
            like = asked.sought.likeness(line)
            if like.sum > one.like.sum:
                one.like = like


def rank(scored: Sequence[Scored], asked: Asked) -> list[Article]:
    """Give every candidate its score, and return the articles, best first."""
    if not scored:
        return []
    _fuse(scored)
    articles: dict[str, Article] = {}
    for one in scored:
        articles.setdefault(one.passage.article_id, Article(one.passage.article_id)).passages.append(one)
    worth = _worth(asked)
    for article in articles.values():
        article.near = sum(one.part**_POWER for one in article.passages)
        article.whole = _whole(article, worth)
    nearest = max(article.near for article in articles.values()) or 1.0
    most = max(article.whole for article in articles.values()) or 1.0
    meant = max(one.meaning for one in scored)
    for article in articles.values():
        article.near /= nearest
        asks = any(one.question for one in article.passages)
        article.score = (article.near + ((article.whole / most) ** _SHARP if asks else article.near)) / 2
        if meant:
            near = (max(one.meaning for one in article.passages) / meant) ** _SHARP * min(meant, 1.0)
            article.score = (1 - _OF_MEANING) * article.score + _OF_MEANING * near
            for one in article.passages:
                one.part = (one.part + one.meaning / meant) / 2
        best = max(one.part for one in article.passages) or 1.0
        for one in article.passages:
            one.score = article.score * one.part / best
        article.passages.sort(key=lambda one: (-one.score, one.passage.id))
    return sorted(articles.values(), key=lambda article: (-article.score, article.passages[0].passage.id))


def _fuse(scored: Sequence[Scored]) -> None:
    top = max(one.words for one in scored) or 1.0
    likes = [one.like for one in scored if one.question]
    words = max([_LEAST, *(like.words for like in likes)])
    grams = max([_LEAST, *(like.grams for like in likes)])
    pairs = max([_LEAST, *(like.pairs for like in likes)])
    for one in scored:
        one.part = one.words / top
        if one.question:
            like = one.like.words / words + one.like.grams / grams + one.like.pairs / pairs
            one.part = (_OF_WORDS * one.part + like) / (_OF_WORDS + 3.0)
        else:
            one.part += _NAMED * one.like.sum
    best = max(one.part for one in scored) or 1.0
    for one in scored:
        one.part /= best


def _worth(asked: Asked) -> dict[int | str, float]:
    """What finding each term, by position, and each small word is worth."""
    worth: dict[int | str, float] = {position: term.weight for position, term in enumerate(asked.terms)}
    worth.update((word, asked.sought.words[word] / UNIT) for word in asked.small)
    return worth


def _whole(article: Article, worth: dict[int | str, float]) -> float:
    times: dict[int | str, float] = {}
    for one in article.passages:
        for key, often in one.times.items():
            times[key] = times.get(key, 0.0) + often
    if not times:
        return 0.0
    all_of_it = sum(worth.values())
    has = sum(what * times[key] / (times[key] + _OFTEN) for key, what in worth.items() if key in times)
    return has / all_of_it if all_of_it else 0.0
