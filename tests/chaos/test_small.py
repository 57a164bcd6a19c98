"""The small proof, for every change: forty kills at random, then one at every named point of the code."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import report
from tests.chaos.run import SMALL, run
from tests.conftest import ON_POSTGRES

SEED = 20_261_121


@pytest.mark.chaos
@pytest.mark.product
@pytest.mark.slow
def test_forty_kills_and_one_at_every_named_point_lose_nothing_and_double_nothing() -> None:
    folder = Path(tempfile.mkdtemp(prefix="deskhand-chaos-"))
    # One kill at each point is enough here; ``make proof`` does it on both databases.
    size = replace(SMALL, failpoints=0) if ON_POSTGRES else SMALL
    result = run(size, seed=SEED, kind="postgresql" if ON_POSTGRES else "sqlite", folder=folder)
    print(report.summary(result))
    problems = [str(one) for one in result.violations] + result.notes
    assert not problems, f"seed {SEED}, everything that was logged is in {folder}:\n" + "\n".join(problems[:40])
    shutil.rmtree(folder, ignore_errors=True)
