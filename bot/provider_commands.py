"""``deskhand providers``: who is asked first for what, how they are, adding more of them, and whether a key works."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec

import click

from bot.anyway import anyway_option, published
from bot.plugin_commands import actor, opened
from bot.price_commands import prices

if TYPE_CHECKING:
    from bot.plugins import Registry
    from bot.provider_list import Line

P = ParamSpec("P")
SEE = "See them with: deskhand providers list"


def _refusing(fn: Callable[P, None]) -> Callable[P, None]:
    """What is refused is said in its sentence."""

    @functools.wraps(fn)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        from bot.crypto import CryptoError
        from bot.fleet_settings import FleetRefused
        from bot.plugin_settings import SettingRefused

        try:
            fn(*args, **kwargs)
        except (FleetRefused, SettingRefused, CryptoError) as refused:
            raise click.ClickException(str(refused)) from None

    return wrapped


def _registry() -> Registry:
    from bot.plugins import load_plugins

    return load_plugins("cli")


@click.group()
def providers() -> None:
    """AI providers: order, health, prices, a test, and more of them. Changes count from the next answer on."""


providers.add_command(prices)


@providers.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
@opened
def list_(as_json: bool) -> None:
    """List the providers in the order in which they are asked, and how they were in the last 15 minutes."""
    from dataclasses import asdict

    from bot.provider_list import provider_lines

    lines = provider_lines(_registry())
    if as_json:
        click.echo(json.dumps([asdict(line) for line in lines], indent=2))
        return
    for place, line in enumerate(lines, 1):
        _show(place, line)
    if not any(line.on for line in lines):
        click.echo("No AI provider is on. See them with: deskhand plugins list")


def _show(place: int, line: Line) -> None:
    if not line.on:
        click.echo(f" - {line.name:<14} {line.model or '-':<26} {click.style('off', fg='yellow')}  {line.why}")
        return
    colour = {"closed": "green", "half-open": "yellow"}.get(line.state, "red")
    words = {"closed": "well", "open": "left out", "half-open": "on trial", "config": "needs settings"}[line.state]
    click.echo(f"{place:>2}. {line.name:<13} {line.model or '-':<26} {click.style(words, fg=colour)}{_measured(line)}")
    for text in (f"{line.reason}", f"asked for {', '.join(line.tasks)}" if line.tasks else "", _from(line), line.probe):
        if text:
            click.echo(f"      {text}")


def _measured(line: Line) -> str:
    parts = []
    if line.first_token is not None and line.total is not None:
        parts.append(
            f"first words {line.first_token:.1f} s (95 %: {line.first_token_p95 or 0:.1f} s), whole {line.total:.1f} s"
        )
    if line.error_rate is not None:
        parts.append(f"{line.error_rate:.0%} failed of {line.attempts}")
    if line.price:
        parts.append(line.price)
    return "".join(f"  {part}" for part in parts)


def _from(line: Line) -> str:
    if line.added:
        return f"added, by the plugin {line.plugin}"
    source = "" if line.source in {"", "stored"} else f" ({line.source})"
    return f"from the settings of the plugin {line.plugin}{source}"


@providers.command()
@click.argument("name")
@click.argument("plugin")
@click.argument("values", nargs=-1, metavar="[SETTING=VALUE | SETTING]...")
@click.option(
    "--cheap/--not-cheap",
    default=None,
    help="May be asked when the budget is nearly used up. Without it the price decides.",
)
@anyway_option
@opened
@_refusing
def add(name: str, plugin: str, values: tuple[str, ...], cheap: bool | None, anyway: bool) -> None:
    """Add a provider NAME of PLUGIN (openai, anthropic, compatible …), with another model, key or address.

    What is not said is as in the plugin's own settings: deskhand providers add small openai model=NAME. SETTING alone asks for the
    value without showing it, so that a key stays out of the shell's history. The answer tests are run with it first, if there are
    any (DESKHAND_ANSWER_TESTS).
    """
    from bot.plugin_commands import pair
    from bot.provider_rows import add_provider

    new = dict(pair(item) for item in values)
    published(
        f"the provider {name}",
        lambda: add_provider(_registry(), name, plugin, new, cheap=cheap, actor=actor()),
        actor=actor(),
        anyway=anyway,
    )
    click.echo(f"Added {name}. Prove it with: deskhand providers test {name}")


@providers.command("set")
@click.argument("name")
@click.argument("values", nargs=-1, metavar="[SETTING=VALUE | SETTING]...")
@click.option(
    "--unset", multiple=True, metavar="SETTING", help="As in the plugin's settings again. Repeat it for several."
)
@click.option(
    "--cheap",
    "mark",
    type=click.Choice(["yes", "no", "by-price"]),
    help="May be asked when the budget is nearly used up.",
)
@anyway_option
@opened
@_refusing
def set_(name: str, values: tuple[str, ...], unset: tuple[str, ...], mark: str | None, anyway: bool) -> None:
    """Change settings of a provider NAME that was added. (Those of plugins: deskhand plugins set NAME.)"""
    from bot.plugin_commands import pair
    from bot.provider_rows import set_provider

    if not values and not unset and mark is None:
        raise click.UsageError(f"Say what to set. The settings: deskhand providers show {name}")
    marks = {"yes": True, "no": False, "by-price": None}
    new = dict(pair(item) for item in values)

    def change() -> None:
        set_provider(
            _registry(), name, new, unset, cheap=lambda before: before if mark is None else marks[mark], actor=actor()
        )

    published(f"the new settings of {name}", change, actor=actor(), anyway=anyway)
    click.echo(f"Changed {name}.")


@providers.command()
@click.argument("name")
@opened
@_refusing
def show(name: str) -> None:
    """Show a provider NAME that was added, with its settings. Of a key only the last four characters."""
    from bot.plugin_settings import show as views_of
    from bot.provider_rows import found_row, why_off
    from bot.switches import Switch

    registry = _registry()
    row = found_row(name)
    plugin = registry.plugins.get(row.plugin)
    click.echo(f"{name}: {why_off(registry, row) or 'on'}; plugin {row.plugin}")
    click.echo(f"cheap: {'by its price' if row.cheap is None else 'yes' if row.cheap else 'no'}")
    if plugin is not None:
        stored = registry.snapshot().switches.get(row.plugin, Switch()).stored()
        for view in views_of(plugin, stored, row.layer):
            click.echo(f"  {view.name} = {view.value}  ({view.source})")


@providers.command()
@click.argument("name")
@opened
@_refusing
def remove(name: str) -> None:
    """Remove a provider NAME that was added, with its key."""
    from bot.provider_rows import remove_provider

    remove_provider(name, actor=actor())
    click.echo(f"Removed {name} and its key.")


@providers.command("on")
@click.argument("name")
@opened
@_refusing
def switch_on(name: str) -> None:
    """Ask provider NAME (again)."""
    _switch(name, True)


@providers.command("off")
@click.argument("name")
@opened
@_refusing
def switch_off(name: str) -> None:
    """Do not ask provider NAME any more, from the next attempt on. Its settings stay."""
    _switch(name, False)


def _switch(name: str, on: bool) -> None:
    from bot.provider_list import known_names, provider_lines
    from bot.switching import switch_one_provider

    registry = _registry()
    switch_one_provider(name, on, known_names(registry), actor=actor())
    registry.fresh()
    line = next((one for one in provider_lines(registry) if one.name == name), None)
    why = "" if line is None or line.on or not on else f": {line.why}"
    click.echo(f"{name} is {'on' if on and not why else 'off' if not on else 'not on'}{why}.")


@providers.command()
@click.argument("names", nargs=-1)
@click.option(
    "--task", default="answer", help="answer, summary, vision, embed or article. Without names: as for answers."
)
@anyway_option
@opened
@_refusing
def order(names: tuple[str, ...], task: str, anyway: bool) -> None:
    """Ask the providers NAMES in this order; those not named follow by name. Counts from the next answer on."""
    from bot.discovery import did_you_mean
    from bot.fleet_settings import TASKS, set_order
    from bot.provider_list import known_names

    if task not in TASKS:
        raise click.UsageError(f"There is no task {task}. There are: {', '.join(TASKS)}.")
    if not names and task == "answer":
        raise click.UsageError(f"Name the providers. {SEE}")
    known = known_names(_registry())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(
            f"No AI provider is called {unknown[0]}.{did_you_mean(unknown[0], known)} There are: {', '.join(known)}."
        )
    if task == "answer":
        published(
            f"the order {', '.join(names)}", lambda: set_order(list(names), actor=actor()), actor=actor(), anyway=anyway
        )
    else:
        set_order(list(names), task=task, actor=actor())
    what = "" if task == "answer" else f" for {task}"
    click.echo(
        f"Asked in this order{what}: {', '.join(names)}" if names else f"Asked{what} in the order of the answers."
    )


@providers.command()
@click.argument("name")
@click.argument("tasks", nargs=-1)
@opened
@_refusing
def use(name: str, tasks: tuple[str, ...]) -> None:
    """Ask provider NAME only for TASKS (answer, summary, vision, embed, article); without them for all."""
    from bot.fleet_settings import set_tasks
    from bot.provider_list import known_names

    if name not in known_names(_registry()):
        raise click.UsageError(f"No AI provider is called {name}. {SEE}")
    set_tasks(name, tasks, actor=actor())
    click.echo(f"{name} is asked for {', '.join(tasks) or 'everything'}.")


@providers.command()
@click.option("--provider", default="", metavar="NAME", help="Of this one only.")
@click.option("--connect", help="Seconds to connect.")
@click.option("--first-token", help="Seconds until the first words.")
@click.option("--between-tokens", help="Seconds of silence in the middle of an answer.")
@click.option("--total", help="Seconds for a whole answer.")
@click.option(
    "--budget", help="Seconds within which an answer must have begun, whoever is asked; then a person takes over."
)
@opened
@_refusing
def clocks(provider: str, **given: str | None) -> None:
    """Show how long providers may take, or change it: a number of seconds, or default."""
    from bot.fleet_settings import fleet_settings, set_clocks
    from bot.provider_list import known_names

    if provider and provider not in known_names(_registry()):
        raise click.UsageError(f"No AI provider is called {provider}. {SEE}")
    if provider and given["budget"] is not None:
        raise click.UsageError("The budget is that of all providers together. Leave --provider away.")
    values = {name: _seconds(name, text) for name, text in given.items() if text is not None}
    now = set_clocks(values, provider=provider, actor=actor()) if values else fleet_settings()
    mine = now.provider_clocks.get(provider, now.clocks)
    for name in ("connect", "first_token", "between_tokens", "total"):
        click.echo(f"{name.replace('_', ' '):<16} {getattr(mine, name):g} s")
    click.echo(f"{'budget':<16} {now.budget:g} s")


def _seconds(name: str, text: str) -> float:
    if text == "default":
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    return value if value == value else -1.0  # noqa: PLR0124 (what is no number is refused with the bounds)


@providers.command()
@click.argument("name")
@opened
def test(name: str) -> None:
    """Prove in a cheap way that the key and the model of provider NAME work."""
    from bot.ai import ProviderError
    from bot.fleet_building import current_fleet

    _registry()
    found = [provider for provider in current_fleet().providers if provider.name == name]
    if not found:
        raise click.UsageError(f"No provider called {name} is on. {SEE}")
    for provider in found:
        began = time.monotonic()
        try:
            provider.check()
        except ProviderError as error:
            click.echo(f"{name} {provider.model}: does not work ({error.kind}): {error}")
            sys.exit(1)
        click.echo(f"{name} {provider.model}: works, {time.monotonic() - began:.2f} s")
