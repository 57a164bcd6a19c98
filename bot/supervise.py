"""``deskhand run`` after it has prepared: start the processes, restart what dies, stop all when told to.

One small process without threads, made of the standard library alone: it must be the last to run out of memory, and a
child's parent-death signal is tied to the thread that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.breadcrumbs import last_breadcrumbs
from bot.leftovers import CHILDREN, born, held
from bot.parent import before_exec

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
STEADY = 60.0
"""A process that ran so long begins with the first pause again."""
KILL_AFTER = 30.0
"""Seconds between the request to stop and the kill: listeners drain within 5, turns within 25."""
VALKEY_STOPS = 3.0
STUCK = 70
"""Exit code of a process that its watchdog ended because a plugin held it."""
WRONG_SETTING = 2
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TICK = 0.25
PATIENCE = 15.0
"""Seconds after which it says what it still waits for."""


class Adopted:
    """A process that was made before this one became the supervisor. It is our child all the same: the pid stayed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None

    def poll(self) -> int | None:
        """As that of ``Popen``: how it ended, or ``None``."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code


@dataclass(slots=True)
class Child:
    """One process that should run."""

    name: str
    argv: list[str]
    socket: str = ""
    """Valkey's: removed before a start."""
    slot: str = ""
    """Beginning of the name of the slot file whose lock it holds from when it works."""
    process: subprocess.Popen[bytes] | Adopted | None = None
    started: float = 0.0
    due: float = 0.0
    failures: int = 0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass(slots=True)
class Plan:
    """What to run. Made by ``bot.prepare``, handed over as JSON because the process is replaced in between."""

    children: list[dict[str, Any]]
    run_dir: str
    host: str
    port: int
    welcome: list[str] = field(default_factory=list)
    """Lines to print when it serves."""
    as_json: bool = False
    colour: bool = False
    began: float = 0.0
    """Unix time of the start, for the line that says how long it took."""
    longest_pause: float = LONGEST_PAUSE
    gate: int = -1
    """Descriptor through which the processes that run already (those with a pid) are told to begin."""

    def adopt(self, pids: dict[str, int], gate: int) -> None:
        """Note what runs and waits (``bot.warm``), and keep the gate open across the exec."""
        for row in self.children:
            row["pid"] = pids.get(row["name"], 0)
        self.gate = gate
        if gate >= 0:
            os.set_inheritable(gate, True)


