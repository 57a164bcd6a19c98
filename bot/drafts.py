"""Live text of running answers: the first piece leaves at once, the next in windows of 50 ms, many turns in one round trip.

One thread sends for all turns of the process, so that whatever is ready together shares a pipeline and no answering thread
waits for Redis. What is sent for one turn keeps its order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import orjson
import structlog

from bot.bus import Bus, bus

log = structlog.get_logger("turns")

WINDOW = 0.05


def utf16(text: str) -> int:
    """Length in UTF-16 units, which is what browsers count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def whole_characters(text: str) -> str:
    """``text`` with halves of characters replaced: some models send them, and no JSON takes them."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Draft:
    """The text shown so far of one attempt. Used by the thread that answers."""

    __slots__ = ("_drafts", "attempt", "conversation_id", "length", "lock", "pending", "sent", "shown", "turn_id")

    def __init__(self, drafts: Drafts, conversation_id: str, turn_id: str, attempt: int) -> None:
        self._drafts = drafts
        self.conversation_id = conversation_id
        self.turn_id = turn_id
        self.attempt = attempt
        self.length = 0
        self.sent = ""
        self.shown: list[str] = []
        self.pending: list[str] = []
        self.lock = threading.Lock()

    @property
    def text(self) -> str:
        return whole_characters("".join(self.shown))

    def add(self, text: str) -> None:
        """Show more."""
        first = not self.shown
        with self.lock:
            self.shown.append(text)
            self.pending.append(text)
            waiting = len(self.pending) > 1
        if not waiting:
            self._drafts.dirty(self, at_once=first)

    def close(self) -> None:
        """Show no more: the message that replaces the draft is stored, or another attempt goes on."""
        with self.lock:
            self.pending = []

    def take(self) -> tuple[int, str, str]:
        """The offset of what is pending, what is pending, and the whole text with it."""
        with self.lock:
            text, self.pending = whole_characters("".join(self.pending)), []
            offset = self.length
            self.length += utf16(text)
            self.sent += text
        return offset, text, self.sent

    def phase(self, phase: str) -> None:
        """Tell the watchers how the turn is going: thinking, writing, checking, done, stopped or failed."""
        frame = {
            "t": "turn",
            "conv": self.conversation_id,
            "turn": self.turn_id,
            "attempt": self.attempt,
            "phase": phase,
        }
        self._drafts.send([("live", self.conversation_id.encode() + orjson.dumps(frame))])


class Drafts:
    """One per turns process: collects what is to be sent and sends it in one pipeline."""

    def __init__(self, to: Bus | None = None) -> None:
        self._bus = to or bus()
        self._ready: list[tuple[str, bytes] | Draft] = []
        """To be sent at once: frames, wakes, and drafts with their first piece."""
        self._dirty: list[Draft] = []
        """Drafts with more to say when the window ends."""
        self._lock = threading.Lock()
        self._signal = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="drafts", daemon=True)
        self._thread.start()

    def open(self, conversation_id: str, turn_id: str, attempt: int) -> Draft:
        """Begin an empty draft."""
        return Draft(self, conversation_id, turn_id, attempt)

    def send(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Publish ``(topic, payload)`` soon, behind what was sent before. Never waits and never raises."""
        with self._lock:
            self._ready.extend(items)
            self._wake()

    def dirty(self, draft: Draft, *, at_once: bool) -> None:
        """``draft`` has something pending."""
        with self._lock:
            if at_once:
                self._ready.append(draft)
                self._wake()
            else:
                self._dirty.append(draft)
                if len(self._dirty) == 1:
                    self._wake()  # to begin a window

    def stop(self) -> None:
        """Send what there is, and end."""
        with self._lock:
            self._stopped = True
            self._wake()
        self._thread.join(timeout=2)

    def _wake(self) -> None:
        if not self._signal.is_set():
            self._signal.set()

    def _run(self) -> None:
        window_ends: float | None = None
        while True:
            if not self._stopped:
                self._signal.wait(None if window_ends is None else max(0.0, window_ends - time.monotonic()))
            with self._lock:
                stopped = self._stopped
                self._signal.clear()
                items, self._ready = self._ready, []
                if self._dirty:
                    now = time.monotonic()
                    window_ends = window_ends or now + WINDOW
                    if now >= window_ends or stopped:
                        items += self._dirty
                        self._dirty, window_ends = [], None
            if items:
                try:
                    self._send(items)
                except Exception:  # one bad draft must not end everybody's live text
                    log.exception("live_text_not_sent", items=len(items))
            elif stopped:
                return

    def _send(self, items: Sequence[tuple[str, bytes] | Draft]) -> None:
        frames: list[tuple[str, bytes]] = []
        texts: list[tuple[str, str]] = []
        for item in items:
            if not isinstance(item, Draft):
                frames.append(item)
                continue
            offset, text, whole = item.take()
            if not text:
                continue
            frame = {
                "t": "delta", "conv": item.conversation_id, "turn": item.turn_id, "attempt": item.attempt, "off": offset, "text": text,
            }  # fmt: skip
            texts.append((f"{item.turn_id}:{item.attempt}", whole))
            frames.append(("live", item.conversation_id.encode() + orjson.dumps(frame)))
        if frames:
            self._bus.send_now(frames, texts)
