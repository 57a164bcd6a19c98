"""Fitting the weights of ``bot.confidence`` to answers of which somebody said whether they were right. Plain arithmetic, no I/O.

Logistic regression with weights that are not negative, held near the weights of now by a penalty that a few dozen answers do not
outweigh and a few hundred do. What it says of itself comes from answers that it was not fitted to (five parts in turn).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bot.confidence import PRIOR, Weights, combine, features

LEAST = 40
"""Judged answers that are needed, and a quarter as many of each kind."""
PENALTY = 12.0
FOLDS = 5
STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One answer of which it is known whether it was right."""

    stated: float | None
    certainty: float | None
    grounded: float | None
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good confidences are: the mean squared error, the log loss, how far they are from what came true (in ten parts), how often a
    right answer is surer than a wrong one, and the share of right ones above the threshold that brings a person."""

    brier: float
    log_loss: float
    error: float
    ranking: float
    above: int
    right_above: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    weights: Weights
    before: Quality
    after: Quality
    """Cross-validated."""
    answers: int
    right: int


class TooFew(Exception):
    """There is not enough to learn from; the text says what is missing."""


def fit(judged: Sequence[Judged], current: Weights = PRIOR) -> Fit:
    """Fit to ``judged``. Raises :class:`TooFew`."""
    usable = [one for one in judged if one.stated is not None or one.certainty is not None]
    right = sum(one.right for one in usable)
    if len(usable) < LEAST or min(right, len(usable) - right) < LEAST // 4:
        raise TooFew(
            f"{len(usable)} judged answers are too few to learn from ({right} right, {len(usable) - right} wrong): {LEAST} are needed,"
            f" {LEAST // 4} of each kind. Mark more with: deskhand answers mark"
        )
    held: list[float] = [0.0] * len(usable)
    for fold in range(FOLDS):
        learnt = _solve([one for index, one in enumerate(usable) if index % FOLDS != fold], current)
        for index in range(fold, len(usable), FOLDS):
            held[index] = _said(usable[index], learnt)
    return Fit(
        weights=_solve(usable, current),
        before=quality([_said(one, current) for one in usable], [one.right for one in usable]),
        after=quality(held, [one.right for one in usable]),
        answers=len(usable),
        right=right,
    )


def _said(one: Judged, weights: Weights) -> float:
    found = combine(one.stated, one.certainty, one.grounded, weights)
    return 0.5 if found is None else found


def _solve(judged: Sequence[Judged], current: Weights) -> Weights:
    """Newton's steps on the penalised log loss; a weight that would fall below nothing stays at nothing."""
    rows = [(1.0, *features(one.stated, one.certainty, one.grounded)) for one in judged]
    start = [current.bias, current.stated, current.certainty, current.grounded]
    values = list(start)
    for _ in range(STEPS):
        gradient = [PENALTY * (value - first) for value, first in zip(values, start, strict=True)]
        curve = [[PENALTY if i == j else 0.0 for j in range(4)] for i in range(4)]
        for row, one in zip(rows, judged, strict=True):
            odds = sum(weight * part for weight, part in zip(values, row, strict=True))
            said = 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))
            slope = said * (1 - said)
            for i in range(4):
                gradient[i] += (said - one.right) * row[i]
                for j in range(4):
                    curve[i][j] += slope * row[i] * row[j]
        # A weight at its end that wants further is left out of the step.
        free = [i for i in range(4) if i == 0 or values[i] > 0 or gradient[i] < 0]
        step = _linear([[curve[i][j] for j in free] for i in free], [gradient[i] for i in free])
        moved = 0.0
        for place, i in enumerate(free):
            after = values[i] - step[place] if i == 0 else max(0.0, values[i] - step[place])
            moved = max(moved, abs(after - values[i]))
            values[i] = after
        if moved < 1e-7:
            break
    bias, stated, certainty, grounded = (round(value, 4) for value in values)
    return Weights(bias=bias, stated=stated, certainty=certainty, grounded=grounded)


def _linear(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve a small system by elimination; the penalty keeps it from being singular."""
    size = len(right)
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for at in range(size):
        best = max(range(at, size), key=lambda i: abs(rows[i][at]))
        rows[at], rows[best] = rows[best], rows[at]
        for below in range(at + 1, size):
            share = rows[below][at] / rows[at][at]
            rows[below] = [one - share * other for one, other in zip(rows[below], rows[at], strict=True)]
    found = [0.0] * size
    for at in reversed(range(size)):
        found[at] = (rows[at][size] - sum(rows[at][j] * found[j] for j in range(at + 1, size))) / rows[at][at]
    return found


def quality(said: Sequence[float], right: Sequence[bool], threshold: float = 0.5) -> Quality:
    """How good the confidences ``said`` were."""
    count = len(said)
    log_loss = -sum(math.log(max(1e-9, one if yes else 1 - one)) for one, yes in zip(said, right, strict=True)) / count
    bins: dict[int, list[int]] = {}
    for index, one in enumerate(said):
        bins.setdefault(min(9, int(one * 10)), []).append(index)
    error = sum(abs(sum(said[i] for i in part) - sum(right[i] for i in part)) / count for part in bins.values())
    above = [yes for one, yes in zip(said, right, strict=True) if one >= threshold]
    return Quality(
        brier=sum((one - yes) ** 2 for one, yes in zip(said, right, strict=True)) / count,
        log_loss=log_loss,
        error=error,
        ranking=_ranking(said, right),
        above=len(above),
        right_above=sum(above) / len(above) if above else 0.0,
    )


def _ranking(said: Sequence[float], right: Sequence[bool]) -> float:
    """How often a right answer has the higher confidence than a wrong one; equal ones count half."""
    order = sorted(range(len(said)), key=lambda i: said[i])
    ranks = [0.0] * len(said)
    at = 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and said[order[end + 1]] == said[order[at]]:
            end += 1
        for place in range(at, end + 1):
            ranks[order[place]] = (at + end) / 2 + 1
        at = end + 1
    yes = sum(right)
    no = len(said) - yes
    if not yes or not no:
        return 0.5
    return (sum(rank for rank, one in zip(ranks, right, strict=True) if one) - yes * (yes + 1) / 2) / (yes * no)
