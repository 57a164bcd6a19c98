"""What every process does first and last: logs, database, a slot of its own, plugins."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bot import lease, logs
from bot.config import config
from bot.plugins import Registry, load_plugins
from bot.store import StoreUnavailable, close_database, open_database


@contextlib.contextmanager
def process(name: str) -> Iterator[Registry]:
    """Enter a process of Deskhand: yields its plugins; at the end its leases are given back."""
    logs.setup(name)
    open_database(config().database)
    lease.start(name)
    registry = load_plugins(name)
    try:
        yield registry
    finally:
        with contextlib.suppress(StoreUnavailable):
            lease.stop()
        registry.close()
        close_database()
