"""People on Telegram and on Discord who ask the AI: each so many questions, numbered, and no word twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.desk_load import Budget
from tests.fakes.discord import FakeDiscord
from tests.fakes.telegram import FakeTelegram

WORDS = ("and then?", "the lamp <b>", "thank you & goodbye", "a_b *c* `d`", "👩‍👩‍👧 okay", "how long?")


@dataclass
class Person:
    """One chat. ``write`` is the person's side of the platform, ``read`` what the bot says there now, the oldest first."""

    channel: str
    name: str
    place: str
    write: Callable[[str], object]
    read: Callable[[], list[str]]
    asked: list[str] = field(default_factory=list)

    async def talk(self, budget: Budget, rng: random.Random, pause: float) -> None:
        """Ask until the budget is used up, sometimes without waiting."""
        while budget.take():
            await self.ask(rng)
            await asyncio.sleep(0 if rng.random() < 0.1 else rng.expovariate(1 / pause))

    async def ask(self, rng: random.Random) -> None:
        token = f"q:{self.name}:0:{len(self.asked) + 1};"
        self.asked.append(token)
        await asyncio.to_thread(self.write, f"{token} {rng.choice(WORDS)}")


def on_telegram(telegram: FakeTelegram, number: int) -> Person:
    user = telegram.world.user(20_000 + number, f"Tess {number}")
    return Person(
        "telegram",
        f"t{number:02d}",
        str(user),
        lambda text: telegram.write(user, text),
        lambda: telegram.world.texts(user),
    )


def on_discord(discord: FakeDiscord, number: int) -> Person:
    user = discord.world.add_user(f"Dora {number}")
    room = discord.world.dm_of(user)

    def read() -> list[str]:
        with discord.world.lock:
            mine = [one for one in discord.world.messages[room].values() if one["author"]["id"] == discord.world.me]
            return [str(one["content"]) for one in sorted(mine, key=lambda one: int(one["id"]))]

    return Person("discord", f"d{number:02d}", room, lambda text: discord.dm(user, text), read)
