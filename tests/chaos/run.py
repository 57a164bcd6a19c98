"""One chaos run from the first process to the verdict."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import failpoint_run
from tests.chaos.check_platform import duplicates
from tests.chaos.checker import Violation, World, judge
from tests.chaos.installation import Installation
from tests.chaos.journal import Event, Journal, journals, of_kind, read_journal
from tests.chaos.killer import Killer, recovery_times
from tests.chaos.load import Budget, Crowd
from tests.chaos.platform import Platform
from tests.chaos.snapshot import read_database, unfinished
from tests.patience import wait_for
from tests.postgres import Postgres, find_tool

FAULTS = ["500", "429", "529", "overload_mid", "cut", "cut_line", "drop"]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything. ``messages`` and ``kills`` are both reached: whoever has enough goes on for the other."""

    messages: int
    letters: int
    kills: int
    widgets: int
    rests: int
    places: int
    mean: float
    """Seconds between two kills."""
    stop_every: float = 12.0
    limit: float = 600.0
    """Seconds after which the run ends, whatever has happened."""
    settle: float = 240.0
    """Seconds everything has to come to rest in."""
    failpoints: int = 2
    """Kills at every named point; 0 leaves them out."""
    tokens_per_second: float = 120.0


SMALL = Size(
    messages=250, letters=30, kills=40, widgets=12, rests=4, places=6, mean=0.4, limit=300, stop_every=10, failpoints=1
)
FULL = Size(
    messages=5_000, letters=600, kills=300, widgets=40, rests=12, places=18, mean=0.5, limit=1_500, stop_every=15
)


@dataclass
class Result:
    """What a run showed."""

    seed: int
    database: str
    violations: list[Violation]
    seconds: float
    messages: Counter[str]
    kills: Counter[str]
    stops: Counter[str]
    flushes: int
    faults: dict[str, int]
    redelivered: int
    duplicates: dict[str, int]
    recovery: dict[str, list[float]]
    ack: list[float]
    answer: list[float]
    turns: Counter[str]
    crashes: int
    tickets: int
    points: dict[str, int]
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.violations and not self.notes


