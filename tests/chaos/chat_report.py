"""The part of docs/proof.md about Telegram and Discord."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.chat_run import ChatResult
from tests.chaos.checker import count
from tests.chaos.page import stamp

TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def summary(result: ChatResult) -> str:
    """The verdict in a few lines."""
    words = ", ".join(f"{number} {kind}" for kind, number in count(result.violations).items())
    return (
        f"  {result.database}: {words}\n  messages {dict(result.messages)}, deliveries {dict(result.answers)}, kills {sum(result.kills.values())}"
        f" {dict(result.kills)}\n  delivered again to us {dict(result.redelivered)}; faults {dict(result.faults)}\n"
        f"  texts that stand again {dict(result.again)}, sent again without knowing {dict(result.uncertain)}; {result.seconds:.0f} s"
    )


def section(results: list[ChatResult]) -> list[str]:
    """Lines of Markdown."""
    rows: list[tuple[str, Callable[[ChatResult], str]]] = [
        ("Messages on Telegram / Discord", lambda r: f"{r.messages['telegram']:,} / {r.messages['discord']:,}"),
        ("… delivered to us more than once", lambda r: f"{r.redelivered['telegram']} / {r.redelivered['discord']}"),
        ("Answers delivered there", lambda r: f"{r.answers['telegram']:,} / {r.answers['discord']:,}"),
        ("Sends and polls that failed", lambda r: f"{sum(r.faults.values()):,}"),
        ("kill -9", lambda r: f"{sum(r.kills.values()):,}"),
        ("**Lost**", lambda r: f"**{count(r.violations)['lost']}**"),
        ("**Twice on Discord, or stored twice**", lambda r: f"**{count(r.violations)['twice']}**"),
        ("**Out of order**", lambda r: f"**{count(r.violations)['order']}**"),
        (
            "Other violations (a draft that stays, a text nobody said)",
            lambda r: str(count(r.violations).get("other", 0)),
        ),
        ("Twice on Telegram (policy `resend`)", lambda r: str(r.again["telegram"])),
        ("Time", lambda r: f"{r.seconds / 60:.1f} min"),
    ]
    lines = ["| | " + " | ".join(TITLES[r.database] for r in results) + " |", "|---" + "|--:" * len(results) + "|"]
    return [
        "## Telegram and Discord", "",
        stamp(f"python -m tests.chaos --full --part chats --seed {results[0].seed}"), "",
        "People write to the bots of two platforms of our own that speak the real protocols to the real SDKs, and hold their speed limits.",
        "One answer to a poll in ten is lost, so that its updates come again; one message of Discord's in ten is shown twice, and its gateway",
        "hangs up, asks for another connection or ends the session every twelve seconds; one call in a hundred fails, half of these after it",
        "was done. Judged by what stands in the chats at the end. Telegram has neither a key nor a way to look: a text whose delivery was",
        "uncertain is sent again there (or held, by a setting), and the table says how often that was once too much.", "",
        *lines, *(f"| {title} | " + " | ".join(cell(r) for r in results) + " |" for title, cell in rows), "",
    ]  # fmt: skip
