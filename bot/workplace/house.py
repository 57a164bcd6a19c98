"""How the house is, for admins: its processes, what waits, its providers, and what is not well. Inside a read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bot import clock, findings, mail
from bot.pages import Heading, Part, Row, Words
from bot.plugins import registry
from bot.provider_standing import WELL, Standing, standings
from bot.store import sql
from bot.vitals import vitals
from bot.workplace.saying import counted, since

PROCESSES = {"web": "web", "channels": "channels", "turns": "turns", "quick": "worker"}
"""By the names of their slots."""
MOST = 10
"""Troubles that are named; the others are counted."""


def parts() -> list[Part]:
    """What an admin should see first: what is wrong, with what to do about it; then how much there is of everything."""
    wrong = list(_wrong())
    found: list[Part] = [Heading("The house")]
    found += [Row(title=text, quiet=fix) for text, fix in wrong[:MOST]]
    if len(wrong) > MOST:
        found.append(Words(f"… and {len(wrong) - MOST} more: deskhand doctor", "quiet"))
    if not wrong:
        found.append(
            Words("Nothing is wrong as far as the database knows. The machine itself is looked at by: deskhand doctor")
        )
    found.append(Words("\n".join((_processes(), _queue(), _deliveries(), _providers(), _mail()))))
    return found


def _wrong() -> Iterator[tuple[str, str]]:
    running = {row[0] for row in sql("SELECT DISTINCT process FROM slot").fetchall()}
    missing = [name for slot, name in PROCESSES.items() if slot not in running]
    if missing:
        yield f"Not running: {', '.join(missing)}", "deskhand run starts all processes."
    for finding in (*findings.channels(), *findings.work(), *findings.knowledge(), *findings.places()):
        yield finding.text, finding.fix
    for one in registry().fresh().status():
        if one.broken or one.why.startswith(("does not work", "switched off by")):
            yield f"The plugin {one.name}: {one.why}", f"Look: deskhand plugins show {one.name}"
    for line in standings(registry()):
        if line.on and line.state != "closed":
            yield (
                f"The AI provider {line.name} is {WELL[line.state]}: {line.reason}",
                f"Prove it: deskhand providers test {line.name}",
            )


def _processes() -> str:
    rows = sql("SELECT process, started_at FROM slot ORDER BY process, started_at").fetchall()
    told = ", ".join(f"{PROCESSES.get(name, name)} for {since(clock.now() - at)}" for name, at in rows)
    return f"Processes: {told or 'none is known'}"


def _queue() -> str:
    now = vitals()
    by_state = Counter(now.tickets)
    words = f"Tickets: {by_state['open']:,} open, {by_state['in_progress']:,} in progress"
    return words + (
        f"; {counted(now.waiting_turns, 'customer waits', 'customers wait')} for the AI" if now.waiting_turns else ""
    )


def _deliveries() -> str:
    waiting = vitals().deliveries
    told = ", ".join(f"{count:,} {state}" for state, count in sorted(waiting.items()) if count)
    return f"Deliveries that are not settled: {told or 'none'}"


def _providers() -> str:
    return f"AI providers: {', '.join(brief(one) for one in standings(registry()) if one.on) or 'none is on'}"


def brief(one: Standing) -> str:
    """A provider in a few words."""
    return f"{one.name} ({WELL[one.state]})"


def _mail() -> str:
    kept = mail.count("kept")
    if mail.server() is None:
        return f"Mail: SMTP_URL is not set; {counted(kept, 'mail is', 'mails are')} kept and not sent"
    return f"Mail: set up{f'; {kept:,} kept from before' if kept else ''}"
