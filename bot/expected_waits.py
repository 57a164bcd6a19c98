"""How long somebody will wait for an agent, from how long others waited who stood as they do. Pure: numbers in, seconds out.

How one stands is one number, the load: ``(1 + customers before + conversations in hand / 2) / agents who are there``. What is told
is a weighted median of earlier waits: one that began under the same load counts fully, and less the more its load differed, as
``exp(-(ln(load / its load) / 0.4)²)``; and less the farther its hour of the day is away, as ``exp(-(hours / 3)²)``. A median of
like cases needs no theory of queues, and no single night of an open ticket moves it. With fewer than five waits, or five that are
hardly alike (weights below 2.5 in all), nobody guesses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

SAMPLES = 5
"""Waits that are needed to say what is usual."""
LEAST_WEIGHT = 2.5
ALIKE = 0.4
HOURS = 3.0
UNKNOWN = 0.5
"""What a wait counts whose load nobody wrote down."""


class Sample(NamedTuple):
    """A wait that ended with a claim: seconds, the hour (UTC) of its end, and the load when it began."""

    seconds: float
    hour: int
    load: float | None


def load(ahead: int, busy: int, there: int) -> float:
    """How one stands behind ``ahead`` others, with ``busy`` conversations in hand of ``there`` agents."""
    return (1 + ahead + busy / 2) / max(1, there)


def expected(samples: Iterable[Sample], *, hour: int, now: float | None, waited: float = 0.0) -> float | None:
    """How much longer it usually takes under the load ``now`` for who has waited ``waited`` seconds: of those who waited longer.
    ``None``: nobody can say."""
    known = []
    for sample in samples:
        if sample.seconds <= waited:
            continue
        weight = (
            UNKNOWN if sample.load is None or now is None else math.exp(-((math.log(now / sample.load) / ALIKE) ** 2))
        )
        apart = abs(sample.hour - hour)
        weight *= math.exp(-((min(apart, 24 - apart) / HOURS) ** 2))
        known.append((sample.seconds - waited, weight))
    total = sum(weight for _, weight in known)
    if len(known) < SAMPLES or total < LEAST_WEIGHT:
        return None
    return _median(sorted(known), total / 2)


def _median(known: list[tuple[float, float]], half: float) -> float:
    """Half of the weight lies below; between two values where it is exactly half."""
    so_far = 0.0
    for number, (value, weight) in enumerate(known):
        so_far += weight
        if so_far > half * (1 + 1e-9):
            return value
        if so_far >= half * (1 - 1e-9):
            return (value + known[min(number + 1, len(known) - 1)][0]) / 2
    return known[-1][0]
