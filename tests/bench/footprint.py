"""What it takes to have it running: memory, the time to start, the bytes of the widget, and the search."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path
from statistics import median as middle

from tests.bench.cpu import descendants, proportional_memory
from tests.bench.product import product, root
from tests.bench.report import Report
from tests.running import Deskhand

STARTS = 3


def footprint(report: Report, program: Path, room: Path) -> None:
    """Memory of the idle tree, and the time from the command to ready."""
    took, sizes = [], []
    with product(room / "footprint"):
        pass  # the first start fills the database and is not the one that is promised
    for _ in range(STARTS):
        with product(room / "footprint") as running:
            took.append(running.took)
            time.sleep(4)
            sizes.append(proportional_memory(descendants(root(running))))
            parts = {name: proportional_memory([pid]) for name, pid in running.pids().items()}
    report.add(
        "memory of the whole tree, idle", f"{middle(sizes):.0f} MB", "<= 350 MB", middle(sizes) <= 350,
        "sum of PSS, embedded Valkey, SQLite: " + ", ".join(f"{name} {size:.0f}" for name, size in parts.items()),
    )  # fmt: skip
    report.add(
        "second start until ready",
        f"{middle(took):.1f} s",
        "<= 4 s",
        middle(took) <= 4,
        f"median of {STARTS}: " + _list(took),
    )


def widget(report: Report, program: Path, room: Path) -> None:
    """Bytes on the wire, as the running server sends them."""
    from tests.browser.test_budget import STATIC, graph

    with product(room / "widget") as running:
        loader = _size(running, "loader.js")
        panel = sum(_size(running, path.relative_to(STATIC).as_posix()) for path in graph(STATIC / "panel.js"))
    report.add("widget loader, gzip", f"{loader:,} bytes", "<= 3,000", loader <= 3_000, "as served at /w/loader.js")
    report.add(
        "widget panel, styles and English, gzip",
        f"{panel / 1024:.1f} KB",
        "<= 18 KB",
        panel <= 18 * 1024,
        "all that opens with it",
    )


def _size(running: Deskhand, name: str) -> int:
    request = urllib.request.Request(f"{running.base_url}/w/{name}", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return len(answer.read())


def retrieval(report: Report, program: Path, room: Path) -> None:
    """10,000 articles of 300 words, questions of 12 words."""
    from tests.bench.retrieval import run

    found = run()
    p95 = found.percentile(0.95)
    report.add(
        "search, 10,000 articles, 12 words", f"p95 {p95:.1f} ms", "p95 <= 30 ms", p95 <= 30,
        f"p50 {found.percentile(0.5):.1f} ms; four at once p95 {found.percentile(0.95, found.beside):.1f} ms;"
        f" right article in the first three {found.found:.0%}",
    )  # fmt: skip


def retrieval_large(report: Report, program: Path, room: Path) -> None:
    """100,000 passages."""
    from tests.bench.retrieval import LARGE, run

    found = run(LARGE)
    p95 = found.percentile(0.95)
    report.add(
        f"search, {found.passages:,} passages, 12 words", f"p95 {p95:.1f} ms", "p95 <= 80 ms", p95 <= 80,
        f"p50 {found.percentile(0.5):.1f} ms; processor time p95 {found.percentile(0.95, found.processor):.1f} ms;"
        f" four at once p95 {found.percentile(0.95, found.beside):.1f} ms; right article in the first three {found.found:.0%}; import {found.sync_seconds:.0f} s, index {found.build_seconds:.0f} s",
    )  # fmt: skip


def _list(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)
