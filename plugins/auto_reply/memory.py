"""The rules of this process: read again as soon as a change is seen, which is looked for with every question."""

from __future__ import annotations

import threading
import time

import structlog

from bot import StoreUnavailable, list_rules, rules_version
from plugins.auto_reply.matcher import Matcher

log = structlog.get_logger("auto_reply")

LOOK_SECONDS = 0.25
"""How old the rules may be before their version is looked up again."""
FIRST_PATIENCE, PATIENCE = 8.0, 1.0
"""Seconds the first question of a process waits for its rules, and a later one for new ones: the hook has ten seconds then, and two later.
10,000 rules take a processor a second, later half of one; a processor that others want, too, takes several times as long."""


class RulesInMemory:
    """Used by all threads. While the database is away the last rules stay."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._matcher = Matcher(())
        self._version: str | None = None
        self._look_at = 0.0
        self._loading: threading.Event | None = None
        self._asked = False

    def current(self, default: str) -> Matcher:
        """The rules as they are now; ``default`` as in :class:`Matcher`."""
        if time.monotonic() < self._look_at and self._matcher.default == default:
            return self._matcher
        with self._lock:
            loading = self._loading or self._look(default)
            patience = PATIENCE if self._asked else FIRST_PATIENCE
            self._asked = True
        if loading is not None and not loading.wait(patience):
            log.warning("auto_replies_not_ready", seconds=patience, next="the rules of before answer meanwhile")
        return self._matcher

    def _look(self, default: str) -> threading.Event | None:
        try:
            version = rules_version()
        except StoreUnavailable:
            return None
        if version == self._version and default == self._matcher.default:
            self._look_at = time.monotonic() + LOOK_SECONDS
            return None
        # No next look is set before they are loaded: whoever asks meanwhile waits for them, too.
        loading = self._loading = threading.Event()
        # In a thread of its own: a hook that takes too long is ended, and then the rules would never be ready.
        threading.Thread(target=self._load, args=(version, default, loading), name="auto-replies", daemon=True).start()
        return loading

    def _load(self, version: str, default: str, loading: threading.Event) -> None:
        try:
            began = time.monotonic()
            made = Matcher(list_rules(), default, self._matcher.languages)
            self._matcher, self._version = made, version
            log.info("auto_replies_loaded", rules=made.count, seconds=round(time.monotonic() - began, 3))
        except StoreUnavailable as error:
            log.warning("auto_replies_not_loaded", reason=str(error), next="the next question looks again")
        except Exception:
            log.exception("auto_replies_not_loaded")
        finally:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self._loading = None
            loading.set()
