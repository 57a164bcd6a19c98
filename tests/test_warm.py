"""What ``deskhand run`` forks is what it would start: nothing of the parent is in it but modules, and none outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.leftovers import LOCK, in_use
from bot.warm import GATE, PROCESSES
from tests.patience import wait_for
from tests.running import ROOT, Deskhand, alive

pytestmark = pytest.mark.slow

FORKS = """
import json, os, sys, threading, time
from bot import warm
print("prepares")
{before}
forked = warm.fork({{"valkey": [], **{web}, **dict.fromkeys(warm.PROCESSES, [])}})
if forked.me:
    print(f"begins as {{forked.me}}")
    raise SystemExit(list(warm.PROCESSES).index(forked.me) + 71)
print(json.dumps(forked.pids), flush=True)
{after}
"""


WEB = {"web": [sys.executable, "-m", "bot.cli", "web"]}


def forks(before: str = "", after: str = "", web: dict[str, list[str]] | None = None) -> subprocess.Popen[str]:
    """A process that forks as ``deskhand run`` does; its second line names the pids."""
    script = FORKS.format(before=before, after=after, web=web or {})
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def pids_said(process: subprocess.Popen[str]) -> dict[str, int]:
    assert process.stdout is not None
    assert process.stdout.readline() == "prepares\n"
    pids: dict[str, int] = json.loads(process.stdout.readline())
    return pids


def ends(process: subprocess.Popen[str]) -> str:
    """What it and those that it forked said until all of them had ended."""
    with process:
        assert process.stdout is not None
        return process.stdout.read()


def looks(pid: int) -> dict[str, object]:
    """What a process has from whoever started it."""
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    return {
        **{name: status[name] for name in ("Umask", "PPid", "SigBlk", "SigIgn", "NoNewPrivs")},
        "session is its own": os.getsid(pid) == pid,
        "stdin": os.readlink(f"/proc/{pid}/fd/0"),
        "cwd": os.readlink(f"/proc/{pid}/cwd"),
    }


def waited(pid: int) -> bool:
    """Whether the process was given a gate to wait at."""
    return f"{GATE}=".encode() in Path(f"/proc/{pid}/environ").read_bytes()


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").replace("\0", " ")


def open_files(pid: int) -> list[str]:
    return [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()]


@pytest.mark.once
def test_a_forked_process_is_as_one_that_is_started_and_none_outlives_the_supervisor(deskhand: Any) -> None:
    running: Deskhand = deskhand()
    first = running.pids()
    assert [command_line(first[name]) for name in PROCESSES] == [f"deskhand {name}" for name in PROCESSES]
    assert [Path(f"/proc/{first[name]}/comm").read_text() for name in PROCESSES] == [
        f"dh-{name}\n" for name in PROCESSES
    ]
    assert running.process is not None
    lock = str((running.data / "run" / LOCK).resolve())
    assert lock in open_files(running.process.pid)
    assert not [name for name, pid in first.items() if lock in open_files(pid)]

    forked = {name: looks(first[name]) for name in (*PROCESSES, "web")}
    assert waited(first["web"]), "web was started before all was prepared"
    for name in forked:
        os.kill(first[name], signal.SIGKILL)
    wait_for(lambda: all(running.pids().get(name) not in {None, first[name]} for name in forked), 15)
    started = {name: running.pids()[name] for name in forked}
    assert not waited(started["web"])
    wait_for(lambda: all("bot.cli" in command_line(pid) for pid in started.values()), 15)
    # Waited for: Python ignores some signals from when it runs, and not from when it was started.
    wait_for(lambda: {name: looks(pid) for name, pid in started.items()} == forked, 15, forked)

    running.kill()
    wait_for(lambda: not any(alive(pid) for pid in running.seen), 5, "orphans")
    wait_for(lambda: not in_use(running.data / "run"), 5, "somebody holds the lock")
    running.start()
    pids = running.pids()
    running.kill()
    wait_for(lambda: not any(alive(pid) for pid in pids.values()), 5, "forked orphans")
    wait_for(lambda: not in_use(running.data / "run"), 5, "somebody holds the lock")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.once
def test_who_waits_dies_with_the_one_that_prepares(number: signal.Signals) -> None:
    process = forks(after="time.sleep(600)", web=WEB)
    pids = pids_said(process)
    assert list(pids) == ["web", *PROCESSES]
    assert all(alive(pid) for pid in pids.values())
    process.send_signal(number)
    assert ends(process) == ""
    wait_for(lambda: not any(alive(pid) for pid in pids.values()), 2)


@pytest.mark.once
def test_who_waits_ends_when_preparing_fails() -> None:
    process = forks(after="raise SystemExit(75)", web=WEB)
    pids = pids_said(process)
    assert (ends(process), process.returncode) == ("", 75)
    wait_for(lambda: not any(alive(pid) for pid in pids.values()), 2)


ENDS = """
os.write(forked.gate, bytes(6))
print({name: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for name, pid in forked.pids.items()})
"""


@pytest.mark.parametrize("before", ["", "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)"])
@pytest.mark.once
def test_a_forked_process_ends_as_any_other_and_says_what_it_still_had_to_say(before: str) -> None:
    process = forks(before, ENDS)
    pids_said(process)
    lines = ends(process).splitlines()
    assert sorted(lines[:4]) == sorted(f"begins as {name}" for name in PROCESSES)
    assert lines[4:] == [str({"turns": 71, "channels": 72, "quick": 73, "slow": 74})]


@pytest.mark.once
def test_nothing_is_forked_beside_another_thread() -> None:
    process = forks(before="threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", web=WEB)
    assert pids_said(process) == {}
    assert (ends(process), process.returncode) == ("", 0)


LOADS = """
import json, os, sys
files = len(os.listdir("/proc/self/fd"))
from bot import warm
warm.load()
same = len(os.listdir("/proc/self/fd")) == files and len(os.listdir("/proc/self/task")) == 1
print(json.dumps([same, sorted({name.partition(".")[0] for name in sys.modules})]))
"""
NEVER = {
    "anthropic",
    "discord",
    "gevent",
    "numpy",
    "openai",
    "prometheus_client",
    "slack_bolt",
    "slack_sdk",
    "telegram",
}


@pytest.mark.parametrize("url", ["none", "redis://127.0.0.1:1/0"])
@pytest.mark.once
def test_loading_opens_nothing_begins_no_thread_and_brings_no_sdk(url: str) -> None:
    env = {**os.environ, "REDIS_URL": url}
    said = subprocess.run([sys.executable, "-c", LOADS], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    same, houses = json.loads(said.stdout)
    assert same
    assert {"bot", "channels", "plugins", "workers"} <= set(houses)
    assert not NEVER & set(houses)
    assert ("redis" in houses) == (url != "none")
