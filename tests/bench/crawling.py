"""How fast a website is read, and what chats notice of it meanwhile."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median as middle
from typing import Any

from tests.bench.answers import model_at, model_fake
from tests.bench.client import CannotMeasure, Client
from tests.bench.product import aimed, product
from tests.bench.report import ROOT, Report

PAGES = 1_000
BEFORE = 4
"""Runs without a crawl to compare with."""
SLOWER = 50.0
"""Milliseconds that a crawl may add to the p95 of the first delta."""


@contextmanager
def website(pages: int) -> Iterator[int]:
    """A site of so many pages, as a process of its own."""
    command = [sys.executable, "-m", "tests.fakes.website", str(pages)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def crawl(report: Report, program: Path, room: Path) -> None:
    """Chats at 20 questions a second, before and while the worker reads a site of 1,000 pages without a pause between requests."""
    allowed = {"DESKHAND_ALLOWED_CIDRS": "127.0.0.0/8"}
    with (
        website(PAGES) as port,
        model_fake() as model,
        product(room / "crawl", **model_at(model), **allowed) as running,
    ):
        running.run("plugins", "set", "website", "delay=0")
        client = aimed(program, running)
        client.run("turn", n=20, rate=20, seconds=3)  # the first use of everything
        quiet = [_chat(client) for _ in range(BEFORE)]
        added = running.run("knowledge", "add", f"http://127.0.0.1:{port}/", "--sitemap", "--pages", str(PAGES))
        if added.returncode:
            raise CannotMeasure(f"The site could not be added: {added.stderr.strip()[-200:]}")
        busy: list[dict[str, Any]] = []
        until = time.monotonic() + 600
        while (row := _source(running.data))["state"] in {"new", "running"} and time.monotonic() < until:
            chat = _chat(client)
            if row["state"] == "running":
                busy.append(chat)
    _tell(report, row, quiet, busy)


def _tell(report: Report, row: dict[str, Any], quiet: list[dict[str, Any]], busy: list[dict[str, Any]]) -> None:
    if row["state"] != "done" or not busy:
        raise CannotMeasure(
            f"The crawl did not end, or ended before a chat was measured: {row['state']}, {row['done']} pages."
        )
    seconds = row["ended_at"] - row["started_at"]
    before, during = (middle(one["first_p95"] for one in rows) for rows in (quiet, busy))
    bad = sum(one["errors"] + one["asked"] - one["answers"] for one in busy)
    report.add(
        f"crawl of {row['done']:,} pages", f"{row['done'] / seconds:.0f} pages/s", f"{PAGES:,} pages, all read",
        row["done"] == PAGES and row["articles"] == PAGES,
        f"site made by the bench, a process of its own, about 300 words a page; {seconds:.0f} s beside 20 turns/s, no pause between"
        f" requests; {row['articles']:,} articles",
    )  # fmt: skip
    report.add(
        "first delta p95 beside a crawl", f"{during:.1f} ms, without {before:.1f} ms", f"<= {SLOWER:.0f} ms more, no answer missing",
        during <= before + SLOWER and not bad,
        f"20 turns/s over 100 chats; median of {len(busy)} runs of 5 s, without of {len(quiet)}; {bad} bad;"
        f" p95 of each {_each(busy)}, without {_each(quiet)}",
    )  # fmt: skip


def _each(rows: list[dict[str, Any]]) -> str:
    return "/".join(f"{row['first_p95']:.0f}" for row in rows)


def _chat(client: Client) -> dict[str, Any]:
    return client.run("turn", n=100, rate=20, seconds=5)


def _source(data: Path) -> dict[str, Any]:
    """How far the one source is, from the database: a command would cost the processor that is measured."""
    with sqlite3.connect(f"file:{data / 'deskhand.sqlite3'}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        row = dict(
            db.execute(
                "SELECT state, done, started_at, ended_at, 'web:' || id AS source FROM knowledge_source"
            ).fetchone()
        )
        row["articles"] = db.execute(
            "SELECT count(*) FROM article WHERE source = ? AND state = 'live'", (row["source"],)
        ).fetchone()[0]
    return row
