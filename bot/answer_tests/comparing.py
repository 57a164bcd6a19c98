"""Two runs of the same tests side by side: what is different first. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.answer_tests.trials import Report, Trial
from bot.answer_tests.wording import plain

Kind = Literal["worse", "better", "other", "same"]
ORDER: tuple[Kind, ...] = ("worse", "better", "other", "same")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One case in both runs."""

    before: Trial
    after: Trial

    @property
    def kind(self) -> Kind:
        """``worse``: it passed and does not any more. ``better``: the other way round. ``other``: other words, sources or endings."""
        if self.before.passed != self.after.passed:
            return "worse" if self.before.passed else "better"
        return "same" if _facts(self.before) == _facts(self.after) else "other"


def _facts(trial: Trial) -> list[tuple[object, ...]]:
    return [
        (plain(one.text), tuple(cited.name for cited in one.cited), one.passed_on, one.answerable, one.type)
        for one in trial.outcomes
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both runs, and their pairs: worse, better, other, same."""

    before: Report
    after: Report
    pairs: tuple[Pair, ...]

    def count(self, kind: Kind) -> int:
        return sum(pair.kind == kind for pair in self.pairs)

    @property
    def ok(self) -> bool:
        """Nothing that passed before fails now."""
        return not self.count("worse")


def compare(before: Report, after: Report) -> Comparison:
    """Put two runs of the same cases side by side."""
    known = {trial.case.id: trial for trial in before.trials}
    pairs = [Pair(before=known[trial.case.id], after=trial) for trial in after.trials if trial.case.id in known]
    rank: Callable[[Pair], int] = lambda pair: ORDER.index(pair.kind)  # noqa: E731
    return Comparison(before=before, after=after, pairs=tuple(sorted(pairs, key=rank)))
