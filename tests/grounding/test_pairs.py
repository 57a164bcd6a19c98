"""The check against 200 labelled pairs of our own. ``make bench`` prints the same figures."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.grounding.measure import Pair, measure, pairs

PRECISION, RECALL = 0.90, 0.85


def test_there_are_200_pairs_half_of_them_kept_apart() -> None:
    every = list(pairs())
    assert len(every) == 200 and len({(one.passages, one.sentence) for one in every}) == 200
    assert Counter(bool(one.wrong) for one in every) == {True: 100, False: 100}
    halves = Counter(one.half for one in every)
    assert set(halves) == {"tune", "held"} and min(halves.values()) >= 96
    for half in halves:
        mine = [one for one in every if one.half == half]
        assert {one.language for one in mine} >= {"en", "de", "fr", "es"}
        assert {one.wrong for one in mine if one.wrong} >= {
            "number",
            "other",
            "negation",
            "unit",
            "name",
            "date",
            "address",
        }
        assert not {one.passages for one in mine} & {one.passages for one in every if one.half != half}


@pytest.mark.parametrize("half", ["tune", "held"])
def test_the_floors(half: str) -> None:
    result = measure(list(pairs(half)))
    missed = "\n".join(f"missed ({one.wrong}): {one.sentence}" for one in result.missed)
    false = "\n".join(f"false: {one.sentence} ({why})" for one, why in result.false)
    assert result.precision >= PRECISION, false
    assert result.recall >= RECALL, missed


def test_the_measure_itself_counts_both_mistakes() -> None:
    """A sentence with the wrong label is a miss or a false alarm: the floors cannot be reached by labels."""
    some = list(pairs("tune"))
    turned = [Pair(p.half, p.language, p.passages, p.sentence, "" if p.wrong else "turned") for p in some]
    result = measure(turned)
    assert result.precision < 0.1 and result.recall < 0.1
