"""The pytest plugin that comes with Deskhand: a fresh store as a fixture, and the promise in words under a test that failed.

Loaded by pytest wherever Deskhand is installed, so it imports nothing until it is used.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bot.testing.on_disk import OnDisk


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
