"""Live text of running answers: the first piece leaves at once, the next in windows of 50 ms, many turns in one round trip."""

from __future__ import annotations

import threading
import time

import orjson

from bot.bus import Bus, bus

WINDOW = 0.05


def utf16(text: str) -> int:
    """Length in UTF-16 units, which is what browsers count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class Draft:
    """The text shown so far of one attempt. Used by the thread that answers."""

    __slots__ = ("_drafts", "attempt", "conversation_id", "length", "lock", "pending", "shown", "turn_id")

    def __init__(self, drafts: Drafts, conversation_id: str, turn_id: str, attempt: int) -> None:
        self._drafts = drafts
        self.conversation_id = conversation_id
        self.turn_id = turn_id
        self.attempt = attempt
        self.length = 0
        self.shown: list[str] = []
        self.pending: list[str] = []
        self.lock = threading.Lock()

    @property
    def text(self) -> str:
        return "".join(self.shown)

    def add(self, text: str) -> None:
        """Show more."""
        first = not self.shown
        with self.lock:
            self.shown.append(text)
            self.pending.append(text)
        if first:
            self._drafts.flush([self])
        else:
            self._drafts.dirty(self)

    def close(self) -> None:
        """Show no more: the message that replaces the draft is stored, or another attempt goes on."""
        with self.lock:
            self.pending = []
        self._drafts.clean(self)

    def phase(self, phase: str) -> None:
        """Tell the watchers how the turn is going: thinking, writing, done, stopped or failed."""
        frame = {
            "t": "turn",
            "conv": self.conversation_id,
            "turn": self.turn_id,
            "attempt": self.attempt,
            "phase": phase,
        }
        bus().publish_live(self.conversation_id, orjson.dumps(frame))


class Drafts:
    """One per turns process: collects what is pending and sends it in one pipeline per window."""

    def __init__(self, to: Bus | None = None) -> None:
        self._bus = to or bus()
        self._dirty: set[Draft] = set()
        self._lock = threading.Lock()
        self._signal = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="drafts", daemon=True)
        self._thread.start()

    def open(self, conversation_id: str, turn_id: str, attempt: int) -> Draft:
        """Begin an empty draft."""
        return Draft(self, conversation_id, turn_id, attempt)

    def dirty(self, draft: Draft) -> None:
        with self._lock:
            self._dirty.add(draft)
        self._signal.set()

    def clean(self, draft: Draft) -> None:
        with self._lock:
            self._dirty.discard(draft)

    def stop(self) -> None:
        self._stopped = True
        self._signal.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stopped:
            self._signal.wait()
            time.sleep(WINDOW)
            self._signal.clear()
            with self._lock:
                drafts, self._dirty = self._dirty, set()
            if drafts:
                self.flush(drafts)

    def flush(self, drafts: object) -> None:
        """Append and publish what is pending of these drafts."""
        frames: list[tuple[str, bytes]] = []
        appends: list[tuple[str, str, bool]] = []
        for draft in drafts:  # type: ignore[attr-defined]
            with draft.lock:
                text, draft.pending = "".join(draft.pending), []
                offset = draft.length
                draft.length += utf16(text)
            if not text:
                continue
            frame = {
                "t": "delta", "conv": draft.conversation_id, "turn": draft.turn_id, "attempt": draft.attempt, "off": offset,
                "text": text,
            }  # fmt: skip
            appends.append((f"{draft.turn_id}:{draft.attempt}", text, offset == 0))
            frames.append(("live", draft.conversation_id.encode() + orjson.dumps(frame)))
        if frames:
            self._bus.send_now(frames, appends)
