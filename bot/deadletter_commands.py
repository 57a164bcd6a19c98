"""``deskhand deadletters``: what could not be done, and what to do with it."""

from __future__ import annotations

from collections.abc import Callable

import click

from bot import deadletters as letters
from bot.bus import bus
from bot.findings import ago
from bot.plugin_commands import actor
from bot.process import command
from bot.store import read, write


@click.group("deadletters")
def deadletters() -> None:
    """Work that could not be done, and what to do with it."""


@deadletters.command("list")
def list_() -> None:
    """Every entry with its age and reason."""
    with command():
        found = read(letters.found)
        for one in found:
            click.echo(f"{one.id:<46}  {one.state:<6}  {ago(one.at):<10}  {one.where}  {one.reason}")
        if not found:
            click.echo("There are none.")


@deadletters.command()
@click.argument("entry")
def show(entry: str) -> None:
    """One entry, and the conversation it belongs to."""
    with command():
        one = _find(entry)
        rows = [
            ("id", one.id),
            ("state", one.state),
            ("where", one.where),
            ("since", ago(one.at)),
            ("reason", one.reason),
        ]
        for name, value in [*rows, ("conversation", one.conversation or "none")]:
            click.echo(f"{name:<13} {value}")


@deadletters.command()
@click.argument("entry")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retry(entry: str, yes: bool) -> None:
    """Do it again, with the same key."""
    with command():
        one = _find(entry)
        if one.state == "held" and not yes:
            click.confirm("Nobody can tell whether it arrived: it may be shown twice. Send it again?", abort=True)
        _act(one, letters.retry, "It is done again now.")
        bus().publish([("out", one.where.split(" ")[0].encode()), ("jobs", b"")])


@deadletters.command()
@click.argument("entry")
def delivered(entry: str) -> None:
    """You saw that it arrived."""
    with command():
        _act(_find(entry), letters.delivered, "Noted as delivered.")


@deadletters.command()
@click.argument("entry")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(entry: str, yes: bool) -> None:
    """Give it up for good."""
    with command():
        one = _find(entry)
        if not yes:
            click.confirm(f"Give up {one.id} ({one.where}) for good?", abort=True)
        _act(one, letters.drop, "Given up. The audit trail keeps it.")


def _find(entry: str) -> letters.DeadLetter:
    try:
        return read(lambda: letters.find(entry))
    except letters.NotPossible as error:
        raise click.ClickException(str(error)) from None


def _act(one: letters.DeadLetter, action: Callable[[letters.DeadLetter, str], None], said: str) -> None:
    try:
        write(lambda: action(one, actor()))
    except letters.NotPossible as error:
        raise click.ClickException(str(error)) from None
    click.echo(said)
