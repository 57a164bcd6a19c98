"""Which places want a draft or a sign that somebody writes, from the hints of the bus: for channels that are sent to.

Hints only: whoever misses one still gets the answer by its delivery. Without Redis there are none. The text of a draft is
never put together from pieces here: the turn keeps the whole of it in Redis, and whoever shows it reads it there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
import structlog

from bot import deliver
from bot.bus import bus
from bot.channel import Limits
from bot.messages import Draft
from bot.splitting import shortened
from bot.store import StoreUnavailable, read, sql
from bot.threads import NativeQueue

log = structlog.get_logger("channels")

KNOWN_FOR = 10.0
"""Seconds a conversation's place is remembered, should the hint that it moved get lost."""
MOST_KNOWN = 20_000

Kind = Literal["thinking", "writing", "ended", "withdrawn", "typing"]


@dataclass(frozen=True, slots=True)
class Hint:
    """Something to show at one place. ``ended``: the answer is on its way as a delivery; ``withdrawn``: there will be none;
    ``typing``: an agent writes."""

    channel: str
    place: str
    kind: Kind
    conversation_id: str
    turn: str = ""
    attempt: int = 0


Route = tuple[str, str] | None


class Showing:
    """Turns the bus's payloads into hints. :meth:`live` and :meth:`changed` are the bus's handlers; ``tell`` is called in a
    thread of its own with what is to be shown at places of the channels in :attr:`channels`."""

    def __init__(self, tell: Callable[[Sequence[Hint]], None]) -> None:
        self.channels: frozenset[str] = frozenset()
        self._tell = tell
        self._routes: dict[bytes, tuple[float, Route]] = {}
        self._running: dict[str, str] = {}
        """Conversations with an answer that was told of, and its turn."""
        self._queue: Any = NativeQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="showing", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(timeout=2)

    def live(self, payload: bytes) -> None:
        """A frame for watchers: 36 bytes of conversation id, then JSON. Most are for pages, and cost one look into a dict."""
        if not self.channels or len(payload) <= 36:
            return
        known = self._routes.get(payload[:36])
        if known is None or known[1] is not None or known[0] < time.monotonic():
            self._queue.put(payload)

    def changed(self, payload: bytes) -> None:
        """A conversation changed, perhaps its place; empty: anything may have."""
        if not payload:
            self._routes.clear()
            for conversation in list(self._running):
                self._queue.put(conversation.encode())
            return
        self._routes.pop(payload, None)
        if self._running and payload.decode("ascii", "replace") in self._running:
            self._queue.put(payload)

    def look(self, conversation_id: str) -> None:
        """Look whether its answer still runs: no hint came for some time."""
        self._queue.put(conversation_id.encode())

    def _run(self) -> None:
        stopping = False
        while not stopping:
            payloads = [self._queue.get()]
            while not self._queue.empty():
                payloads.append(self._queue.get())
            stopping = None in payloads
            try:
                hints = self._hints([payload for payload in payloads if payload])
                if hints:
                    self._tell(hints)
            except StoreUnavailable:
                pass  # a draft less
            except Exception:
                log.exception("hint_failed")

    def _hints(self, payloads: Sequence[bytes]) -> list[Hint]:
        self._resolve({payload[:36] for payload in payloads})
        found: dict[tuple[str, str], Hint] = {}
        looks: list[str] = []
        for payload in payloads:
            route = self._routes.get(payload[:36], (0.0, None))[1]
            conversation = payload[:36].decode("ascii", "replace")
            if route is None or route[0] not in self.channels:
                self._running.pop(conversation, None)
            elif len(payload) == 36:
                looks.append(conversation)
            elif hint := _hint(route, conversation, orjson.loads(payload[36:])):
                if hint.turn:
                    self._running[conversation] = hint.turn
                found[conversation, hint.kind] = hint
        return [*found.values(), *self._ends(looks)]

    def _resolve(self, conversations: Iterable[bytes]) -> None:
        now = time.monotonic()
        missing = [key for key in conversations if self._routes.get(key, (0.0, None))[0] < now]
        if len(self._routes) > MOST_KNOWN:
            self._routes.clear()
        for start in range(0, len(missing), 200):
            part = missing[start : start + 200]
            ids = [key.decode("ascii", "replace") for key in part]
            marks = ",".join("?" * len(ids))
            statement = (
                f"SELECT conversation_id, channel, place FROM route WHERE current AND conversation_id IN ({marks})"  # noqa: S608
            )
            rows = {row[0]: (row[1], row[2]) for row in read(lambda s=statement, i=ids: sql(s, i).fetchall())}  # type: ignore[misc]
            for key, conversation in zip(part, ids, strict=True):
                route = rows.get(conversation)
                self._routes[key] = (now + KNOWN_FOR, route if route and route[0] in self.channels else None)

    def _ends(self, conversations: Sequence[str]) -> list[Hint]:
        """What became of the answers that were told of."""
        hints: list[Hint] = []
        for conversation in conversations:
            turn = self._running.get(conversation)
            route = self._routes.get(conversation.encode(), (0.0, None))[1]
            if turn is None or route is None:
                continue
            row = read(
                lambda turn=turn: sql(  # type: ignore[misc]
                    "SELECT t.state, (SELECT count(*) FROM message m WHERE m.turn = t.id) FROM turn t WHERE t.id = ?",
                    (turn,),
                ).fetchone()
            )
            if row is not None and row[0] == "running":
                continue
            self._running.pop(conversation, None)
            kind: Kind = "ended" if row is not None and row[1] else "withdrawn"
            hints.append(Hint(*route, kind, conversation, turn))
        return hints


def _hint(route: tuple[str, str], conversation: str, frame: dict[str, Any]) -> Hint | None:
    kind = frame.get("t")
    if kind == "delta":
        return Hint(*route, "writing", conversation, frame["turn"], frame["attempt"])
    if kind == "turn" and frame.get("phase") in {"thinking", "writing", "checking"}:
        return Hint(*route, "thinking", conversation, frame["turn"], frame["attempt"])
    if kind == "typing" and frame.get("on"):
        return Hint(*route, "typing", conversation)
    return None


def draft_of(hint: Hint, limits: Limits) -> Draft | None:
    """The answer so far, cut to what the channel takes; ``None`` if Redis does not know it, or while something that was said
    earlier has not arrived: the draft becomes a message and would stand before it. May wait for Redis."""
    text = bus().draft(hint.turn, hint.attempt).strip()
    try:
        if not text or read(lambda: deliver.unsettled(hint.channel, hint.place)):
            return None
    except StoreUnavailable:
        return None
    return Draft(place=hint.place, turn=hint.turn, text=shortened(text, limits))
