"""``deskhand tickets report``: how soon customers heard from people."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bot.process import command
from bot.service_report import Line, report
from bot.store import read

_HEAD = f"{'':<22} {'tickets':>7}  {'first reply':>13} {'9 of 10':>8}  {'solution':>9} {'9 of 10':>8}  {'late':>5} {'late':>5}"


@click.command("report")
@click.option(
    "--days", type=click.IntRange(1, 366), default=30, show_default=True, help="Tickets opened in so many days."
)
def report_(days: int) -> None:
    """How soon people replied first and resolved, and what was late."""
    with command():
        found = read(lambda: report(days))
    if not found.all.cases:
        click.echo(f"No ticket was opened in the last {days} days.")
        return
    click.echo(
        f"Opened in the last {days} days: {found.all.cases}, resolved of them: {found.resolved}. Medians, by the wall clock.\n"
    )
    click.echo(_HEAD)
    click.echo(f"{'':<22} {'':>7}  {'':>13} {'':>8}  {'':>9} {'':>8}  {'reply':>5} {'sol.':>5}")
    click.echo(_row(found.all))
    for title, lines in (("priority", found.priorities), ("site", found.sites), ("agent", found.agents)):
        _part(title, lines)


def _part(title: str, lines: Sequence[Line]) -> None:
    if lines:
        click.echo(f"\n{title}")
    for line in lines:
        click.echo(_row(line, "  "))


def _row(line: Line, indent: str = "") -> str:
    reply, reply_most = _cells(line.reply)
    solution, solution_most = _cells(line.solution)
    name = f"{indent}{line.name}"[:22]
    return (
        f"{name:<22} {line.cases:>7}  {reply:>13} {reply_most:>8}  {solution:>9} {solution_most:>8}"
        f"  {line.late_replies:>5} {line.late_solutions:>5}"
    )


def _cells(spread: tuple[float, float] | None) -> tuple[str, str]:
    return ("–", "–") if spread is None else (_short(spread[0]), _short(spread[1]))


def _short(seconds: float) -> str:
    """``42 s``, ``12 min``, ``3.5 h``, ``2.0 d``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 36 * 3_600 else f"{seconds / 86_400:.1f} d"
