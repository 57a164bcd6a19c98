"""Run the promises of one plugin and tell each result as a line of JSON. A process of its own, started by ``deskhand check``."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from bot.testing.promises import Conformance, promises_of

MARK = "\x1e"
"""Begins each line of ours; whatever else is printed is not."""


def tell(**what: Any) -> None:
    print(f"\n{MARK}{json.dumps(what)}", file=sys.__stdout__, flush=True)


class Checklist:
    """A plugin of pytest: picks the promises of ``name`` and tells what became of each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kits: list[type[Conformance]] = []

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the promises of this plugin only."""
        kept: list[pytest.Item] = []
        others: list[pytest.Item] = []
        for item in items:
            kit = getattr(item, "cls", None)
            if not (isinstance(kit, type) and issubclass(kit, Conformance) and kit.plugin == self.name):
                others.append(item)
                continue
            kept.append(item)
            if kit not in self.kits:
                self.kits.append(kit)
        items[:] = kept
        config.hook.pytest_deselected(items=others)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            tell(error=_short(report))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Any:
        outcome = yield
        report: pytest.TestReport = outcome.get_result()
        promise = getattr(getattr(item, "function", None), "promise", None)
        if report.when == "call" or report.failed:
            sentence = promise.sentence if promise else (getattr(item, "function", None).__doc__ or item.name)
            tell(
                kit=getattr(item, "cls", type(None)).__name__,
                test=item.name,
                sentence=sentence,
                outcome=report.outcome,
                words=_short(report) if report.failed else "",
            )

    def pytest_sessionfinish(self) -> None:
        for kit in self.kits:
            sentences = {name: one.sentence for name, one in promises_of(kit)}
            for name, reason in kit.not_declared.items():
                tell(
                    kit=kit.__name__,
                    test=name,
                    sentence=sentences.get(name, name),
                    outcome="not declared",
                    words=reason,
                )


def _short(report: Any) -> str:
    """What went wrong, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longrepr).strip()
    lines = [line for line in text.splitlines() if line.strip()]
    chosen = lines[0] if crash is not None and lines else (lines[-1] if lines else "")
    return chosen.removeprefix("E ").strip().removeprefix("AssertionError: ")[:400]


def main() -> int:
    """``python -m bot.testing.checklist NAME FILE …``."""
    name, *tests = sys.argv[1:]
    arguments = [*tests, "-q", "-p", "no:cacheprovider", "--no-header", "--tb=short", "-W", "default"]
    return int(pytest.main(arguments, plugins=[Checklist(name)]))


if __name__ == "__main__":
    sys.exit(main())
