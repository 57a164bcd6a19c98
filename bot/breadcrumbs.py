"""Which third-party plugin was running when a process died without a word (``os._exit``, a crash in C, killed for memory).

Each process keeps a small mapped file ``run/breadcrumbs-PID``: 256 places of 96 bytes, one per thread that calls hooks. The
kernel keeps what was written when the process is gone. The supervisor names the suspects (:func:`last_breadcrumbs`), and the
next process that loads plugins strikes them (:func:`of_the_dead`). Standard library only: the supervisor imports this.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from pathlib import Path

PLACES = 256
SIZE = 96
PREFIX = "breadcrumbs-"


def crumb(plugin: str, hook: str) -> bytes:
    """What is noted while ``hook`` of ``plugin`` runs: always :data:`SIZE` bytes."""
    return f"{plugin} {hook}".encode("utf-8", "replace")[: SIZE - 1].ljust(SIZE, b"\0")


class Breadcrumbs:
    """The file of this process. Without a writable data folder it does nothing: plugins then cannot be blamed, that is all."""

    def __init__(self, run_dir: Path) -> None:
        self._map: mmap.mmap | None = None
        self._path = run_dir / f"{PREFIX}{os.getpid()}"
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600)
            try:
                os.ftruncate(descriptor, PLACES * SIZE)
                self._map = mmap.mmap(descriptor, PLACES * SIZE)
            finally:
                os.close(descriptor)
        except OSError:
            self._map = None

    def note(self, place: int, words: bytes) -> None:
        if self._map is not None and place < PLACES:
            self._map[place * SIZE : (place + 1) * SIZE] = words

    def clear(self, place: int) -> None:
        if self._map is not None and place < PLACES:
            self._map[place * SIZE] = 0

    def close(self) -> None:
        """Remove the file: this process ends in order."""
        if self._map is not None:
            self._map.close()
            self._map = None
            self._path.unlink(missing_ok=True)


def last_breadcrumbs(pid: int, run_dir: Path) -> list[str]:
    """``["plugin hook", …]`` that were running when process ``pid`` died; empty if none were, or if it ended in order."""
    return _read(run_dir / f"{PREFIX}{pid}")


def of_the_dead(run_dir: Path, blame: Callable[[str, str], None]) -> None:
    """Call ``blame(plugin, hook)`` for what ran in processes that died, and remove their files.

    Each file is taken by one process only; when ``blame`` raises it is put back for the next.
    """
    for path in list(run_dir.glob(f"{PREFIX}*")) if run_dir.is_dir() else []:
        pid = path.name.removeprefix(PREFIX)
        if not pid.isdigit() or (int(pid) != os.getpid() and _alive(int(pid))):
            continue
        mine = path.with_name(f"taken-{os.getpid()}-{path.name}")
        try:
            path.rename(mine)
        except OSError:
            continue
        try:
            for words in _read(mine):
                plugin, _, hook = words.partition(" ")
                blame(plugin, hook)
        except BaseException:
            with contextlib.suppress(OSError):
                mine.rename(path)
            raise
        mine.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _read(path: Path) -> list[str]:
    try:
        raw = path.read_bytes()
    except OSError:
        return []
    found: list[str] = []
    for start in range(0, len(raw), SIZE):
        words = raw[start : start + SIZE].split(b"\0", 1)[0].decode("utf-8", "replace")
        if words and words not in found:
            found.append(words)
    return found
