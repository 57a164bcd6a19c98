"""The real product with more than it needs: ``deskhand run``, a second turns and channels process, a model server, a platform."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson

from bot.failpoints import POINTS
from tests.patience import wait_for
from tests.ports import free_port
from tests.running import ROOT, Deskhand, alive

PLUGINS = Path(__file__).parent / "plugins"
EXPECTED = frozenset({"plugin_broken", "plugin_suspected", "plugin_hangs"})
"""Errors that are told and are none: a plugin that is not there, and one that was being imported when its process was killed.
So is a hook that was ended at its deadline (that it is not switched off for it is checked). What RQ says when its Redis is killed is none either: jobs are rows, and theirs are checked."""
ANSWER = "You asked: {question} I have looked at it and this is what I can tell you about it today."


class Extra:
    """One more process of a kind, started again when it dies. ``deskhand run`` starts one of each; several are allowed."""

    def __init__(self, name: str, kind: str, env: dict[str, str], log: IO[bytes]) -> None:
        self.name, self.kind, self.env, self.log = name, kind, env, log
        self.process: subprocess.Popen[bytes] | None = None
        self.due = 0.0

    def look_after(self) -> None:
        if self.process is not None and self.process.poll() is not None:
            self.process, self.due = None, time.monotonic() + 0.3
        if self.process is None and time.monotonic() >= self.due:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot.cli", self.kind], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=self.log,
                stderr=self.log, start_new_session=True,
            )  # fmt: skip

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class Installation:
    """Everything that runs for one chaos run. ``start`` and ``end``; nothing outlives ``end``."""

    folder: Path
    database: str
    platform_url: str
    token_cap: int = 500_000_000
    extras: bool = True
    failpoints: str = ""
    plugins: Path = PLUGINS
    more_env: dict[str, str] = field(default_factory=dict)
    product: Deskhand = field(init=False)
    more: dict[str, Extra] = field(default_factory=dict)
    model: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.chores = self.folder / "chores"
        self.once = self.folder / "once"
        self.chores.mkdir(parents=True)
        self.once.mkdir()
        self.model_port = free_port()
        env = {
            "DATABASE_URL": self.database,
            "OPENAI_API_KEY": "chaos", "OPENAI_BASE_URL": f"http://127.0.0.1:{self.model_port}/v1",
            "DESKHAND_COMPATIBLE_URL": f"http://127.0.0.1:{self.model_port}/v1", "DESKHAND_COMPATIBLE_MODEL": "second",
            "DESKHAND_PLUGINS_DIR": str(self.plugins), "CHAOS_PLATFORM_URL": self.platform_url, "CHAOS_CHORES": str(self.chores),
            "DESKHAND_MESSAGES_PER_MINUTE": "10000", "DESKHAND_SESSIONS_PER_MINUTE": "1000000",
            "DESKHAND_DAILY_TOKENS": str(self.token_cap), "DESKHAND_RESTART_PAUSE": "0.4",
            # Every point is armed, and none acts: a point acts when its file here is gone.
            "DESKHAND_FAILPOINTS": self.failpoints, "DESKHAND_FAILPOINTS_ONCE": str(self.once),
            **self.more_env,
        }  # fmt: skip
        for point in POINTS:
            (self.once / point).touch()
        self.product = Deskhand(self.folder / "data", env)
        self._children: set[int] = set()
        self._output: IO[bytes] | None = None
        self._ready: dict[int, float] = {}
        self._read: dict[Path, int] = {}

    @property
    def redis_url(self) -> str:
        from bot.embedded import socket_path

        return f"unix://{socket_path(self.product.data / 'run')}"

    def start(self, plan: dict[str, object], *, tokens_per_second: float) -> None:
        """Start everything and wait until it serves. ``plan``: seed, rate and faults of the model server."""
        log = (self.folder / "model.log").open("ab")
        line = [sys.executable, "-m", "tests.fakes.llm", "--port", str(self.model_port)]
        self.model = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        default = {"answer": ANSWER, "tokens_per_second": tokens_per_second, "retry_after": 0.3}
        wait_for(lambda: self._configure({"default": default, "plan": plan}), 15, "the model server")
        self.product.start()
        # Customers of a load ask faster, and less that is in any article, than people do: the model is to answer them all the same.
        for name in ("slow_down", "grounding", "reply_cache"):
            self.product.run("plugins", "off", name).check_returncode()
        self.product.run("plugins", "set", "escalation_no_answer", "answer=ask_anyway").check_returncode()
        if self.extras:
            env = {**self.product.env, "REDIS_URL": self.redis_url, "DESKHAND_SUPERVISED": str(os.getpid())}
            output = self._output = (self.folder / "extras.log").open("ab")
            for name, kind in (("turns2", "turns"), ("channels2", "channels")):
                self.more[name] = Extra(name, kind, env, output)
                self.more[name].look_after()

    def _configure(self, body: object) -> bool:
        from urllib.request import Request, urlopen

        try:
            request = Request(f"http://127.0.0.1:{self.model_port}/script", orjson.dumps(body), method="POST")
            with urlopen(request, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def look_after(self) -> None:
        """Start extras again that died. Call it often, from one thread: it is their parent, and they die with it."""
        for extra in self.more.values():
            extra.look_after()

    def pids(self) -> dict[str, int]:
        """What runs now, by name."""
        found = self.product.pids()
        for name, extra in self.more.items():
            if extra.process is not None and extra.process.poll() is None:
                found[name] = extra.process.pid
        self._children.update(found.values())
        return found

    def ready_since(self) -> dict[int, float]:
        """When each process was seen to have said that it is ready, on the monotonic clock."""
        for path in (self.product.log_path, self.folder / "extras.log"):
            if not path.exists():
                continue
            with path.open("rb") as log:
                log.seek(self._read.get(path, 0))
                for line in log:
                    if not line.endswith(b"\n"):
                        break
                    self._read[path] = self._read.get(path, 0) + len(line)
                    if b'"event":"ready"' in line or b'"event":"serving"' in line:
                        self._ready.setdefault(int(orjson.loads(line).get("pid", 0)), time.monotonic())
        return self._ready

    def problems(self) -> list[str]:
        """What went wrong inside, as the logs tell it, each once: a process that is killed leaves none of these."""
        found: dict[str, int] = {}
        for path in (self.product.log_path, self.folder / "extras.log"):
            for line in path.read_text("utf-8", "replace").splitlines() if path.exists() else []:
                if '"level":"error"' not in line and '"level":"critical"' not in line and "Traceback" not in line:
                    continue
                row = orjson.loads(line) if line.startswith("{") and line.endswith("}") else {"event": line}
                if (
                    row.get("event") in EXPECTED
                    or row.get("logger") == "rq.worker"
                    or row.get("reason", "").startswith("took longer")
                ):
                    continue
                trace = (row.get("exception") or row.get("reason") or "").strip().splitlines()
                words = f"{row.get('process', '')} {row['event']}: {trace[-1] if trace else ''}"
                found[words] = found.get(words, 0) + 1
        return [f"{words} ({times} times)" for words, times in found.items()]

    def ready_times(self) -> list[tuple[float, str, int]]:
        """``(time, process, pid)`` of every process that said it is ready, from the log."""
        from datetime import datetime

        found = []
        for line in self.product.log().splitlines():
            if not line.startswith("{"):
                continue
            try:
                row = orjson.loads(line)
            except ValueError:
                continue
            if row.get("event") in {"ready", "serving"} and "pid" in row:
                at = datetime.fromisoformat(row["time"]).timestamp()
                found.append((at, row["process"], row["pid"]))
        return found

    def end(self) -> None:
        """Stop everything, by pid."""
        for pid in self.pids().values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        for extra in self.more.values():
            extra.end()
        if self._output is not None:
            self._output.close()
        self.product.end()
        if self.model is not None and self.model.poll() is None:
            self.model.terminate()
            self.model.wait(10)
        for pid in self._children:
            if alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
