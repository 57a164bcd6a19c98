"""Numbers of several processes in one place, without those of the dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.running import ROOT

COUNT = """
import sys
from bot import metrics
metrics.setup()
metrics.counter("test_total", "Things").inc(int(sys.argv[1]))
metrics.gauge("test_now", "Now").set(int(sys.argv[1]))
if sys.argv[2:]:
    sys.stdout.write(metrics.exposition()[0].decode())
    sys.stdout.flush()
"""


def run(data: Path, *arguments: str) -> str:
    env = {**os.environ, "DESKHAND_DATA": str(data)}
    return subprocess.run(
        [sys.executable, "-c", COUNT, *arguments], cwd=ROOT, env=env, check=True, capture_output=True, text=True
    ).stdout


def test_counters_add_up_over_processes_and_gauges_only_over_the_living(tmp_path: Path) -> None:
    run(tmp_path, "3")
    shown = run(tmp_path, "4", "show")
    assert "deskhand_test_total 7.0" in shown
    assert "deskhand_test_now 4.0" in shown


def test_files_of_dead_processes_do_not_pile_up(tmp_path: Path, environment: Any, monkeypatch: Any) -> None:
    from bot import metrics

    environment(DESKHAND_DATA=str(tmp_path))
    monkeypatch.setattr(metrics, "MANY_FILES", 3)
    monkeypatch.delenv(metrics.VARIABLE, raising=False)
    for _ in range(3):
        run(tmp_path, "1")
    folder = tmp_path / "run" / "metrics"
    (folder / f"counter_{os.getpid()}.db").write_bytes(b"")
    metrics.setup()
    assert [path.name for path in folder.glob("*.db")] == [f"counter_{os.getpid()}.db"]
    os.environ.pop(metrics.VARIABLE)


def test_threads_that_ask_for_a_number_at_the_same_moment_get_the_same_one() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from bot import metrics

    with ThreadPoolExecutor(32) as pool:
        for number in range(20):
            name = f"race_{number}_total"
            made = list(pool.map(lambda _, name=name: metrics.counter(name, "Things"), range(32)))  # type: ignore[misc]
            assert len({id(one) for one in made}) == 1
