"""The command ``deskhand``. Commands live in files of their own and are imported when they are called, so that help is fast."""

from __future__ import annotations

import gc
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot import __version__

if TYPE_CHECKING:
    from bot.plugins import Snapshot

WRONG_SETTING = 2
STORE_AWAY = 75
"""EX_TEMPFAIL: the same command may work later."""
COLLECT_EVERY = 20_000
"""New objects between two runs of the garbage collector. Nearly all of a start is loading modules, which leaves nothing to collect:
with Python's 700 a sixth of it would be spent looking."""

# name: (module, attribute, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "run": ("bot.run_commands", "run", "Start everything on this machine."),
    "web": ("bot.run_commands", "web", "Run the web process alone."),
    "channels": ("bot.run_commands", "channels", "Run the platform connections alone."),
    "turns": ("bot.run_commands", "turns", "Run the AI turns alone."),
    "worker": ("bot.run_commands", "worker", "Run the background jobs alone."),
    "migrate": ("bot.run_commands", "migrate", "Bring the database up to date."),
    "doctor": ("bot.doctor", "doctor", "Say what is wrong, and what to do about it."),
    "chat": ("bot.terminal", "chat", "Talk to the running assistant in the terminal."),
    "backup": ("bot.backup_commands", "backup", "Write one file with everything, while it runs."),
    "restore": ("bot.backup_commands", "restore", "Replace everything by what a backup holds."),
    "tickets": ("bot.ticket_commands", "tickets", "Requests that need a person."),
    "targets": ("bot.target_commands", "targets", "How soon customers should hear from people."),
    "answers": ("bot.answer_commands", "answers", "What became of each answer, and what people thought of it."),
    "drafts": ("bot.draft_commands", "drafts", "What agents made of the AI's drafts."),
    "agents": ("bot.agent_commands", "agents", "Who answers customers, and how desks know them."),
    "canned": ("bot.canned_commands", "canned", "Replies that agents send often: write, import, export."),
    "routing": ("bot.routing_commands", "routing", "Where conversations go when people get them, and who is asked."),
    "contacts": ("bot.contact_commands", "contacts", "Merged contacts, and the way back."),
    "mails": ("bot.mail_commands", "mails", "Mails that were sent, and those that were not."),
    "deadletters": ("bot.deadletter_commands", "deadletters", "Work that could not be done, and what to do with it."),
    "plugins": ("bot.plugin_commands", "plugins", "List plugins, switch them, set them."),
    "providers": ("bot.provider_commands", "providers", "AI providers: order, health, a test."),
    "eval": ("bot.answer_tests.commands", "evaluate", "Ask the questions of answer tests, and judge the answers."),
    "keys": ("bot.key_commands", "keys", "Master key and data keys: make, rotate."),
    "audit": ("bot.audit_commands", "audit", "Who did what, and whether somebody changed the trail."),
    "site": ("bot.site_commands", "site", "Websites: keys, origins, look."),
    "new": ("bot.scaffold.commands", "new", "Write the first version of a plugin of your own."),
    "check": ("bot.check_command", "check", "Print what a plugin promises, and whether it keeps it."),
    "version": ("bot.run_commands", "version", "Print the version."),
}
BROUGHT = "commands.json"
"""File in the run folder: what plugins brought when they were last asked, so that help need not load them."""


class _Lazy(click.Group):
    """Imports a command when it is called. One that cannot be imported is named, and the others work."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*COMMANDS, *_remembered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        home = COMMANDS.get(cmd_name)
        if home is None:
            return _brought(cmd_name)
        module, attribute, _ = home
        try:
            command: click.Command = getattr(import_module(module), attribute)
        except ImportError as error:
            raise click.ClickException(
                f"The command {cmd_name} cannot be loaded: {error}. The other commands work."
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = {name: text for name, (_, _, text) in COMMANDS.items()} | _remembered()
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))


def _run_dir() -> Path | None:
    """The run folder without reading the whole configuration: help must not need it."""
    data = os.environ.get("DESKHAND_DATA")
    if data:
        return Path(data) / "run"
    clone = Path(__file__).resolve().parent.parent
    return clone / "var" / "run" if (clone / "pyproject.toml").is_file() else None


def _remembered() -> dict[str, str]:
    folder = _run_dir()
    try:
        rows = json.loads((folder / BROUGHT).read_text("utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return (
        {str(name): str(text) for name, text in rows.items() if name not in COMMANDS} if isinstance(rows, dict) else {}
    )


def _of_plugins() -> dict[str, click.Command]:
    """Ask the plugins that are on for their commands."""
    from bot import store
    from bot.config import config
    from bot.plugins import load_plugins

    store.open_database(config().database)
    store.migrate()
    return remember_commands(load_plugins("cli").snapshot())


def remember_commands(snapshot: Snapshot) -> dict[str, click.Command]:
    """Note the names of the commands that plugins brought for the next help; returns them."""
    from bot.config import config

    found: dict[str, click.Command] = {}
    for _plugin, commands in snapshot.each("commands"):
        for command in commands or ():
            if not command.name or command.name in COMMANDS:
                continue
            first = found.setdefault(command.name, command)
            if first is not command and isinstance(first, click.Group) and isinstance(command, click.Group):
                # Two plugins with commands about one thing: both are found under its name.
                for name, one in command.commands.items():
                    first.commands.setdefault(name, one)
    target = config().run_dir / BROUGHT
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({name: command.get_short_help_str(80) for name, command in found.items()}), "utf-8")
    return found


def _brought(name: str) -> click.Command | None:
    return _of_plugins().get(name)


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, "--version", message="deskhand %(version)s")
def deskhand() -> None:
    """An AI support desk: a widget, cited answers, and people when they are needed.

    Plugins bring more commands; they are listed here after the first run.
    """


def _open_what_is_closed() -> None:
    """Whoever starts us may have closed a standard stream: its number must not go to a database, into which logs would be written."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, this one
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))


def _read_settings_file() -> None:
    """Settings in ``.env`` of the current folder count where the environment says nothing, as ``make run`` has it."""
    if Path(".env").is_file():
        from dotenv import load_dotenv

        load_dotenv(Path(".env"), override=False, interpolate=False)


def _spare_postgres() -> None:
    """peewee loads psycopg wherever it is installed: a tenth of a second in each process and command that works on SQLite."""
    if os.environ.get("DATABASE_URL", "").startswith("postgres") or "psycopg" in sys.modules or "peewee" in sys.modules:
        return
    hidden: dict[str, Any] = sys.modules  # type: ignore[assignment]
    hidden["psycopg"] = None
    try:
        import_module("peewee")
    finally:
        del hidden["psycopg"]


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line. Exit codes: 0 done, 1 it failed, 2 a wrong setting or argument, 75 the database is away."""
    _open_what_is_closed()
    gc.set_threshold(COLLECT_EVERY, 20, 20)
    _read_settings_file()
    _spare_postgres()
    try:
        return deskhand(args=arguments, prog_name="deskhand")
    except Exception as error:
        # Only now: help and version must not pay for the database layer.
        from bot.config import ConfigError
        from bot.store import StoreUnavailable

        if not isinstance(error, ConfigError | StoreUnavailable):
            raise
        click.echo(str(error), err=True)
        sys.exit(WRONG_SETTING if isinstance(error, ConfigError) else STORE_AWAY)


if __name__ == "__main__":
    main()
