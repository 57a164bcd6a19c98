"""What every process does first and last: logs, database, a slot of its own, plugins."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from bot import crypto, lease, live_seal, logs, metrics
from bot.bus import reset_bus
from bot.config import config
from bot.plugins import Registry, load_plugins
from bot.store import StoreUnavailable, close_database, migrate, open_database


@contextlib.contextmanager
def command() -> Iterator[None]:
    """Enter a command of the command line: the database is open and up to date, and the running processes can be woken."""
    logs.setup("deskhand", quiet=True)
    settings = config()
    if not settings.redis_url:
        from bot import embedded

        path = embedded.socket_path(settings.run_dir)
        if embedded.answers(path):
            os.environ["REDIS_URL"] = f"unix://{path}"
            config.cache_clear()
            reset_bus()
    open_database(settings.database)
    try:
        migrate()
        yield
    finally:
        close_database()


@contextlib.contextmanager
def process(name: str, *, plugins_of: str = "") -> Iterator[Registry]:
    """Enter a process of Deskhand: yields its plugins; at the end its leases are given back.

    ``plugins_of`` says whose hooks it calls (``worker``) when it has a name of its own.
    """
    logs.setup(name)
    metrics.setup()
    open_database(config().database)
    if config().encrypt_messages:
        crypto.prepare("message")  # with the wrong master key no message could be stored: say so now
    live_seal.prepare()
    lease.start(name)
    registry = load_plugins(plugins_of or name)
    try:
        yield registry
    finally:
        with contextlib.suppress(StoreUnavailable):
            lease.stop()
        registry.close()
        close_database()
