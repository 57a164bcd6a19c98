"""``deskhand drafts``: what agents made of the AI's drafts."""

from __future__ import annotations

import click

from bot import clock, draft_numbers
from bot.draft_numbers import QUOTES, Acceptance
from bot.process import command
from bot.store import read

DOLLAR = 1_000_000


@click.command("drafts")
@click.option("--month", default="", metavar="YYYY-MM", help="One UTC month.")
@click.option("--months", default=3, show_default=True, type=click.IntRange(1, 13), help="So many, the newest first.")
def drafts(month: str, months: int) -> None:
    """What became of the AI's drafts for agents, by provider and model. Never their texts."""
    wanted = [month] if month else [draft_numbers.month_of(clock.now(), back) for back in range(months)]
    try:
        draft_numbers.span(wanted[0])
    except ValueError:
        raise click.ClickException(f"{month[:40]} is no month. Write it like 2026-03.") from None
    with command():
        found = [one for each in wanted for one in read(lambda each=each: draft_numbers.by_model(each))]  # type: ignore[misc]
    for one in found:
        click.echo(line(one))
    if not found:
        click.echo("There were no drafts. Agents ask for one with !draft in the thread of a conversation.")


def line(one: Acceptance) -> str:
    """One line of ``deskhand drafts``."""
    name = (
        "quotes without a model"
        if one.model == QUOTES
        else " ".join(filter(None, (one.provider, one.model))) or "nobody"
    )
    left = f" ({one.similarity:.0%} of the words left)" if one.edited and one.similarity is not None else ""
    parts = [
        f"{one.made} made", f"{one.as_it_is} sent as it is", f"{one.edited} edited{left}", f"{one.rewritten} rewritten",
        f"{one.discarded} discarded", f"{one.ignored} ignored",
    ]  # fmt: skip
    parts += [f"{one.open} open"] if one.open else []
    parts += [f"{one.failed} failed"] if one.failed else []
    return f"{one.month}  {name:<32} {', '.join(parts)}; {one.tokens:,} tokens, ${one.cost / DOLLAR:.4f}"
