"""``deskhand plugins``: which there are, switch them, set them. Changes reach all running processes within a second or so."""

from __future__ import annotations

import functools
import getpass
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ParamSpec

import click

from bot.anyway import anyway_option, published

if TYPE_CHECKING:
    from bot.discovery import Plugin
    from bot.plugin_settings import SettingView
    from bot.plugins import Registry
    from bot.snapshot import Status

P = ParamSpec("P")


def opened(fn: Callable[P, None]) -> Callable[P, None]:
    """Have the database open while the command runs, and the running processes told of what it changes."""

    @functools.wraps(fn)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        from bot.process import command

        with command():
            fn(*args, **kwargs)

    return wrapped


@click.group()
def plugins() -> None:
    """List plugins, switch them, set them. Changes reach the running processes at once, without a restart."""


def actor() -> str:
    """Who types, for the audit trail."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user without a name
        return "cli"


def _load() -> Registry:
    from bot.plugins import load_plugins

    return load_plugins("cli")


def _plugin(registry: Registry, name: str) -> Plugin:
    from bot.switching import SwitchRefused, found_plugin

    try:
        return found_plugin(registry, name)
    except SwitchRefused as refused:
        raise click.ClickException(str(refused)) from None


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for scripts.")
@opened
def list_plugins(as_json: bool) -> None:
    """Show all plugins: on or off, and why."""
    rows = _load().fresh().status()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    wide = max((len(row.name) for row in rows), default=0)
    for row in rows:
        mark, colour = ("broken", "red") if row.broken else ("on", "green") if row.on else ("off", "yellow")
        words = row.summary or row.title if row.on else row.why
        where = "" if row.origin == "built-in" else f" [{row.origin}]"
        click.echo(f"{row.name:<{wide}}  {click.style(f'{mark:<6}', fg=colour)}  {words}{where}")
    trouble = [row for row in rows if row.strikes]
    for row in trouble:
        click.echo(f"\n{row.name}: {_times(row.strikes)} failed in a row. Last error{_when(row)}: {row.last_error}")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _when(row: Status) -> str:
    if row.last_error_at is None:
        return ""
    return f" ({datetime.fromtimestamp(row.last_error_at, UTC):%Y-%m-%d %H:%M:%S} UTC)"


@plugins.command("on")
@click.argument("name")
@opened
def switch_on(name: str) -> None:
    """Switch a plugin on, and forgive its failures."""
    from bot.switching import SwitchRefused, plugin_on

    registry = _load()
    try:
        plugin_on(registry, name, actor=actor())
    except SwitchRefused as refused:
        raise click.ClickException(str(refused)) from None
    _say(registry, name)


@plugins.command("off")
@click.argument("name")
@opened
def switch_off(name: str) -> None:
    """Switch a plugin off. Its settings stay."""
    from bot.switching import SwitchRefused, plugin_off

    try:
        click.echo(plugin_off(_load(), name, actor=actor()))
    except SwitchRefused as refused:
        raise click.ClickException(str(refused)) from None


def _say(registry: Registry, name: str) -> None:
    from bot.switching import plugin_now

    for line in plugin_now(registry, name):
        click.echo(line)


def _say_settings(plugin: Plugin, names: list[str]) -> None:
    """The settings that were changed, as they are in force now: one that was unset has its default or its variable's value again."""
    from bot.plugin_settings import show
    from bot.switches import Switch, load

    click.echo(f"Settings of {plugin.name} that were changed, as they are now:")
    for view in show(plugin, load()[1].get(plugin.name, Switch()).stored()):
        if view.name in names:
            click.echo(_setting(view))


def _setting(view: SettingView) -> str:
    source = view.source + (f", or {view.env}" if view.env and view.source in {"missing", "default"} else "")
    return f"  {view.name} = {view.value}  ({source})" + (f"  {view.help}" if view.help else "")


@plugins.command("set")
@click.argument("name")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE | NAME]...")
@click.option("--unset", multiple=True, metavar="NAME", help="Forget the stored value. Repeat it for several.")
@anyway_option
@opened
def set_values(name: str, values: tuple[str, ...], unset: tuple[str, ...], anyway: bool) -> None:
    """Store settings of a plugin. NAME alone asks for the value without showing it, so that a key stays out of the shell's history.

    What an AI provider is set to is tried by the answer tests first, if there are any (DESKHAND_ANSWER_TESTS).
    """
    from bot import switches
    from bot.plugin_settings import SettingRefused, change

    registry = _load()
    plugin = _plugin(registry, name)
    if not values and not unset:
        raise click.UsageError(f"Say what to set. The settings: deskhand plugins show {name}")
    new = dict(pair(item) for item in values)
    for _attempt in range(5):
        row = registry.fresh().switches.get(name, switches.Switch())
        try:
            changed = change(plugin, row.stored(), new, unset)
        except SettingRefused as refused:
            raise click.ClickException(str(refused)) from None
        store = functools.partial(
            switches.store_settings, name, row.settings, changed, actor=actor(), changed=(*new, *unset)
        )
        answers = "ai_provider" in plugin.hooks
        if published(f"the new settings of {name}", store, actor=actor(), anyway=anyway) if answers else store():
            _say_settings(plugin, [*new, *unset])
            _say(_load(), name)
            return
    raise click.ClickException(f"Somebody else is changing {name} at the same time. Nothing was changed; try again.")


def pair(item: str) -> tuple[str, str]:
    """``NAME=VALUE`` as typed; of NAME alone the value is asked for without being shown, or read from what is piped in."""
    name, equals, value = item.partition("=")
    if equals:
        return name, value
    if sys.stdin.isatty():
        return name, str(click.prompt(name, hide_input=True))
    return name, sys.stdin.readline().rstrip("\r\n")


@plugins.command("show")
@click.argument("name")
@opened
def show_plugin(name: str) -> None:
    """Show a plugin with its settings and where each comes from. Of a secret only the last four characters."""
    from bot.plugin_settings import show
    from bot.switches import Switch

    registry = _load()
    plugin = _plugin(registry, name)
    now = registry.fresh()
    row = next(row for row in now.status() if row.name == name)
    click.echo(f"{row.title}: {row.why}")
    if row.summary:
        click.echo(row.summary)
    click.echo(f"from {plugin.place} ({row.origin}); hooks: {', '.join(row.hooks)}")
    if row.last_error:
        click.echo(f"last error{_when(row)}: {row.last_error}")
    for view in show(plugin, now.switches.get(name, Switch()).stored()):
        click.echo(_setting(view))
