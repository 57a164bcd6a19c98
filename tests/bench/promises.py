"""Promises that are no numbers: they are tests of the whole product, run here so that one page has it all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.report import ROOT, Report
from tests.browser.hostile import payloads

PROMISES = {
    f"{len(payloads())} hostile texts from customers, articles, files, names and an obedient model: active in page, Slack, Telegram,"
    " Discord, mail, table, log": "tests/browser/test_hostile.py",
    "personal data in provider requests, rows, logs, Redis with the shield on": "tests/scenarios/test_shield_story.py",
    "harmful prompts, worse orders and models that the answer tests let through": "tests/test_publishing.py",
}


def promises(report: Report, program: Path, room: Path) -> None:
    """Run each of them; a promise that fails is a goal missed."""
    for name, tests in PROMISES.items():
        line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
        last = (done.stdout.strip().splitlines() or ["nothing was said"])[-1]
        report.add(name, "none" if not done.returncode else "some", "none", not done.returncode, f"{tests}: {last}")
