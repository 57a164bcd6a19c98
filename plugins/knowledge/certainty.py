"""How sure a search is that it found the answer: what speaks for it, weighed into a number that can be compared between questions.

Scores cannot be compared: they grow with the number of words and of articles. What is weighed here does not: shares of the question,
likeness divided by what likeness to itself would be, how far the best article is ahead. The weights are those of two logistic
regressions (``tests/bench/calibrate.py`` makes them): one for articles, one for lists of questions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from plugins.knowledge.question import Asked
from plugins.knowledge.scoring import Article, Scored

ENOUGH, BEYOND = 3.0, 0.2
"""Questions up to the weight of three of the rarest words must be covered as a whole, longer ones less and less."""
HELP = 0.4
"""What earlier words may add to what the words of the question cover."""
LEVELS = {"cautious": 0.6, "normal": 0.4, "bold": 0.2}
"""Least certainty of an answerable question, by name."""
_NEAREST = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for the best article. All numbers are comparable between questions."""

    listed: bool = False
    """The best article is a list of questions."""
    question: bool = False
    """The best passage was compared as a question."""
    covered: float = 0.0
    """How much of the question one of the best articles has, from 0 to 1 (see :func:`coverage`)."""
    words: float = 0.0
    letters: float = 0.0
    """Likeness of its nearest line to the question, more for a longer question."""
    nearest: float = 0.0
    """Likeness of its five nearest lines, on average."""
    whole: float = 0.0
    """How much of the question its lines have together."""
    agreement: float = 0.0
    """Its share of what is near at all."""
    length: float = 0.0
    """How much the question says."""
    meaning: float = 0.0
    """How near its meaning is, by vectors: 0 unrelated, 1 as near as neighbours are to each other; 0 without vectors."""

    @property
    def of_articles(self) -> tuple[float, ...]:
        return (self.covered, self.agreement, self.words)

    @property
    def of_lists(self) -> tuple[float, ...]:
        return (self.words, self.letters, self.nearest, self.whole, self.agreement, self.length)


_ARTICLES = ((6.42, 2.65, 2.67), -6.8)
_LISTS = ((1.57, 0.69, 0.51, 3.82, 2.31, 1.56), -9.04)

# Not measured, for there is no model to measure with: what is as near to a passage as its own neighbours are is probably about the same.
_MEANING = ((6.0,), -4.5)
_MEANT = 0.85  # nearness in meaning alone never makes sure


def certainty(evidence: Evidence) -> float:
    """Return how sure it is that one of the first three articles has the answer, from 0 to 1."""
    of_words = _of_words(evidence)
    if not evidence.meaning:
        return of_words
    return max(of_words, min(_MEANT, _logistic(_MEANING, (evidence.meaning,))))


def _of_words(evidence: Evidence) -> float:
    of_articles = _logistic(_ARTICLES, evidence.of_articles) if evidence.covered else 0.0
    if not evidence.question:
        return of_articles
    of_lists = _logistic(_LISTS, evidence.of_lists)
    return of_lists if evidence.listed else max(of_lists, of_articles)


def least(setting: str) -> float:
    """Return the certainty from which on a question counts as answerable, for ``cautious``, ``normal``, ``bold`` or a number."""
    return LEVELS[setting] if setting in LEVELS else float(setting)


def _logistic(weights: tuple[tuple[float, ...], float], values: Sequence[float]) -> float:
    each, base = weights
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, base + sum(map(float.__mul__, each, values)))))), 3)


def weigh(asked: Asked, scored: Sequence[Scored], articles: Sequence[Article]) -> Evidence:
    """Collect what speaks for the best article. ``scored`` and ``articles``: best first."""
    if not articles:
        return Evidence()
    best = articles[0]
    whole_words, whole_grams = asked.sought.strength
    of_words, of_grams = math.sqrt(whole_words), math.sqrt(whole_grams)
    near = sum(article.near for article in articles)
    likes = sorted((of_words * one.like.words + of_grams * one.like.grams for one in best.passages), reverse=True)
    return Evidence(
        listed=any(one.listed for one in best.passages),
        question=best.passages[0].question,
        covered=coverage(asked, scored),
        words=of_words * max(one.like.words for one in best.passages),
        letters=of_grams * max(one.like.grams for one in best.passages),
        nearest=sum(likes[:_NEAREST]) / _NEAREST,
        whole=best.whole,
        agreement=best.near / near if near else 0.0,
        length=math.log1p(whole_words),
        meaning=max(one.meaning for one in best.passages),
    )


def coverage(asked: Asked, scored: Sequence[Scored]) -> float:
    """Return how much of what is asked for one of the best articles has, from 0 to 1, rare words counting more.

    A long message tells a story beside its question: of what is asked for beyond ``ENOUGH`` only a fifth must be there, too.
    What was said before may help a follow-up, and never speaks against it; it cannot stand for what is asked now ("and submarines?").
    """
    has: dict[str, dict[int, float]] = {one.passage.article_id: {} for one in scored[:5]}
    for one in scored:
        article = has.get(one.passage.article_id)
        if article is not None:
            for position, how in one.found.items():
                article[position] = max(article.get(position, 0.0), how)
    best = list(has.values())
    own = [position for position, term in enumerate(asked.terms) if term.own]
    with_earlier = _covered(asked, range(len(asked.terms)), best)
    if not own:
        return with_earlier
    alone = _covered(asked, own, best)
    return max(alone, min(with_earlier, alone + HELP))


def _covered(asked: Asked, positions: Sequence[int], articles: Sequence[dict[int, float]]) -> float:
    whole = sum(asked.terms[at].weight for at in positions)
    if not whole:
        return 0.0
    enough = ENOUGH * asked.rarest
    need = whole if whole <= enough else enough + BEYOND * (whole - enough)
    most = max(
        (sum(asked.terms[at].weight * found.get(at, 0.0) for at in positions) for found in articles), default=0.0
    )
    return round(min(most / need, 1.0), 3)
