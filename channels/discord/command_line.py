"""``deskhand discord setup``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import click

from .failures import failure_of
from .setup import PERMISSIONS, invite_link, register, unregister


def discord_command(token: str, api_url: str) -> click.Group:
    """The group ``discord`` with the plugin's own settings."""

    @click.group("discord")
    def discord() -> None:
        """Set up the Discord bot."""

    @discord.command("setup")
    @click.option(
        "--server", default="", metavar="ID", help="Register the commands in this one server, to try them out."
    )
    @click.option("--remove", is_flag=True, help="With --server: take them out of that server again.")
    def setup(server: str, remove: bool) -> None:
        """Register the slash commands and print the link that adds the bot to a server. Safe to run again."""
        if server and not server.isdigit():
            raise click.UsageError(
                "A server's ID has digits only. Switch on Discord's developer mode and copy it from the server's menu."
            )
        if remove and not server:
            raise click.UsageError("Say from which server: --server ID --remove")
        _with_rest(token, api_url, lambda rest: _set_up(rest, server, remove))

    return discord


def _with_rest(token: str, api_url: str, work: Callable[[Any], Awaitable[None]]) -> None:
    async def run() -> None:
        from ._rest import Rest

        rest = Rest(token, api_url)
        try:
            await work(rest)
        except Exception as error:
            raise click.ClickException(str(failure_of(error))) from None
        finally:
            await rest.close()

    asyncio.run(run())


async def _set_up(rest: Any, server: str, remove: bool) -> None:
    app = await rest.call("GET", "/applications/@me")
    application = str(app["id"])
    if remove:
        removed = await unregister(rest, application, server)
        click.echo(
            f"Removed from that server: {_list(removed)}." if removed else "That server has none of these commands."
        )
        return
    changed = await register(rest, application, server)
    where = "in that server" if server else "for all servers and direct messages"
    click.echo(f"Commands {where}: " + (f"{_list(changed)} registered." if changed else "all there already."))
    click.echo(f"\nAdd the bot to a server with this link:\n  {invite_link(application)}")
    click.echo(f"It asks for: {', '.join(PERMISSIONS)}.")
    if server:
        click.echo("\nIn that server each command may show up twice while it is registered for all servers as well.")


def _list(names: list[str]) -> str:
    return ", ".join(f"/{name}" for name in names)
