"""``deskhand shield``: what a provider would read in place of a text."""

from __future__ import annotations

import sys

import click

from .shield import Shield


def shield_command(shield: Shield) -> click.Command:
    """The command, for the settings of now."""

    @click.command("shield")
    @click.argument("text", required=False)
    def show(text: str | None) -> None:
        """Show what is found in TEXT (or in what comes by a pipe), and what a provider would read instead. Nothing is sent or stored."""
        if text is None and sys.stdin.isatty():
            raise click.UsageError("Give a text, in quotes: deskhand shield 'Write to anna@example.com'")
        text = sys.stdin.read() if text is None else text
        found = shield.look(text)
        for kind, value in found:
            click.echo(f"{kind.replace('_', ' ').lower():<12} {value}")
        if not found:
            click.echo("Nothing was found in it.")
        click.echo(f"\n{shield.mask(text).rstrip()}")

    return show
