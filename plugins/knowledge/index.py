"""The index of this host: one derived file, found by every process, made by one of them at a time.

Readers open the newest file and keep it as long as they need it; a new one appears by a rename, so no search ever waits for a build.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bot import KnowledgeVersion, Passage, StoreUnavailable, knowledge_version
from plugins.knowledge.building import EVERYONE, FORMAT, build
from plugins.knowledge.nearness import Line, unpacked

log = structlog.get_logger("knowledge")

LOOK_EVERY = 0.25  # seconds between two looks for a newer file
ASK_EVERY = 0.5  # seconds between two questions to the database for the knowledge version
FIRST_WAIT = 1.5  # seconds the very first search waits for an index; the hook's deadline is 2
_NAME = re.compile(rf"knowledge-{FORMAT}-(\d+)-([0-9a-f]*)\.sqlite3")


@dataclass(slots=True)
class Unpacked:
    """A passage, ready to be scored."""

    passage: Passage
    words: dict[str, float]
    """How often it has each word; in the title and in headings each time counts for more."""
    length: int
    question: bool
    """It has a line that is like a question."""
    listed: bool
    _packed: str
    _lines: tuple[Line, ...] | None = None

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is compared with a question: what is like one, else the name of its subject. Made when it is first compared."""
        if self._lines is None:
            lines = unpacked(self._packed)
            self._lines = tuple(line for line in lines if line.question) or lines
        return self._lines


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is in one or several scopes."""

    passages: int = 0
    words: int = 0
    lined: int = 0
    """Passages with lines that are like questions."""
    listed: int = 0
    """Entries of lists of questions."""


@dataclass(slots=True)
class IndexFile:
    """One finished file, opened for reading by any number of threads."""

    path: Path
    number: int
    tag: str
    scopes: dict[str, int] = field(default_factory=dict)
    sizes: dict[int, Size] = field(default_factory=dict)
    """Of each scope."""
    languages: tuple[str, ...] = ()
    unpacked: dict[int, Unpacked] = field(default_factory=dict)
    """Passages that were candidates lately, by row: the file never changes."""
    counts: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    """In how many passages words and triples of letters are that were asked for lately, by table and scope."""
    _idle: list[sqlite3.Connection] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, number: int, tag: str) -> IndexFile:
        """Open a file and read its facts. Raises sqlite3.Error if it is not a whole index."""
        file = cls(path, number, tag)
        with file.connection() as db:
            file.scopes = dict(db.execute("SELECT site, number FROM scope"))
            for key, value in db.execute("SELECT key, value FROM meta"):
                if key.startswith("scope."):
                    file.sizes[int(key[6:])] = Size(*map(int, value.split()))
                elif key == "languages":
                    file.languages = tuple(value.split())
        return file

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that no other thread uses meanwhile."""
        try:
            db = self._idle.pop()
        except IndexError:
            db = sqlite3.connect(f"{self.path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
            db.execute("PRAGMA mmap_size=268435456")
        try:
            yield db
        except sqlite3.DatabaseError:
            db.close()
            raise
        else:
            self._idle.append(db)

    def seen_by(self, site: str) -> tuple[int, ...]:
        """Return the scopes a site may see: everybody's and its own."""
        own = self.scopes.get(site, EVERYONE)
        return (EVERYONE,) if own == EVERYONE else (EVERYONE, own)

    def size(self, scopes: Iterable[int]) -> Size:
        """Return how much there is in all these scopes."""
        sizes = [size for scope in scopes if (size := self.sizes.get(scope)) is not None]
        if len(sizes) == 1:
            return sizes[0]
        return Size(
            sum(size.passages for size in sizes),
            sum(size.words for size in sizes),
            sum(size.lined for size in sizes),
            sum(size.listed for size in sizes),
        )

    def close(self) -> None:
        """Close what nobody uses now; the rest is closed when it is garbage."""
        while self._idle:
            self._idle.pop().close()


class Index:
    """The newest index file of a folder, kept up with the knowledge base."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IndexFile | None = None
        self._looked = self._asked = float("-inf")
        self._lock = threading.Lock()
        self._refreshing: threading.Thread | None = None

    def current(self) -> IndexFile | None:
        """Return the newest file for a search, and start a refresh behind its back if the knowledge has changed.

        Waits only when there is no file at all yet, at most ``FIRST_WAIT`` seconds.
        """
        file = self._newest()
        if file is None:
            self._in_background().join(FIRST_WAIT)
            return self._newest(now=True)
        if time.monotonic() - self._asked >= ASK_EVERY:
            self._asked = time.monotonic()
            with suppress(StoreUnavailable):
                version = knowledge_version()
                if (version.number, version.tag) != (file.number, file.tag):
                    self._in_background()
        return file

    def refresh(self, *, wait: bool = True) -> bool:
        """Bring the file up to date; returns True if it now is (or another process is at it and ``wait`` is False).

        Raises :class:`bot.StoreUnavailable` and OSError (disk full); the present file stays in use then.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "build.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                return True
            self._build(knowledge_version())
        finally:
            os.close(descriptor)
        return self._newest(now=True) is not None

    def _build(self, version: KnowledgeVersion) -> None:
        base = self._newest(now=True)
        if base is not None and (base.number, base.tag) == (version.number, version.tag):
            return
        started = time.monotonic()
        for rest in self.folder.glob("building-*"):
            rest.unlink(missing_ok=True)  # of a builder that was killed: we hold the lock
        target = self.folder / f"building-{os.getpid()}.sqlite3"
        grows = base is not None and (base.number, base.tag) in version.recent
        try:
            if grows and base is not None:
                build(target, version, base.path, base.number)
            else:
                build(target, version)
            _to_disk(target)
            final = self.folder / f"knowledge-{FORMAT}-{version.number}-{version.tag}.sqlite3"
            os.replace(target, final)
        finally:
            target.unlink(missing_ok=True)
        keep = {final, base.path if base else final}  # a search may be about to open the one before
        for path in self.folder.glob("knowledge-*.sqlite3"):
            if path not in keep:
                with suppress(OSError):  # where open files cannot be removed, the next builder does it
                    path.unlink()
        log.info("index.built", version=version.number, whole=not grows, seconds=round(time.monotonic() - started, 3))

    def discard(self, file: IndexFile) -> None:
        """Remove a file that turned out to be damaged; the next search has it made anew."""
        log.warning("index.damaged", file=file.path.name, next="it is removed and made anew")
        with suppress(OSError):
            file.path.unlink()
        self._newest(now=True)

    def _in_background(self) -> threading.Thread:
        with self._lock:
            if self._refreshing is None or not self._refreshing.is_alive():
                self._refreshing = threading.Thread(target=self._quietly, name="knowledge-index", daemon=True)
                self._refreshing.start()
            return self._refreshing

    def _quietly(self) -> None:
        try:
            self.refresh(wait=False)
        except (StoreUnavailable, OSError, sqlite3.Error) as error:
            log.warning(
                "index.not_built",
                error=str(error),
                next="the present index stays in use; tried again with the next search",
            )

    def _newest(self, *, now: bool = False) -> IndexFile | None:
        file = self._file
        if not now and file is not None and time.monotonic() - self._looked < LOOK_EVERY:
            return file
        with self._lock:
            self._looked = time.monotonic()
            path = _newest_path(self.folder)
            file = self._file
            if path is None:
                self._file = None
            elif file is None or file.path != path:
                self._file = self._opened(path) or file
            return self._file

    def _opened(self, path: Path) -> IndexFile | None:
        found = _NAME.fullmatch(path.name)
        try:
            return IndexFile.open(path, int(found[1]), found[2]) if found else None
        except sqlite3.Error as error:
            log.warning("index.unreadable", file=path.name, error=str(error), next="it is removed and made anew")
            path.unlink(missing_ok=True)
            return None


def _newest_path(folder: Path) -> Path | None:
    newest: tuple[int, str] | None = None
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name):
                    with suppress(FileNotFoundError):
                        newest = max(newest or (0, ""), (entry.stat().st_mtime_ns, entry.name))
    except FileNotFoundError:
        return None
    return folder / newest[1] if newest else None


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
