"""What is printed: one table of numbers, each with its goal, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gevent", "flask", "websockets", "peewee", "redis", "orjson", "openai")


@dataclass(frozen=True, slots=True)
class Number:
    """One line of the table. ``ok`` is ``None`` for a number without a goal, or one that could not be measured."""

    name: str
    value: str
    goal: str = ""
    ok: bool | None = None
    note: str = ""


@dataclass(slots=True)
class Report:
    """All numbers so far; each is also told as soon as it is there, because the whole takes minutes."""

    numbers: list[Number] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, value: str, goal: str = "", ok: bool | None = None, note: str = "") -> None:
        self.numbers.append(Number(name, value, goal, ok, note))
        print(f"  {name}: {value}" + (f" ({note})" if note else ""), flush=True)

    @property
    def missed(self) -> list[Number]:
        return [number for number in self.numbers if number.ok is False]

    def table(self) -> str:
        rows = [(n.name, n.value, n.goal, {True: "yes", False: "NO", None: ""}[n.ok], n.note) for n in self.numbers]
        rows.insert(0, ("number", "measured", "goal", "met", "how"))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)


def machine() -> str:
    """Cores, processor, versions and the commit, in a few lines."""
    model = platform.machine()
    for line in _text(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = next((int(line.split()[1]) for line in _text(Path("/proc/meminfo")).splitlines()), 0) / 1024 / 1024
    load = os.getloadavg()
    return "\n".join(
        (
            f"machine   {os.cpu_count()} cores, {model}, {memory:.0f} GB, {platform.system()} {platform.release()},"
            f" load average {load[0]:.1f} at the end",
            f"versions  Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, node {_said('node', '--version').lstrip('v') or 'none'}, "
            + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
            f"commit    {_said('git', '-C', str(ROOT), 'describe', '--always', '--dirty') or 'unknown'}",
        )
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _said(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout.strip()


def median(values: list[float]) -> float:
    """The middle one; of an even number the lower of the two middle ones."""
    return sorted(values)[(len(values) - 1) // 2]
