"""Vectors of passages, by whichever provider makes them: kept in a file beside the index, made in the background, a batch at a time.

A passage's id changes with its text, so a vector is made once and stays right. One process of a host makes them (a lock says which),
each batch is stored when it is there, and whoever comes next goes on from it. Vectors of two models never meet: each model has its file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bot import ProviderError, RequiredPluginFailed, StoreUnavailable, embed_texts, embedding_model
from plugins.knowledge.index import Index, IndexFile

if TYPE_CHECKING:
    import numpy

log = structlog.get_logger("knowledge")

BATCH = 64
BUDGET = 0.3
"""Seconds that a question may wait for its vector. Then it is searched by its words alone."""
PAUSE = 10.0
"""Seconds in which nobody is asked for the vector of a question after it could not be had."""
REMEMBERED = 512
"""Vectors of questions that a process keeps."""
LARGEST = 256
"""Numbers of a vector that are compared, where there are many passages: longer ones are thrown into fewer dimensions, which keeps
angles within some hundredths, and 100,000 passages within 100 MB."""
MANY = 20_000
_AGAIN = 30.0  # seconds until vectors that were not all there are read again
_LEAST_WIDTH = 0.05
_NEIGHBOURS = 400  # passages by which the likeness of related and of unrelated texts is learned
_FAILURES = (ProviderError, RequiredPluginFailed, StoreUnavailable, sqlite3.Error, OSError)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the vectors of a host are."""

    model: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Space:
    """The vectors of one index file by one model, ready to be compared."""

    model: str
    number: int
    tag: str
    rows: numpy.ndarray[Any, Any]
    """Row in the index file of each vector, ascending."""
    scopes: numpy.ndarray[Any, Any]
    """Of each row: who may see it."""
    vectors: numpy.ndarray[Any, Any]
    """Each of length 1."""
    complete: bool
    mixing: numpy.ndarray[Any, Any] | None
    unrelated: float
    """Likeness of two passages that have nothing to do with each other."""
    related: float
    """Likeness of a passage and its nearest neighbour."""

    def nearest(self, vector: Sequence[float], scopes: Sequence[int], count: int) -> dict[int, float]:
        """Return the nearest rows that may be seen and are related, each with its nearness: 1 is as near as neighbours are to each
        other."""
        import numpy

        asked = numpy.asarray(vector, dtype=numpy.float32)
        if self.mixing is not None and asked.shape[0] == self.mixing.shape[0]:
            asked = asked @ self.mixing
        if asked.shape[0] != self.vectors.shape[1]:
            return {}
        likeness = self.vectors @ (asked / (float(numpy.linalg.norm(asked)) or 1.0))
        likeness[~numpy.isin(self.scopes, scopes)] = -2.0
        count = min(count, len(likeness))
        wide = max(self.related - self.unrelated, _LEAST_WIDTH)
        nearness = (likeness - self.unrelated) / wide
        return {
            int(self.rows[at]): float(nearness[at])
            for at in numpy.argpartition(-likeness, count - 1)[:count]
            if nearness[at] > 0
        }


