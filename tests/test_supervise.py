"""The supervisor with small children of its own: it restarts, backs off, stops, and nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bot import embedded
from bot.leftovers import AlreadyRunning, born, reap, running, take_lock
from bot.supervise import Plan
from tests.patience import patient, wait_for
from tests.ports import free_port
from tests.running import alive

pytestmark = pytest.mark.slow

SLEEPS = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


ADOPTS = """
import json, os, sys, time
from dataclasses import asdict
from bot.supervise import Plan
waits, gate = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(gate)
    {forked}
    os._exit(0)
{meanwhile}
plan = Plan(**json.loads(sys.argv[1]))
plan.adopt({{"one": pid}}, gate)
os.execv(sys.executable, [sys.executable, "-m", "bot.supervise", json.dumps(asdict(plan))])
"""
"""What ``bot.warm`` and ``deskhand run`` do, with a child of our own."""


class Run:
    """A supervisor of given children."""

    def __init__(self, folder: Path, children: list[dict[str, Any]], *by: str) -> None:
        self.folder = folder
        self.log = folder / "log"
        plan = Plan(
            children=children, run_dir=str(folder), host="127.0.0.1", port=free_port(), as_json=True, began=time.time()
        )
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(by or ("-m", "bot.supervise")), json.dumps(asdict(plan))],
                stderr=log,
                stdout=log,
                start_new_session=True,
            )

    def pids(self) -> dict[str, int]:
        try:
            rows = json.loads((self.folder / "children.json").read_text())
        except (OSError, ValueError):
            return {}
        return {name: row["pid"] for name, row in rows.items() if alive(row["pid"])}

    def events(self, name: str) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [row for row in rows if row["event"] == name]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Any]:
    runs: list[Run] = []

    def start(*by: str, **scripts: str) -> Run:
        children = [{"name": name, "argv": [sys.executable, "-c", text]} for name, text in scripts.items()]
        runs.append(Run(tmp_path, children, *by))
        return runs[-1]

    yield start
    for run in runs:
        for pid in [run.process.pid, *run.pids().values()]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        run.process.wait()


def test_a_killed_process_comes_back_within_a_second(supervise: Any) -> None:
    run = supervise(one=SLEEPS, two=SLEEPS)
    before = wait_for(lambda: len(run.pids()) == 2 and run.pids())
    os.kill(before["one"], signal.SIGKILL)
    after = wait_for(lambda: run.pids().get("one") not in {None, before["one"]} and run.pids(), 1.0)
    assert after["two"] == before["two"]
    assert run.events("ended and is started again")[0]["how"] == "signal SIGKILL"


def test_a_process_that_ends_again_and_again_is_started_ever_more_rarely(supervise: Any) -> None:
    run = supervise(one="raise SystemExit(1)")
    rows = wait_for(
        lambda: len(run.events("ended and is started again")) >= 4 and run.events("ended and is started again")
    )
    assert [row["again_in"] for row in rows[:4]] == [0.2, 0.4, 0.8, 1.6]


def test_sigterm_stops_all_and_leaves_nothing(supervise: Any) -> None:
    run = supervise(one=SLEEPS, two=SLEEPS)
    pids = wait_for(lambda: len(run.pids()) == 2 and run.pids())
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(patient(5)) == 0
    assert not any(alive(pid) for pid in pids.values())
    assert not (run.folder / "children.json").exists()


def ignores_sigterm(pid: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    ignored = next(line for line in lines if line.startswith("SigIgn:")).split()[1]
    return bool(int(ignored, 16) & 1 << (signal.SIGTERM - 1))


def test_a_second_interrupt_kills_what_does_not_stop(supervise: Any) -> None:
    run = supervise(one=STUBBORN)
    pid = wait_for(lambda: run.pids().get("one"))
    wait_for(lambda: ignores_sigterm(pid))
    run.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert run.process.poll() is None
    assert alive(pid)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(patient(5)) == 0
    assert not alive(pid)


def test_nothing_outlives_a_killed_supervisor(supervise: Any) -> None:
    run = supervise(one=SLEEPS, two=STUBBORN)
    pids = wait_for(lambda: len(run.pids()) == 2 and run.pids())
    run.process.kill()
    run.process.wait()
    wait_for(lambda: not any(alive(pid) for pid in pids.values()), 2.0)


def test_a_wrong_setting_found_by_a_child_ends_the_start(supervise: Any) -> None:
    run = supervise(one="raise SystemExit(2)", two=SLEEPS)
    assert run.process.wait(patient(5)) == 2


def adopts(forked: str, meanwhile: str = "") -> tuple[str, str]:
    return "-c", ADOPTS.format(forked=forked, meanwhile=meanwhile)


def test_a_forked_process_begins_when_the_others_are_started_and_is_started_again_when_it_dies(supervise: Any) -> None:
    known = "open(os.path.join(json.loads(sys.argv[1])['run_dir'], 'children.json'), 'rb').read()"
    tells = f"os.read(waits, 1); os.write(2, b'begun knowing ' + {known} + b'\\n'); time.sleep(600)"
    run = supervise(*adopts(tells, "time.sleep(0.3)"), two=SLEEPS, one=SLEEPS)
    before = wait_for(lambda: len(run.pids()) == 2 and run.pids())
    said = wait_for(lambda: (log := run.log.read_text()).endswith("\n") and log)
    begun = json.loads(said.removeprefix("begun knowing "))
    assert {name: row["pid"] for name, row in begun.items()} == before
    os.kill(before["one"], signal.SIGKILL)
    after = wait_for(lambda: run.pids().get("one") not in {None, before["one"]} and run.pids(), 2.0)
    assert after["two"] == before["two"]
    assert run.events("ended and is started again")[0]["how"] == "signal SIGKILL"
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(patient(5)) == 0
    assert not any(alive(pid) for pid in after.values())


def test_how_a_forked_process_ended_is_known_though_nobody_looked_after_it_yet(supervise: Any) -> None:
    ended = "os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)"
    run = supervise(*adopts("os._exit(7)", ended), one=SLEEPS)
    assert wait_for(lambda: run.events("ended and is started again"))[0]["how"] == "code 7"
    wrong = supervise(*adopts("os._exit(2)", ended), one=SLEEPS)
    assert wrong.process.wait(patient(5)) == 2


def test_a_forked_process_is_stopped_and_a_stubborn_one_killed(supervise: Any) -> None:
    ignores = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.read(waits, 1); os.write(2, b'begun\\n')"
    )
    run = supervise(*adopts(f"{ignores}; time.sleep(600)"), one=SLEEPS)
    wait_for(lambda: run.log.read_text() == "begun\n")
    pid = run.pids()["one"]
    run.process.send_signal(signal.SIGTERM)
    wait_for(lambda: run.events("stopping"))
    assert alive(pid)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(patient(5)) == 0
    assert not alive(pid)
    assert run.events("killed")[0]["children"] == "one"


DIES_IN_A_PLUGIN = """
import os, pathlib
from bot.breadcrumbs import Breadcrumbs, crumb
Breadcrumbs(pathlib.Path({run_dir!r})).note(0, crumb("tea", "before_ai"))
os._exit(70)
"""


def test_a_process_that_dies_inside_a_plugin_names_it(supervise: Any, tmp_path: Path) -> None:
    run = supervise(one=DIES_IN_A_PLUGIN.format(run_dir=str(tmp_path)))
    row = wait_for(lambda: run.events("ended and is started again"))[0]
    assert row["plugins"] == "tea before_ai"


def test_the_embedded_server_dies_with_its_supervisor(tmp_path: Path) -> None:
    server = embedded.find_server()
    assert server
    path = embedded.socket_path(tmp_path)
    run = Run(tmp_path, [{"name": "valkey", "argv": embedded.command(server, tmp_path, path), "socket": str(path)}])
    try:
        wait_for(lambda: embedded.answers(path))
        first = run.pids()["valkey"]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: run.pids().get("valkey") not in {None, first} and embedded.answers(path), 2.0)
        second = run.pids()["valkey"]
    finally:
        run.process.kill()
        run.process.wait()
    wait_for(lambda: not alive(second), 2.0)


def test_the_embedded_server_listens_nowhere_but_on_its_socket(valkey: Any) -> None:
    listening = Path(f"/proc/{valkey.pid}/net/tcp").read_text()
    sockets = {os.readlink(entry) for entry in Path(f"/proc/{valkey.pid}/fd").iterdir() if entry.is_symlink()}
    inodes = {name[8:-1] for name in sockets if name.startswith("socket:[")}
    assert not [row for row in listening.splitlines()[1:] if row.split()[9] in inodes]
    assert oct(Path(valkey.url.removeprefix("unix://")).stat().st_mode & 0o777) == "0o700"


def test_a_long_data_path_gets_a_short_socket_of_this_user(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    path = embedded.socket_path(deep)
    assert len(str(path)) < embedded.MAX_SOCKET_PATH
    assert path.parent.stat().st_uid == os.getuid()
    assert path == embedded.socket_path(deep)
    assert path != embedded.socket_path(deep / "z")


def test_two_runs_on_one_folder_are_told_apart(tmp_path: Path) -> None:
    descriptor = take_lock(tmp_path)
    try:
        assert running(tmp_path)
        with pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}\).*DESKHAND_DATA"):
            take_lock(tmp_path)
    finally:
        os.close(descriptor)
    assert not running(tmp_path)


def test_leftovers_of_a_killed_run_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    left, stranger = (subprocess.Popen([sys.executable, "-c", SLEEPS]) for _ in range(2))
    try:
        rows = {
            "web": {"pid": left.pid, "born": born(left.pid)},
            "turns": {"pid": stranger.pid, "born": "another time"},
        }
        (tmp_path / "children.json").write_text(json.dumps(rows))
        assert reap(tmp_path) == ["web"]
        assert left.wait(patient(5)) == -signal.SIGKILL
        assert stranger.poll() is None
        assert reap(tmp_path) == []
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()
