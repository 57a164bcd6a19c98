"""One run of the desk's proof: people talk through Slack while processes are killed and Slack has bad days."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.failpoints import POINTS
from tests.chaos import desk_load
from tests.chaos.check_desk import DeskWorld, judge_desk
from tests.chaos.checker import Violation
from tests.chaos.desk_load import Budget, Case
from tests.chaos.failpoint_run import kill_at
from tests.chaos.installation import Installation
from tests.chaos.journal import Journal, of_kind, read_journal
from tests.chaos.killer import Killer
from tests.chaos.run import Database
from tests.chaos.snapshot import read_database, unfinished
from tests.chaos.widget import Widget
from tests.fakes.slack import FakeSlack
from tests.patience import patient

PLUGINS = Path(__file__).parent / "desk_plugins"
ARMED = ";".join(f"{point}=kill" for point in sorted(POINTS))
OF_DESKS = sorted(point for point in POINTS if point.startswith("desk."))
WEIGHTS = {"web": 3, "turns": 1, "channels": 6, "channels2": 4, "quick": 1, "slow": 1, "valkey": 3}
FAULTS = ("429", "500", "500_after", "drop_before", "drop_after", "slow_after")
HIT = (
    "chat.postMessage",
    "chat.update",
    "conversations.replies",
    "conversations.history",
    "users.info",
    "reactions.add",
)


@dataclass(frozen=True, kw_only=True)
class DeskSize:
    """How much of everything. ``replies``, ``messages`` and ``kills`` are all reached."""

    replies: int
    messages: int
    channels: int
    tickets: int
    """For each channel."""
    kills: int
    mean: float
    pause: float
    """Seconds between two words of one person, on average."""
    scale: float
    """How much faster time passes than in Slack: for its redeliveries, for the outage, and for our patience with it."""
    limit: float = 900.0
    settle: float = 240.0
    points: int = 1
    """Kills at each named point of the desk."""

    @property
    def outage(self) -> float:
        """Six minutes and a bit: longer than Slack redelivers."""
        return 370.0 * self.scale


SMALL = DeskSize(
    replies=50,
    messages=24,
    channels=2,
    tickets=2,
    kills=6,
    mean=1.0,
    pause=2.0,
    scale=0.015,
    limit=420,
    settle=300,
    points=0,
)
FULL = DeskSize(
    replies=2_000, messages=2_000, channels=20, tickets=2, kills=200, mean=1.2, pause=4.5, scale=0.1, points=2
)


@dataclass
class DeskResult:
    """What a run showed."""

    seed: int
    database: str
    violations: list[Violation]
    seconds: float
    replies: int
    messages: int
    threads: int
    kills: Counter[str]
    points: dict[str, int]
    faults: Counter[str]
    redelivered: int
    most_deliveries: int
    """Of one event."""
    outage: float
    undecorated: int
    """Marks on agents' messages that were given up."""
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.violations and not self.notes


def run_desk(size: DeskSize, *, seed: int, kind: str, folder: Path, say: Any = print) -> DeskResult:
    """Run once on ``sqlite`` or ``postgresql``, with all logs under ``folder``."""
    return asyncio.run(_Run(size, seed, kind, folder, say).go())


