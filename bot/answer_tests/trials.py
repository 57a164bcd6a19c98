"""Running many answer tests, side by side, and what came out of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import structlog

from bot.answer_tests.cases import Case, Problem
from bot.answer_tests.judging import judge, label_of
from bot.answer_tests.outcome import Cited, Outcome
from bot.answer_tests.rehearsal import CannotAsk, Stage
from bot.store import StoreUnavailable

log = structlog.get_logger("answer-tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One case, asked and judged."""

    case: Case
    outcomes: tuple[Outcome, ...] = ()
    wrong: tuple[str, ...] = ()
    """Sentences: what is not as expected. Empty: passed."""
    error: bool = False
    """It could not be asked (to its end), so its answer says nothing about the assistant."""

    @property
    def passed(self) -> bool:
        return not self.wrong

    @property
    def last(self) -> Outcome | None:
        return self.outcomes[-1] if self.outcomes else None

    def labels(self) -> list[dict[str, Any]]:
        """Its answers with what is known of them and whether they are right, as ``deskhand answers calibrate --from`` reads them."""
        if self.error:
            return []
        pairs = zip(self.case.steps, self.outcomes, strict=True)
        found = [
            label_of(outcome, bool(judge(step.expected, outcome))) for step, outcome in pairs if step.expected.anything
        ]
        return [{"case": self.case.id, **label} for label in found if label is not None]

    @property
    def cited(self) -> list[str]:
        found: list[Cited] = [cited for outcome in self.outcomes for cited in outcome.cited]
        return list(dict.fromkeys(cited.name for cited in found))

    @property
    def tokens(self) -> int:
        return sum(outcome.tokens for outcome in self.outcomes)

    @property
    def cost(self) -> float | None:
        return _sum([outcome.cost for outcome in self.outcomes])

    @property
    def ms(self) -> int:
        return sum(outcome.ms for outcome in self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came out of a run."""

    label: str
    trials: tuple[Trial, ...]
    problems: tuple[Problem, ...] = ()
    """What in the files cannot be used."""
    seconds: float = 0.0

    @property
    def failed(self) -> list[Trial]:
        return [trial for trial in self.trials if not trial.passed]

    @property
    def ok(self) -> bool:
        return not self.failed and not self.problems

    @property
    def tokens(self) -> int:
        return sum(trial.tokens for trial in self.trials)

    @property
    def cost(self) -> float | None:
        return _sum([trial.cost for trial in self.trials])

    @property
    def by(self) -> str:
        """Which providers answered, with their models."""
        said = [
            f"{one.provider} {one.model}".strip() for trial in self.trials for one in trial.outcomes if one.provider
        ]
        return ", ".join(dict.fromkeys(said)) or "no provider"


def _sum(costs: Sequence[float | None]) -> float | None:
    """Unknown as soon as one is: half a sum would look like a whole one."""
    return None if any(cost is None for cost in costs) else sum(cost or 0.0 for cost in costs)


def chosen(cases: Sequence[Case], only: Sequence[str]) -> list[Case]:
    """The cases that are meant: by a part of their name or id, whatever its case, or a pattern with ``*``. All for nothing."""
    if not only:
        return list(cases)
    return [case for case in cases if any(_meant(case, wanted.casefold()) for wanted in only)]


def _meant(case: Case, wanted: str) -> bool:
    names = (case.name.casefold(), case.id.casefold())
    if any(sign in wanted for sign in "*?"):
        return any(fnmatchcase(name, wanted) for name in names)
    return any(wanted in name for name in names)


def run(
    cases: Sequence[Case],
    stage: Stage,
    *,
    label: str = "now",
    problems: Sequence[Problem] = (),
    parallel: int = 4,
    told: Callable[[Trial], None] = lambda trial: None,
) -> Report:
    """Ask and judge all cases, ``parallel`` at once; in the report they stand in their order. ``told`` hears of each as it ends."""
    began = time.monotonic()

    def one(case: Case) -> Trial:
        trial = attempt(case, stage)
        told(trial)
        return trial

    with ThreadPoolExecutor(max(1, parallel), thread_name_prefix="answer-test") as pool:
        trials = list(pool.map(one, cases))
    return Report(label=label, trials=tuple(trials), problems=tuple(problems), seconds=time.monotonic() - began)


def attempt(case: Case, stage: Stage) -> Trial:
    """Ask one case and judge its answers. Never raises for what happens in it."""
    outcomes: list[Outcome] = []
    try:
        for outcome in stage.rehearse(case):
            outcomes.append(outcome)
    except CannotAsk as cannot:
        return Trial(case=case, outcomes=tuple(outcomes), wrong=(str(cannot),), error=True)
    except StoreUnavailable as error:
        return Trial(case=case, outcomes=tuple(outcomes), wrong=(f"It could not be asked: {error}",), error=True)
    except Exception as error:
        log.exception("answer_test_crashed", case=case.id)
        return Trial(
            case=case, outcomes=tuple(outcomes), error=True,
            wrong=(f"Deskhand failed while answering ({type(error).__name__}: {str(error)[:200]}). Please report this.",),
        )  # fmt: skip
    several = len(case.steps) > 1
    wrong = [
        f"Message {number}: {sentence}" if several else sentence
        for number, (step, outcome) in enumerate(zip(case.steps, outcomes, strict=True), 1)
        for sentence in judge(step.expected, outcome)
    ]
    failing = any(
        outcome.type == "fallback" for outcome in outcomes
    )  # no provider could answer: says nothing about the words
    return Trial(case=case, outcomes=tuple(outcomes), wrong=tuple(wrong), error=bool(wrong) and failing)
