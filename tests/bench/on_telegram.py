"""Telegram with its real SDK against our own over sockets: how fast updates are committed, and how soon an agent's reply is shown."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from tests.bench.product import product
from tests.bench.report import Report
from tests.fakes.slack import FakeSlack
from tests.fakes.telegram import FakeTelegram

PEOPLE, EACH = 200, 10
AGREED = 200.0
REPLIES, OPEN = 60, 20
SHOWN_WITHIN = 0.5
ROOM = "C0HELP"


def inbound(report: Report, _program: Path, room: Path) -> None:
    """Messages a second from Telegram's queue to the disk (it forgets what is committed), while the offline provider answers them."""
    with FakeTelegram() as telegram, product(room / "telegram-in", **telegram.env):
        telegram.wait(lambda: "message_reaction" in telegram.world.allowed, 20)
        people = [telegram.world.user(10_000 + number, f"P{number}") for number in range(PEOPLE)]
        with telegram.world.lock:
            for number in range(EACH):
                for person in people:
                    said = telegram.world.add(person, telegram.world.users[person], text=f"message {number}")
                    telegram.world.tell("message", said)
        began = time.monotonic()
        telegram.write(people[0], "the last one")
        telegram.wait(lambda: not telegram.world.updates, 120)
        seconds = time.monotonic() - began
    rate = PEOPLE * EACH / seconds
    note = f"{PEOPLE} people, {EACH} messages each, in batches of up to 100; answered meanwhile"
    report.add("Telegram: messages committed per second", f"{rate:,.0f}", f"≥ {AGREED:.0f}", rate >= AGREED, note)


def replies(report: Report, _program: Path, room: Path) -> None:
    """From an agent's reply in Slack to the message that the customer sees in Telegram."""
    with FakeTelegram() as telegram, FakeSlack() as slack:
        slack.space.add_channel(ROOM, "help").members.update({"U1"})
        env = {
            **telegram.env, "SLACK_BOT_TOKEN": slack.space.bot_token, "SLACK_APP_TOKEN": slack.space.app_token,
            "SLACK_CHANNEL": ROOM, "DESKHAND_SLACK_API_URL": slack.url,
        }  # fmt: skip
        with product(room / "telegram-out", **env) as running:
            running.run("agents", "add", "ana", "--slack", f"{slack.space.team}:U1")
            running.run("agents", "mode", "slack", ROOM, "direct")
            slack.wait(lambda: slack.sockets.open, 20)
            telegram.wait(lambda: "message_reaction" in telegram.world.allowed, 20)
            open_tickets = [_ticket(telegram, slack, 20_000 + number) for number in range(OPEN)]
            took = []
            for number in range(REPLIES):
                person, root = open_tickets[number % OPEN]
                began = time.monotonic()
                slack.reply("U1", ROOM, root, f"reply {number}.")
                telegram.wait_for_text(person, f"reply {number}.")
                took.append(time.monotonic() - began)
    worst = statistics.quantiles(took, n=20)[-1]
    note = f"{REPLIES} replies to {OPEN} people, sent at once; median {statistics.median(took) * 1000:.0f} ms"
    report.add(
        "agent's reply shown in Telegram, p95", f"{worst * 1000:.0f} ms", f"≤ {SHOWN_WITHIN * 1000:.0f} ms", worst <= SHOWN_WITHIN, note
    )  # fmt: skip


def _ticket(telegram: FakeTelegram, slack: FakeSlack, person: int) -> tuple[int, str]:
    telegram.world.user(person, f"Customer{person}")
    before = len(slack.space.messages(ROOM))
    telegram.write(person, "/person My lamp is broken.")
    roots: list[dict[str, Any]] = slack.wait(
        lambda: (found := slack.space.messages(ROOM)) and len(found) > before and found, 20
    )
    slack.click("U1", ROOM, roots[-1]["ts"], "Claim")
    slack.wait(lambda: "is on it" in str(slack.space.message(ROOM, roots[-1]["ts"])), 20)
    return person, str(roots[-1]["ts"])
