"""Comparing what was answered with what a test expects. No I/O."""

from __future__ import annotations

from typing import Any

from bot.answer_tests.cases import Expected
from bot.answer_tests.outcome import Outcome
from bot.answer_tests.wording import says

SURE = 0.5
"""An answer without a source of which the AI is so sure is an answer, whatever its words."""


def judge(expected: Expected, outcome: Outcome) -> list[str]:
    """What is wrong with an answer, each as a sentence. Empty: it is as expected."""
    wrong = [*_sources(expected, outcome), *_words(expected, outcome), *_people(expected, outcome)]
    if expected.expects_no_answer is not None and expected.expects_no_answer == answered(outcome):
        wrong.append(_no_answer(expected.expects_no_answer, outcome))
    least = expected.min_confidence
    if least is not None and (outcome.confidence is None or outcome.confidence < least):
        is_ = "is not known" if outcome.confidence is None else f"is {outcome.confidence:.2f}"
        wrong.append(f"The confidence {is_}, and {least:.2f} is the least.")
    if expected.max_cost is not None:
        if outcome.cost is None:
            wrong.append(
                f"The price of {outcome.model or outcome.provider} is not known, so its cost cannot be judged."
            )
        elif outcome.cost > expected.max_cost:
            wrong.append(f"It cost ${outcome.cost:.6f}, and ${expected.max_cost:g} is the most.")
    return wrong


def answered(outcome: Outcome) -> bool:
    """Whether it is an answer: it cites something, or nobody passed it on and the AI is sure of it."""
    if outcome.cited:
        return True
    if outcome.type == "auto":
        return outcome.answerable  # a rule's words; without an answer they only say so
    if outcome.passed_on or outcome.type == "fallback":
        return False
    return outcome.confidence is not None and outcome.confidence >= SURE


def label_of(outcome: Outcome, wrong: bool) -> dict[str, Any] | None:
    """An answer with what is known of it, for fitting the confidence to it; ``None``: it is no answer of the AI."""
    if outcome.type not in {"ai", "offline"} or not answered(outcome):
        return None
    facts = {"stated": outcome.stated, "certainty": outcome.certainty, "grounded": outcome.grounded}
    return {**facts, "confidence": outcome.confidence, "right": not wrong}


def _no_answer(expected: bool, outcome: Outcome) -> str:
    if not expected:
        return f"It was not answered: {_short(outcome.text)}"
    names = ", ".join(dict.fromkeys(cited.name for cited in outcome.cited))
    how = f"citing {names}" if names else "without a source, and it was sure of it"
    return f"It should not have been answered, and was, {how}: {_short(outcome.text)}"


def _sources(expected: Expected, outcome: Outcome) -> list[str]:
    wrong = []
    for group in expected.must_cite:
        if not any(cited.called(name) for name in group for cited in outcome.cited):
            names = ", ".join(dict.fromkeys(cited.name for cited in outcome.cited)) or "nothing"
            wrong.append(f"It does not cite {' or '.join(group)}, but {names}.")
    return wrong


def _words(expected: Expected, outcome: Outcome) -> list[str]:
    wrong = []
    for group in expected.must_say:
        if not any(says(outcome.text, wanted) for wanted in group):
            wrong.append(f"It does not say {' or '.join(map(str, group))}: {_short(outcome.text)}")
    for wanted in expected.must_not_say:
        if says(outcome.text, wanted):
            wrong.append(f"It says {wanted}: {_short(outcome.text)}")
    return wrong


def _people(expected: Expected, outcome: Outcome) -> list[str]:
    match expected.expects_person:
        case "yes" if not (outcome.passed_on or outcome.offered):
            return ["It was neither passed on to a person nor was a person offered."]
        case "handoff" if not outcome.passed_on:
            return ["It was not passed on to a person."]
        case "no" if outcome.passed_on:
            return [f"It was passed on to a person: {outcome.reason}."]
    return []


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return f"“{flat}”" if len(flat) <= 160 else f"“{flat[:157]}…”"
