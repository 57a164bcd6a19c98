"""How long a test waits: its own seconds on a machine that has nothing else to do, several times as long in the suite."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE = float(os.environ.get("DESKHAND_TEST_PATIENCE", "1"))
"""The suite runs several parts at once (``.ci/suite.py`` sets it): a moment's work may wait seconds for a core there."""


def patient(seconds: float) -> float:
    """The most that something which takes less than ``seconds`` on a free machine may take here."""
    return seconds * PATIENCE


def wait_for(condition: Callable[[], Any], seconds: float = 10.0, what: object = "") -> Any:
    """Call ``condition`` until it is true and return what it said. Fails after ``seconds``, patiently, and then says ``what``."""
    deadline = time.monotonic() + patient(seconds)
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.02)
    return value


async def until(condition: Callable[[], object], seconds: float = 15.0, what: object = "") -> None:
    """As ``wait_for``, in a loop."""
    deadline = time.monotonic() + patient(seconds)
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        await asyncio.sleep(0.01)
