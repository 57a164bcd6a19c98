"""Discord with its real SDK against our own over sockets: how fast what comes in is committed, and how soon an agent's reply is shown."""

from __future__ import annotations

import sqlite3
import statistics
import time
from pathlib import Path
from typing import Any

from tests.bench.product import product
from tests.bench.report import Report
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack

PEOPLE, EACH = 200, 10
AGREED = 200.0
REPLIES, OPEN = 60, 20
SHOWN_WITHIN = 0.5
ROOM = "C0HELP"


def inbound(report: Report, _program: Path, room: Path) -> None:
    """Messages a second from the gateway to the disk, while the offline provider answers them."""
    with FakeDiscord() as discord:
        people = [discord.world.add_user(f"P{number}") for number in range(PEOPLE)]
        data = room / "discord-in"
        with product(data, **discord.env()):
            discord.wait(discord.connected, 20)
            began = time.monotonic()
            for number in range(EACH):
                for user in people:
                    discord.dm(user, f"message {number}")
            written = time.monotonic() - began
            discord.wait(lambda: _committed(data) >= PEOPLE * EACH, 120)
            seconds = time.monotonic() - began
    rate = PEOPLE * EACH / seconds
    note = f"{PEOPLE} people, {EACH} messages each; written within {written:.1f} s, answered meanwhile"
    report.add("Discord: messages committed per second", f"{rate:,.0f}", f"≥ {AGREED:.0f}", rate >= AGREED, note)


def _committed(data: Path) -> int:
    with sqlite3.connect(f"file:{data / 'deskhand.sqlite3'}?mode=ro", uri=True, timeout=5) as wire:
        found = wire.execute("SELECT count(*) FROM message WHERE author = 'customer'").fetchone()
    return int(found[0])


def replies(report: Report, _program: Path, room: Path) -> None:
    """From an agent's reply in Slack to the message that the customer sees in Discord."""
    with FakeDiscord() as discord, FakeSlack() as slack:
        slack.space.add_channel(ROOM, "help").members.update({"U1"})
        env = {
            **discord.env(), "SLACK_BOT_TOKEN": slack.space.bot_token, "SLACK_APP_TOKEN": slack.space.app_token,
            "SLACK_CHANNEL": ROOM, "DESKHAND_SLACK_API_URL": slack.url,
        }  # fmt: skip
        with product(room / "discord-out", **env) as running:
            running.run("agents", "add", "ana", "--slack", f"{slack.space.team}:U1")
            running.run("agents", "mode", "slack", ROOM, "direct")
            slack.wait(lambda: slack.sockets.open, 20)
            discord.wait(discord.connected, 20)
            open_tickets = [_ticket(discord, slack, number) for number in range(OPEN)]
            took = []
            for number in range(REPLIES):
                channel, root = open_tickets[number % OPEN]
                began = time.monotonic()
                slack.reply("U1", ROOM, root, f"reply {number}.")
                discord.wait(lambda: any(f"reply {number}." in one for one in discord.world.texts(channel)))  # noqa: B023
                took.append(time.monotonic() - began)
    worst = statistics.quantiles(took, n=20)[-1]
    note = f"{REPLIES} replies to {OPEN} people, sent at once; median {statistics.median(took) * 1000:.0f} ms"
    report.add(
        "agent's reply shown in Discord, p95", f"{worst * 1000:.0f} ms", f"≤ {SHOWN_WITHIN * 1000:.0f} ms", worst <= SHOWN_WITHIN, note
    )  # fmt: skip


def _ticket(discord: FakeDiscord, slack: FakeSlack, number: int) -> tuple[str, str]:
    user = discord.world.add_user(f"Customer{number}")
    channel = discord.world.dm_of(user)
    before = len(slack.space.messages(ROOM))
    discord.dm(user, "My lamp is broken.")
    discord.wait(lambda: discord.world.texts(channel), 20)
    discord.command(user, channel, "person")
    roots: list[dict[str, Any]] = slack.wait(
        lambda: (found := slack.space.messages(ROOM)) and len(found) > before and found, 20
    )
    slack.click("U1", ROOM, roots[-1]["ts"], "Claim")
    slack.wait(lambda: "is on it" in str(slack.space.message(ROOM, roots[-1]["ts"])), 20)
    return channel, str(roots[-1]["ts"])
