"""Confidence: more of anything never makes less, what nobody contradicts stays as it is, and weights are learnt within bounds."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest

from bot import confidence
from bot.answer_log import Basis
from bot.answering import sure
from bot.calibration import Judged, TooFew, fit, quality
from bot.confidence import PRIOR, Weights, combine
from bot.events import Answer

GRID = (None, 0.0, 0.1, 0.35, 0.5, 0.8, 0.95, 1.0)


def test_the_models_own_word_stays_when_nothing_speaks_against_it() -> None:
    assert [combine(value, None, None) for value in (0.0, 0.42, 1.0)] == [0.01, 0.42, 0.99]
    assert combine(0.42, None, 1.0) == 0.42 and combine(None, None, 1.0) is None


@pytest.mark.parametrize("weights", [PRIOR, Weights(bias=-0.5, stated=0.3, certainty=1.2, grounded=2.0), Weights(stated=0, certainty=0, grounded=0)])  # fmt: skip
def test_being_surer_of_one_thing_never_makes_the_whole_less_sure(weights: Weights) -> None:
    known = [value for value in GRID if value is not None]
    for others in itertools.product(GRID, GRID):
        for place in range(3):
            said = []
            for value in known:
                three = list(others)
                three.insert(place, value)
                found = combine(*three, weights)  # type: ignore[arg-type]
                if found is not None:
                    assert 0 <= found <= 1
                    said.append(found)
            assert said == sorted(said), (place, others)


def test_what_is_not_in_the_articles_costs_the_answer_its_confidence() -> None:
    assert combine(0.9, 0.8, 1.0) > 0.9  # type: ignore[operator]
    assert combine(0.9, 0.3, 0.0) < 0.5  # type: ignore[operator]
    assert combine(0.3, 0.95, 1.0) < 0.5, "nothing outweighs a model that says it does not know"  # type: ignore[operator]


def test_nonsense_is_bounded() -> None:
    assert combine(math.nan, 0.5, None) == 0.5 and combine(9.0, 0.5, None) == pytest.approx(0.99)
    assert Weights(stated=-1).problem() and Weights(bias=math.inf).problem() and Weights(bias=99).problem()
    assert not PRIOR.problem()


def test_a_greeting_is_not_judged_by_the_search(store: Any) -> None:
    said = Answer(text="Hello!", stated=0.9, confidence=0.9)
    assert sure(said, Basis(answerable=False, certainty=0.0)).confidence == 0.9
    assert sure(said, Basis(answerable=True, certainty=0.2)).confidence < 0.9  # type: ignore[operator]
    assert sure(Answer(text="x"), Basis()).confidence is None


def test_a_damaged_setting_falls_back_to_the_weights_by_hand(store: Any) -> None:
    confidence.forget()
    store.write(lambda: store.sql("INSERT INTO setting (key, value, changed_at) VALUES (?, ?, 0)",
                                  (confidence.SETTING, '{"stated": -4}')))  # fmt: skip
    assert confidence.weights() == PRIOR
    with pytest.raises(ValueError, match="not negative"):
        confidence.use(Weights(stated=-1), "test")
    confidence.forget()


def drawn(count: int, truth: Weights, seed: int = 1) -> list[Judged]:
    random_ = random.Random(seed)
    made = []
    for _ in range(count):
        stated, certainty = random_.uniform(0.05, 0.95), random_.uniform(0.05, 0.95)
        grounded = random_.choice([1.0, 1.0, 0.5, 0.0, None])
        odds = truth.bias + sum(one for _, one in confidence.parts(stated, certainty, grounded, truth))
        made.append(
            Judged(
                stated=stated,
                certainty=certainty,
                grounded=grounded,
                right=random_.random() < 1 / (1 + math.exp(-odds)),
            )
        )
    return made


def test_the_fit_finds_the_weights_that_made_the_answers() -> None:
    truth = Weights(bias=-0.4, stated=0.5, certainty=0.9, grounded=0.4)
    found = fit(drawn(3_000, truth))
    for name in ("bias", "stated", "certainty", "grounded"):
        assert abs(getattr(found.weights, name) - getattr(truth, name)) < 0.15, (name, found.weights)
    assert found.after.brier < found.before.brier and found.after.error < 0.05


def test_a_weight_that_would_be_negative_is_nothing() -> None:
    answers = [
        Judged(stated=one.stated, certainty=1 - (one.certainty or 0), grounded=one.grounded, right=one.right)
        for one in drawn(600, Weights(certainty=1.5))
    ]
    assert fit(answers).weights.certainty == 0.0


def test_a_few_answers_move_the_weights_only_a_little_and_too_few_not_at_all() -> None:
    few = fit(drawn(60, Weights(stated=0.1, certainty=0.1)))
    assert abs(few.weights.stated - PRIOR.stated) < 0.8
    with pytest.raises(TooFew, match="39 judged answers are too few"):
        fit(drawn(39, PRIOR))
    with pytest.raises(TooFew):
        fit([Judged(stated=0.9, certainty=None, grounded=None, right=True)] * 400)


def test_quality_is_what_it_says() -> None:
    found = quality([0.9, 0.8, 0.2, 0.1], [True, True, False, False])
    assert found.ranking == 1.0 and found.above == 2 and found.right_above == 1.0
    assert found.brier == pytest.approx((0.01 + 0.04 + 0.04 + 0.01) / 4)
    assert quality([0.5, 0.5], [True, False]).ranking == 0.5


def test_who_comes_after_the_check_of_an_answer_sees_how_sure_that_makes_it() -> None:
    from bot.answering import _checked

    said = Answer(text="It costs 5.", stated=0.9, confidence=0.9)
    checked = _checked(Basis(certainty=0.3), said, Answer(text="It costs 5.", stated=0.9, confidence=0.9, grounded=0.0))
    assert checked.confidence is not None and checked.confidence < 0.5
    own = Answer(text="x", stated=0.9, confidence=0.2)
    assert _checked(Basis(), said, own) is own, "what a plugin says of the confidence itself stays"
