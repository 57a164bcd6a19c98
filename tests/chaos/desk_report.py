"""The part of docs/proof.md about agents who work in Slack."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.checker import count
from tests.chaos.desk_run import DeskResult
from tests.chaos.page import stamp

TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def summary(result: DeskResult) -> str:
    """The verdict in a few lines."""
    words = ", ".join(f"{number} {kind}" for kind, number in count(result.violations).items())
    return (
        f"  {result.database}: {words}\n  {result.messages:,} customers' messages, {result.replies:,} replies, {result.threads} threads,"
        f" kills {sum(result.kills.values())} {dict(result.kills)} and {sum(result.points.values())} at named points\n  faults {dict(result.faults)},"
        f" {result.redelivered} events told more than once, one of them {result.most_deliveries} times, {result.outage:.0f} s without Slack,"
        f" {result.undecorated} marks given up; {result.seconds:.0f} s"
    )


def section(results: list[DeskResult]) -> list[str]:
    """Lines of Markdown."""
    rows: list[tuple[str, Callable[[DeskResult], str]]] = [
        ("Customers' messages / agents' replies", lambda r: f"{r.messages:,} / {r.replies:,}"),
        ("Tickets, and threads", lambda r: f"{r.threads}"),
        ("Events told more than once (one of them so often)", lambda r: f"{r.redelivered:,} ({r.most_deliveries})"),
        ("Calls that failed, of which after they were done", lambda r: f"{_faults(r):,}, {r.faults['drop_after'] + r.faults['500_after'] + r.faults['slow_after']:,}"),
        ("Slack away for", lambda r: f"{r.outage:.0f} s, as six minutes"),
        ("kill -9, and at named points of the desk", lambda r: f"{sum(r.kills.values()):,}, {sum(r.points.values())}"),
        ("**Lost**", lambda r: f"**{count(r.violations)['lost']}**"),
        ("**Shown twice, or two threads for a ticket**", lambda r: f"**{count(r.violations)['twice']}**"),
        ("**Out of order in a thread**", lambda r: f"**{count(r.violations)['order']}**"),
        ("Other violations", lambda r: str(count(r.violations).get("other", 0))),
        ("Marks on replies that were given up", lambda r: str(r.undecorated)),
        ("Time", lambda r: f"{r.seconds / 60:.1f} min"),
    ]  # fmt: skip
    lines = ["| | " + " | ".join(TITLES[r.database] for r in results) + " |", "|---" + "|--:" * len(results) + "|"]
    return [
        "## Agents in Slack", "",
        stamp(f"python -m tests.chaos --full --part desk --seed {results[0].seed}"), "",
        "Every ticket is a thread in one of twenty channels of a Slack of our own, spoken to with the real SDKs. Two agents press Claim at",
        "the same moment; then customers and agents write at once. Slack loses answers, answers late or not at all, tells every second event again",
        "under new ids, up to eleven times, and out of order, holds to a message a second and channel, and is away once for longer than it",
        "redelivers. Its clocks, and our patience with it, run ten times as fast. Every reply must be on its own customer's screen once, every",
        "customer's message in its own thread once and in order, every ticket in one thread, with one winner of its race, and whatever Slack was",
        "told that we have must be on disk.", "",
        *lines, *(f"| {title} | " + " | ".join(cell(r) for r in results) + " |" for title, cell in rows), "",
    ]  # fmt: skip


def _faults(result: DeskResult) -> int:
    return sum(number for kind, number in result.faults.items() if kind != "429 by pace")
