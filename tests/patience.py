"""How long a test waits: its own seconds on a machine that has nothing else to do, several times as long in the suite."""

from __future__ import annotations

import os

PATIENCE = float(os.environ.get("DESKHAND_TEST_PATIENCE", "1"))
"""The suite runs several parts at once (``.ci/suite.py`` sets it): a moment's work may wait seconds for a core there."""


def patient(seconds: float) -> float:
    """The most that something which takes less than ``seconds`` on a free machine may take here."""
    return seconds * PATIENCE
