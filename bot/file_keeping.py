"""The end of stored files: with their message or conversation, after their days, and of what nobody ever sent.

The row goes in the transaction of what ends; its bytes are removed by a job put down in the same transaction. So neither a
crash nor a rollback leaves a row without bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from bot import clock, files, jobs
from bot.config import config
from bot.events import JobSpec
from bot.files import DAY
from bot.store import read, sql, write
from bot.store.statements import change_extra

log = structlog.get_logger("files")

BATCH = 200


def specs() -> list[JobSpec]:
    """The kinds of job of this file."""
    return [
        JobSpec(kind="files.remove", run=files.remove),
        JobSpec(kind="files.sweep", run=sweep, every=3_600.0, timeout=600.0),
    ]


def forget(column: str, ref: str) -> list[str]:
    """Delete the rows of a conversation, message or reply (``column``: ``conversation_id``, ``message`` or ``reply``) and have
    their bytes removed; returns the paths. Inside a write.
    """
    rows = sql(f"DELETE FROM stored_file WHERE {column} = ? RETURNING path", (ref,)).fetchall()  # noqa: S608  three names of ours
    paths = [row[0] for row in rows]
    for path in paths:
        jobs.enqueue("files.remove", path)
    return paths


def forget_unsent(contact_id: str) -> list[str]:
    """As :func:`forget`, for what a contact uploaded and never sent. Inside a write."""
    rows = sql(
        "SELECT id FROM stored_file WHERE contact_id = ? AND message = '' AND reply = ''", (contact_id,)
    ).fetchall()
    return [path for row in rows for path in forget("id", row[0])]


def checkup() -> tuple[str, str, str, str]:
    """Level, subject, text and what to do, for the doctor: whether the folder of files is there and can be written."""
    folder = files.folder()
    count, size = read(lambda: sql("SELECT count(*), coalesce(sum(size), 0) FROM stored_file").fetchone())
    if not folder.is_dir():
        if count:
            return (
                "fail", "files", f"{folder} is not there, and {count} files should be in it",
                "Mount it, or bring it back from a backup. Messages are not affected.",
            )  # fmt: skip
        return "ok", "files", "there are none yet", ""
    if not os.access(folder, os.W_OK | os.X_OK):
        return (
            "fail",
            "files",
            f"{folder} cannot be written: files are refused, messages still arrive",
            "Make it writable for this user.",
        )
    if not files.room_left():
        return (
            "fail",
            "files",
            f"the disk of {folder} is nearly full: files are refused, messages still arrive",
            "Make room.",
        )
    missing = next((path for path in read(_some_paths) if not (folder / path).is_file()), "")
    if missing:
        return (
            "warn",
            "files",
            f"{missing} is not in {folder}, and a message has it",
            "Was a backup restored without its files?",
        )
    return "ok", "files", f"{count} files, {files.size_text(int(size))}, in {folder}", ""


def _some_paths() -> list[str]:
    """The newest and the oldest: a folder that is another one shows at both ends."""
    both = "SELECT path FROM stored_file ORDER BY created_at {} LIMIT 20"
    return [row[0] for order in ("DESC", "ASC") for row in sql(both.format(order)).fetchall()]


def sweep(_ref: str = "") -> None:
    """Remove uploads that nobody sent, files that have had their days, and bytes that no row names. The job ``files.sweep``."""
    counts = {"unsent": _unsent(), "past_their_days": _past_their_days(), "nameless": _nameless()}
    if any(counts.values()):
        log.info("files_swept", **{name: count for name, count in counts.items() if count})


def _unsent() -> int:
    def work() -> int:
        rows = sql(
            "SELECT id FROM stored_file WHERE message = '' AND reply = '' AND created_at < ? LIMIT ?",
            (clock.now() - DAY, BATCH),
        ).fetchall()
        return sum(len(forget("id", row[0])) for row in rows)

    return _until_done(work)


def _past_their_days() -> int:
    days = config().file_days
    if not days:
        return 0

    def work() -> int:
        rows = sql(
            "SELECT id, message FROM stored_file WHERE message <> '' AND created_at < ? LIMIT ?",
            (clock.now() - days * DAY, BATCH),
        ).fetchall()
        for file_id, message_id in rows:
            _tell_of_removal(message_id, file_id, days)
            forget("id", file_id)
        return len(rows)

    return _until_done(work)


def _tell_of_removal(message_id: str, file_id: str, days: int) -> None:
    row = sql(
        "UPDATE conversation SET rev = rev + 1 WHERE id = (SELECT conversation_id FROM message WHERE id = ?) RETURNING rev",
        (message_id,),
    ).fetchone()
    if row is None:
        return

    def change(extra: dict[str, Any]) -> None:
        for told in extra.get("files", ()):
            if told["id"] == file_id:
                told["problem"] = f"{told['name']} was removed after {days} days."

    change_extra(message_id, change)
    sql("UPDATE message SET rev = ? WHERE id = ?", (row[0], message_id))


def _until_done(work: Any) -> int:
    total = 0
    while True:
        count = int(write(work))
        total += count
        if count < BATCH:
            return total


def _nameless() -> int:
    """Bytes older than a day that no row names: a process died between writing them and its commit."""
    before, gone = clock.now() - DAY, 0
    for paths in _batches(before):
        for path in set(paths) - read(lambda paths=paths: files.named(paths)):  # type: ignore[misc]
            files.remove(path)
            gone += 1
    _drop_empty_folders()
    return gone


def _batches(before: float) -> Iterator[list[str]]:
    found: list[str] = []
    root = files.folder()
    for path in _walk(root):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                found.append(path.relative_to(root).as_posix())
        if len(found) >= BATCH:
            yield found
            found = []
    if found:
        yield found


def _walk(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in names:
            yield Path(folder, name)


def _drop_empty_folders() -> None:
    root = files.folder()
    before = clock.now() - DAY
    for folder, _, _ in os.walk(root, topdown=False):
        with contextlib.suppress(OSError):  # not empty, or somebody else was faster
            if Path(folder) != root and Path(folder).stat().st_mtime < before:
                os.rmdir(folder)
