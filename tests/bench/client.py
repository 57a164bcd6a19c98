"""The load client in C: compiled when it is needed, run with a time limit, its JSON lines read."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "load"
LIMIT = 180.0


class CannotMeasure(Exception):
    """Something that is needed to measure is missing; one sentence with the fix."""


def compile_client(folder: Path) -> Path:
    """Compile into ``folder`` and return the program."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise CannotMeasure("The load client needs a C compiler: install gcc (Debian: apt install gcc libc6-dev).")
    program = folder / "load"
    files = sorted(str(path) for path in SOURCES.glob("*.c"))
    subprocess.run([compiler, "-O2", "-Wall", "-o", str(program), *files], check=True, timeout=120)
    return program


class Client:
    """The compiled program and what it is aimed at."""

    def __init__(self, program: Path, **target: object) -> None:
        self.program, self.target = program, target

    def _command(self, mode: str, settings: dict[str, object]) -> list[str]:
        return [str(self.program), mode, *(f"{name}={value}" for name, value in {**self.target, **settings}.items())]

    def run(self, mode: str, **settings: object) -> dict[str, Any]:
        """Run to the end and return the last line."""
        with self.running(mode, **settings) as process:
            return self.result(process)

    @contextmanager
    def running(self, mode: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
        """The running program, for modes in which it has to be talked to. Ended with the block."""
        with subprocess.Popen(
            self._command(mode, settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    @staticmethod
    def result(process: subprocess.Popen[str]) -> dict[str, Any]:
        """The last line of a program that ends by itself."""
        assert process.stdout is not None
        try:
            out, _ = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise CannotMeasure("The load client did not end in time.") from None
        lines = out.splitlines()
        if process.returncode or not lines:
            raise CannotMeasure(f"The load client failed ({process.returncode}): {lines[-1:] or 'it said nothing'}")
        found: dict[str, Any] = json.loads(lines[-1])
        return found

    @staticmethod
    def line(process: subprocess.Popen[str]) -> dict[str, Any]:
        """The next line of a program that goes on."""
        assert process.stdout is not None
        text = process.stdout.readline()
        if not text:
            raise CannotMeasure("The load client ended early.")
        found: dict[str, Any] = json.loads(text)
        return found
