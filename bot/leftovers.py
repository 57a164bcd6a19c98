"""What an earlier run left behind: one run at a time per data folder, and no process of a run that is gone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

CHILDREN = "children.json"
"""File in the run folder: pid and birth of every process of the supervisor, by name."""
LOCK = "deskhand.lock"

SCRATCH = "answer-tests-"
"""Beginning of the name of an installation for a moment (``bot.answer_tests.scratch``)."""


class AlreadyRunning(Exception):
    """Another ``deskhand run`` has this data folder. The text is one sentence with its pid and the fix."""


def born(pid: int) -> str:
    """When a process began, as the system words it: with the pid it names one process for good. Empty if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return answer.stdout.strip()


def take_lock(run_dir: Path) -> int:
    """Lock the run folder for this process; returns the descriptor to keep open. Raises :class:`AlreadyRunning`."""
    run_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(run_dir / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise AlreadyRunning(
            f"Deskhand already runs on the data folder {run_dir.parent} (process {owner}):"
            " stop that one, or set DESKHAND_DATA to another folder."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def running(run_dir: Path) -> bool:
    """Whether a ``deskhand run`` has this data folder now."""
    try:
        os.close(take_lock(run_dir))
    except AlreadyRunning:
        return True
    return False


def held(slots: Path, prefix: str = "") -> bool:
    """Whether a living process holds the lock of a slot file whose name begins with ``prefix``."""
    for path in slots.glob(f"{prefix}*"):
        with contextlib.suppress(OSError), path.open("r+b") as slot:
            try:
                fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


def in_use(run_dir: Path) -> bool:
    """Whether any process of Deskhand works on this data folder: a run, or one started alone (it holds its slot's file lock)."""
    return (run_dir.is_dir() and running(run_dir)) or held(run_dir / "slots")


def scratch_folder(beside: Path | None) -> tuple[Path, int]:
    """Make a private folder, locked as long as the descriptor is open. Those in ``beside`` whose process is gone are removed: they hold
    a copy of keys. ``None``: among the system's temporary files."""
    with contextlib.ExitStack() as stack:
        if beside is not None:
            parent = os.open(beside, os.O_RDONLY)
            stack.callback(os.close, parent)
            fcntl.flock(parent, fcntl.LOCK_EX)  # nobody takes one for left behind that is not locked yet
            for path in beside.glob(f"{SCRATCH}*"):
                _remove_left(path)
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=beside))
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return folder, descriptor


def remove_scratch(data: Path) -> None:
    """Remove the folders of :func:`scratch_folder` whose process was killed."""
    with contextlib.suppress(OSError):
        for path in list(data.glob(f"{SCRATCH}*")):
            # Younger ones may be just made, and not locked yet.
            if time.time() - path.stat().st_mtime > 60:
                _remove_left(path)


def _remove_left(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def reap(run_dir: Path) -> list[str]:
    """End what a killed run left behind (the kernel does it on Linux; elsewhere this does). Call with the lock held. Returns names."""
    try:
        rows = json.loads((run_dir / CHILDREN).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    ended = []
    for name, row in rows.items():
        pid = int(row["pid"])
        if row.get("born") and born(pid) == row["born"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                ended.append(name)
    deadline = time.monotonic() + 2
    while (
        ended
        and time.monotonic() < deadline
        and any(born(int(rows[name]["pid"])) == rows[name]["born"] for name in ended)
    ):
        time.sleep(0.02)
    (run_dir / CHILDREN).unlink(missing_ok=True)
    return ended
