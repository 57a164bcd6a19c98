"""The product as its users start it: ``deskhand run`` in processes of its own, ended by pid."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.patience import patient, wait_for
from tests.ports import free_port

READY = '"process": "deskhand", "event": "ready"'
"""What the supervisor says when web serves and the others work."""
ROOT = Path(__file__).resolve().parent.parent


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Deskhand:
    """One installation. Process names are ``web``, ``channels``, ``turns``, ``quick``, ``slow`` and ``valkey``."""

    def __init__(self, data: Path, env: dict[str, str]) -> None:
        self.data = data
        self.port = int(env.get("DESKHAND_PORT") or free_port())
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.log_path = data.with_name(data.name + ".log")
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DESKHAND_")},
            "DESKHAND_DATA": str(data), "DESKHAND_PORT": str(self.port), "DESKHAND_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1",
            **env,
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.said_before = 0
        self.took = 0.0
        """Seconds from the command to ready, of the last start that was waited for."""
        self.seen: set[int] = set()

    def start(self, *, ready: bool = True, seconds: float = 60.0) -> None:
        """Start it (again) and wait until it says that it is ready."""
        self.said_before = self.log().count(READY)
        began = time.monotonic()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", "run"], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        if ready:
            wait_for(self._ready_or_dead, seconds, f"{self.base_url}/readyz\n{self.log()[-4000:]}")
            self.took = time.monotonic() - began

    def _ready_or_dead(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"deskhand run ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        return self.log().count(READY) > self.said_before

    def ready(self) -> bool:
        """Whether ``/readyz`` says 200."""
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path: str, timeout: float = 5.0) -> tuple[int, bytes]:
        """Status and body of a GET."""
        try:
            with urllib.request.urlopen(self.base_url + path, timeout=patient(timeout)) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def log(self) -> str:
        """Everything that was printed so far."""
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def pids(self) -> dict[str, int]:
        """Process ids by name, of what runs now, as the supervisor wrote them down."""
        try:
            rows: dict[str, Any] = json.loads((self.data / "run" / "children.json").read_text())
        except (OSError, ValueError):
            return {}
        found = {name: int(row["pid"]) for name, row in rows.items() if alive(int(row["pid"]))}
        self.seen.update(found.values())
        return found

    def run(self, *arguments: str, text: str | None = None, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run another ``deskhand`` command in the same environment."""
        return subprocess.run(
            [sys.executable, "-m", "bot.cli", *arguments], cwd=ROOT, env=self.env, input=text or "", capture_output=True, text=True,
            timeout=patient(timeout), check=False,
        )  # fmt: skip

    def stop(self, seconds: float = 40.0) -> int:
        """SIGTERM, as an operator would; returns the exit code."""
        assert self.process is not None
        self.pids()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=patient(seconds))

    def kill(self) -> None:
        """kill -9 of the supervisor alone."""
        assert self.process is not None
        self.pids()
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        self.pids()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=patient(10))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.seen:
            if alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
