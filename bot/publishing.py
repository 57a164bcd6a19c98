"""The gate before what changes answers: the answer tests of the house are run with the change before it is made.

A prompt, an order of models, an article: whoever publishes it goes through :func:`publish`. The change is made in a scratch
installation first, the tests are asked there, and what passed when something was last published must pass still. Without answer tests
(``DESKHAND_ANSWER_TESTS``) the change is just made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import structlog

from bot import audit, clock
from bot.config import config
from bot.store import AcceptedAnswer, read, write

if TYPE_CHECKING:
    from pathlib import Path

    from bot.answer_tests.cases import Case
    from bot.answer_tests.trials import Report, Trial

T = TypeVar("T")
log = structlog.get_logger("publishing")

SHOWN = 10
"""Tests that are named in a refusal; the others are counted."""
LONGEST_WHY = 500
QUOTED = {"offline quotes", "no provider"}
"""Who answered when no model did (:attr:`bot.answer_tests.trials.Report.by`)."""
GO_ON = "To publish it all the same, say --anyway: that is noted in the audit trail."


class PublishingStopped(Exception):
    """Nothing was published. The text says why, how to see it, and how to go on all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A test that was passed and would not be any more."""

    name: str
    why: str
    asked: bool = True
    """False: it could not be asked, so nobody knows."""


def publish(
    what: str,
    apply: Callable[[], T],
    *,
    actor: str,
    anyway: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> T:
    """Make a change that changes answers, if the answer tests do not get worse by it; returns what ``apply`` returns.

    ``what`` names the change for people and the audit trail, such as ``prompt 4``. ``apply`` makes it, whole, by the database alone:
    it is called twice, first in a scratch copy of the installation. ``tell`` hears what is going on. ``anyway`` publishes in spite
    of what got worse. Raises :class:`PublishingStopped`, and what ``apply`` raises. Takes as long as the tests do; only for the command
    line and for jobs, as the database of the process is another one meanwhile.
    """
    place = config().answer_tests
    if place is None:
        return apply()
    try:
        report, worse = _tried(place, apply, tell)
    except _CannotTest as cannot:
        if not anyway:
            raise PublishingStopped(
                f"Nothing was published: the answer tests cannot be run. {cannot} {GO_ON}"
            ) from None
        tell(f"The answer tests cannot be run: {cannot}")
        report, worse = None, []
    if worse and not anyway:
        raise PublishingStopped(_refusal(what, worse))
    if report is not None and not worse:
        tell(
            f"Answer tests: {len(report.trials) - len(report.failed)} of {len(report.trials)} pass, and none got worse."
        )
        if report.by in QUOTED:
            tell("No model was asked: the articles were quoted, and quotes are the same under every prompt and model.")
    done = apply()
    write(lambda: _accept(report, worse, what, actor))
    return done


class _CannotTest(Exception):
    pass


def _tried(place: Path, apply: Callable[[], object], tell: Callable[[str], None]) -> tuple[Report, list[Regression]]:
    """Ask the tests with the change made, and what is worse then. Always with the installation's own articles."""
    from bot.answer_tests.reading import NoTests, read_tests
    from bot.answer_tests.recordings import RecordingError
    from bot.answer_tests.scratch import ScratchError
    from bot.answer_tests.trials import run
    from bot.answer_tests.variants import Variant, VariantError, staged

    try:
        tests = read_tests(place)
        if not tests.cases:
            raise NoTests(f"{place} has no case that can be used. See: deskhand eval")
        before = _accepted()
        unknown = [case for case in tests.cases if case.id not in before]
        if unknown:
            tell(f"Answer tests: {len(unknown)} of {len(tests.cases)} for the first time, as things are now …")
            with staged(Variant()) as stage:
                before |= {trial.case.id: trial.passed or trial.error for trial in run(unknown, stage).trials}
        tell(f"Answer tests: {_count(tests.cases)} with the change, before it is made …")
        with staged(Variant(), tried=apply) as stage:
            report = run(tests.cases, stage, problems=tests.problems)
    except (NoTests, ScratchError, VariantError, RecordingError) as error:
        raise _CannotTest(str(error)) from None
    for problem in tests.problems:
        tell(f"Not asked: {problem}")
    return report, [_regression(trial) for trial in report.failed if before.get(trial.case.id, True)]


def _count(cases: Sequence[Case]) -> str:
    return f"{len(cases)} question{'s' if len(cases) != 1 else ''}"


def _regression(trial: Trial) -> Regression:
    return Regression(name=trial.case.name, why=" ".join(trial.wrong), asked=not trial.error)


def _refusal(what: str, worse: Sequence[Regression]) -> str:
    lines = [f"Nothing was published: with {what} {len(worse)} of the answer tests would get worse."]
    lines += [f"  {one.name}: {'' if one.asked else 'it could not be asked. '}{one.why}" for one in worse[:SHOWN]]
    if len(worse) > SHOWN:
        lines.append(f"  … and {len(worse) - SHOWN} more.")
    lines.append(f"All of them, as things are now: deskhand eval. {GO_ON}")
    return "\n".join(lines)


def _accepted() -> dict[str, bool]:
    """Which tests passed when something was last published."""
    return read(
        lambda: {row.id: bool(row.passed) for row in AcceptedAnswer.select(AcceptedAnswer.id, AcceptedAnswer.passed)}
    )


def _accept(report: Report | None, worse: Sequence[Regression], what: str, actor: str) -> None:
    """Inside a write: from now on this is what a change is compared with."""
    if report is not None:
        known = {trial.case.id for trial in report.trials}
        AcceptedAnswer.delete().where(AcceptedAnswer.id.not_in(known)).execute()
        for trial in report.trials:
            values = {
                "passed": trial.passed,
                "why": " ".join(trial.wrong)[:LONGEST_WHY] if trial.error else "",
                "by": actor,
                "at": clock.now(),
            }
            if not AcceptedAnswer.update(values).where(AcceptedAnswer.id == trial.case.id).execute():
                AcceptedAnswer.insert(id=trial.case.id, **values).execute()
    detail: dict[str, object] = {"what": what}
    if report is None:
        detail["tests"] = "not run"
    else:
        detail |= {"tests": len(report.trials), "passed": len(report.trials) - len(report.failed)}
    if worse:
        detail["worse"] = [one.name for one in worse[:SHOWN]]
    audit.record(actor, "publish.anyway" if worse or report is None else "publish.tested", "answer-tests", detail)
