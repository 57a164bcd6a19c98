"""How soon people see each other: handoff to card, agent's reply to widget, a race for every ticket, and a storm of 429.

Slack is the fake of the tests over its real protocols, in this process; what it knows is when something reached it.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.product import product
from tests.bench.report import Report
from tests.chaos.desk_load import Case, open_cases
from tests.chaos.journal import Journal, of_kind, read_journal
from tests.chaos.rest import Rest
from tests.chaos.widget import Widget
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_people import BOT_USER
from tests.patience import wait_for
from tests.running import Deskhand

ROOM, OTHER = "C0SUPPORT", "C0OTHER"
OPEN = 50
AGENTS, TICKETS = 50, 200
EVERY = 2.2
"""Seconds between two handoffs: a card and its transcript are two messages, and the channel takes one a second."""


def desk(report: Report, _: Path, room: Path) -> None:
    """All of it, in two installations."""
    with FakeSlack(paced=True, burst=4) as slack, connected(slack, room / "desk") as running:
        asyncio.run(_talk(report, slack, running, room))
    with FakeSlack() as slack, connected(slack, room / "race") as running:
        asyncio.run(_race(report, slack, running, room))


@contextmanager
def connected(slack: FakeSlack, data: Path) -> Iterator[Deskhand]:
    """The product with Slack as its desk."""
    with product(
        data, SLACK_BOT_TOKEN=slack.space.bot_token, SLACK_APP_TOKEN=slack.space.app_token, SLACK_CHANNEL=ROOM,
        DESKHAND_SLACK_API_URL=slack.url,
    ) as running:  # fmt: skip
        slack.wait(lambda: slack.sockets.open, 30)
        yield running


@asynccontextmanager
async def customers(running: Deskhand, room: Path, names: list[str]) -> AsyncIterator[list[Case]]:
    """Open widgets."""
    cases, lines = [], []
    for name in names:
        widget = Widget(name, running.base_url, Journal(room / f"{name}.jsonl"), random.Random(name))
        lines.append(asyncio.create_task(widget.run()))
        cases.append(Case(name, widget, agents=("U1",)))
    try:
        yield cases
    finally:
        for case in cases:
            case.widget.stopping = True
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)


async def _talk(report: Report, slack: FakeSlack, running: Deskhand, room: Path) -> None:
    for command in (("agents", "add", "ana", "--slack", "T0DESK:U1"), ("agents", "mode", "slack", ROOM, "direct")):
        done = await asyncio.to_thread(running.run, *command)
        assert done.returncode == 0, done.stderr
    async with customers(running, room, [f"b{n:02d}" for n in range(OPEN)]) as cases:
        for case in cases:
            began = time.monotonic()
            await open_cases([case], slack, ROOM)
            await asyncio.sleep(max(0.0, EVERY - (time.monotonic() - began)))
        _cards(report, slack, room, cases)
        await asyncio.sleep(4)
        await _replies(report, slack, running, room, cases)
        await _storm(report, slack, running, room, cases)


def _cards(report: Report, slack: FakeSlack, room: Path, cases: list[Case]) -> None:
    """From the frame "talk to a person" to the card in the channel."""
    posted = {entry["ts"]: entry["at"] for entry in slack.space.noted("posted", thread="")}
    times = []
    for case in cases:
        asked = next(
            e["at"] for e in of_kind(read_journal(room / f"{case.name}.jsonl"), "sent") if e["kind"] == "handoff"
        )
        times.append(posted[case.thread] - asked)
    p50, p95 = _parts(times)
    report.add("handoff to card in Slack", f"p50 {p50:.0f} ms, p95 {p95:.0f} ms", "p95 <= 1000 ms", p95 <= 1000,
               f"{len(times)} handoffs, one every {EVERY} s in one channel; client's frame to the post's arrival")  # fmt: skip


async def _replies(report: Report, slack: FakeSlack, running: Deskhand, room: Path, cases: list[Case]) -> None:
    """From the moment a reply is released to the customer's screen: at once in direct mode, after its five seconds in gated."""
    rng = random.Random(1)
    told: dict[str, float] = {}
    for _ in range(200):
        case = rng.choice(cases)
        token = case.reply()
        told[token] = time.time()
        slack.reply("U1", ROOM, case.thread, token)
        await asyncio.sleep(0.05)
    await _all_shown(cases, set(told))
    arrived = {token: at for case in cases for token, at in _arrivals(room, case).items()}
    p50, p95 = _parts([arrived[token] - at for token, at in told.items()])
    report.add(f"agent's reply to widget, {len(cases)} tickets open", f"p50 {p50:.0f} ms, p95 {p95:.0f} ms", "p95 <= 500 ms", p95 <= 500,
               f"{len(told)} replies at 20/s, sent at once (direct): from the key in Slack to the frame at the customer")  # fmt: skip
    done = await asyncio.to_thread(running.run, "agents", "mode", "slack", ROOM, "gated")
    assert done.returncode == 0, done.stderr
    held = []
    for case in cases:
        held.append(case.reply())
        slack.reply("U1", ROOM, case.thread, held[-1])
        await asyncio.sleep(0.05)
    await _all_shown(cases, set(held))
    due = {row[0].split(" ")[0]: row[1] for row in _rows(running, "SELECT body, due_at FROM reply")}
    arrived = {token: at for case in cases for token, at in _arrivals(room, case).items()}
    p50, p95 = _parts([arrived[token] - due[token] for token in held])
    report.add("the same for held replies, from their release", f"p50 {p50:.0f} ms, p95 {p95:.0f} ms", "p95 <= 500 ms", p95 <= 500,
               f"{len(held)} replies, each held for 5 s: from the end of the five seconds to the frame at the customer")  # fmt: skip


