"""docs/proof.md: what was done to the product, and what it cost."""

from __future__ import annotations

import platform as machine
from collections.abc import Callable
from importlib.metadata import version

from tests.chaos.checker import count
from tests.chaos.page import stamp
from tests.chaos.run import Result, quantile

TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def summary(result: Result) -> str:
    """The verdict in a few lines."""
    counts = count(result.violations)
    words = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    kills = ", ".join(f"{name} {number}" for name, number in sorted(result.kills.items()))
    turns = ", ".join(f"{number} {name}" for name, number in sorted(result.turns.items()))
    acks = f"ack p50 {quantile(result.ack, 0.5):.2f} p99 {quantile(result.ack, 0.99):.2f} s"
    answers = f"answer p50 {quantile(result.answer, 0.5):.2f} p99 {quantile(result.answer, 0.99):.2f} s"
    back = ", ".join(
        f"{name} {quantile(times, 0.5):.1f}/{quantile(times, 0.99):.1f}"
        for name, times in sorted(result.recovery.items())
    )
    return (
        f"  {result.database}: {words}\n  messages {dict(result.messages)}; kills: {kills}; pauses {dict(result.stops)}, {result.flushes} flushes\n"
        f"  turns: {turns}; {result.crashes} of them died and ran again; {result.tickets} tickets; {acks}; {answers}\n"
        f"  back after (p50/p99 s): {back}; duplicates by channel {result.duplicates}; {result.seconds:.0f} s"
    )


def head() -> list[str]:
    """The top of the page: what it is, and the machine."""
    return [
        "# Proof",
        "",
        "What was done to the product, and what it cost. Written by `make proof`, chapter by chapter; do not edit.",
        "",
        f"- Machine: {_machine()}",
        f"- Python {machine.python_version()}, {_versions()}",
    ]


def section(results: list[Result]) -> list[str]:
    """Lines of Markdown."""
    told = [
        "## The core, killed at random",
        "",
        stamp(f"python -m tests.chaos --full --part core --seed {results[0].seed}"),
        "",
        "The real product runs (`deskhand run`, with a second turns and a second channels process beside it). Customers write over",
        "WebSocket, REST and a foreign platform. Meanwhile web, turns, channels, workers, Valkey and, where it is one, the database",
        "server are killed with `kill -9` at random, Valkey is emptied, and processes are paused, some for longer than a lease. The model",
        "server fails in 2 % of its answers, the platform in 5 % of what it is sent, and it delivers a tenth twice. Then every named point of",
        "the code kills the process that passes it, twice. At the end an independent checker compares what customers and platforms",
        "saw (their own logs) with the database (`tests/chaos/checker.py`).",
        "",
    ]
    return [*told, *_table(results), *_recovery(results), *_points(results)]


def _table(results: list[Result]) -> list[str]:
    rows: list[tuple[str, Callable[[Result], str]]] = [
        (
            "Customer messages acknowledged (WebSocket + REST)",
            lambda r: f"{r.messages['widget']:,} + {r.messages['rest']:,}",
        ),
        ("Messages on a foreign platform", lambda r: f"{r.messages['platform']:,} ({r.redelivered} delivered twice)"),
        ("Answers", lambda r: f"{r.messages['answers']:,}"),
        ("kill -9", lambda r: f"{sum(r.kills.values()):,}"),
        ("… of which", lambda r: ", ".join(f"{name} {number}" for name, number in sorted(r.kills.items()))),
        ("Pauses (longer than a lease)", lambda r: f"{sum(r.stops.values())} ({r.stops['long']})"),
        ("Valkey emptied", lambda r: str(r.flushes)),
        ("Turns that died and ran again", lambda r: str(r.crashes)),
        ("**Lost**", lambda r: f"**{count(r.violations)['lost']}**"),
        ("**Shown twice**", lambda r: f"**{count(r.violations)['twice']}**"),
        ("**Out of order**", lambda r: f"**{count(r.violations)['order']}**"),
        ("**Gaps in `seq` or `rev`**", lambda r: f"**{count(r.violations)['gap']}**"),
        ("Other violations", lambda r: str(len(r.violations) - sum(list(count(r.violations).values())[:4]))),
        ("Platform without any way to tell (NONE): sent twice", lambda r: str(r.duplicates.get("none", 0))),
        ("Conversations passed to people", lambda r: str(r.tickets)),
        ("From Send to stored, p50 / p99", lambda r: f"{quantile(r.ack, 0.5):.2f} / {quantile(r.ack, 0.99):.1f} s"),
        (
            "From Send to the whole answer, p50 / p99",
            lambda r: f"{quantile(r.answer, 0.5):.2f} / {quantile(r.answer, 0.99):.1f} s",
        ),
        ("Time", lambda r: f"{r.seconds / 60:.1f} min"),
    ]
    lines = ["| | " + " | ".join(TITLES[r.database] for r in results) + " |", "|---" + "|--:" * len(results) + "|"]
    return [*lines, *(f"| {title} | " + " | ".join(cell(r) for r in results) + " |" for title, cell in rows), ""]


def _recovery(results: list[Result]) -> list[str]:
    names = sorted({name for r in results for name in r.recovery})
    lines = [
        "### Back at work after a kill", "",
        "From the kill to the moment when its successor serves, p50 / p99 in seconds, under the same load and more kills. The pauses are",
        "in these figures, and in those of messages: on SQLite a process that is paused in the middle of a write holds the one write lock,",
        "and until it goes on (up to 18 s here) nobody can store anything. Customers are then told to come again, and nothing is lost.", "",
        "| process | " + " | ".join(TITLES[r.database] for r in results) + " |", "|---" + "|--:" * len(results) + "|",
    ]  # fmt: skip
    for name in names:
        cells = [
            f"{quantile(t, 0.5):.1f} / {quantile(t, 0.99):.1f}" if (t := r.recovery.get(name)) else "–" for r in results
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _points(results: list[Result]) -> list[str]:
    names = sorted({name for r in results for name in r.points})
    if not names:
        return []
    lines = ["### Killed at every named point", "", "How often the process that passed the point was killed there:", ""]
    lines += [
        "| point | " + " | ".join(TITLES[r.database] for r in results) + " |",
        "|---" + "|--:" * len(results) + "|",
    ]
    return [
        *lines,
        *(f"| `{name}` | " + " | ".join(str(r.points.get(name, 0)) for r in results) + " |" for name in names),
        "",
    ]


def meaning() -> list[str]:
    """The foot of the page."""
    return [
        "## What the words mean",
        "",
        "- *Lost*: acknowledged and not stored, stored and not shown to its customer, a question without an answer or a ticket, a",
        "  delivery that never arrived.",
        "- *Shown twice*: two rows or two places for what was said once, two answers to one question, a text that arrived twice on a",
        "  platform that can prevent it (by nonce, or by being read back).",
        "- *Out of order*: shown or stored in another order than it was sent.",
        '- This is not "exactly once" for every platform: one that offers neither a key nor a way to look (NONE) can get a text',
        "  twice when its answer is lost; the table says how often.",
    ]


def _machine() -> str:
    import os

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {machine.system()} {machine.release().split('-')[0]} {machine.machine()}, shared"


def _versions() -> str:
    names = ("gevent", "peewee", "psycopg", "redis", "rq", "websockets", "openai")
    return ", ".join(f"{name} {version(name)}" for name in names)
