"""Who watches which conversation, and what they are pushed: one read per conversation, however many watch it.

A push is a hint that carries the news with it. Every watcher has its own cursor on the client's side, so that a push that
was missed costs a pull and never a message.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Protocol

import gevent
import orjson
from gevent.event import Event

from bot import Changes, StoreUnavailable, changes_of, failpoint, heads, offload, queues, watch
from web_widget.connection import text_frame
from web_widget.frames import changes_body, queue_body

log = logging.getLogger("deskhand.widget")

LOOK_SECONDS = 25.0
"""Even with every hint lost, news is seen after so long."""
BATCH = 64
QUEUE_SECONDS = 10.0
QUEUE_STEP = 0.5
"""Who waits for a person is told where they stand when it begins, and then so often if it has changed: one read for all of them."""


class Watcher(Protocol):
    """A socket that has been told a conversation up to ``cursor``. All methods in the hub's thread; none waits."""

    cursor: int
    synced: bool
    """False while the first page is being read: news then is noted as ``missed``."""
    missed: bool

    def live(self, frame: bytes) -> None: ...
    def news(self, page: Changes, frame: bytes) -> None: ...


class Watchers:
    """All watchers of this process. Listens to the bus from the first one on."""

    def __init__(self) -> None:
        self._watchers: dict[str, list[Watcher]] = {}
        self._waiters: dict[str, list[Event]] = {}
        self._dirty: dict[str, None] = {}
        self._look_at_all = False
        self._running = False
        self._listener: object | None = None
        self._timer: object | None = None
        self._queued: dict[str, bytes] = {}
        """Conversations that wait for a person, with the frame that was pushed last."""
        self._queue_new: dict[str, None] = {}
        self._queue_runs = False

    def add(self, conversation_id: str, watcher: Watcher) -> None:
        """Push what happens in a conversation to ``watcher``. The caller has checked whose it is."""
        self._listen()
        self._watchers.setdefault(conversation_id, []).append(watcher)

    def remove(self, conversation_id: str, watcher: Watcher) -> None:
        found = self._watchers.get(conversation_id)
        if found is not None and watcher in found:
            found.remove(watcher)
            if not found:
                del self._watchers[conversation_id]
                self._queued.pop(conversation_id, None)

    def wait(self, conversation_id: str, event: Event) -> None:
        """Set ``event`` at the next change, for who reads by itself (long poll). End it with :meth:`stop_waiting`."""
        self._listen()
        self._waiters.setdefault(conversation_id, []).append(event)

    def stop_waiting(self, conversation_id: str, event: Event) -> None:
        found = self._waiters.get(conversation_id)
        if found is not None and event in found:
            found.remove(event)
            if not found:
                del self._waiters[conversation_id]

    def stop(self) -> None:
        """Stop listening; who waits is let go."""
        listener, self._listener = self._listener, None
        if listener is not None:
            gevent.spawn(listener.stop)  # type: ignore[attr-defined]
        if self._timer is not None:
            self._timer.stop()  # type: ignore[attr-defined]
            self._timer = None
        self._queued.clear()
        self._let_go(list(self._waiters))

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = watch(live=self._live, changed=self._changed)
            timer = gevent.get_hub().loop.timer(LOOK_SECONDS, repeat=LOOK_SECONDS)
            timer.start(self._changed, b"")
            self._timer = timer

    # News ----------------------------------------------------------------------------------------------------------

    def _live(self, payload: bytes) -> None:
        found = self._watchers.get(payload[:36].decode("ascii", "replace"))
        if found:
            frame = text_frame(payload[36:])
            for watcher in list(found):
                watcher.live(frame)

    def _changed(self, payload: bytes) -> None:
        if payload:
            self.look(payload.decode("ascii", "replace"))
        else:
            self._look_at_all = True
            self._kick()

    def look(self, conversation_id: str) -> None:
        """Something happened there: read it once and push it."""
        if conversation_id in self._waiters:
            self._let_go([conversation_id])
        if conversation_id in self._watchers:
            self._dirty[conversation_id] = None
            self._kick()

    def _let_go(self, conversation_ids: Iterable[str]) -> None:
        for conversation_id in conversation_ids:
            for event in self._waiters.get(conversation_id, ()):
                event.set()

    def _kick(self) -> None:
        if not self._running:
            self._running = True
            gevent.spawn(self._run)

    def _run(self) -> None:
        try:
            while self._dirty or self._look_at_all:
                try:
                    self._read()
                except StoreUnavailable:
                    self._look_at_all = True
                    gevent.sleep(0.5)
        except Exception:
            log.exception("pushing news failed; clients will pull")
        finally:
            self._running = False

    def _read(self) -> None:
        if self._look_at_all:
            self._look_at_all = False
            self._let_go(list(self._waiters))
            newest = offload(heads, list(self._watchers))
            for conversation_id, found in self._watchers.items():
                rev = newest.get(conversation_id)
                if rev is None or any(watcher.cursor < rev for watcher in found):
                    self._dirty[conversation_id] = None
        wanted: list[tuple[str, int]] = []
        for conversation_id in list(self._dirty)[:BATCH]:
            del self._dirty[conversation_id]
            ready = []
            for watcher in self._watchers.get(conversation_id, ()):
                if watcher.synced:
                    ready.append(watcher.cursor)
                else:
                    watcher.missed = True
            if ready:
                wanted.append((conversation_id, min(ready)))
        if wanted:
            for page in offload(changes_of, wanted):
                self._push(page)

    def _push(self, page: Changes) -> None:
        if page.cursor == page.after and not page.messages and page.state != "gone":
            return
        self.noted(page)
        frame = text_frame(orjson.dumps(changes_body(page)))
        for watcher in list(self._watchers.get(page.conversation_id, ())):
            if watcher.synced and (watcher.cursor < page.cursor or page.state == "gone"):
                failpoint("push.before_frame")
                watcher.news(page, frame)

    # Queue ---------------------------------------------------------------------------------------------------------

    def noted(self, page: Changes, *, new: bool = False) -> None:
        """A page was read: who waits for a person is told where they stand. ``new``: to somebody who has just come."""
        conversation_id = page.conversation_id
        if page.state != "waiting":
            self._queued.pop(conversation_id, None)
        elif new or conversation_id not in self._queued or any(one.author == "system" for one in page.messages):
            self._queued[conversation_id] = b""
            self._queue_new[conversation_id] = None
            if not self._queue_runs:
                self._queue_runs = True
                gevent.spawn(self._tell_queue)

    def _tell_queue(self) -> None:
        """Runs while anybody who is connected waits: new ones at once, all every ten seconds."""
        due = time.monotonic() + QUEUE_SECONDS
        try:
            while self._queued:
                if time.monotonic() >= due:
                    due = time.monotonic() + QUEUE_SECONDS
                    wanted = list(self._queued)
                else:
                    wanted = list(self._queue_new)
                self._queue_new.clear()
                if wanted:
                    self._push_queue(wanted)
                gevent.sleep(0.2 if self._queue_new else min(QUEUE_STEP, max(0.0, due - time.monotonic())))
        finally:
            self._queue_runs = False

    def _push_queue(self, wanted: list[str]) -> None:
        try:
            found = offload(queues, wanted)
        except StoreUnavailable:
            return  # the next look has it
        except Exception:
            log.exception("the queue could not be read")
            return
        for conversation_id in wanted:
            queue = found.get(conversation_id)
            if queue is None:
                self._queued.pop(conversation_id, None)
                continue
            frame = text_frame(orjson.dumps(queue_body(queue)))
            if conversation_id in self._queued and self._queued[conversation_id] != frame:
                self._queued[conversation_id] = frame
                for watcher in list(self._watchers.get(conversation_id, ())):
                    watcher.live(frame)
