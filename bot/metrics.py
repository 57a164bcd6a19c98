"""Numbers for Prometheus, shared by all processes of this host through a folder, and shown by web's ``/metrics``.

Call :func:`setup` before the first number is made; without it each process counts for itself.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config import config

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_FILE = re.compile(r"[a-z_]+_(\d+)\.db")


def setup() -> None:
    """Share this process's numbers with the others. Before anything imports ``prometheus_client``."""
    folder = config().run_dir / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(VARIABLE, str(folder))


@cache
def counter(name: str, help_text: str, labels: tuple[str, ...] = ()) -> Counter:
    from prometheus_client import Counter

    return Counter(f"deskhand_{name}", help_text, labels)


@cache
def gauge(name: str, help_text: str, labels: tuple[str, ...] = ()) -> Gauge:
    """A value of now; the sum over the processes that are alive."""
    from prometheus_client import Gauge

    return Gauge(f"deskhand_{name}", help_text, labels, multiprocess_mode="livesum")


@cache
def histogram(name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
    from prometheus_client import Histogram

    return Histogram(f"deskhand_{name}", help_text, buckets=buckets)


def exposition() -> tuple[bytes, str]:
    """All numbers of this host as text, and its content type."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

    folder = os.environ.get(VARIABLE)
    if not folder:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    _forget_dead(Path(folder))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=folder)
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _forget_dead(folder: Path) -> None:
    """Gauges of killed processes must not count: nobody else removes their files."""
    from prometheus_client import multiprocess

    pids = {int(match[1]) for path in folder.glob("gauge_live*.db") if (match := _FILE.fullmatch(path.name))}
    for pid in pids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid, path=str(folder))
        except PermissionError:
            pass
