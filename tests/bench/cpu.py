"""Who used the processors: ours, and everything else on the machine, which no number of ours may hide."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def descendants(root: int) -> set[int]:
    """``root`` and all processes below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = set(), [root]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def used(pids: Iterable[int]) -> float:
    """Seconds of processor time of these processes so far."""
    total = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def proportional_memory(pids: Iterable[int]) -> float:
    """Sum of the proportional set sizes in MB: memory that is shared counts once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


class Meter:
    """What was used between its making and ``read``: ours and others', each in cores."""

    def __init__(self, *roots: int) -> None:
        self.pids = set().union(*(descendants(root) for root in roots)) | {os.getpid()} if roots else {os.getpid()}
        self.began = time.monotonic()
        self.ours = used(self.pids)
        self.all = _busy()

    def read(self, also: float = 0.0) -> tuple[float, float]:
        """``also``: seconds that a process used which began and ended meanwhile."""
        took = time.monotonic() - self.began
        ours = used(self.pids) - self.ours + also
        return ours / took, max(0.0, (_busy() - self.all - ours) / took)


def wait_for_quiet(seconds: float = 10.0, most: float = 0.2) -> float:
    """Wait until everything else uses less than ``most`` cores, at most so long; returns what it uses."""
    until = time.monotonic() + seconds
    while True:
        before, began = _busy(), time.monotonic()
        time.sleep(1.0)
        now = (_busy() - before) / (time.monotonic() - began)
        if now <= most or time.monotonic() >= until:
            return now


def _busy() -> float:
    fields = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, softirq, *_ = fields
    return (user + nice + system + irq + softirq) / TICK


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
