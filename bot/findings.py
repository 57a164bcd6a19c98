"""What is not well in this installation, as any process sees it from the rows: for ``deskhand doctor`` and for admins at a desk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot import clock, deadletters, routing_rules, troubles
from bot.store import read
from bot.vitals import vitals


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. ``level`` is ok, warn or fail; ``fix`` says what to do."""

    level: str
    what: str
    text: str
    fix: str = ""


def work() -> Iterator[Finding]:
    """Work that waits too long, and work that was given up. Blocks."""
    for complaint in vitals().complaints:
        yield Finding("warn", "work", complaint, "deskhand run starts all processes.")
    dead = read(deadletters.found)
    if dead:
        yield Finding(
            "warn",
            "dead",
            f"{len(dead)} dead letters, the oldest of {ago(min(one.at for one in dead))}",
            "Look: deskhand deadletters list",
        )


def places() -> Iterator[Finding]:
    """Rules of routing whose place a desk could not use. Blocks."""
    for rule in read(routing_rules.rules):
        if rule.enabled and rule.problem:
            text = f"the routing rule {rule.name} cannot open threads in {rule.place}: {rule.problem}"
            yield Finding("warn", "routing", text, f"Put it right, or: deskhand routing set {rule.name} place=")


def channels() -> Iterator[Finding]:
    """What does not work at a platform. Blocks."""
    for trouble in troubles.found():
        waiting = "1 delivery waits" if trouble.waiting == 1 else f"{trouble.waiting} deliveries wait"
        wait = f"; {waiting}, nothing is lost" if trouble.waiting and trouble.part == "send" else ""
        what = "cannot send" if trouble.part == "send" else "does not hear what people write"
        text = f"{trouble.channel} {what} (it began {ago(trouble.since)}): {trouble.text}{wait}"
        fix = "It is tried again by itself; changed settings (deskhand plugins set) start it at once."
        yield Finding("fail", "channel", text, fix)


def knowledge() -> Iterator[Finding]:
    """Sources of knowledge whose last look failed. Blocks."""
    from bot import sources

    for source in sources.list_sources():
        if source.state == "failed":
            since = f" ({ago(source.ended_at)})" if source.ended_at else ""
            text = f"{source.address} could not be read{since}: {source.error}; its articles stay as they were"
            yield Finding("warn", "knowledge", text, f"Look again: deskhand knowledge sync {source.id}")


def ago(at: float) -> str:
    """How long ago, for people: ``12 s``, ``5 min``, ``3 h``, ``2 d``."""
    seconds = max(0.0, clock.now() - at)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
