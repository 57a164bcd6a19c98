"""A private Valkey for the tests: the very server that the product embeds, on a unix socket."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bot.embedded import Embedded, start_embedded


class Valkey:
    """One server. ``kill`` and ``start`` play an outage."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dhvk-"))
        self.server: Embedded | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'valkey.sock'}"

    @property
    def pid(self) -> int:
        assert self.server is not None
        return self.server.process.pid

    def start(self) -> None:
        """Start it (again) with nothing in it."""
        self.server = start_embedded(self.folder)
        assert self.server is not None, "there is no Valkey to embed: install requirements.lock"

    def kill(self) -> None:
        """kill -9, as an outage would."""
        if self.server is not None:
            self.server.process.kill()
            self.server.process.wait()
            self.server = None

    def flush(self) -> None:
        """Empty it; starts it if a test left it dead."""
        if self.server is None or self.server.process.poll() is not None:
            self.start()
        import redis

        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
