"""The socket layer by itself, on the real web process: idle memory, small frames there and back, frames to many."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from statistics import median as middle

from tests.bench.client import Client
from tests.bench.cpu import Meter, proportional_memory
from tests.bench.peers import peer
from tests.bench.product import PLUGINS, aimed, product, root
from tests.bench.report import Report
from tests.running import Deskhand

RUNS = 3
IDLE = 5_000
TALKING = 1_000
FANNED = 500
RATE = 50


def sockets(report: Report, program: Path, room: Path) -> None:
    """All three, interleaved with socket.io."""
    with product(room / "sockets", DESKHAND_PLUGINS_DIR=str(PLUGINS)) as running:
        client = aimed(program, running)
        _echo(report, client, program, running)
        _fan(report, client, program, running)
        _idle(report, client, program, running)


def _idle(report: Report, client: Client, program: Path, running: Deskhand) -> None:
    ours = _held(client, running.pids()["web"], greeted=True)
    with peer("sockets.js", program) as (pid, other):
        theirs = _held(other, pid, greeted=False)
    report.add(
        "memory per 1,000 idle sockets", f"{ours:.1f} MB", "<= 5 MB", ours <= 5,
        f"{IDLE:,} sockets of visitors who said hello, growth of web's PSS; socket.io without any session {theirs:.1f} MB",
    )  # fmt: skip


def _held(client: Client, pid: int, *, greeted: bool) -> float:
    """MB per 1,000 sockets. A first thousand comes and goes before, so that what is made once is not counted."""
    for count in (1_000, IDLE):
        time.sleep(1)
        before = proportional_memory([pid])
        with client.running("idle", n=count) as process:
            client.line(process)
            time.sleep(2)
            grown = proportional_memory([pid]) - before
            client.result(process)
        time.sleep(2)
    return grown / IDLE * 1_000


def _echo(report: Report, client: Client, program: Path, running: Deskhand) -> None:
    ours, theirs, outside = [], [], []
    for _ in range(RUNS):
        meter = Meter(root(running))
        row = client.run("echo", n=TALKING, seconds=4)
        ours.append(row["received"] / row["seconds"])
        outside.append(meter.read(row["cpu"])[1])
        with peer("sockets.js", program) as (_, other):
            row = other.run("echo", n=TALKING, seconds=4)
        theirs.append(row["received"] / row["seconds"])
    ratio = middle(mine / other for mine, other in zip(ours, theirs, strict=True))
    report.add(
        "pings answered per second, 1,000 sockets", f"{middle(ours):,.0f}, {ratio:.2f} x socket.io", ">= 1.5 x socket.io",
        ratio >= 1.5,
        f"the protocol's own ping, 70 bytes, one in flight per socket; socket.io {middle(theirs):,.0f}/s;"
        f" {RUNS} interleaved runs, outside CPU {middle(outside):.2f} core",
    )  # fmt: skip


def _fan(report: Report, client: Client, program: Path, running: Deskhand) -> None:
    ours, theirs, outside = [], [], []
    for _ in range(RUNS):
        meter = Meter(root(running))
        with client.running("fan", n=FANNED, seconds=6) as process:
            client.line(process)
            conversations = []
            while "conv" in (line := client.line(process)):
                conversations.append(line["conv"])
            _post(running, {"conversations": conversations, "rate": RATE, "seconds": 8})
            ours.append(client.result(process))
        outside.append(meter.read(ours[-1]["cpu"])[1])
        with peer("sockets.js", program) as (_, other):
            theirs.append(other.run("fan", n=FANNED, seconds=6))
    mine, other = (middle(row["late_p99"] for row in rows) for rows in (ours, theirs))
    whole = all(row["received"] / row["seconds"] > 0.97 * FANNED * RATE for row in ours)
    report.add(
        f"lag of {FANNED} sockets x {RATE} frames/s", f"p99 {mine:.1f} ms", "p99 not above socket.io's", mine <= other and whole,
        f"arrival minus the time it was due, sent inside web by a timer; socket.io p99 {other:.1f} ms;"
        f" ours {_each(ours)}, theirs {_each(theirs)}; outside CPU {middle(outside):.2f} core",
    )  # fmt: skip


def _each(rows: list[dict[str, float]]) -> str:
    return "/".join(f"{row['late_p99']:.1f}" for row in rows)


def _post(running: Deskhand, body: object) -> None:
    request = urllib.request.Request(
        running.base_url + "/bench/fan", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()