async def _storm(report: Report, slack: FakeSlack, running: Deskhand, room: Path, cases: list[Case]) -> None:
    """Slack refuses one channel again and again; another one must not notice."""
    slack.space.add_channel(OTHER, "other")
    done = await asyncio.to_thread(running.run, "plugins", "set", "slack", f"channel={OTHER}")
    assert done.returncode == 0, done.stderr
    await asyncio.to_thread(
        wait_for, lambda: OTHER in str(_rows(running, "SELECT value FROM setting WHERE key = 'desk.slack'")), 30
    )
    async with customers(running, room, [f"o{n}" for n in range(4)]) as others:
        await open_cases(others, slack, OTHER)
        await asyncio.sleep(8)
        first = len(slack.space.log)
        slack.fail("429", "chat.postMessage", times=12, retry_after=2, channel=ROOM)
        stormed, sent = cases[:4], {}
        for _ in range(6):
            for case in [*stormed, *others]:
                token = case.question()
                sent[token] = time.time()
                case.widget.post("send", text=token)
            await asyncio.sleep(4.2)
        there: dict[str, float] = {}
        deadline = time.monotonic() + 120
        while len(there) < len(sent) and time.monotonic() < deadline:
            await asyncio.sleep(0.3)
            there = {}
            for entry in slack.space.log[first:]:
                if entry["what"] == "posted" and entry["message"]["text"] in sent:
                    there.setdefault(entry["message"]["text"], entry["at"])
    lost = len(sent) - len(there)
    order = [
        list(dict.fromkeys(m["text"] for m in slack.space.messages(c.place, c.thread) if m["text"] in sent))
        for c in [*stormed, *others]
    ]
    ordered = all(one == sorted(one, key=lambda t: int(t.split(":")[3].rstrip(";"))) for one in order)
    doubled = sum(
        len(m) != len(set(m))
        for m in [
            [m["text"] for m in slack.space.messages(c.place, c.thread) if m["text"] in sent]
            for c in [*stormed, *others]
        ]
    )
    _, calm = _parts([there[t] - at for t, at in sent.items() if t[2] == "o" and t in there])
    refused = [e for e in slack.space.log[first:] if e["what"] == "fault" and e["kind"] == "429"]
    paced = [e for e in slack.space.log[first:] if e["what"] == "429"]
    report.add("a storm of 429 in one channel", f"{lost} lost, {doubled} doubled, order {'kept' if ordered else 'BROKEN'}", "0, 0, kept",
               not lost and not doubled and ordered, f"{len(sent)} messages in 8 threads of 2 channels, {len(refused)} x 429 with 2 s in one")  # fmt: skip
    report.add(
        "the other channel meanwhile",
        f"p95 {calm:.0f} ms",
        "p95 <= 2000 ms",
        calm <= 2000,
        "client's frame to the post's arrival",
    )
    report.add("faster than a message a second and channel", f"{len(paced)} times", "0", not paced, "counted by the fake, bursts of 4 allowed")  # fmt: skip


