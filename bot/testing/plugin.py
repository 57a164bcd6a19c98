"""The pytest plugin that comes with Deskhand: a fresh store as a fixture, the promise in words under a test that failed, and
files of answer tests (``answers.yaml``) as tests.

Loaded by pytest wherever Deskhand is installed, so it imports nothing until it is used.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from bot.testing.answers import AnswersFile
    from bot.testing.on_disk import OnDisk

ANSWERS = ("answers.yaml", "answers.yml")


@pytest.fixture
def deskhand_store() -> Iterator[OnDisk]:
    """Deskhand's real store on a fresh SQLite database with one site: what ``bot.receive_events`` commits can be read from it."""
    from bot.testing.on_disk import fresh_store

    with fresh_store() as disk:
        yield disk


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Under a promise that was not kept, say the promise."""
    outcome = yield
    promise = getattr(getattr(item, "function", None), "promise", None)
    if promise is not None:
        report = outcome.get_result()
        if report.failed:
            report.sections.append(("The promise that was not kept", promise.sentence))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Who answers the questions of answer tests. By default the offline assistant, so that no key is needed and nothing is paid."""
    group = parser.getgroup("deskhand", "Deskhand's answer tests (answers.yaml)")
    group.addoption("--answers-provider", default="", metavar="NAME", help="Ask this AI provider.")
    group.addoption("--answers-model", default="", metavar="MODEL", help="Ask this model of it.")
    group.addoption(
        "--answers-replay", default="", metavar="FOLDER", help="Say what deskhand eval --record kept there."
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> AnswersFile | None:
    """Collect ``answers.yaml`` and ``NAME.answers.yaml``."""
    if not file_path.name.lower().endswith(ANSWERS):
        return None
    from bot.testing.answers import AnswersFile, looks_like_ours

    return AnswersFile.from_parent(parent, path=file_path) if looks_like_ours(file_path) else None
