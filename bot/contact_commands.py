"""``deskhand contacts``: contacts that turned out to be one person, and the way back."""

from __future__ import annotations

import click

from bot import merging
from bot.bus import bus
from bot.findings import ago
from bot.merging import MergeError
from bot.plugin_commands import actor
from bot.process import command
from bot.store import read, write


@click.group()
def contacts() -> None:
    """People as the channels know them, and merges that can be undone."""


@contacts.command("merges")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def merges(limit: int) -> None:
    """Conversations that were carried to another channel, and the contacts merged by it, newest first."""
    with command():
        found = read(lambda: merging.merges(limit))
        for one in found:
            state = f"undone {ago(one.undone_at)}" if one.undone_at else ""
            what = "one contact" if one.kept == one.gone else f"{one.gone} into {one.kept}"
            click.echo(
                f"{one.id}  {ago(one.made_at):<12}  {one.move.from_channel} to {one.move.to_channel}  {what}  {state}".rstrip()
            )
        if not found:
            click.echo("No conversation was carried to another channel yet.")


@contacts.command("unmerge")
@click.argument("merge_id", metavar="ID")
def unmerge(merge_id: str) -> None:
    """Part the contacts of a merge again; the conversation goes back to where it came from."""
    with command():
        try:
            who = actor()
            one = write(lambda: merging.unmerge(merge_id, actor=who))
        except MergeError as error:
            raise click.ClickException(str(error)) from error
        bus().wake("changed", one.move.conversation_id)
        click.echo("They are two contacts again." if one.kept != one.gone else "It was one contact before, too.")
        click.echo(
            f"The conversation is back where it came from ({one.move.from_channel}), unless another has begun there."
        )
