"""Looking at a folder of Markdown files without trusting it: links that lead out, pipes, strange names, far too many files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot import ConfigError
from plugins.knowledge.frontmatter import MAX_BYTES, UnusableFile

SUFFIXES = (".md", ".markdown")
MAX_FILES = 20_000

Mark = tuple[int, int, int]
"""Time of change in ns, size in bytes, inode: equal as long as nobody touched the file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was left out, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} was left out: {self.reason}."


class FolderMissing(ConfigError):
    """The folder cannot be read. Nothing was changed: the articles stay as they were."""


def scan(folder: Path) -> tuple[dict[str, Mark], list[Problem]]:
    """Return the Markdown files below ``folder`` by their relative path, and what is wrong with others.

    Hidden files and folders are not looked at. Raises :class:`FolderMissing`.
    """
    root = folder.resolve()
    try:
        os.listdir(root)
    except OSError as error:
        raise FolderMissing(
            f"The setting DESKHAND_KNOWLEDGE_DIR is wrong: the folder {folder} cannot be read ({error.strerror}). "
            "Make it or name another one; the articles stay as they were."
        ) from None
    files: dict[str, Mark] = {}
    problems: list[Problem] = []
    for path in _markdown_files(root):
        name = path.relative_to(root).as_posix()
        if len(files) >= MAX_FILES:
            problems.append(
                Problem(_printable(name), f"there are more than {MAX_FILES:,} files; so are those behind it")
            )
            break
        try:
            files[name] = mark_of(path, root)
        except UnusableFile as error:
            problems.append(Problem(_printable(name), str(error)))
    return files, problems


def read_bytes(path: Path, mark: Mark) -> bytes:
    """Read a file, at most a byte more than is allowed. Raises :class:`UnusableFile`."""
    if mark[1] > MAX_BYTES:
        raise UnusableFile(f"it has {mark[1]:,} bytes; at most {MAX_BYTES:,} are read. Split it")
    try:
        # A pipe that took the file's place must not hold us up.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnusableFile(f"it cannot be read ({error.strerror})") from None


def mark_of(path: Path, root: Path) -> Mark:
    """The mark of a file below ``root``. Raises :class:`UnusableFile` for links that lead out, pipes and the like."""
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise UnusableFile("its name is not UTF-8") from None
    try:
        target = path.resolve(strict=True)
        info = target.stat()
    except (OSError, RuntimeError):  # RuntimeError: a circle of links
        raise UnusableFile("it cannot be read, or it is a link that leads nowhere") from None
    if not target.is_relative_to(root):
        raise UnusableFile("it is a link to a place outside the folder")
    if not stat.S_ISREG(info.st_mode):
        raise UnusableFile("it is not a regular file")
    return info.st_mtime_ns, info.st_size, info.st_ino


def _markdown_files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield Path(folder) / name


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
