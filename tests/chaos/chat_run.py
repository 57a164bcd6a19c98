"""One run of the chats' proof: people on Telegram and Discord talk to the AI while processes are killed and both have bad days."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import chat_load
from tests.chaos.check_chats import Chat, ChatWorld, judge_chats
from tests.chaos.checker import Violation
from tests.chaos.desk_load import Budget
from tests.chaos.installation import Installation
from tests.chaos.journal import Journal
from tests.chaos.killer import Killer
from tests.chaos.run import Database
from tests.chaos.snapshot import read_database, unfinished
from tests.fakes.discord import FakeDiscord
from tests.fakes.faults import Fault, Faults
from tests.fakes.telegram import FakeTelegram
from tests.patience import patient

PLUGINS = Path(__file__).parent / "chat_plugins"
WEIGHTS = {"web": 1, "turns": 3, "turns2": 2, "channels": 6, "channels2": 4, "quick": 1, "slow": 1, "valkey": 3}
KINDS = ("429", "500", "500_after", "drop_before", "drop_after")
REDELIVERED = 0.1
FAULTY = 0.01


@dataclass(frozen=True, kw_only=True)
class ChatSize:
    """How much of everything. ``messages`` on each platform and ``kills`` are all reached."""

    messages: int
    people: int
    """On each platform."""
    kills: int
    mean: float
    pause: float
    """Seconds between two words of one person, on average."""
    patience: float
    """Part of the real waiting times for what is uncertain."""
    limit: float = 900.0
    settle: float = 240.0


SMALL = ChatSize(messages=30, people=4, kills=6, mean=0.6, pause=0.5, patience=0.1, limit=240, settle=240)
FULL = ChatSize(messages=1_000, people=30, kills=200, mean=1.2, pause=7.0, patience=0.3)


@dataclass
class ChatResult:
    """What a run showed."""

    seed: int
    database: str
    violations: list[Violation]
    seconds: float
    messages: Counter[str]
    answers: Counter[str]
    kills: Counter[str]
    faults: Counter[str]
    redelivered: Counter[str]
    again: Counter[str]
    """Texts that stand in a chat again, by channel."""
    uncertain: Counter[str]
    """What the product itself counted as sent again without knowing, by channel."""
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.violations and not self.notes


class _BadDays(Faults):
    """One in a hundred sends goes wrong, and one in ten answers to a poll is lost: its updates come again."""

    def next(self, method: str) -> Fault | None:
        if method == "getUpdates":
            return Fault("drop_after") if self.rate and self.dice.random() < REDELIVERED else None
        return super().next(method)


def run_chats(size: ChatSize, *, seed: int, kind: str, folder: Path, say: Any = print) -> ChatResult:
    """Run once on ``sqlite`` or ``postgresql``, with all logs under ``folder``."""
    return asyncio.run(_Run(size, seed, kind, folder, say).go())


class _Run:
    def __init__(self, size: ChatSize, seed: int, kind: str, folder: Path, say: Any) -> None:
        self.size, self.seed, self.folder, self.say = size, seed, folder, say
        folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(kind, folder)
        self.notes: list[str] = []
        self.uncertain: Counter[str] = Counter()

    async def go(self) -> ChatResult:
        began = time.monotonic()
        self.database.start()
        with (
            FakeTelegram(journal=self.folder / "telegram.jsonl", paced=True) as telegram,
            FakeDiscord(journal=self.folder / "discord.jsonl") as discord,
        ):
            self.telegram, self.discord = telegram, discord
            telegram.faults = _BadDays()
            self.people = [chat_load.on_telegram(telegram, number) for number in range(self.size.people)]
            self.people += [chat_load.on_discord(discord, number) for number in range(self.size.people)]
            self.installation = installation = Installation(
                self.folder, self.database.url, "", plugins=PLUGINS,
                more_env={**telegram.env, **discord.env(), "CHAOS_PATIENCE": str(self.size.patience)},
            )  # fmt: skip
            killer = Killer(
                installation, Journal(self.folder / "killer.jsonl"), self.seed, self.size.mean, stop_every=30, empty_every=15,
                enough=self.size.kills, weights=WEIGHTS, long_stops=0.1,
            )  # fmt: skip
            try:
                installation.start({"seed": self.seed, "rate": 0.0, "faults": []}, tokens_per_second=400)
                await self._until(lambda: discord.connected() and telegram.world.noted("polled"), 40, "both listen")
                await self._storm(killer)
                await self._rest()
                self.uncertain = await asyncio.to_thread(self._counted)
            finally:
                installation.end()
            try:
                return self._judge(killer, time.monotonic() - began)
            finally:
                self.database.stop()

    async def _storm(self, killer: Killer) -> None:
        size, seed = self.size, self.seed
        self.telegram.faults.plan(seed, FAULTY, KINDS)
        self.discord.faults.plan(seed, FAULTY, KINDS)
        self.discord.gateway.twice, self.discord.gateway.dice = REDELIVERED, random.Random(f"{seed}/twice")
        more = lambda: killer.total < size.kills  # noqa: E731
        budgets = {name: Budget(size.messages, more) for name in ("telegram", "discord")}
        talks = [
            asyncio.create_task(one.talk(budgets[one.channel], random.Random(f"{seed}/{one.name}"), size.pause))
            for one in self.people
        ]
        others = [
            asyncio.create_task(killer.run()),
            asyncio.create_task(self._weather()),
            asyncio.create_task(self._tell(killer)),
        ]
        try:
            done, late = await asyncio.wait(talks, timeout=size.limit)
        finally:
            for task in (*talks, *others):
                task.cancel()
            await asyncio.gather(*talks, *others, return_exceptions=True)
        for task in done:
            if error := task.exception():
                raise error
        if late:
            self.notes.append(f"{len(late)} had not finished after {size.limit:.0f} s")
        if killer.total < size.kills:
            self.notes.append(f"{killer.total} of {size.kills} kills")
        self.say(f"  {sum(budget.done for budget in budgets.values())} messages, {killer.total} kills")
        self.telegram.faults.plan(seed, 0.0)
        self.discord.faults.plan(seed, 0.0)
        self.discord.gateway.twice = 0.0

    async def _weather(self) -> None:
        """Discord asks for another connection, ends sessions, or just hangs up, now and then."""
        dice = random.Random(f"{self.seed}/weather")
        while True:
            await asyncio.sleep(dice.expovariate(1 / 12))
            gateway = self.discord.gateway
            act = dice.choice((gateway.reconnect, gateway.drop, gateway.invalidate))
            await asyncio.to_thread(lambda act=act: self.discord.run(act()))  # type: ignore[misc]

    async def _tell(self, killer: Killer) -> None:
        while True:
            await asyncio.sleep(20)
            self.say(f"  … {sum(len(one.asked) for one in self.people)} messages, {killer.total} kills")

    async def _rest(self) -> None:
        """Until nothing is under way and every question is stored (or time is up)."""
        deadline = time.monotonic() + self.size.settle
        left: dict[str, int] = {}
        quiet = 0
        while time.monotonic() < deadline and quiet < 3:
            self.installation.look_after()
            try:
                left = await asyncio.to_thread(unfinished, self.database.url)
                world = await asyncio.to_thread(self._world)
                for one in judge_chats(world):
                    left[one.kind] = left.get(one.kind, 0) + 1
            except Exception as error:  # locked: not at rest
                left = {type(error).__name__: 1}
            quiet = quiet + 1 if not left else 0
            await asyncio.sleep(0.5)
        if left:
            self.notes.append(f"not at rest within {self.size.settle:.0f} s: {left}")

    async def _until(self, condition: Any, seconds: float, what: str) -> None:
        deadline = time.monotonic() + patient(seconds)
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:.0f} s: {what}")
            self.installation.look_after()
            await asyncio.sleep(0.1)

    def _counted(self) -> Counter[str]:
        """What the product publishes itself of sends that were made again without knowing."""
        status, text = self.installation.product.get("/metrics")
        found = re.findall(r'deskhand_deliveries_total\{channel="(\w+)",outcome="resent"\} (\d+)', text.decode())
        return Counter({name: int(number) for name, number in found}) if status == 200 else Counter()

    def _world(self) -> ChatWorld:
        return ChatWorld(
            read_database(self.database.url),
            {one.name: Chat(one.channel, one.place, one.asked, one.read()) for one in self.people},
        )

    def _judge(self, killer: Killer, seconds: float) -> ChatResult:
        world = self._world()
        violations = judge_chats(world)
        polled = Counter(update for entry in self.telegram.world.noted("polled") for update in entry["updates"])
        return ChatResult(
            seed=self.seed, database=self.database.kind, violations=violations, seconds=seconds,
            messages=Counter({name: sum(len(p.asked) for p in self.people if p.channel == name) for name in ("telegram", "discord")}),
            answers=Counter(
                row["channel"] for row in world.database["delivery"] if row["op"] == "send" and row["state"] == "sent"
            ),
            kills=killer.kills,
            faults=Counter(
                [f"telegram {e['kind']}" for e in self.telegram.world.noted("fault")]
                + [f"discord {e['fault']}" for e in self.discord.world.noted("fault")]
            ),
            redelivered=Counter(
                telegram=sum(times > 1 for times in polled.values()), discord=self.discord.gateway.redelivered
            ),
            again=world.again, uncertain=self.uncertain, notes=self.notes,
        )  # fmt: skip
