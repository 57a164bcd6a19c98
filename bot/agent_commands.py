"""``deskhand agents``: who answers customers, and how desks know them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from bot import agents as people
from bot import audit, replies, routing_views
from bot.findings import ago
from bot.notification_commands import notify
from bot.plugin_commands import actor
from bot.process import command
from bot.store import read, sql, write


def _tell(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except people.AgentError as error:
        raise click.ClickException(str(error)) from error


def _presence(row: people.AgentView) -> str:
    if not row.active or row.available:
        return "" if row.active else "off "
    return f"away (said {ago(row.available_since)}) " if row.available_since else "away "


@click.group()
def agents() -> None:
    """Who answers customers, and how desks know them."""


@agents.command("list")
def list_() -> None:
    """Everybody, with the desks they are linked at."""
    with command():
        rows = people.all_agents()
        for row in rows:
            linked = ", ".join(f"{desk} {identity}" for desk, identity in row.identities) or "linked nowhere"
            click.echo(f"{row.name:<16} {row.public_name:<24} {row.role:<7} {_presence(row)}{linked}")
        if not rows:
            click.echo("There are none yet. Make one with: deskhand agents add NAME --slack T0123:U0456")


@agents.command()
@click.argument("name")
@click.option("--public-name", default="", help="What customers see; by default made from NAME.")
@click.option("--picture", default="", help="https:// address of a picture that customers see.")
@click.option("--email", default="")
@click.option("--role", type=click.Choice(people.ROLES), default="agent", show_default=True)
@click.option("--slack", default="", help="The person's id in Slack with the team's, such as T0123:U0456.")
def add(name: str, public_name: str, picture: str, email: str, role: str, slack: str) -> None:
    """Make an agent called NAME."""
    with command():
        row = _tell(
            lambda: people.add_agent(
                name, public_name=public_name, picture=picture, email=email, role=role, actor=actor()
            )
        )
        if slack:
            _tell(lambda: people.link(name, "slack", slack, actor=actor()))
        click.echo(f"{row.name} answers as {row.public_name}.")


@agents.command()
@click.argument("code")
@click.argument("name")
def link(code: str, name: str) -> None:
    """Link the person who was given CODE at a desk to the agent NAME."""
    with command():
        desk, identity, shown = _tell(lambda: people.redeem(code, name, actor=actor()))
        click.echo(f"{shown or identity} at {desk} is {name} from now on.")


@agents.command()
@click.argument("name")
def off(name: str) -> None:
    """NAME may not act any more. What is assigned to them stays until somebody takes it."""
    with command():
        _tell(lambda: people.set_active(name, False, actor=actor()))
        click.echo(f"{name} may not act any more.")


@agents.command()
@click.argument("name")
def on(name: str) -> None:
    """NAME may act again."""
    with command():
        _tell(lambda: people.set_active(name, True, actor=actor()))
        click.echo(f"{name} may act again.")


@agents.command()
@click.argument("name")
def away(name: str) -> None:
    """NAME is away. While everybody is, customers are told how long an answer usually takes."""
    with command():
        _tell(lambda: people.set_available(name, False, actor=actor()))
        click.echo(f"{name} is away.")


@agents.command()
@click.argument("name")
def back(name: str) -> None:
    """NAME is back."""
    with command():
        _tell(lambda: people.set_available(name, True, actor=actor()))
        click.echo(f"{name} is back.")


@agents.command()
@click.argument("name")
@click.argument("count", required=False)
def capacity(name: str, count: str | None) -> None:
    """How many conversations NAME has or is offered at once: a number, 0 for no limit, or usual for what the settings say."""
    with command():
        if count is not None:
            _tell(lambda: people.set_capacity(name, count, actor=actor()))
        found = {one.lower(): value for one, value in read(routing_views.capacities).items()}.get(name.lower())
        if found is None:
            raise click.ClickException(f"There is no agent called {name}. See: deskhand agents list")
        click.echo(f"{name} has {found[0]} and takes {found[1] or 'any number'} at once.")


@agents.command()
@click.argument("desk")
@click.argument("place")
@click.argument("how", type=click.Choice(replies.MODES))
def mode(desk: str, place: str, how: str) -> None:
    """How replies from PLACE of DESK go out: gated (held for 5 s), direct, or alerts-only (never)."""
    with command():

        def work() -> None:
            replies.set_mode(desk, place, how)
            audit.record(actor(), "desk.mode", f"desk:{desk}", {"place": place, "mode": how})

        write(work)
        click.echo(f"Replies from {place} of {desk}: {how}.")


@agents.command()
@click.argument("number", type=int)
def unblock(number: int) -> None:
    """Let the customer of ticket NUMBER write again."""
    with command():

        def work() -> int:
            done = sql(
                "UPDATE contact SET blocked = ? WHERE id = (SELECT v.contact_id FROM conversation v JOIN ticket t"
                " ON t.conversation_id = v.id WHERE t.number = ?)",
                (False, number),
            ).rowcount
            if done:
                audit.record(actor(), "contact.unblock", f"ticket:{number}")
            return int(done)

        if not write(work):
            raise click.ClickException(f"There is no ticket #{number}. Look at: deskhand tickets list --state all")
        click.echo(f"The customer of ticket #{number} may write again.")


agents.add_command(notify)