async def _race(report: Report, slack: FakeSlack, running: Deskhand, room: Path) -> None:
    """Everybody presses Claim on everything: what an ephemeral message with the button does, without its post."""
    import aiohttp

    users = await asyncio.to_thread(_hire, slack, running)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as http:

        async def ticket(number: int) -> str:
            rest = Rest(
                f"r{number}", running.base_url, Journal(room / f"race-{number}.jsonl"), random.Random(number), http
            )
            await rest.begin()
            await rest.wish("handoff")
            return rest._now().conv

        conversations = [await ticket(number) for number in range(TICKETS)]
    rng = random.Random(2)
    first, began = len(slack.space.log), time.monotonic()
    for number, conversation in enumerate(conversations):
        rng.shuffle(users)
        for user in users:  # all fifty at the same moment, ticket after ticket
            box = {"type": "message", "message_ts": slack.space.new_ts(), "channel_id": ROOM, "is_ephemeral": True}
            action = {
                "type": "button",
                "action_id": "deskhand:claim",
                "block_id": "b",
                "value": f"claim|{conversation}||",
            }
            slack._click(slack._payload(user, ROOM, action, box))
        while sum(e["what"] == "clicked" for e in slack.space.log[first:]) < (number + 1) * AGENTS:
            await asyncio.sleep(0.02)
    seconds = time.monotonic() - began
    since = slack.space.log[first:]
    acked = [e["seconds"] for e in since if e["what"] == "acked" and e["event"] is None]
    well = sum(e["what"] == "clicked" and e["acked"] for e in since)
    _, p95 = _parts(acked)
    joined = _rows(
        running, "SELECT conversation_id, count(*) FROM message WHERE kind = 'joined' GROUP BY conversation_id"
    )
    claims = _rows(running, "SELECT ticket_id, count(*) FROM ticket_event WHERE event = 'claimed' GROUP BY ticket_id")
    right = len(joined) == len(claims) == TICKETS and all(row[1] == 1 for row in [*joined, *claims])
    report.add(f"race of {AGENTS} agents for {TICKETS} tickets", f"{sum(r[1] for r in claims)} claims, {len(claims)} tickets",
               "exactly one each", right and well == TICKETS * AGENTS,
               f"{TICKETS * AGENTS:,} clicks over Socket Mode, fifty at a time, in {seconds:.0f} s, {well:,} acknowledged, p95 {p95:.0f} ms")  # fmt: skip


def _hire(slack: FakeSlack, running: Deskhand) -> list[str]:
    """Fifty agents, put down as ``deskhand agents add`` does it, without fifty processes."""
    from bot import agents, store

    store.open_database(f"sqlite:///{running.data / 'deskhand.sqlite3'}")
    try:
        users = []
        for number in range(AGENTS):
            users.append(f"UA{number:02d}")
            slack.space.add_user(users[-1], f"agent{number}")
            slack.space.channels[ROOM].members.add(users[-1])
            agents.add_agent(f"agent{number}", actor="bench")
            agents.link(f"agent{number}", "slack", f"T0DESK:{users[-1]}", actor="bench")
    finally:
        store.close_database()
    assert BOT_USER not in users
    return users


def _rows(running: Deskhand, statement: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{running.data / 'deskhand.sqlite3'}?mode=ro", uri=True, timeout=10) as connection:
        return list(connection.execute(statement).fetchall())


async def _all_shown(cases: list[Case], wanted: set[str], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while wanted - {token for case in cases for token in case.shown()}:
        if time.monotonic() > deadline:
            raise AssertionError(f"{len(wanted - {t for c in cases for t in c.shown()})} replies were not shown")
        await asyncio.sleep(0.1)


def _arrivals(room: Path, case: Case) -> dict[str, float]:
    """When each of the agent's words reached the customer."""
    events = of_kind(read_journal(room / f"{case.name}.jsonl"), "shown")
    return {event["text"]: event["at"] for event in events if event["author"] == "agent"}


def _parts(times: list[float]) -> tuple[float, float]:
    """Milliseconds: the median and the 95th percentile."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2] * 1000, ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000
