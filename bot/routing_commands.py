"""``deskhand routing``: where conversations go when people get them, and who is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from bot import hours, routing_rules, routing_settings, routing_views
from bot.plugin_commands import actor
from bot.process import command
from bot.routing_settings import RoutingRefused
from bot.store import read, sql
from bot.tickets import PRIORITIES

T = TypeVar("T")


def _tell(work: Callable[[], T]) -> T:
    try:
        return work()
    except RoutingRefused as refused:
        raise click.ClickException(f"{refused.field}: {refused} Nothing was changed.") from None


def _pairs(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.ClickException(f"Write {pair!r} as FIELD=VALUE, such as language=de. Nothing was changed.")
        found[name.strip()] = value
    return found


@click.group()
def routing() -> None:
    """Where conversations go when people get them, and who is asked."""


@routing.command("list")
def list_() -> None:
    """The rules in their order; the first one that fits counts."""
    with command():
        rules = read(routing_rules.rules)
        for rule in rules:
            state = "" if rule.enabled else "off  "
            click.echo(f"{rule.position:>3}  {state}{rule.name}: {_words(rule)}")
            if rule.problem:
                click.echo(f"     its place cannot be used: {rule.problem}")
        if not rules:
            click.echo(
                "There are none: every thread is opened in the desk's own place. Make one with: deskhand routing add"
            )


def _words(rule: routing_rules.RoutingRule) -> str:
    return f"{routing_views.conditions(rule)} → {routing_views.effects(rule)}"


@routing.command()
@click.argument("name")
@click.argument("pairs", nargs=-1, metavar="[FIELD=VALUE]...")
def add(name: str, pairs: tuple[str, ...]) -> None:
    """Make a rule, the last one: deskhand routing add refunds words="refund, money back" place=C0123456789 agents=ana,ben

    Conditions: site, channel, words, language, priority, hours (open, closed, or such as "mon-fri 18:00-22:00"); lists have commas.
    Effects: place and its desk, agents, assign (nobody, round-robin), mention (none, assignee, team, channel).
    """
    values = _pairs(pairs)
    with command():
        rule = _tell(lambda: routing_rules.add(name, values, actor=actor()))
        click.echo(f"{rule.name} is rule {rule.position}: {_words(rule)}")


@routing.command("set")
@click.argument("name")
@click.argument("pairs", nargs=-1, required=True, metavar="FIELD=VALUE...")
def set_(name: str, pairs: tuple[str, ...]) -> None:
    """Change fields of the rule NAME; an empty value takes one out."""
    values = _pairs(pairs)
    with command():
        rule = _tell(lambda: routing_rules.change(name, values, actor=actor()))
        click.echo(f"{rule.name}: {_words(rule)}")


@routing.command()
@click.argument("name")
@click.argument("position", type=int)
def move(name: str, position: int) -> None:
    """Make NAME the rule number POSITION."""
    with command():
        _tell(lambda: routing_rules.move(name, position, actor=actor()))
        click.echo(f"{name} is rule {position}.")


@routing.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the rule NAME. Threads that it opened stay where they are."""
    with command():
        _tell(lambda: routing_rules.remove(name, actor=actor()))
        click.echo(f"{name} is removed.")


@routing.command()
@click.argument("name")
def on(name: str) -> None:
    """The rule NAME counts again."""
    with command():
        _tell(lambda: routing_rules.switch(name, True, actor=actor()))
        click.echo(f"{name} is on.")


@routing.command()
@click.argument("name")
def off(name: str) -> None:
    """The rule NAME does not count any more."""
    with command():
        _tell(lambda: routing_rules.switch(name, False, actor=actor()))
        click.echo(f"{name} is off.")


@routing.command("settings")
@click.argument("pairs", nargs=-1, metavar="[NAME=VALUE]...")
def settings_(pairs: tuple[str, ...]) -> None:
    """Show what holds without a rule, or set it; an empty value goes back to the default."""
    values = _pairs(pairs)
    with command():
        if values:
            _tell(lambda: routing_settings.change(values, actor=actor()))
        for name, (value, about) in routing_settings.shown(read(routing_settings.settings)).items():
            click.echo(f"{name:<16} {value:<14} {about}")


@routing.command()
@click.option("--site", "key", required=True, metavar="KEY")
@click.option("--channel", default="widget", show_default=True, help="How the customer writes.")
@click.option("--language", default="", help="Such as de.")
@click.option("--text", default="", help="What the customer wrote.")
@click.option("--priority", type=click.Choice(PRIORITIES), default="normal", show_default=True)
@click.option(
    "--at", "when", default="", help='Such as "2026-11-21 22:00", in the site\'s time zone. Now, if it is not given.'
)
def test(key: str, channel: str, language: str, text: str, priority: str, when: str) -> None:
    """Say which rule would count, why the others would not, and who would be asked. Nothing is changed."""
    with command():

        def look() -> Any:
            row = sql("SELECT id FROM site WHERE key = ?", (key,)).fetchone()
            at = routing_views.moment(when, hours.zone_of(row[0])) if when and row else None
            return routing_views.dry_run(
                site=key, channel=channel, language=language, text=text, priority=priority, at=at
            )

        _print(_tell(lambda: read(look)))


def _print(found: routing_views.Outcome) -> None:
    for one in found.tried:
        click.echo(f"{one.rule.position:>3}  {one.rule.name}: {'this rule counts' if one.fires else one.why}")
    if found.rule is None:
        click.echo("No rule counts: the settings do.")
    for desk, place in found.places:
        click.echo(f"Place: {place} ({desk})")
    if not found.places:
        click.echo("No desk is on now, so no thread would be opened.")
    click.echo(f"Mention: {found.mention}")
    if not found.robin:
        click.echo("Assignment: nobody; agents claim it.")
        return
    click.echo(f"Assignment: {f'offered to {found.offered}' if found.offered else 'nobody is free, so it waits'}")
    for name, why in found.others:
        click.echo(f"     {name}: {why}")
