"""The peer servers in node: installed once, beside the virtual environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.client import CannotMeasure, Client
from tests.ports import free_port

HERE = Path(__file__).parent
ROOM = HERE.parents[2] / ".venv" / "bench-peers"
INSTALL_SECONDS = 600


def install() -> None:
    """Install the pinned packages; better-sqlite3 is compiled where there is no binary of it."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            raise CannotMeasure(f"The peers need {name}: install Node.js 20 or newer.")
    ROOM.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    stamp = ROOM / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    (ROOM / "package.json").write_text(wanted)
    env = dict(os.environ)
    if Path("/usr/include/node").is_dir():
        env.setdefault("npm_config_nodedir", "/usr")  # headers are here: nothing to fetch when it is compiled
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], cwd=ROOM, env=env, capture_output=True, text=True,
        timeout=INSTALL_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotMeasure(f"npm could not install the peers in {ROOM}: {done.stderr.strip()[-300:]}")
    stamp.write_text(wanted)


@contextmanager
def peer(script: str, program: Path, *arguments: str) -> Iterator[tuple[int, Client]]:
    """Run ``script``: its pid, and a load client aimed at it."""
    port = free_port()
    with subprocess.Popen(
        ["node", str(HERE / script), str(port), *arguments], env={**os.environ, "NODE_PATH": str(ROOM / "node_modules")},
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            if "listening" not in process.stdout.readline():
                raise CannotMeasure(f"The peer {script} did not start.")
            yield process.pid, Client(program, port=port, path="/socket.io/?EIO=4&transport=websocket", socketio=1)
        finally:
            process.kill()
