"""Numbers for Prometheus, shared by all processes of this host through a folder, and shown by web's ``/metrics``.

Call :func:`setup` before the first number is made; without it each process counts for itself.
"""

from __future__ import annotations

import os
import re
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config import config

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram
    from prometheus_client.registry import Collector

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
MANY_FILES = 100
_FILE = re.compile(r"[a-z_]+_(\d+)\.db")


def setup() -> None:
    """Share this process's numbers with the others. Before anything imports ``prometheus_client``."""
    folder = config().run_dir / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    files = list(folder.glob("*.db"))
    if (
        len(files) > MANY_FILES
    ):  # each process that ever ran left some; a counter that begins anew is no surprise to Prometheus
        for path in files:
            if not _alive(path):
                path.unlink(missing_ok=True)


_making = threading.Lock()


def counter(name: str, help_text: str, labels: tuple[str, ...] = ()) -> Counter:
    """The one counter of that name. Threads may ask for it at the same moment: a second one would be refused."""
    with _making:
        return _counter(name, help_text, labels)


@cache
def _counter(name: str, help_text: str, labels: tuple[str, ...]) -> Counter:
    from prometheus_client import Counter

    return Counter(f"deskhand_{name}", help_text, labels)


def gauge(name: str, help_text: str, labels: tuple[str, ...] = ()) -> Gauge:
    """A value of now; the sum over the processes that are alive."""
    with _making:
        return _gauge(name, help_text, labels)


@cache
def _gauge(name: str, help_text: str, labels: tuple[str, ...]) -> Gauge:
    from prometheus_client import Gauge

    return Gauge(f"deskhand_{name}", help_text, labels, multiprocess_mode="livesum")


def histogram(name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
    with _making:
        return _histogram(name, help_text, buckets)


@cache
def _histogram(name: str, help_text: str, buckets: tuple[float, ...]) -> Histogram:
    from prometheus_client import Histogram

    return Histogram(f"deskhand_{name}", help_text, buckets=buckets)


def exposition(*collectors: Collector) -> tuple[bytes, str]:
    """All numbers of this host as text, and its content type. ``collectors`` are asked besides."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

    folder = os.environ.get(VARIABLE)
    if not folder:
        own = CollectorRegistry()
        for one in (REGISTRY, *collectors):
            own.register(one)
        return generate_latest(own), CONTENT_TYPE_LATEST
    _forget_dead(Path(folder))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=folder)
    for one in collectors:
        registry.register(one)
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _forget_dead(folder: Path) -> None:
    """Gauges of killed processes must not count: nobody else removes their files."""
    for path in folder.glob("gauge_live*.db"):
        if not _alive(path):
            path.unlink(missing_ok=True)


def _alive(path: Path) -> bool:
    """Whether the process that writes this file still runs."""
    match = _FILE.fullmatch(path.name)
    if match is None:
        return True
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
