"""Failover: whole turns against three model servers that hang, refuse, break off and talk nonsense. Each turn must end in exactly one answer
or one handoff, and within 46 seconds for 99 of 100.

Run: python -m tests.bench.failover [--turns 2000] [--scale 5] [--seed 7] [--rates 0.3,0.25,0.2]. Every clock of Deskhand (first words, silence, whole answer,
budget, pauses, breakers) is divided by the scale, and times are multiplied by it; nothing else of the product is changed. The turns run in
a process of their own, on SQLite, with providers of all three kinds, each with a server and a seed of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.client import CannotMeasure
from tests.bench.report import ROOT, Report

TURNS, SCALE, SEED = 2_000, 5.0, 7
GOAL = 46.0
PER_SECOND = 4.0
"""Questions a second, whatever became of those before: with everybody left out a next one for each that ended would ask a thousand."""
AT_ONCE = 96
FAULTS = (
    "stall_headers", "stall_first", "stall_mid", "pings_only",  # hanging
    "429", "529", "500", "overload_mid", "cut", "cut_line", "malformed", "not_a_stream", "drop",
)  # fmt: skip
PROVIDERS = ("openai", "anthropic", "compatible")
ROUGH, STORM = (0.3, 0.25, 0.2), (0.6, 0.5, 0.5)
"""How many of the requests to each go wrong: so many that every third answer needs a failover; and so many that breakers open everywhere."""


@dataclass(frozen=True, slots=True)
class Failover:
    """What came of it. Seconds are those of default clocks."""

    turns: int
    answers: int
    handoffs: int
    wrong: int
    """Turns without exactly one of both."""
    failovers: int
    """Answers that came from another than the first attempt."""
    p50: float
    p99: float
    longest: float
    faults: dict[str, int]
    scale: float
    took: float


def failover(report: Report, _: Path, room: Path) -> None:
    """The part of ``make bench``."""
    _tell(report, "rough", measure(room / "failover-rough", rates=ROUGH), GOAL)
    # Nearly nobody is asked any more, so that the slowest hundredth is those who met the few trials of providers that were left out.
    _tell(report, "storm", measure(room / "failover-storm", rates=STORM), None)


def _tell(report: Report, name: str, found: Failover, goal: float | None) -> None:
    about = f"{found.turns:,} turns, clocks divided by {found.scale:g}, {sum(found.faults.values()):,} faults of {len(found.faults)} kinds"
    report.add(
        f"failover, {name}: exactly one answer or handoff",
        f"{found.turns - found.wrong:,} of {found.turns:,}",
        "all",
        found.wrong == 0,
        about,
    )
    report.add(
        f"failover, {name}: time to answer or person, p99", f"{found.p99:.1f} s", "" if goal is None else f"<= {goal:g} s",
        None if goal is None else found.p99 <= goal,
        f"p50 {found.p50:.1f} s, longest {found.longest:.1f} s; {found.answers:,} answers ({found.failovers:,} after a failover),"
        f" {found.handoffs:,} handoffs",
    )  # fmt: skip


def measure(
    room: Path, turns: int = TURNS, scale: float = SCALE, seed: int = SEED, rates: tuple[float, ...] = ROUGH
) -> Failover:
    """Run it in a process of its own."""
    room.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.executable,
        "-m",
        "tests.bench.failover",
        "--inside",
        str(room),
        "--turns",
        str(turns),
        "--scale",
        str(scale),
    ]
    ended = subprocess.run(
        [*arguments, "--seed", str(seed), "--rates", ",".join(map(str, rates))], cwd=ROOT, capture_output=True, text=True, timeout=1_800, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        raise CannotMeasure(f"the turns did not run: {ended.stderr.strip()[-600:]}")
    return Failover(**json.loads(ended.stdout.strip().splitlines()[-1]))


# Inside ---------------------------------------------------------------------------------------------------------------


class Server:
    """A model server in a process of its own, with its plan of faults."""

    def __init__(self, rate: float, seed: int, scale: float) -> None:
        arguments = [sys.executable, "-m", "tests.fakes.llm", "--port", "0"]
        self.process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        words = "Refunds take five days. Tell me if you need anything else, and I will look it up for you."
        retry_afters = [None, 0.5 / scale, 2.0 / scale, 20.0 / scale]
        self.post("/script", {
            "default": {"answer": words, "tokens_per_second": 12.0 * scale, "conclude": {"confidence": 0.9}},
            "plan": {"seed": seed, "rate": rate, "faults": list(FAULTS), "retry_afters": retry_afters},
        })  # fmt: skip

    def post(self, path: str, body: Any) -> None:
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()

    def faults(self) -> Counter[str]:
        with urllib.request.urlopen(f"{self.url}/requests", timeout=60) as answer:
            return Counter(row["fault"] for row in json.loads(answer.read()) if row.get("fault"))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def inside(room: Path, turns: int, scale: float, seed: int, rates: tuple[float, ...]) -> Failover:
    """In the process of its own: the servers, a fresh database, and the turns."""
    servers = {
        name: Server(rate, seed + place, scale) for place, (name, rate) in enumerate(zip(PROVIDERS, rates, strict=True))
    }
    try:
        os.environ.update(
            DESKHAND_DATA=str(room), REDIS_URL="none", DESKHAND_LOG_LEVEL="error", DESKHAND_DAILY_TOKENS="0",
            OPENAI_API_KEY="k", OPENAI_BASE_URL=f"{servers['openai'].url}/v1",
            ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL=servers["anthropic"].url,
            DESKHAND_COMPATIBLE_URL=f"{servers['compatible'].url}/v1", DESKHAND_COMPATIBLE_MODEL="small",
        )  # fmt: skip
        slow_down(scale)
        began = time.monotonic()
        times, kinds, wrong, failovers = ask_all(turns, scale, seed)
        took = time.monotonic() - began
        faults = sum((server.faults() for server in servers.values()), Counter[str]())
    finally:
        for server in servers.values():
            server.stop()
    times.sort()
    return Failover(
        turns=turns, answers=kinds["ai"], handoffs=kinds["fallback"], wrong=wrong, failovers=failovers,
        p50=times[len(times) // 2], p99=times[min(len(times) - 1, int(len(times) * 0.99))], longest=times[-1],
        faults=dict(faults), scale=scale, took=took,
    )  # fmt: skip


def slow_down(scale: float) -> None:
    """Divide the clocks that are no settings."""
    from bot import breaker, fleet

    for name in ("WINDOW_SECONDS", "OPEN_SECONDS", "OPEN_MAX", "CONFIG_SECONDS", "LONG_RETRY_AFTER", "PROBE_SECONDS"):
        setattr(breaker, name, getattr(breaker, name) / scale)
    fleet.SHORT_RETRY_AFTER /= scale
    fleet.PAUSE = (fleet.PAUSE[0] / scale, fleet.PAUSE[1] / scale)


def ask_all(turns: int, scale: float, seed: int) -> tuple[list[float], Counter[str], int, int]:
    """Ask at random moments, and look at what every conversation got: seconds, kinds of answers, wrong ones, failovers."""
    from bot import clock, lease, logs, store
    from bot.ai import Clocks
    from bot.config import config
    from bot.fleet_settings import BUDGET
    from bot.plugins import load_plugins
    from bot.turns_process import Pool

    logs.setup("bench")
    store.open_database(config().database)
    store.migrate()
    store.write(lambda: store.Site.create(id="s1", key="demo", name="Demo", created_at=clock.now()))
    normal = Clocks()
    clocks = {name: getattr(normal, name) / scale for name in ("connect", "first_token", "between_tokens", "total")}
    row = json.dumps({"": {**clocks, "budget": BUDGET / scale}})
    store.write(
        lambda: store.sql("INSERT INTO setting (key, value, changed_at) VALUES ('providers.clocks', ?, 0)", (row,))
    )
    lease.start("turns")
    registry = load_plugins("turns")
    # Only the way through the fleet is measured: nobody else answers, checks or passes on.
    for name in registry.plugins:
        if name not in PROVIDERS:
            store.write(lambda name=name: store.PluginState.insert(name=name, enabled=False).execute())
    registry.on_changed()
    pool = Pool(AT_ONCE + 8, registry)
    pool.fleets.warm()
    arrivals = random.Random(seed)
    pending: set[str] = set()
    asked, due = 0, time.monotonic()
    while asked < turns or pending:
        while asked < turns and time.monotonic() >= due and len(pending) < AT_ONCE:
            pending.add(_ask(pool, asked))
            asked += 1
            due += arrivals.expovariate(PER_SECOND * scale)
        time.sleep(0.02)
        pending -= _answered(pending) if pending else set()
    found = _judge(scale)
    pool.drain()
    return found


def _ask(pool: Any, number: int) -> str:
    from bot.messages import Inbound, Receipt
    from bot.receive import receive

    text = "How long do refunds take?"
    (got,) = receive(
        [Inbound(channel="bench", key=f"q{number}", external_id=f"c{number}", place=f"p{number}", text=text)]
    )
    assert isinstance(got, Receipt)
    pool.on_wake(got.conversation_id.encode())
    return got.conversation_id


def _answered(pending: set[str]) -> set[str]:
    from bot import store

    marks = ", ".join("?" for _ in pending)
    statement = f"SELECT DISTINCT conversation_id FROM message WHERE author = 'ai' AND conversation_id IN ({marks})"
    return {row[0] for row in store.read(lambda: store.sql(statement, tuple(pending)).fetchall())}


def _judge(scale: float) -> tuple[list[float], Counter[str], int, int]:
    from bot import store

    rows = store.read(
        lambda: store.sql(
            "SELECT c.id, (SELECT min(created_at) FROM message WHERE conversation_id = c.id AND author = 'customer'),"
            " (SELECT min(created_at) FROM message WHERE conversation_id = c.id AND author = 'ai'),"
            " (SELECT count(*) FROM message WHERE conversation_id = c.id AND author = 'ai'),"
            " (SELECT min(kind) FROM message WHERE conversation_id = c.id AND author = 'ai'),"
            " (SELECT count(*) FROM ticket WHERE conversation_id = c.id),"
            " (SELECT max(attempt) FROM turn WHERE conversation_id = c.id) FROM conversation c"
        ).fetchall()
    )
    kinds: Counter[str] = Counter()
    times, wrong, failovers = [], 0, 0
    for _, asked, answered, count, kind, tickets, attempt in rows:
        right = count == 1 and ((kind == "ai" and tickets == 0) or (kind == "fallback" and tickets == 1))
        wrong += not right
        kinds[kind] += 1
        failovers += kind == "ai" and attempt > 1
        times.append((answered - asked) * scale)
    return times, kinds, wrong, failovers


def main() -> int:
    """Print what was found; with ``--inside`` as JSON, for the process that started this one."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.failover", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--scale", type=float, default=SCALE)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--rates", default=",".join(map(str, ROUGH)), help="share of the requests to each provider that go wrong"
    )
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    rates = tuple(float(rate) for rate in options.rates.split(","))
    if options.inside:
        print(json.dumps(asdict(inside(options.inside, options.turns, options.scale, options.seed, rates))))
        return 0
    with tempfile.TemporaryDirectory(prefix="deskhand-failover-") as name:
        found = measure(Path(name), options.turns, options.scale, options.seed, rates)
    report = asdict(found)
    print(json.dumps(report, indent=2))
    return int(bool(found.wrong) or found.p99 > GOAL)


if __name__ == "__main__":
    sys.exit(main())
