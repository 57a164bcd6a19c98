"""``deskhand providers``: in which order AI providers are asked, how they are, and whether a key works."""

from __future__ import annotations

import sys
import time

import click

from bot.plugin_commands import actor, opened


@click.group()
def providers() -> None:
    """AI providers: order, health, a test."""


@providers.command("list")
@opened
def list_() -> None:
    """List the providers that are on, in the order in which they are asked."""
    from bot.fleet_building import FleetKeeper
    from bot.plugins import load_plugins

    registry = load_plugins("cli")
    rows = FleetKeeper(registry, warm=False).fleet(registry.snapshot()).health()
    if not rows:
        click.echo("No AI provider is on. See them with: deskhand plugins list")
    for place, row in enumerate(rows, 1):
        trouble = f"  {row.reason}" if row.reason else ""
        click.echo(f"{place}. {row.provider:<12} {row.model or '-':<28} {row.state}{trouble}")


@providers.command()
@click.argument("names", nargs=-1, required=True)
@opened
def order(names: tuple[str, ...]) -> None:
    """Ask the providers NAMES in this order; those not named follow by name. Counts from the next answer on."""
    from bot.fleet_building import set_provider_order
    from bot.plugins import load_plugins

    known = {name for name, plugin in load_plugins("cli").plugins.items() if "ai_provider" in plugin.hooks}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"No AI provider is called {unknown[0]}. There are: {', '.join(sorted(known))}.")
    set_provider_order(list(names), actor=actor())
    click.echo(f"Asked in this order: {', '.join(names)}")


@providers.command()
@click.argument("name")
@opened
def test(name: str) -> None:
    """Prove in a cheap way that the key and the model of provider NAME work."""
    from bot.ai import ProviderError
    from bot.plugins import load_plugins

    snapshot = load_plugins("cli").snapshot()
    found = [provider for _, provider in snapshot.objects("ai_provider") if provider.name == name]
    if not found:
        raise click.UsageError(f"No provider called {name} is on. See: deskhand plugins list")
    for provider in found:
        began = time.monotonic()
        try:
            provider.check()
        except ProviderError as error:
            click.echo(f"{name} {provider.model}: does not work ({error.kind}): {error}")
            sys.exit(1)
        click.echo(f"{name} {provider.model}: works, {time.monotonic() - began:.2f} s")
