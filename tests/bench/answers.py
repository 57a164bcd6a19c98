"""How soon an answer begins, how many can stream at once, and how many whole turns the product does in a second."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median as middle

from tests.bench.client import CannotMeasure, Client
from tests.bench.cpu import Meter
from tests.bench.peers import peer
from tests.bench.product import PLUGINS, aimed, product, root
from tests.bench.report import ROOT, Report
from tests.patience import wait_for
from tests.ports import free_port
from tests.running import Deskhand

RUNS = 3
STREAMS = (20, 40, 80, 160, 320)
TOKENS_PER_SECOND = 50


@contextmanager
def model_fake() -> Iterator[int]:
    """The wire fake of the tests, as a process of its own: answers at once."""
    port = free_port()
    command = [sys.executable, "-m", "tests.fakes.llm", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def model_at(port: int) -> dict[str, str]:
    return {"OPENAI_API_KEY": "bench", "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}


def first_delta(report: Report, program: Path, room: Path) -> None:
    """Questions at 20 a second over 100 open chats, from the frame's departure to the first delta's arrival at the client."""
    with model_fake() as port, product(room / "first", **model_at(port)) as running:
        client = aimed(program, running)
        client.run("turn", n=20, rate=20, seconds=3)  # the first use of everything
        rows, outside = [], []
        for _ in range(RUNS):
            meter = Meter(root(running))
            rows.append(client.run("turn", n=100, rate=20, seconds=10))
            outside.append(meter.read(rows[-1]["cpu"])[1])
    p50, p99 = (middle(row[name] for row in rows) for name in ("first_p50", "first_p99"))
    bad = sum(row["errors"] + row["asked"] - row["answers"] for row in rows)
    report.add(
        "first delta, 20 turns/s over 100 chats", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms", "p50 <= 25, p99 <= 80 ms",
        p50 <= 25 and p99 <= 80 and not bad,
        f"client to client over loopback, model fake in its own process; median of {len(rows)} runs of {rows[0]['asked']} turns,"
        f" {bad} bad; p99 of each {_each(rows, 'first_p99')}; outside CPU {_cores(outside)}",
    )  # fmt: skip


def capacity(report: Report, program: Path, room: Path) -> None:
    """Answers that stream at once, each token carrying the time at which it was due."""
    port = free_port()
    with product(room / "capacity", DESKHAND_TURNS="400", **model_at(port)) as running:
        client = aimed(program, running)
        _streams(client, port, 5, tokens=250)  # the first use of everything
        for count in STREAMS:
            meter = Meter(root(running))
            row = _streams(client, port, count, tokens=500)
            ours, outside = meter.read(row["cpu"])
            value = f"p50 {row['late_p50']:.0f} ms, p99 {row['late_p99']:.0f} ms"
            goal, met = ("p99 <= 100 ms", row["late_p99"] <= 100) if count == 80 else ("", None)
            lost = count - row["answers"]
            report.add(
                f"token lag, {count} answers at 50 tokens/s", value, goal, met,
                f"arrival minus the time it was due at the model, {row['late_count']:,} tokens while all stream;"
                f" {lost} unfinished; {ours:.2f} cores with the client, outside {outside:.2f}",
            )  # fmt: skip


def _streams(client: Client, port: int, count: int, tokens: int) -> dict[str, float]:
    with client.running("stream", n=count, tokens=tokens, tps=TOKENS_PER_SECOND, model=port) as process:
        return client.result(process)


GUARDS = ("auto_reply", "budgets", "escalation_no_answer", "grounding", "learning", "pii_shield", "prompts")
"""Plugins that look at each question and each answer; what is left without them is the core."""


@contextmanager
def another_turns(running: Deskhand) -> Iterator[int]:
    """A second process of turns beside those of ``deskhand run``; its pid."""
    command = [sys.executable, "-m", "bot.cli", "turns"]
    log = running.log_path.with_name("another-turns.log")
    with log.open("wb") as out, subprocess.Popen(command, cwd=ROOT, env=running.env, stdout=out, stderr=out) as process:
        try:
            wait_for(lambda: b'"event":"ready"' in log.read_bytes(), 60, "turns is ready")
            yield process.pid
        finally:
            process.terminate()


def turns(report: Report, program: Path, room: Path) -> None:
    """Whole turns in a closed loop over 50 sockets, interleaved with the peer. As the peer does, the last ten messages are read.
    Three ways: as installed, with a second process of turns, and the core without the plugins that guard answers."""
    given = {"DESKHAND_PLUGINS_DIR": str(PLUGINS), "DESKHAND_HISTORY": "10"}
    ways = ("as installed", "with two processes of turns", "the core alone")
    ours: dict[str, list[float]] = {way: [] for way in ways}
    theirs: dict[str, list[float]] = {"normal": [], "full": []}
    outside, use = [], []
    with ExitStack() as stack:
        houses = [stack.enter_context(product(room / f"turns-{number}", **given)) for number in range(len(ways))]
        roots = [[root(house)] for house in houses]
        roots[1].append(stack.enter_context(another_turns(houses[1])))
        for name in GUARDS:
            houses[2].run("plugins", "off", name).check_returncode()
        clients = [aimed(program, house) for house in houses]
        for client in clients:
            client.run("turn", n=20, rate=20, seconds=2)
        for number in range(RUNS + 2):
            for way, client, pids in zip(ways, clients, roots, strict=True):
                meter = Meter(*pids)
                row = client.run("turn", n=50, seconds=4)
                ours[way].append(row["answers"] / row["seconds"])
                used, other = meter.read(row["cpu"])
                if way == ways[0]:
                    use.append(used)
                    outside.append(other)
            for synchronous, rates in theirs.items():
                file = room / f"peer-{synchronous}-{number}.sqlite3"
                with peer("chat.js", program, str(file), synchronous) as (_, other_client):
                    row = other_client.run("turn", n=50, seconds=3)
                rates.append(row["answers"] / row["seconds"])

    def ratio(way: str, name: str = "normal") -> float:
        return middle(mine / other for mine, other in zip(ours[way], theirs[name], strict=True))

    installed, doubled, alone = ways
    report.add(
        "whole turns per second", f"{middle(ours[installed]):.0f}, {ratio(installed):.2f} x the peer", ">= 0.25 x the peer",
        ratio(installed) >= 0.25,
        f"web, turns and Valkey, durable commits; peer: express + socket.io + better-sqlite3, which does not wait for the disk,"
        f" {middle(theirs['normal']):.0f}/s; {RUNS + 2} interleaved runs: ours {_list(ours[installed])}, peer"
        f" {_list(theirs['normal'])}; {middle(use):.2f} cores used, outside {_cores(outside)}",
    )  # fmt: skip
    report.add(
        "the same with two processes of turns", f"{middle(ours[doubled]):.0f}, {ratio(doubled):.2f} x the peer", "", None,
        f"`deskhand turns` beside `deskhand run`: {_list(ours[doubled])}",
    )  # fmt: skip
    report.add(
        "the same, the core alone", f"{middle(ours[alone]):.0f}, {ratio(alone):.2f} x the peer", ">= 0.25 x the peer",
        ratio(alone) >= 0.25, f"without {', '.join(GUARDS)}: {_list(ours[alone])}",
    )  # fmt: skip
    report.add(
        "as installed, the peer durable too", f"{ratio(installed, 'full'):.2f} x the peer", "", None,
        f"synchronous=FULL on both sides: peer {middle(theirs['full']):.0f}/s, runs {_list(theirs['full'])}",
    )  # fmt: skip


def profile(room: Path, program: Path, spy: str, seconds: int = 8) -> str:
    """Where the time of whole turns goes, by py-spy (``spy``: its path): two tables, web and turns."""
    texts = []
    with product(room / "profile", DESKHAND_PLUGINS_DIR=str(PLUGINS)) as running:
        client = aimed(program, running)
        with client.running("turn", n=50, seconds=seconds + 4):
            time.sleep(2)
            pids = running.pids()
            for name in ("web", "turns"):
                out = room / f"{name}.txt"
                command = [
                    spy,
                    "record",
                    "-d",
                    str(seconds // 2),
                    "-r",
                    "200",
                    "-g",
                    "-f",
                    "raw",
                    "-o",
                    str(out),
                    "-p",
                    str(pids[name]),
                ]
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
                if done.returncode:
                    raise CannotMeasure(f"py-spy failed: {done.stderr.strip()[-200:]}")
                texts.append(f"{name}\n{_top(out)}")
    return "\n\n".join(texts)


def _top(raw: Path, rows: int = 25) -> str:
    inside: dict[str, int] = {}
    total = 0
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        total += int(count)
        for frame in {frame.rpartition(":")[0] for frame in stack.split(";")}:
            inside[frame] = inside.get(frame, 0) + int(count)
    best = sorted(inside.items(), key=lambda item: -item[1])[:rows]
    return "\n".join(f"{count / max(total, 1):6.1%}  {frame.removeprefix(str(ROOT))}" for frame, count in best)


def _each(rows: list[dict[str, float]], name: str) -> str:
    return "/".join(f"{row[name]:.0f}" for row in rows)


def _list(values: list[float]) -> str:
    return "/".join(f"{value:.0f}" for value in values)


def _cores(values: list[float]) -> str:
    return f"{middle(values):.2f} core"
