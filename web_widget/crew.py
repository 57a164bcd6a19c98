"""A bounded number of greenlets for everything that has to wait: the hub only adds, and is never held up."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import gevent

log = logging.getLogger("deskhand.widget")


class Crew:
    """Runs jobs with at most ``size`` at once and ``backlog`` waiting. Greenlets exist only while there is work."""

    def __init__(self, size: int = 64, backlog: int = 4_000) -> None:
        self.size = size
        self.backlog = backlog
        self._waiting: deque[Callable[[], None]] = deque()
        self._working = 0

    def add(self, job: Callable[[], None]) -> bool:
        """Run ``job`` soon. False, and nothing happens, if too many wait already."""
        if len(self._waiting) >= self.backlog:
            return False
        self._waiting.append(job)
        if self._working < self.size:
            self._working += 1
            gevent.spawn(self._work)
        return True

    @property
    def idle(self) -> bool:
        return not self._working

    def _work(self) -> None:
        try:
            while self._waiting:
                try:
                    self._waiting.popleft()()
                except Exception:
                    log.exception("a job of the widget failed")
        finally:
            self._working -= 1
