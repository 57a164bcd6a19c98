"""``deskhand providers prices``: what models cost, as Deskhand knows it and as admins say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.plugin_commands import actor, opened

if TYPE_CHECKING:
    from bot.prices import Price


@click.group(invoke_without_command=True)
@click.pass_context
def prices(context: click.Context) -> None:
    """What models cost, in US dollars per million tokens. Without a command: the table."""
    if context.invoked_subcommand is None:
        context.invoke(table)


@prices.command("list")
@opened
def table() -> None:
    """Show the prices in force: an admin's, and the built-in ones."""
    from bot import prices as known

    own = known.own_prices()
    click.echo(f"{'model':<28} {'input':>9} {'output':>9} {'cached':>9}  from")
    for (provider, model), price in sorted(own.items(), key=lambda item: (item[0][1], item[0][0])):
        _row(f"{model} ({provider})" if provider else model, price, "an admin")
    for model, price in sorted(known.KNOWN.items()):
        if ("", model) not in own:
            _row(model, price, f"list prices of {known.AS_OF}")


def _row(name: str, price: Price, where: str) -> None:
    cached = "" if price.cached is None else f"{price.cached:g}"
    click.echo(f"{name:<28} {price.input:>9g} {price.output:>9g} {cached:>9}  {where}")


@prices.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("model")
@click.argument("given", metavar="INPUT")
@click.argument("written", metavar="OUTPUT")
@click.argument("cached", metavar="[CACHED]", required=False)
@click.option("--provider", default="", metavar="NAME", help="Only at this provider.")
@opened
def set_price(model: str, given: str, written: str, cached: str | None, provider: str) -> None:
    """Say what MODEL costs: dollars per million tokens of input, of output, and of input from the provider's cache."""
    from bot import prices as known
    from bot.plugins import load_plugins
    from bot.provider_list import known_names

    if provider and provider not in known_names(load_plugins("cli")):
        raise click.UsageError(f"No AI provider is called {provider}. See: deskhand providers list")
    try:
        price = known.Price(
            known.read_number(given, "the input price"),
            known.read_number(written, "the output price"),
            None if cached is None else known.read_number(cached, "the price of cached input"),
        )
        known.set_price(model, price, provider=provider, actor=actor())
    except known.BadPrice as bad:
        raise click.ClickException(str(bad)) from None
    where = f" at {provider}" if provider else ""
    click.echo(f"{model}{where} costs {price.input:g} in and {price.output:g} out, in US dollars per million tokens.")


@prices.command("unset")
@click.argument("model")
@click.option("--provider", default="", metavar="NAME", help="Only what was said of this provider.")
@opened
def unset_price(model: str, provider: str) -> None:
    """Forget what was said of MODEL: its built-in price counts again, if there is one."""
    from bot import prices as known

    try:
        dropped = known.drop_price(model, provider=provider, actor=actor())
    except known.BadPrice as bad:
        raise click.ClickException(str(bad)) from None
    if not dropped:
        raise click.ClickException(f"Nobody said what {model} costs. See: deskhand providers prices")
    built_in = known.price_of(provider, model)
    click.echo(f"{model}: the built-in price counts again." if built_in else f"{model} has no price now.")
