"""``deskhand agents notify``: how an agent is told of things, and where to."""

from __future__ import annotations

import click

from bot import agents, audit, notification_preferences, notifications
from bot.addresses import Address, address_problem
from bot.agents import AgentView
from bot.notification_preferences import PreferenceError
from bot.plugin_commands import actor
from bot.process import command
from bot.store import read, sql, write

SHOWN = 20


@click.command("notify")
@click.argument("name")
@click.argument("settings", nargs=-1)
def notify(name: str, settings: tuple[str, ...]) -> None:
    """How NAME is told of things: assignment, request, breach and mention each by direct, mail or none.

    \b
    deskhand agents notify ana assignment=mail quiet=20:00-08:00 digest=08:00 zone=Europe/Berlin
    deskhand agents notify ana quiet=off digest=off email=ana@shop.example

    Without settings it shows how it is, and what NAME was told of lately.
    """
    with command():
        if settings:
            try:
                write(lambda: _change(name, settings))
            except PreferenceError as error:
                raise click.ClickException(f"{error} Nothing was changed.") from error
        for line in read(lambda: _shown(name, with_list=not settings)):
            click.echo(line)


def _agent(name: str) -> AgentView:
    found = agents.agent_named(name)
    if found is None:
        raise click.ClickException(f"There is no agent called {name}. See: deskhand agents list")
    return found


def _change(name: str, settings: tuple[str, ...]) -> None:
    agent, wanted = _agent(name), notification_preferences.parse(settings)
    email = wanted.pop("email", None)
    if email is not None:
        problem = address_problem(Address(email)) if email else ""
        if problem:
            raise PreferenceError({"email": f"This address cannot be used: {problem}."})
        sql("UPDATE agent SET email = ? WHERE id = ?", (email, agent.id))
        audit.record(actor(), "agent.email", f"agent:{agent.name}")
    if wanted:
        now = notification_preferences.change(agent.id, wanted)
        audit.record(actor(), "agent.notify", f"agent:{agent.name}", {"set": now.in_words()})


def _shown(name: str, *, with_list: bool) -> list[str]:
    agent = _agent(name)
    lines = [f"{agent.name}: {notification_preferences.of(agent.id).in_words()} email={agent.email or 'none'}"]
    if not with_list:
        return lines
    lines.append(f"Unread: {notifications.unread(agent.id)}")
    for one in notifications.listed(agent.id, SHOWN):
        ways = [way for way, at in (("message", one.direct_at), ("mail", one.mail_at)) if at]
        state = "read" if one.read_at else "over" if one.moot else "unread"
        how = f"told by {' and '.join(ways)}" if ways else "in the list"
        lines.append(f"#{one.ticket:<6} {one.kind:<10} {state:<6} {how}  {one.problem}".rstrip())
    return lines