class Supervisor:
    """Runs the plan until it is told to stop. ``run`` returns the exit code."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.children = [
            Child(
                row["name"], row["argv"], row.get("socket", ""), row.get("slot", ""),
                Adopted(row["pid"]) if row.get("pid") else None, time.monotonic(),
            ) for row in plan.children
        ]  # fmt: skip
        self.asked = 0
        self.code = 0
        self.ready = False
        self.kill_at = 0.0
        self.patience = time.monotonic() + PATIENCE
        self.wake_in, self.wake_out = os.pipe()

    # -- telling ------------------------------------------------------------------------------------------------------

    def say(self, event: str, level: str = "info", **more: Any) -> None:
        """One line in the form of ``bot.logs``."""
        at = time.time()
        if self.plan.as_json:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
            line = json.dumps(
                {"time": stamp, "level": level, "process": "deskhand", "event": event, **more, "pid": os.getpid()}
            )
        else:
            rest = "".join(f" {key}={value}" for key, value in more.items())
            name = "\x1b[33mdeskhand\x1b[0m" if self.plan.colour else "deskhand"
            mark = "" if level == "info" else f"{level} "
            line = f"{time.strftime('%H:%M:%S', time.gmtime(at))} {name} {mark}{event}{rest}"
        with contextlib.suppress(OSError):
            os.write(2, line.encode() + b"\n")

    def welcome(self) -> None:
        took = round(time.time() - self.plan.began, 1)
        if self.plan.as_json:
            self.say("ready", address=f"http://{self.plan.host}:{self.plan.port}", seconds=took)
            return
        with contextlib.suppress(OSError):
            os.write(
                1, "\n".join(["", *self.plan.welcome, f"  (ready after {took} s; Ctrl-C stops it)", "", ""]).encode()
            )

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> int:
        os.set_blocking(self.wake_out, False)
        os.set_blocking(self.wake_in, False)
        signal.set_wakeup_fd(self.wake_out, warn_on_full_buffer=False)
        for number in STOPS:
            if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:  # nohup has it ignored
                signal.signal(number, lambda *_: self._ask())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)  # held back since before this program was loaded
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop
        while True:
            now = time.monotonic()
            for child in self.children:
                self._look_after(child, now)
            self._let_begin()
            if self.asked:
                if self._stopped(now):
                    return self.code
            elif not self.ready:
                self._look_whether_ready(now)
            select.select([self.wake_in], [], [], TICK if self.ready or self.asked else 0.05)
            with contextlib.suppress(BlockingIOError):
                os.read(self.wake_in, 1024)

    def _let_begin(self) -> None:
        """Tell those that wait: Valkey is on its way, and their pids are on disk."""
        if self.plan.gate >= 0:
            self._write_down()
            with contextlib.suppress(OSError):  # none of them lives any more
                os.write(self.plan.gate, bytes(len(self.children)))
            os.close(self.plan.gate)
            self.plan.gate = -1

    def _look_after(self, child: Child, now: float) -> None:
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            pid, child.process = child.process.pid, None
            if self.asked:
                return
            self._ended(child, pid, code, now)
        if not self.asked and now >= child.due:
            self._start(child, now)

    def _start(self, child: Child, now: float) -> None:
        if child.socket:
            Path(child.socket).unlink(missing_ok=True)
        child.started = now
        try:
            child.process = subprocess.Popen(  # noqa: S603  our own command lines
                child.argv, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=before_exec(),  # noqa: PLW1509  no threads here
            )  # fmt: skip
        except OSError as error:
            self._again(child, now)
            self.say(
                "could not be started",
                "error",
                child=child.name,
                reason=error.strerror,
                again_in=round(child.due - now, 1),
            )
            return
        self._write_down()

    def _again(self, child: Child, now: float) -> None:
        child.failures = 0 if now - child.started >= STEADY else child.failures
        child.due = now + min(FIRST_PAUSE * 2 ** min(child.failures, 16), self.plan.longest_pause)
        child.failures += 1

    def _ended(self, child: Child, pid: int, code: int, now: float) -> None:
        if code == WRONG_SETTING and not self.ready:
            self.code = WRONG_SETTING  # it has said which one; starting it again changes nothing
            self._ask()
            return
        self._again(child, now)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
        more: dict[str, Any] = {"child": child.name, "how": how, "again_in": round(child.due - now, 1)}
        # What a plugin was doing when the process died without a word, or was ended by its watchdog.
        suspects = last_breadcrumbs(pid, Path(self.plan.run_dir))
        if suspects:
            more["plugins"] = ", ".join(suspects)
        elif code == STUCK:
            more["plugins"] = "see the lines above"
        self.say("ended and is started again", "warning", **more)
        self._write_down()

    def _write_down(self) -> None:
        """Keep the pids on disk: an operator, and the next start after a crash, must find them."""
        rows = {
            c.name: {"pid": c.process.pid, "born": born(c.process.pid)} for c in self.children if c.process is not None
        }
        target = Path(self.plan.run_dir, CHILDREN)
        with contextlib.suppress(OSError):  # a full disk is no reason to stop
            target.with_suffix(".new").write_text(json.dumps(rows), "utf-8")
            target.with_suffix(".new").replace(target)

    def _look_whether_ready(self, now: float) -> None:
        missing = [
            child.name
            for child in self.children
            if child.slot and not held(Path(self.plan.run_dir, "slots"), child.slot)
        ]
        if not missing and self._serves():
            self.ready = True
            self.welcome()
        elif now > self.patience:
            self.patience = now + PATIENCE
            self.say("still starting", "warning", waits_for=", ".join(missing) or "web", see="the lines above")

    def _serves(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.plan.host, self.plan.host)  # noqa: S104
        try:
            with socket.create_connection((host, self.plan.port), timeout=0.2) as connection:
                connection.settimeout(1)
                connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return connection.recv(16).split(b" ")[1:2] == [b"200"]
        except OSError:
            return False

    # -- stopping -----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        self.asked += 1

    def _stopped(self, now: float) -> bool:
        """Take the next step of stopping; whether all have ended."""
        ours = [child for child in self.children if not child.socket]
        valkey = [child for child in self.children if child.socket]
        if not self.kill_at:
            self.kill_at = now + KILL_AFTER
            self.say("stopping", waits_up_to=KILL_AFTER)
            self._signal(ours, signal.SIGTERM)
        left = [child for child in ours if child.running]
        if left and (self.asked > 1 or now >= self.kill_at):
            self.say("killed", "warning", children=", ".join(child.name for child in left))
            self._signal(left, signal.SIGKILL)
            self.kill_at = now + 5
            self.asked = 1
        if left:
            return False
        # Last, because the others say goodbye through it.
        self._signal(valkey, signal.SIGTERM)
        for child in valkey:
            if isinstance(child.process, subprocess.Popen):
                try:
                    child.process.wait(VALKEY_STOPS)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
        with contextlib.suppress(OSError):
            Path(self.plan.run_dir, CHILDREN).unlink(missing_ok=True)
        self.say("stopped")
        return True

    @staticmethod
    def _signal(children: list[Child], number: signal.Signals) -> None:
        for child in children:
            if child.process is not None and child.running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.process.pid, number)


def main() -> None:
    """Run the plan given as JSON in the first argument."""
    sys.exit(Supervisor(Plan(**json.loads(sys.argv[1]))).run())


if __name__ == "__main__":
    main()