class Database:
    """SQLite in the product's folder, or a PostgreSQL server of our own that can be crashed."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.server: Postgres | None = None
        self.url = f"sqlite:///{folder / 'data' / 'deskhand.sqlite3'}"

    def start(self) -> None:
        if self.kind == "postgresql":
            self.server = Postgres()
            self.server.start()
            self.url = self.server.fresh()
            name = self.url.partition("?")[0].rsplit("/", 1)[1]
            # The tests' server loses its last commits when it is killed; a server that people run does not.
            self.server.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")

    def crash(self) -> None:
        """End the server without a checkpoint, and start it: it recovers from its log."""
        assert self.server is not None
        data = str(self.server.folder / "data")
        options = (
            f"-k {self.server.folder} -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=300"
            " -c shared_buffers=64MB"
        )
        for line in (
            ["-m", "immediate", "-w", "stop"],
            ["-w", "-t", "30", "-l", str(self.server.folder / "log"), "-o", options, "start"],
        ):
            subprocess.run(
                [find_tool("pg_ctl"), "-D", data, *line], check=True, user=self.server.user, cwd=self.server.folder,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60,
            )  # fmt: skip

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()


def run(size: Size, *, seed: int, kind: str, folder: Path, say: Any = print) -> Result:
    """Run once on ``sqlite`` or ``postgresql``, with all logs under ``folder``."""
    return asyncio.run(_Run(size, seed, kind, folder, say).go())


class _Run:
    def __init__(self, size: Size, seed: int, kind: str, folder: Path, say: Any) -> None:
        self.size, self.seed, self.folder, self.say = size, seed, folder, say
        folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(kind, folder)
        self.notes: list[str] = []
        self.points: dict[str, int] = {}

    async def go(self) -> Result:
        began = time.monotonic()
        platform = Platform(Journal(self.folder / "platform.jsonl"), self.seed)
        await platform.start()
        killings = Journal(self.folder / "killer.jsonl")
        self.database.start()
        installation = Installation(
            self.folder, self.database.url, platform.url, failpoints=failpoint_run.PLAN if self.size.failpoints else ""
        )
        killer = Killer(
            installation, killings, self.seed, self.size.mean, stop_every=self.size.stop_every, enough=self.size.kills,
            kill_database=self.database.crash if self.database.server is not None else None,
        )  # fmt: skip
        try:
            plan = {"seed": self.seed, "rate": 0.02, "faults": FAULTS}
            installation.start(plan, tokens_per_second=self.size.tokens_per_second)
            self.say(f"  serving after {time.monotonic() - began:.1f} s")
            crowd = await self._storm(installation, platform, killer)
            if self.size.failpoints:
                self.points = await failpoint_run.all_points(
                    installation, crowd, platform, killings, self.seed, self.size.failpoints, self.say
                )
                if missing := [point for point in failpoint_run.ORDER if not self.points[point]]:
                    self.notes.append(f"no process was killed at {', '.join(missing)}")
            await self._rest(installation, platform, crowd)
            problems = installation.problems()
            for kind in ("quick", "slow"):
                if not (installation.chores / kind).exists():
                    problems.append(f"no {kind} job ever ran")
        finally:
            installation.end()
            await platform.stop()
        try:
            return self._judge(installation, platform, killer, time.monotonic() - began, problems)
        finally:
            self.database.stop()

    async def _storm(self, installation: Installation, platform: Platform, killer: Killer) -> Crowd:
        size = self.size
        killing = asyncio.create_task(killer.run(), name="killer")
        chat = Budget(size.messages, lambda: killer.total < size.kills)
        letters = Budget(size.letters, lambda: False)
        crowd = Crowd.gather(
            self.folder, installation.product.base_url, self.seed, platform, widgets=size.widgets, rests=size.rests,
            places=size.places, chat=chat, letters=letters,
        )  # fmt: skip
        watch = asyncio.create_task(self._watch(chat, letters, killer))
        try:
            late = await crowd.finish(size.limit)
        finally:
            watch.cancel()
            killing.cancel()
            await asyncio.gather(killing, watch, return_exceptions=True)
        if late:
            self.notes.append(f"not finished within {size.limit:.0f} s: {', '.join(late)}")
        if killer.total < size.kills or chat.asked < size.messages:
            self.notes.append(f"{killer.total} of {size.kills} kills, {chat.asked} of {size.messages} messages")
        self.say(
            f"  {chat.asked} messages, {letters.asked} letters, {killer.total} kills, {sum(killer.stops.values())} pauses"
        )
        return crowd

    async def _watch(self, chat: Budget, letters: Budget, killer: Killer) -> None:
        while True:
            await asyncio.sleep(20)
            self.say(f"  … {chat.asked} messages, {letters.asked} letters, {killer.total} kills")

    async def _rest(self, installation: Installation, platform: Platform, crowd: Crowd) -> None:
        """Let everything run and wait until nothing is under way; then everybody looks once more."""
        deadline = time.monotonic() + self.size.settle
        left: dict[str, int] = {}
        quiet = 0
        while time.monotonic() < deadline and quiet < 3:
            installation.look_after()
            try:
                left = await asyncio.to_thread(unfinished, self.database.url)
            except Exception as error:  # locked, or away: not at rest
                left = {type(error).__name__: 1}
            if platform.waiting:
                left["letters not taken"] = platform.waiting
            quiet = quiet + 1 if not left else 0
            await asyncio.sleep(0.5)
        if left:
            self.notes.append(f"not at rest within {self.size.settle:.0f} s: {left}")
        behind = await crowd.catch_up(20)
        if behind:
            self.notes.append(f"could not catch up: {', '.join(behind)}")
        await crowd.leave()

    def _judge(
        self, installation: Installation, platform: Platform, killer: Killer, seconds: float, problems: list[str]
    ) -> Result:
        database = wait_for(lambda: read_database(self.database.url), 10, "the database")
        customers = {**journals(self.folder, "widget-"), **journals(self.folder, "rest-")}
        letters = read_journal(self.folder / "platform.jsonl")
        world = World(database, customers, letters, token_cap=installation.token_cap)
        violations = judge(world)
        again = dict(duplicates(letters))
        kills = [(e["at"], e["name"], e["pid"]) for e in of_kind(read_journal(self.folder / "killer.jsonl"), "kill")]
        self.notes += sorted({_brief(line) for line in problems})
        return Result(
            seed=self.seed, database=self.database.kind, violations=violations, seconds=seconds,
            messages=Counter(
                widget=_acked(customers, "widget-"), rest=_acked(customers, "rest-"),
                platform=sum(1 for _ in of_kind(letters, "taken")), answers=sum(row["author"] == "ai" for row in database["message"]),
            ),
            kills=killer.kills + Counter(dict(self.points and {"failpoint": sum(self.points.values())})), stops=killer.stops, flushes=killer.flushes,
            faults=platform.faults, redelivered=platform.redelivered, duplicates=again,
            recovery=recovery_times(kills, installation.ready_times()), ack=_times(customers, "acked"),
            answer=_answer_times(customers), turns=Counter(row["state"] for row in database["turn"]),
            crashes=sum(row["crashes"] for row in database["turn"]), tickets=len(database["ticket"]), points=self.points,
            notes=self.notes,
        )  # fmt: skip


def _brief(line: str) -> str:
    return line[:300]


def _acked(customers: dict[str, list[Event]], prefix: str) -> int:
    return sum(
        len({e["cid"] for e in of_kind(log, "acked")}) for name, log in customers.items() if name.startswith(prefix)
    )


def _times(customers: dict[str, list[Event]], kind: str) -> list[float]:
    found = []
    for log in customers.values():
        sent = {e["cid"]: e["at"] for e in of_kind(log, "sent")}
        seen: set[str] = set()
        for event in of_kind(log, kind):
            if event["cid"] in sent and event["cid"] not in seen:
                seen.add(event["cid"])
                found.append(event["at"] - sent[event["cid"]])
    return found


def _answer_times(customers: dict[str, list[Event]]) -> list[float]:
    """From Send to the finished answer on the screen that repeats the question."""
    found = []
    for log in customers.values():
        asked = {e["text"].partition(" ")[0]: e["at"] for e in of_kind(log, "sent") if e["text"]}
        for event in of_kind(log, "shown"):
            if event["author"] == "ai" and event.get("type") == "ai":
                token = next((t for t in asked if t in event["text"]), None)
                if token is not None:
                    found.append(event["at"] - asked.pop(token))
    return found


def quantile(values: list[float], part: float) -> float:
    """The value below which ``part`` of them are; 0 without values."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[min(98, max(0, round(part * 100) - 1))]
