"""What ``deskhand run`` does before anything serves: check, migrate, fill, and lay out which processes run."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable

import click

from bot import logs, store
from bot.config import Config, ConfigError, config
from bot.first_rows import first_rows
from bot.leftovers import AlreadyRunning, reap, remove_scratch, take_lock
from bot.supervise import Plan


class CannotRun(click.ClickException):
    """Something that is not ours is in the way; one sentence with the fix."""

    exit_code = 2

    def show(self, file: object = None) -> None:
        click.echo(self.message, err=True)


def check() -> Plan:
    """Look whether Deskhand can run here, take the data folder, and return what to run. The database is not touched yet.

    Raises :class:`CannotRun` or :class:`ConfigError`.
    """
    began = time.time()
    settings = config()
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    logs.setup("deskhand", quiet=not as_json)
    _data_folder(settings)
    _lock(settings)
    _port_is_free(settings)
    _teller(as_json)(f"data     {settings.data}")
    return Plan(
        children=_children(settings), run_dir=str(settings.run_dir), host=settings.host, port=settings.port,
        as_json=as_json, colour=not as_json and sys.stderr.isatty() and "NO_COLOR" not in os.environ, began=began,
        longest_pause=settings.restart_pause,
    )  # fmt: skip


def fill(plan: Plan) -> None:
    """Bring the database up to date, and put in what the first answer needs. Raises :class:`ConfigError` or :class:`StoreUnavailable`."""
    settings = config()
    tell = _teller(plan.as_json)
    store.open_database(settings.database)
    ran = store.migrate()
    kind = "SQLite" if store.is_sqlite() else "PostgreSQL"
    tell(f"database {kind}, " + (f"{len(ran)} migration{'s' if len(ran) > 1 else ''} done" if ran else "up to date"))
    plan.welcome = first_rows(settings, tell)
    store.close_database()


def _teller(as_json: bool) -> Callable[[str], None]:
    """What tells people how far it is; machines read the log."""
    return (lambda _line: None) if as_json else (lambda line: click.echo(f"  {line}"))


def _data_folder(settings: Config) -> None:
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        settings.data.chmod(0o700)
        probe = settings.data / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"The setting DESKHAND_DATA is wrong: the folder {settings.data} cannot be written ({error.strerror})."
            " Name another and start again."
        ) from None


def _lock(settings: Config) -> None:
    try:
        descriptor = take_lock(settings.run_dir)
    except AlreadyRunning as error:
        raise CannotRun(str(error)) from None
    os.set_inheritable(descriptor, True)  # across the exec into the supervisor; its children do not get it
    reap(settings.run_dir)
    remove_scratch(settings.data)


def _port_is_free(settings: Config) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except PermissionError:
            raise CannotRun(
                f"This user may not listen on port {settings.port}: set DESKHAND_PORT to one above 1023 and start again."
            ) from None
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno not in {48, 98}:  # EADDRINUSE on macOS and Linux
                raise ConfigError(
                    f"The setting DESKHAND_HOST is wrong: {settings.host} is no address of this machine. Correct it and start again."
                ) from None
            raise CannotRun(
                f"Port {settings.port} of {settings.host} is in use by another program: stop that one, or set DESKHAND_PORT to a free port."
            ) from None


def _children(settings: Config) -> list[dict[str, object]]:
    """The processes, and Valkey before them. Sets ``REDIS_URL`` for all of them."""
    rows: list[dict[str, object]] = []
    if not settings.redis_url:
        from bot import embedded

        server = embedded.find_server()
        if server is None:
            os.environ["REDIS_URL"] = "none"
            click.echo(
                "  There is no Valkey or Redis on this machine: Deskhand runs on the database alone, a little slower.",
                err=True,
            )
        else:
            path = embedded.socket_path(settings.run_dir)
            os.environ["REDIS_URL"] = f"unix://{path}"
            rows.append(
                {"name": "valkey", "argv": embedded.command(server, settings.run_dir, path), "socket": str(path)}
            )
    me = [sys.executable, "-m", "bot.cli"]
    rows += [
        {"name": "web", "argv": [*me, "web"], "slot": "web-"},
        {"name": "turns", "argv": [*me, "turns"], "slot": "turns-"},
        {"name": "channels", "argv": [*me, "channels"], "slot": "channels-"},
        {"name": "quick", "argv": [*me, "worker", "--queue", "quick"], "slot": "quick-"},
        {"name": "slow", "argv": [*me, "worker", "--queue", "slow"]},
    ]
    return rows