class Vectors:
    """The vectors of one host, beside its index."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._space: Space | None = None
        self._asked: OrderedDict[tuple[str, str], Sequence[float]] = OrderedDict()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._read = float("-inf")
        self._loading: threading.Thread | None = None

    def of_question(self, text: str) -> tuple[Space, Sequence[float]] | None:
        """Return the space and the vector of a question, or ``None``: there are none yet, or nobody made one in time. Never raises."""
        space = self._ready()
        if space is None or not text.strip():
            return None
        key = (space.model, " ".join(text.split()))
        with self._lock:
            known = self._asked.get(key)
            if known is not None:
                self._asked.move_to_end(key)
                return space, known
        if time.monotonic() < self._not_before:
            return None
        try:
            (vector,) = embed_texts([key[1]], model=space.model, seconds=BUDGET)
        except _FAILURES as error:
            self._not_before = time.monotonic() + PAUSE
            log.warning("embeddings.away", reason=str(error), next="questions are searched by their words")
            return None
        with self._lock:
            self._asked[key] = vector
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
        return space, vector

    def standing(self) -> Standing:
        """Return how many passages have their vector. Raises :class:`bot.StoreUnavailable`."""
        model, file = embedding_model(), self.index.current()
        if not model or file is None:
            return Standing(model, 0, 0)
        wanted = dict(_passages(file))
        if not self._path(model).exists():
            return Standing(model, 0, len(wanted))
        with closing(self._open(model)) as db:
            done = sum(id_ in wanted for (id_,) in db.execute("SELECT id FROM vector"))
        return Standing(model, done, len(wanted))

    def catch_up(self, seconds: float = 300.0) -> Standing | None:
        """Make the vectors that are missing for the newest index, for so many seconds at most. ``None``: another process is at it.

        Raises :class:`bot.ProviderError`; what was made until then is stored.
        """
        until = time.monotonic() + seconds
        model, file = embedding_model(), self.index.current()
        if not model or file is None:
            return Standing(model, 0, 0)
        with self._alone() as alone:
            if not alone:
                return None
            wanted = dict(_passages(file))
            with closing(self._open(model)) as db:
                there = {id_ for (id_,) in db.execute("SELECT id FROM vector")}
                db.executemany("DELETE FROM vector WHERE id = ?", ((id_,) for id_ in there - wanted.keys()))
                missing = sorted(wanted.keys() - there)
                for start in range(0, len(missing), BATCH):
                    some = missing[start : start + BATCH]
                    made = embed_texts([wanted[id_] for id_ in some], model=model)
                    db.executemany(
                        "INSERT OR REPLACE INTO vector VALUES (?, ?)",
                        ((id_, array("f", vector).tobytes()) for id_, vector in zip(some, made, strict=True)),
                    )
                    if time.monotonic() > until:
                        missing = missing[: start + len(some)]
                        break
                done = db.execute("SELECT count(*) FROM vector").fetchone()[0]
        if missing:
            log.info("embeddings.made", model=model, now=len(missing), done=done, total=len(wanted))
        return Standing(model, done, len(wanted))

    def _ready(self) -> Space | None:
        """The space of the newest index, made anew behind the searches' backs when the index or the model changed."""
        file = self.index.current()
        if file is None:
            return None
        space = self._space
        fits = space is not None and (space.number, space.tag) == (file.number, file.tag)
        if not fits or (space is not None and not space.complete and time.monotonic() - self._read > _AGAIN):
            with self._lock:
                if (self._loading is None or not self._loading.is_alive()) and time.monotonic() - self._read > 1:
                    self._read = time.monotonic()
                    self._loading = threading.Thread(
                        target=self._load, args=(file,), name="knowledge-vectors", daemon=True
                    )
                    self._loading.start()
        return space if fits else None

    def load(self) -> Space | None:
        """Make the space of the newest index from what is stored, now. ``None``: there is nothing yet."""
        file = self.index.current()
        if file is not None:
            self._load(file)
        return self._space

    def _load(self, file: IndexFile) -> None:
        try:
            model = embedding_model()
            path = self._path(model)
            if not model or not path.exists():
                return
            rows = _rows(file)
            with closing(self._open(model)) as db:
                stored = [
                    (*rows[id_], value) for id_, value in db.execute("SELECT id, value FROM vector") if id_ in rows
                ]
            stored = [one for one in stored if len(one[2]) == len(stored[0][2])]
            if stored:
                self._space = _space(model, file, sorted(stored), complete=len(stored) == len(rows))
        except _FAILURES as error:
            log.warning("embeddings.not_read", reason=str(error), next="questions are searched by their words")

    def _path(self, model: str) -> Path:
        return self.index.folder / f"vectors-{hashlib.sha256(model.encode()).hexdigest()[:16]}.sqlite3"

    def _open(self, model: str) -> sqlite3.Connection:
        self.index.folder.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path(model), isolation_level=None, timeout=10)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE IF NOT EXISTS vector(id TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        return db

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        self.index.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.index.folder / "vectors.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)


def _passages(file: IndexFile) -> Iterator[tuple[str, str]]:
    with file.connection() as db:
        rows = db.execute("SELECT id, title, heading, text FROM passage").fetchall()
    for id_, title, heading, text in rows:
        yield id_, "\n".join(part for part in (title, heading, text) if part)


def _rows(file: IndexFile) -> dict[str, tuple[int, int]]:
    with file.connection() as db:
        return {id_: (row, scope) for id_, row, scope in db.execute("SELECT id, rowid, scope FROM passage")}


def _space(model: str, file: IndexFile, stored: Sequence[tuple[int, int, bytes]], *, complete: bool) -> Space:
    import numpy

    table = numpy.frombuffer(b"".join(value for _, _, value in stored), dtype=numpy.float32).reshape(len(stored), -1)
    mixing = None
    if len(stored) > MANY and table.shape[1] > LARGEST:
        # Fixed, so that every process and every host compares alike.
        mixing = numpy.random.default_rng(7).standard_normal((table.shape[1], LARGEST)).astype(numpy.float32)
        table = table @ mixing
    lengths = numpy.linalg.norm(table, axis=1, keepdims=True)
    table = table / numpy.where(lengths == 0, 1, lengths)
    some = table[:: max(1, len(table) // _NEIGHBOURS)][:_NEIGHBOURS]
    likeness = some @ table.T
    unrelated = float(numpy.median(likeness))
    likeness[likeness > 0.9999] = -1.0  # itself, and its twins
    related = max(float(numpy.median(likeness.max(1))), unrelated)
    return Space(
        model, file.number, file.tag, numpy.array([row for row, _, _ in stored]),
        numpy.array([scope for _, scope, _ in stored]), table, complete, mixing, unrelated, related,
    )  # fmt: skip


@lru_cache(maxsize=4)
def vectors_beside(index: Index) -> Vectors:
    """The vectors beside an index, one object for the process."""
    return Vectors(index)
