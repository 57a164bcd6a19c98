"""How providers have been lately: counted in memory by the minute, written down every few seconds, read together for all processes.

Times are counted in steps of a tenth, so a percentile is right to within five percent, whatever number of answers it is taken from.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from bot import clock
from bot.store import db, read, sql, submit

log = structlog.get_logger("fleet")

WINDOW = 900.0
"""Seconds that count as lately."""
KEPT = 3_600.0
FLUSH = 3.0
"""Seconds between two writes at most, while there is something to write."""
STEP = math.log(1.1)
LEAST = 0.001


def step_of(seconds: float) -> int:
    """The number of the step that a time falls into."""
    return round(math.log(max(seconds, LEAST) / LEAST) / STEP)


def seconds_of(step: int) -> float:
    """The middle of a step."""
    return LEAST * math.exp(step * STEP)


@dataclass(slots=True)
class Tally:
    """What was seen of one provider and model in some time."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """``ok``, or the kind of failure."""
    first: Counter[int] = field(default_factory=Counter)
    """How often the first words took how long, by step."""
    total: Counter[int] = field(default_factory=Counter)
    """The same of whole answers."""

    def note(self, outcome: str, first: float | None = None, total: float | None = None) -> None:
        """An attempt ended: ``ok`` with its times in seconds, or a kind of failure."""
        self.outcomes[outcome] += 1
        if first is not None:
            self.first[step_of(first)] += 1
        if total is not None:
            self.total[step_of(total)] += 1

    def add(self, other: Tally) -> None:
        self.outcomes += other.outcomes
        self.first += other.first
        self.total += other.total

    @property
    def attempts(self) -> int:
        return sum(self.outcomes.values())

    @property
    def answers(self) -> int:
        return self.outcomes["ok"]

    @property
    def failures(self) -> int:
        """Those that are the provider's: what was our fault says nothing about it."""
        return self.attempts - self.answers - self.outcomes["request"]

    @property
    def error_rate(self) -> float | None:
        """From 0 to 1; ``None`` without an attempt."""
        counted = self.answers + self.failures
        return self.failures / counted if counted else None

    def first_token(self, share: float) -> float | None:
        """Seconds within which this share of the answers began, such as 0.95."""
        return _percentile(self.first, share)

    def whole(self, share: float) -> float | None:
        """Seconds within which this share of the answers was complete."""
        return _percentile(self.total, share)

    def dump(self) -> str:
        parts = (self.outcomes, self.first, self.total)
        return orjson.dumps([dict(part) for part in parts], option=orjson.OPT_NON_STR_KEYS).decode()

    @classmethod
    def read(cls, raw: str) -> Tally:
        """Raises ValueError for what is none."""
        outcomes, first, total = orjson.loads(raw)
        return cls(Counter(outcomes), _steps(first), _steps(total))


def _steps(raw: Mapping[str, int]) -> Counter[int]:
    return Counter({int(step): int(count) for step, count in raw.items()})


def _percentile(steps: Counter[int], share: float) -> float | None:
    wanted = share * sum(steps.values())
    seen = 0
    for step in sorted(steps):
        seen += steps[step]
        if seen >= wanted:
            return seconds_of(step)
    return None


class Recorder:
    """Counts what this process sees. ``note`` is quick and never fails; writing is done by a thread, a moment later."""

    def __init__(self, now: Callable[[], float] = clock.now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._tallies: dict[tuple[int, str], Tally] = {}
        self._unsaved: set[tuple[int, str]] = set()
        self._timer: threading.Timer | None = None
        self._process = f"{os.getpid()}-{time.time_ns() % 1_000_000_000:x}"

    def note(self, name: str, outcome: str, first: float | None = None, total: float | None = None) -> None:
        """An attempt of ``provider/model`` ended: ``ok`` with its times in seconds, or a kind of failure."""
        key = (int(self._now() // 60), name)
        with self._lock:
            self._tallies.setdefault(key, Tally()).note(outcome, first, total)
            self._unsaved.add(key)
            if self._timer is None:
                self._timer = threading.Timer(FLUSH, self._flush_into, (str(db.database),))
                self._timer.daemon = True
                self._timer.start()

    def _flush_into(self, database: str) -> None:
        # A process has one database, and a test one of many: what was seen under another one does not belong there.
        if str(db.database) == database:
            return self.flush()
        with self._lock:
            self._timer = None
            self._unsaved.clear()
        return None

    def flush(self) -> None:
        """Write down what changed. Returns at once; what cannot be written is written with the next change of its minute."""
        with self._lock:
            self._timer = None
            rows = [
                (f"{minute}|{name}|{self._process}", minute, name, self._tallies[minute, name].dump())
                for minute, name in self._unsaved
            ]
            self._unsaved.clear()
            oldest = int(self._now() // 60) - 1
            self._tallies = {key: tally for key, tally in self._tallies.items() if key[0] >= oldest}
        if rows:
            submit(lambda: _store(rows), _stored)


def _store(rows: Iterable[tuple[str, int, str, str]]) -> None:
    for row in rows:
        sql(
            "INSERT INTO provider_minute (id, minute, name, data) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET data = excluded.data",
            row,
        )


def _stored(_: Any, error: BaseException | None) -> None:
    if error is not None:  # the health of a provider is never worth an answer
        log.debug("fleet_health_not_stored", reason=type(error).__name__)


def lately(seconds: float = WINDOW) -> dict[str, Tally]:
    """What all processes saw in the last so many seconds (to the minute), by ``provider/model``."""
    since = int((clock.now() - seconds) // 60)
    rows = read(lambda: sql("SELECT name, data FROM provider_minute WHERE minute > ?", (since,)).fetchall())
    found: dict[str, Tally] = {}
    for name, data in rows:
        try:
            tally = Tally.read(data)
        except (ValueError, TypeError, AttributeError):
            continue
        found.setdefault(name, Tally()).add(tally)
    return found


def forget_old() -> None:
    """Delete what nobody looks at any more. Inside a write."""
    sql("DELETE FROM provider_minute WHERE minute < ?", (int((clock.now() - KEPT) // 60),))
