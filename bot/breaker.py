"""One breaker per provider and model: after enough failures it is left alone for a while, then tried with one call.

Calls are counted per process; what follows from them (open, config, closed again) is written to the store and so shared.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol

import orjson
import structlog

from bot.ai import ProviderError, ProviderErrorKind

log = structlog.get_logger("fleet")

WINDOW_CALLS = 20
WINDOW_SECONDS = 60.0
MIN_CALLS = 5
"""Calls in the window before half of them failing opens the breaker."""
IN_A_ROW = 5
OPEN_SECONDS = 10.0
"""First time; doubled every time the probe fails."""
OPEN_MAX = 120.0
CONFIG_SECONDS = 900.0
LONG_RETRY_AFTER = 10.0
"""A 429 with a longer Retry-After opens the breaker for that long, at most an hour."""
PROBE_SECONDS = 90.0
"""A probe that did not report by then (its process died) no longer keeps others from trying."""
REFRESH_SECONDS = 1.0


class BreakerStore(Protocol):
    """Where states live. Called from many threads, at most once a second per breaker for ``load``."""

    def load(self, name: str) -> str | None:
        """Return the saved JSON, or ``None``."""
        ...

    def save(self, name: str, state: str) -> None:
        """Keep the JSON. The last writer wins."""
        ...


class MemoryStore:
    """States of one process only, for commands and for installations without a database."""

    def __init__(self) -> None:
        self._rows: dict[str, str] = {}

    def load(self, name: str) -> str | None:
        return self._rows.get(name)

    def save(self, name: str, state: str) -> None:
        self._rows[name] = state


@dataclass(slots=True)
class BreakerState:
    """What is stored. Times are Unix seconds."""

    state: Literal["closed", "open", "config"] = "closed"
    until: float = 0.0
    """End of ``open`` or ``config``."""
    opens: int = 0
    """How often in a row it opened; 0 once a probe succeeded."""
    probe_until: float = 0.0
    """While in the future, somebody is probing."""
    reason: str = ""
    asked: bool = False
    """The provider itself asked for this pause: a look that went well does not end it."""
    version: int = 0
    """Settings version when ``config`` was entered: a newer one ends it."""
    at: float = 0.0
    """Time of the change. The newer of two states wins."""


_FIELDS = {f.name: f.type for f in fields(BreakerState)}


def _read(raw: str) -> BreakerState:
    data: Any = orjson.loads(raw)
    state = BreakerState(**{k: v for k, v in data.items() if k in _FIELDS})
    if state.state not in ("closed", "open", "config") or not all(
        isinstance(v, (int, float)) for v in (state.until, state.opens, state.probe_until, state.version, state.at)
    ):
        raise ValueError("not a breaker's state")
    return state


class Seen:
    """A call as the breaker remembers it."""

    __slots__ = ("at", "ok")

    def __init__(self, at: float, ok: bool) -> None:
        self.at, self.ok = at, ok


class Breaker:
    """Health of one provider and model. Safe to use from many threads.

    A call asks :meth:`allow` and, when that was True, reports exactly one of ``success``, ``failure``, ``limited``,
    ``config`` or ``neutral``. Before that it may say ``began`` with its first token: answers take many seconds and errors
    none, so counting ends alone would see only errors for a while after every quiet time.
    """

    def __init__(
        self, name: str, store: BreakerStore, *, version: int = 0, clock: Callable[[], float] = time.time
    ) -> None:
        self.name = name
        self._store, self._version, self._clock = store, version, clock
        self._lock = threading.Lock()
        self._state = BreakerState()
        self._calls: deque[Seen] = deque(maxlen=WINDOW_CALLS)
        self._refreshed = float("-inf")

    @property
    def state(self) -> Literal["closed", "open", "half-open", "config"]:
        """``half-open``: the pause is over and the next call is the probe."""
        self._refresh()
        with self._lock:
            return self._named(self._clock())

    @property
    def reason(self) -> str:
        """Why it is not closed."""
        with self._lock:
            return self._state.reason

    @property
    def until(self) -> float:
        """Unix seconds; when the pause ends."""
        with self._lock:
            return self._state.until

    def allow(self) -> bool:
        """Whether a call may be made now. In ``half-open`` only the first asker hears yes."""
        self._refresh()
        now = self._clock()
        with self._lock:
            named = self._named(now)
            if named == "closed":
                return True
            if named != "half-open" or self._state.probe_until > now:
                return False
            self._state.probe_until = now + PROBE_SECONDS
            self._state.at = now
            saved = self._dump()
        self._save(saved)
        return True

    def began(self) -> Seen:
        """The first token is there: counts as a good call, unless ``failure`` takes it back."""
        seen = Seen(self._clock(), True)
        with self._lock:
            self._calls.append(seen)
        return seen

    def success(self, seen: Seen | None = None) -> None:
        """The answer came to its end."""
        now = self._clock()
        with self._lock:
            if seen is None:
                self._calls.append(Seen(now, True))
            if self._named(now) != "half-open":
                return  # closed; or a call that began before it opened, which says nothing about now
            self._calls.clear()
            self._state = BreakerState(at=now)
            saved = self._dump()
        log.info("provider_back", provider=self.name)
        self._save(saved)

    def failure(self, reason: str, seen: Seen | None = None) -> None:
        """Timeout, 5xx, an error or a cut in mid-stream."""
        now = self._clock()
        with self._lock:
            if seen is None:
                self._calls.append(Seen(now, False))
            else:
                seen.at, seen.ok = now, False
            named = self._named(now)
            if named != "half-open" and (named != "closed" or not self._bad(now)):
                return
            saved = self._open(now, min(OPEN_MAX, OPEN_SECONDS * 2**self._state.opens), reason)
        self._save(saved)

    def limited(self, retry_after: float | None, reason: str) -> None:
        """A 429: opens only when the provider asks for a long pause."""
        now = self._clock()
        with self._lock:
            if retry_after is not None and retry_after > LONG_RETRY_AFTER:
                saved = self._open(now, min(retry_after, 3_600.0), reason, asked=True)
            elif self._named(now) == "half-open":
                saved = self._open(now, OPEN_SECONDS, reason)
            else:
                return
        self._save(saved)

    def config(self, reason: str) -> None:
        """Key, access or spending is wrong: no probes until the settings change or 15 minutes passed."""
        now = self._clock()
        with self._lock:
            self._state = BreakerState(
                state="config", until=now + CONFIG_SECONDS, reason=reason, version=self._version, at=now
            )
            saved = self._dump()
        log.error(
            "provider_needs_settings",
            provider=self.name,
            reason=reason,
        )
        self._save(saved)

    def neutral(self) -> None:
        """The call says nothing about health: it was stopped, refused as ours, or refused as content."""
        now = self._clock()
        with self._lock:
            if self._named(now) != "half-open":
                return
            self._state.probe_until = 0.0
            self._state.at = now
            saved = self._dump()
        self._save(saved)

    def probed(self, error: ProviderError | None) -> None:
        """Somebody looked at it without a customer waiting. A look is not an answer, so a good one only lets the next call be the
        trial now, and not in a pause that the provider asked for: looks are not what it counts. A bad one counts as a failure, and
        keeps what is left out away."""
        now = self._clock()
        with self._lock:
            named = self._named(now)
        if error is None:
            if named in {"open", "config"}:
                with self._lock:
                    if self._state.asked:
                        return
                    self._state.until = self._state.at = now
                    saved = self._dump()
                self._save(saved)
        elif error.kind is ProviderErrorKind.CONFIG:
            self.config(str(error))
        elif error.kind is ProviderErrorKind.TEMPORARY and named in {"closed", "half-open"}:
            self.failure(str(error))

    def _bad(self, now: float) -> bool:
        calls = [seen.ok for seen in self._calls]
        if len(calls) >= IN_A_ROW and not any(calls[-IN_A_ROW:]):
            return True
        recent = [seen.ok for seen in self._calls if seen.at > now - WINDOW_SECONDS]
        return len(recent) >= MIN_CALLS and recent.count(False) * 2 >= len(recent)

    def _named(self, now: float) -> Literal["closed", "open", "half-open", "config"]:
        state = self._state
        if state.state == "closed":
            return "closed"
        if state.state == "config":
            return "config" if now < state.until and state.version == self._version else "half-open"
        return "open" if now < state.until else "half-open"

    def _open(self, now: float, seconds: float, reason: str, *, asked: bool = False) -> str:
        opens = min(self._state.opens + 1, 16)
        self._state = BreakerState(state="open", until=now + seconds, opens=opens, reason=reason, asked=asked, at=now)
        self._calls.clear()
        log.warning("provider_left_out", provider=self.name, seconds=round(seconds), reason=reason)
        return self._dump()

    def _dump(self) -> str:
        return orjson.dumps(asdict(self._state)).decode()

    def _save(self, state: str) -> None:
        try:
            self._store.save(self.name, state)
        except Exception as error:  # the health of a provider is never worth an answer
            log.warning("breaker_not_saved", provider=self.name, error=str(error))

    def _refresh(self) -> None:
        now = self._clock()
        with self._lock:
            if 0 <= now - self._refreshed < REFRESH_SECONDS:
                return
            self._refreshed = now  # others go on with what is known while this thread looks
        try:
            raw = self._store.load(self.name)
            found = _read(raw) if raw else None
        except Exception as error:
            log.warning("breaker_not_read", provider=self.name, error=str(error))
            return
        if found is None:
            return
        with self._lock:
            if found.at > self._state.at:
                self._state = found


class Breakers:
    """All breakers of a process. ``version``: the settings version, so that a corrected key is tried at once."""

    def __init__(
        self, store: BreakerStore | None = None, *, version: int = 0, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._version, self._clock = store or MemoryStore(), version, clock
        self._lock = threading.Lock()
        self._known: dict[str, Breaker] = {}

    def of(self, provider: str, model: str) -> Breaker:
        """Return the breaker of one provider and model."""
        name = f"{provider}/{model}"
        with self._lock:
            if name not in self._known:
                self._known[name] = Breaker(name, self._store, version=self._version, clock=self._clock)
            return self._known[name]
