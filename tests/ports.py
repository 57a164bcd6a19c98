"""Ports for servers under test that no other test run and no outgoing connection takes in the meantime."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 20_000, 32_000
"""Below the ports that the kernel gives to outgoing connections (from 32,768 on Linux, 49,152 elsewhere)."""
_held: dict[int, int] = {}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on. It is this process's until it ends: a lock file says so to other runs."""
    locks = Path(tempfile.gettempdir()) / f"deskhand-test-ports-{os.getuid()}"
    locks.mkdir(exist_ok=True)
    for port in random.sample(range(FIRST, LAST), LAST - FIRST):
        if port in _held:
            continue
        lock = os.open(locks / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(lock)
            continue
        _held[port] = lock
        return port
    raise RuntimeError("every port for tests is taken")