class _Run:
    def __init__(self, size: DeskSize, seed: int, kind: str, folder: Path, say: Any) -> None:
        self.size, self.seed, self.folder, self.say = size, seed, folder, say
        folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(kind, folder)
        self.notes: list[str] = []
        self.points: dict[str, int] = {}
        self.cases: list[Case] = []
        self.lines: list[asyncio.Task[None]] = []

    async def go(self) -> DeskResult:
        began = time.monotonic()
        self.database.start()
        with FakeSlack(paced=True, burst=4) as slack:
            self.slack = slack
            killings = Journal(self.folder / "killer.jsonl")
            self._furnish()
            self.installation = installation = Installation(
                self.folder, self.database.url, "", failpoints=ARMED, plugins=PLUGINS,
                more_env={
                    "SLACK_BOT_TOKEN": slack.space.bot_token, "SLACK_APP_TOKEN": slack.space.app_token, "SLACK_CHANNEL": "C0SUPPORT",
                    "DESKHAND_SLACK_API_URL": slack.url, "CHAOS_PATIENCE": str(max(0.1, self.size.scale)),
                },
            )  # fmt: skip
            killer = Killer(
                installation, killings, self.seed, self.size.mean, stop_every=10**6, empty_every=15, enough=self.size.kills,
                weights=WEIGHTS,
            )  # fmt: skip
            try:
                installation.start({"seed": self.seed, "rate": 0.0, "faults": []}, tokens_per_second=2_000)
                await self._open()
                self.say(f"  {len(self.cases)} tickets claimed after {time.monotonic() - began:.0f} s")
                await self._storm(killer)
                if self.size.points:
                    await self._points(killings)
                await self._rest()
            finally:
                for case in self.cases:
                    case.widget.stopping = True
                for line in self.lines:
                    line.cancel()
                await asyncio.gather(*self.lines, return_exceptions=True)
                installation.end()
            try:
                return self._judge(killer, time.monotonic() - began)
            finally:
                self.database.stop()

    # Before ---------------------------------------------------------------------------------------------------------

    def _furnish(self) -> None:
        """Slack as it is on a bad day, with as many channels as there are."""
        sockets, size = self.slack.sockets, self.size
        sockets.retries = (0.0, 60 * size.scale, 300 * size.scale)
        sockets.ack_within = 3.0
        for number in range(1, size.channels):
            self.slack.space.add_channel(f"C0ROOM{number:02d}", f"room-{number}")

    def _bad_days(self) -> None:
        sockets = self.slack.sockets
        sockets.twins, sockets.most_twins, sockets.lost_acks, sockets.jitter = 0.5, 11, 0.05, 0.5
        self.slack.sockets.dice = random.Random(f"{self.seed}/slack")
        self.slack.faults.plan(self.seed, 0.03, FAULTS, HIT, seconds=15 * max(0.1, self.size.scale) + 1)

    async def _open(self) -> None:
        """Tickets in every channel: new threads open where the setting says, so it is changed from channel to channel."""
        product = self.installation.product
        for name, user in (("ana", "U1"), ("ben", "U2")):
            done = await asyncio.to_thread(product.run, "agents", "add", name, "--slack", f"T0DESK:{user}")
            if done.returncode:
                raise AssertionError(done.stderr)
        places = ["C0SUPPORT", *(f"C0ROOM{number:02d}" for number in range(1, self.size.channels))]
        for number, place in enumerate(places):
            if number:
                await asyncio.to_thread(product.run, "plugins", "set", "slack", f"channel={place}")
            await self._until(lambda place=place: self._place() == place, 20, f"{place} is the desk's channel")
            batch = [self._case(f"t{number:02d}{letter}") for letter in "abcdefgh"[: self.size.tickets]]
            await desk_load.open_cases(batch, self.slack, place)

    def _place(self) -> str:
        import orjson

        from tests.chaos.snapshot import ask

        rows = ask(self.database.url, "SELECT value FROM setting WHERE key = 'desk.slack'")
        return (
            str((orjson.loads(rows[0][0]) if isinstance(rows[0][0], (str, bytes)) else rows[0][0])["place"])
            if rows
            else ""
        )

    def _case(self, name: str) -> Case:
        rng = random.Random(f"{self.seed}/{name}")
        widget = Widget(name, self.installation.product.base_url, Journal(self.folder / f"widget-{name}.jsonl"), rng)
        self.lines.append(asyncio.create_task(widget.run(), name=f"line {name}"))
        case = Case(name, widget, agents=("U1", "U2") if rng.random() < 0.5 else ("U2", "U1"))
        self.cases.append(case)
        return case

    # The storm ------------------------------------------------------------------------------------------------------

    async def _storm(self, killer: Killer) -> None:
        size = self.size
        self._bad_days()
        killing = asyncio.create_task(killer.run(), name="killer")
        more = lambda: killer.total < size.kills  # noqa: E731
        words, replies = Budget(size.messages, more), Budget(size.replies, more)
        people: list[asyncio.Task[None]] = []
        for case in self.cases:
            rng = random.Random(f"{self.seed}/{case.name}/words")
            people.append(
                asyncio.create_task(desk_load.customer(case, words, rng, size.pause), name=f"{case.name} customer")
            )
            people.append(
                asyncio.create_task(
                    desk_load.agent(case, self.slack, replies, rng, size.pause * 0.6), name=f"{case.name} agent"
                )
            )
        outage = asyncio.create_task(self._outage(), name="outage")
        watch = asyncio.create_task(self._watch(words, replies, killer))
        try:
            done, late = await asyncio.wait([*people, outage], timeout=size.limit)
        finally:
            for task in (*people, outage, watch, killing):
                task.cancel()
            await asyncio.gather(*people, outage, watch, killing, return_exceptions=True)
            if not self.slack.is_up:
                self.slack.up()
        for task in done:
            if error := task.exception():
                raise error
        if late:
            self.notes.append(f"{len(late)} had not finished after {size.limit:.0f} s")
        if killer.total < size.kills:
            self.notes.append(f"{killer.total} of {size.kills} kills")
        self.say(f"  {words.done} messages, {replies.done} replies, {killer.total} kills")
        self.slack.faults.plan(self.seed, 0.0)

    async def _outage(self) -> None:
        """In the middle Slack is away for longer than it redelivers. People go on writing there."""
        await asyncio.sleep(60.0 * min(1.0, 4 * self.size.scale))
        await asyncio.to_thread(self.slack.down)
        self.say(f"  Slack is away for {self.size.outage:.0f} s")
        await asyncio.sleep(self.size.outage)
        await asyncio.to_thread(self.slack.up)

    async def _watch(self, words: Budget, replies: Budget, killer: Killer) -> None:
        while True:
            await asyncio.sleep(20)
            self.say(f"  … {words.done} messages, {replies.done} replies, {killer.total} kills")

    async def _points(self, journal: Journal) -> None:
        """Kill whoever passes each of the desk's named points, while somebody writes and somebody answers."""
        for number, point in enumerate(OF_DESKS):
            case = self.cases[number % len(self.cases)]
            stop = asyncio.Event()
            rng = random.Random(f"{self.seed}/{point}")
            going = Budget(0, lambda stop=stop: not stop.is_set())  # type: ignore[misc]
            people = [
                asyncio.create_task(desk_load.customer(case, going, rng, 1.5)),
                asyncio.create_task(desk_load.agent(case, self.slack, going, rng, 1.0)),
            ]
            try:
                self.points[point] = await kill_at(point, self.size.points, self.installation, journal)
            finally:
                stop.set()
                await asyncio.gather(*people)
        if missing := [point for point in OF_DESKS if not self.points[point]]:
            self.notes.append(f"no process was killed at {', '.join(missing)}")
        self.say(f"  {sum(self.points.values())} kills at {len(self.points)} points")

    # After ----------------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        """Until nothing is under way, and everything that agents wrote is on its customer's screen (or time is up)."""
        deadline = time.monotonic() + self.size.settle
        left: dict[str, int] = {}
        quiet = 0
        while time.monotonic() < deadline and quiet < 3:
            self.installation.look_after()
            try:
                left = await asyncio.to_thread(unfinished, self.database.url)
            except Exception as error:  # locked: not at rest
                left = {type(error).__name__: 1}
            missing = sum(case.replied - len(case.shown()) for case in self.cases)
            if missing:
                left["replies not shown"] = missing
            if sending := sum(len(case.widget.outbox) for case in self.cases):
                left["messages not sent"] = sending
            quiet = quiet + 1 if not left else 0
            await asyncio.sleep(0.4)
        if left:
            self.notes.append(f"not at rest within {self.size.settle:.0f} s: {left}")
        for case in self.cases:
            await case.widget.catch_up(10)

    async def _until(self, condition: Any, seconds: float, what: str) -> None:
        deadline = time.monotonic() + patient(seconds)
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:.0f} s: {what}")
            self.installation.look_after()
            await asyncio.sleep(0.1)

    def _judge(self, killer: Killer, seconds: float) -> DeskResult:
        space = self.slack.space
        database = read_database(self.database.url)
        world = DeskWorld(
            database,
            {case.name: read_journal(self.folder / f"widget-{case.name}.jsonl") for case in self.cases},
            {case.name: (case.place, case.thread) for case in self.cases},
            {place: [m["ts"] for m in space.messages(place) if m.get("bot_id")] for place in space.channels},
            {(case.place, case.thread): space.messages(case.place, case.thread) for case in self.cases},
            space.log,
        )
        deliveries = Counter(
            entry["event"]["ts"] for entry in space.noted("sent")
            if (entry.get("event") or {}).get("client_msg_id")
        )  # fmt: skip
        faults = Counter(f"{entry['kind']}" for entry in space.noted("fault"))
        faults["429 by pace"] = len(space.noted("429"))
        acked = sum(len({e["cid"] for e in of_kind(log, "acked")}) for log in world.customers.values())
        return DeskResult(
            seed=self.seed, database=self.database.kind, violations=judge_desk(world), seconds=seconds,
            replies=sum(case.replied for case in self.cases), messages=acked, threads=len(self.cases), kills=killer.kills,
            points=self.points, faults=faults, redelivered=sum(times > 1 for times in deliveries.values()),
            most_deliveries=max(deliveries.values(), default=0), outage=self.size.outage,
            undecorated=sum(r["op"] == "mark" and r["state"] == "dead" for r in database["delivery"]), notes=self.notes,
        )  # fmt: skip
