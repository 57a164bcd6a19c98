"""The product as it is measured: ``deskhand run`` in a folder of its own, with the limits of one visitor out of the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.client import Client
from tests.running import Deskhand

PLUGINS = Path(__file__).parent / "plugins"
SITE = "demo"
# One address and a few sockets stand for many visitors here.
LIMITS = {
    "DESKHAND_MESSAGES_PER_MINUTE": "10000", "DESKHAND_SESSIONS_PER_MINUTE": "1000000", "DESKHAND_DAILY_TOKENS": "0",
}  # fmt: skip


@contextmanager
def product(data: Path, **env: str) -> Iterator[Deskhand]:
    """Run it until the block ends. Only what ``env`` names is connected."""
    running = Deskhand(data, {**LIMITS, **env})
    for name in [name for name in running.env if name.startswith(("OPENAI_", "ANTHROPIC_")) and name not in env]:
        del running.env[name]
    for name in ("DATABASE_URL", "REDIS_URL"):
        if name not in env:
            running.env.pop(name, None)
    running.start()
    # A few questions, asked again and again by a few, stand for many different ones of many people.
    for plugin in ("reply_cache", "slow_down"):
        running.run("plugins", "off", plugin).check_returncode()
    try:
        yield running
    finally:
        running.end()


def aimed(program: Path, running: Deskhand) -> Client:
    """A load client that talks to the widget's socket."""
    return Client(
        program,
        port=running.port,
        path=f"/w/ws?site={SITE}",
        host="localhost",
        origin=f"http://localhost:{running.port}",
    )


def root(running: Deskhand) -> int:
    """The supervisor's pid."""
    assert running.process is not None
    return running.process.pid
