"""``deskhand run`` and the processes one by one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module

import click

from bot import __version__

SUPERVISED = "DESKHAND_SUPERVISED"
"""Pid of the supervisor, in the environment of its processes."""


@click.command()
def run() -> None:
    """Start everything on this machine: Valkey, web, turns, channels and workers. Ctrl-C stops it.

    Uses SQLite and an embedded Valkey, unless DATABASE_URL and REDIS_URL say otherwise.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, until the supervisor takes both
    try:
        from bot import prepare, warm
        from bot.supervise import STOPS

        plan = prepare.check()
        os.environ[SUPERVISED] = str(os.getpid())
        forked = warm.fork({row["name"]: row["argv"] for row in plan.children})
        if not forked.me:
            prepare.fill(plan)
    except KeyboardInterrupt:
        click.echo("Stopped before it served.", err=True)
        sys.exit(0)
    if forked.me:
        _serve(forked.me, *warm.PROCESSES[forked.me])
        return
    plan.adopt(forked.pids, forked.gate)
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # what comes until the supervisor can take it waits
    # Replaced by a small process, so that what preparing needed does not stay in memory.
    os.execv(sys.executable, [sys.executable, "-m", "bot.supervise", json.dumps(asdict(plan))])  # noqa: S606


@click.command()
def web() -> None:
    """Run the web process alone: widget, sockets, REST."""
    from gevent import monkey

    monkey.patch_all()  # before anything else is imported
    from bot.warm import wait_as_web

    wait_as_web()
    _serve("web", "bot.web")


@click.command()
def channels() -> None:
    """Run the platform connections alone."""
    _serve("channels", "channels.host")


@click.command()
def turns() -> None:
    """Run the AI turns alone."""
    _serve("turns", "bot.turns_process")


@click.command()
@click.option("--queue", type=click.Choice(["quick", "slow"]), help="Only this one. Without it: both.")
def worker(queue: str | None) -> None:
    """Run the background jobs alone. The slow worker is fed by a quick one."""
    if queue is not None:
        _serve(queue, "workers.main", queue)
        return
    _migrate_unless_supervised()
    line = [sys.executable, "-m", "bot.cli", "worker", "--queue", "slow"]
    second = subprocess.Popen(line, env={**os.environ, SUPERVISED: str(os.getpid())})  # noqa: S603  ourselves
    try:
        _serve("quick", "workers.main", "quick")
    finally:
        second.terminate()
        second.wait()


def _serve(process: str, module: str, *arguments: str) -> None:
    from bot import logs

    logs.setup(process)  # first, so that whatever fails is told in one form
    supervisor = os.environ.get(SUPERVISED)
    if supervisor:
        from bot.parent import die_with, watch

        die_with(int(supervisor))
        watch(int(supervisor))
    else:
        _migrate_unless_supervised()
    import_module(module).main(*arguments)


def _migrate_unless_supervised() -> None:
    from bot import store
    from bot.config import config

    if not os.environ.get(SUPERVISED):
        store.open_database(config().database)
        store.migrate()
        store.close_database()


@click.command()
def migrate() -> None:
    """Bring the database up to date. ``deskhand run`` and each process do it by themselves."""
    from bot import store
    from bot.config import config

    store.open_database(config().database)
    names = store.migrate()
    click.echo("\n".join(names) if names else "The database is up to date.")
    store.close_database()


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"deskhand {__version__}")
