"""How sure an answer is: what the model says of itself, how sure the search was, and how much of it stands in its passages.

The three are added as log-odds with weights that are never negative, so that more of any of them never makes less of the whole.
The weights were set by hand: alone, what the model says stays as it is; a search that found little, or claims that no passage
holds, take from it, and nothing can outweigh a model that says it does not know. ``deskhand answers calibrate`` fits them to
answers that people marked or tests judged (``bot.calibration``); what it finds counts when an admin says so.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from bot import audit, clock
from bot.store import StoreUnavailable, read, sql, write
from bot.store.json_columns import decoded

SETTING = "confidence.weights"
AGAIN = 10.0
"""Seconds for which a process uses the weights before it looks again."""
SUREST, LEAST_SURE = 0.99, 0.01
"""Nobody is surer than that, or less sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Of the log-odds of what the model stated, of those of the search's certainty, and of what is not grounded."""

    bias: float = 0.0
    stated: float = 1.0
    certainty: float = 0.2
    grounded: float = 0.8

    def problem(self) -> str:
        """Why they cannot be used, as a sentence; empty when they can."""
        values = asdict(self)
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values.values()):
            return "Weights are numbers."
        if min(self.stated, self.certainty, self.grounded) < 0:
            return "Weights are not negative: being surer of one thing must not make the whole less sure."
        return "" if max(map(abs, values.values())) <= 20 else "Weights are at most 20."


PRIOR = Weights()


def combine(
    stated: float | None, certainty: float | None, grounded: float | None, weights: Weights = PRIOR
) -> float | None:
    """The confidence from 0.01 to 0.99; ``None`` when the model said nothing of itself and nothing was searched.

    ``None`` in one place means that nobody knows: it neither adds nor takes.
    """
    if stated is None and certainty is None:
        return None
    if weights == PRIOR and stated is not None and certainty is None and grounded in {None, 1.0}:
        return _bounded(stated)  # nothing speaks against it: to the digit what the model said
    odds = weights.bias + sum(part for _, part in parts(stated, certainty, grounded, weights))
    return _bounded(round(1 / (1 + math.exp(-odds)), 4))


def parts(
    stated: float | None, certainty: float | None, grounded: float | None, weights: Weights = PRIOR
) -> list[tuple[str, float]]:
    """What each of them adds to the log-odds, for people who ask why."""
    inputs = features(stated, certainty, grounded)
    return [
        ("the model's own word", weights.stated * inputs[0]),
        ("the search", weights.certainty * inputs[1]),
        ("claims found in the passages", weights.grounded * inputs[2]),
    ]


def features(stated: float | None, certainty: float | None, grounded: float | None) -> tuple[float, float, float]:
    """What the weights are multiplied with. Claims that hold are what one expects: only those that do not count."""
    return _odds(stated), _odds(certainty), 0.0 if grounded is None else 3.0 * (min(1.0, max(0.0, grounded)) - 1.0)


def _odds(value: float | None) -> float:
    if value is None or math.isnan(value):
        return 0.0
    value = _bounded(value)
    return math.log(value / (1 - value))


def _bounded(value: float) -> float:
    return min(SUREST, max(LEAST_SURE, value))


_known: tuple[float, Weights] = (0.0, PRIOR)


def weights() -> Weights:
    """The weights that count now, at most ten seconds old. Blocks; with the database away the last known ones."""
    global _known
    if time.monotonic() >= _known[0]:
        try:
            found = read(lambda: sql("SELECT value FROM setting WHERE key = ?", (SETTING,)).fetchone())
        except StoreUnavailable:
            return _known[1]
        _known = (time.monotonic() + AGAIN, _parsed(found[0]) if found else PRIOR)
    return _known[1]


def _parsed(value: Any) -> Weights:
    told = decoded(value)
    try:
        made = Weights(**told)
    except TypeError:
        return PRIOR
    return PRIOR if made.problem() else made


def forget() -> None:
    """Look again at once (tests, and the command that changed them)."""
    global _known
    _known = (0.0, PRIOR)


def use(made: Weights | None, actor: str) -> None:
    """Let other weights count from now on, in all processes; ``None``: those set by hand. Raises ValueError. Blocks."""
    if made is not None and (problem := made.problem()):
        raise ValueError(problem)
    before = weights()

    def work() -> None:
        if made is None:
            sql("DELETE FROM setting WHERE key = ?", (SETTING,))
        else:
            sql(
                "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
                (SETTING, orjson.dumps(asdict(made)).decode(), clock.now()),
            )
        audit.record(
            actor,
            "confidence.weights",
            "setting:confidence",
            {"before": asdict(before), "after": asdict(made or PRIOR)},
        )

    write(work)
    forget()
