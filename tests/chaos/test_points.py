"""Every declared failpoint is passed somewhere, and every one that is passed is declared: the proof kills at all of them."""

from __future__ import annotations

import re
from pathlib import Path

from bot.failpoints import POINTS
from tests.chaos import failpoint_run

ROOT = Path(__file__).parents[2]
PASSED = re.compile(r"\bfailpoint\(\"([a-z_.]+)\"\)")


def test_declared_and_passed_points_are_the_same() -> None:
    passed = {
        name
        for package in ("bot", "channels", "web_widget", "workers", "plugins")
        for path in (ROOT / package).rglob("*.py")
        for name in PASSED.findall(path.read_text("utf-8"))
    }
    assert passed == POINTS


def test_the_proof_kills_at_all_of_them() -> None:
    of_desks = {point for point in POINTS if point.startswith("desk.")}
    assert {*failpoint_run.ORDER, *of_desks} == POINTS
    assert all(f"{point}=kill" in failpoint_run.PLAN for point in POINTS - of_desks)
