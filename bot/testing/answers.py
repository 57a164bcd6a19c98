"""``answers.yaml`` as pytest tests: each case is one. Loaded when such a file is collected."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.answer_tests.cases import Case, Problem
from bot.answer_tests.junit import said
from bot.answer_tests.reading import is_test_file, read_file
from bot.answer_tests.recordings import RecordingError
from bot.answer_tests.rehearsal import Stage
from bot.answer_tests.scratch import ScratchError
from bot.answer_tests.trials import Trial, attempt
from bot.answer_tests.variants import Tape, Variant, VariantError, staged

SIGNS = (b"question:", b"dialogue:")
NO_ARTICLES = (
    "Which articles? Write knowledge: FOLDER above the cases of {file}, or set DESKHAND_DATA to the data folder of an"
    " installation, the one whose answers are tested."
)


def looks_like_ours(path: Path) -> bool:
    """Whether a file is called like answer tests and asks anything: other projects have files of this name, too."""
    if not is_test_file(path):
        return False
    with contextlib.suppress(OSError):
        head = path.read_bytes()[:1_000_000]
        return any(sign in head for sign in SIGNS)
    return False


class AnswersFile(pytest.File):
    """One file of answer tests. Its installation for a moment is opened with the first of its tests and removed after the last."""

    stage: Stage | None = None
    _open: contextlib.ExitStack | None = None

    def collect(self) -> Iterator[pytest.Item]:
        tests = read_file(self.path)
        self.knowledge = tests.knowledge
        for problem in tests.problems:
            yield UnusableEntry.from_parent(self, name=f"line {problem.line}", problem=problem)
        for case in tests.cases:
            yield AnswerTest.from_parent(self, name=case.name, case=case)

    def setup(self) -> None:
        super().setup()
        if not any(isinstance(item, AnswerTest) and item.parent is self for item in self.session.items):
            return
        replay = self.config.getoption("answers_replay")
        provider = self.config.getoption("answers_provider")
        stack = contextlib.ExitStack()
        try:
            variant = Variant(
                provider=provider or ("" if replay else "offline"),
                model=self.config.getoption("answers_model"),
                knowledge=self.knowledge,
                copied=bool(os.environ.get("DESKHAND_DATA")),
            )
            if variant.copied:
                from bot.process import command

                stack.enter_context(command())
            elif self.knowledge is None:
                raise ScratchError(NO_ARTICLES.format(file=self.path.name))
            self.stage = stack.enter_context(staged(variant, Tape(replay=Path(replay) if replay else None)))
        except (ScratchError, VariantError, RecordingError) as error:
            stack.close()
            pytest.fail(str(error), pytrace=False)
        except BaseException:
            stack.close()
            raise
        self._open = stack

    def teardown(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = self.stage = None
        super().teardown()


class AnswerTest(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, **more: Any) -> None:
        super().__init__(**more)
        self.case = case

    def runtest(self) -> None:
        assert isinstance(self.parent, AnswersFile) and self.parent.stage is not None
        trial = attempt(self.case, self.parent.stage)
        if trial.outcomes:
            self.add_report_section("call", "answer", said(trial))
        if not trial.passed:
            raise NotAsExpected(trial)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, NotAsExpected):
            wrong = excinfo.value.trial.wrong
            return "\n".join([f"{self.case.where}: {self.case.name}", *(f"  {sentence}" for sentence in wrong)])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.case.line - 1, self.case.name


class UnusableEntry(pytest.Item):
    """An entry of the file that cannot be used: it fails by its name, and the others run."""

    def __init__(self, *, problem: Problem, **more: Any) -> None:
        super().__init__(**more)
        self.problem = problem

    def runtest(self) -> None:
        pytest.fail(str(self.problem), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.problem.line - 1, self.name


class NotAsExpected(Exception):
    """An answer is not as its test expects."""

    def __init__(self, trial: Trial) -> None:
        super().__init__("; ".join(trial.wrong))
        self.trial = trial
