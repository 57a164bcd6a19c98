"""The deltas of one provider under our clocks. A silent stream is ended from outside, by one watchdog thread."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from queue import SimpleQueue

from bot.ai import AIProvider, Clocks, Delta, End, Prompt, ProviderError, ProviderErrorKind, Text, ToolCall

TICK = 0.1
"""Seconds between two looks of the watchdog: a clock runs out at most this late."""
BACKLOG = 1_000
"""Deltas that a threaded provider may be ahead of its reader."""
JOIN = 0.01
"""Seconds for which the words of a provider that never waits are joined: each piece passes everything that looks at an answer."""


class Watch:
    """A running attempt, as the watchdog sees it. ``deadline`` is infinite while nobody waits for the provider."""

    __slots__ = ("abort", "deadline", "expired")

    def __init__(self, abort: Callable[[], None]) -> None:
        self.abort = abort
        self.deadline = math.inf
        self.expired = False


class Watchdog:
    """Looks at all running attempts ten times a second and ends those whose clock ran out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: set[Watch] = set()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def add(self, watch: Watch) -> None:
        with self._lock:
            self._watches.add(watch)
            # A fork leaves the thread behind, so it is looked for and not only started once.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="fleet-clocks", daemon=True)
                self._thread.start()
        self._wake.set()

    def remove(self, watch: Watch) -> None:
        with self._lock:
            self._watches.discard(watch)

    def _run(self) -> None:
        while True:
            with self._lock:
                watches = list(self._watches)
                if not watches:
                    self._wake.clear()
            if not watches:
                self._wake.wait()
                continue
            now = time.monotonic()
            for watch in watches:
                if now >= watch.deadline and not watch.expired:
                    watch.expired = True
                    watch.abort()
            time.sleep(TICK)


_watchdog = Watchdog()


def _nothing() -> None:
    return None


class Threaded:
    """A provider's deltas from a thread of its own, which can be left behind when the provider hangs."""

    def __init__(self, provider: AIProvider, prompt: Prompt) -> None:
        self._queue: SimpleQueue[Delta | BaseException | None] = SimpleQueue()
        self._taken: deque[Delta | BaseException | None] = deque()
        self._left = threading.Event()
        args = (provider, prompt)
        threading.Thread(target=self._run, args=args, name=f"ai-{provider.name}", daemon=True).start()

    def __iter__(self) -> Iterator[Delta]:
        return self

    def __next__(self) -> Delta:
        item = self._taken.popleft() if self._taken else self._queue.get()
        if type(item) is Text:
            return self._caught_up(item)
        if item is None:
            raise StopIteration
        if isinstance(item, BaseException):
            raise item
        return item

    def _caught_up(self, first: Text) -> Text:
        """Whatever came meanwhile is one piece: a reader that is behind catches up."""
        texts = [first.text]
        while not self._queue.empty():
            item = self._queue.get()
            if type(item) is not Text:
                self._taken.append(item)
                break
            texts.append(item.text)
        return Text("".join(texts)) if len(texts) > 1 else first

    def abort(self) -> None:
        """Leave the thread behind. The reader gets its end at once."""
        self._left.set()
        self._queue.put(None)

    close = abort

    def _run(self, provider: AIProvider, prompt: Prompt) -> None:
        try:
            deltas = provider.stream(prompt)
            try:
                for delta in deltas:
                    while self._queue.qsize() > BACKLOG and not self._left.wait(0.01):
                        pass
                    if self._left.is_set():
                        return
                    self._queue.put(delta)
            finally:
                close = getattr(deltas, "close", None)
                if close is not None:
                    close()
        except BaseException as error:  # SystemExit of a plugin, too, belongs to its reader
            self._queue.put(error)
        else:
            self._queue.put(None)


def _joined(deltas: Iterator[Delta]) -> Generator[Delta, None, None]:
    """The first words at once, those that follow by tens of milliseconds. For deltas that nobody waits for."""
    texts: list[str] = []
    until = 0.0
    try:
        for delta in deltas:
            is_text = type(delta) is Text
            if is_text:
                texts.append(delta.text)  # type: ignore[union-attr]
                if time.monotonic() < until:
                    continue
            if texts:
                yield Text("".join(texts))
                texts, until = [], time.monotonic() + JOIN
            if not is_text:
                yield delta
        if texts:
            yield Text("".join(texts))
    finally:
        close = getattr(deltas, "close", None)
        if close is not None:
            close()


class Clocked:
    """Iterate to get the deltas up to :class:`~bot.ai.End`. Raises :class:`ProviderError` for everything that goes wrong.

    ``abort`` ends it from any thread. After the iteration ``first_token`` has the seconds to the first text or tool call.
    """

    def __init__(self, provider: AIProvider, prompt: Prompt, clocks: Clocks) -> None:
        self._provider, self._prompt, self._clocks = provider, prompt, clocks
        self._aborted = False
        self._abort: Callable[[], None] = _nothing
        self.first_token: float | None = None

    def abort(self) -> None:
        """End it soon, from any thread."""
        self._aborted = True
        self._abort()

    def __iter__(self) -> Generator[Delta, None, None]:
        clocks, clock = self._clocks, time.monotonic
        deltas, abort = self._open()
        begun = clock()
        last = begun + clocks.total
        first = min(begun + clocks.first_token, last)
        watch = self._watched(abort, first)
        try:
            for delta in deltas:
                watch.deadline = math.inf  # the reader's time is not the provider's
                kind = type(delta)
                if kind is End:
                    yield delta
                    return
                now = clock()
                if self.first_token is None and (delta.text if kind is Text else kind is ToolCall):  # type: ignore[union-attr]
                    self.first_token = now - begun
                if now > (first if self.first_token is None else last):
                    raise self._late(now >= last)
                yield delta
                watch.deadline = first if self.first_token is None else min(clock() + clocks.between_tokens, last)
            if watch.expired:
                raise self._late(clock() >= last)
            raise ProviderError(ProviderErrorKind.TEMPORARY, "the stream ended without an end marker")
        except Exception as error:
            if watch.expired and getattr(error, "kind", None) in (None, ProviderErrorKind.TEMPORARY):
                raise self._late(clock() >= last) from error
            raise
        finally:
            _watchdog.remove(watch)
            self._abort = _nothing
            close = getattr(deltas, "close", None)
            if close is not None:
                close()

    def _open(self) -> tuple[Iterator[Delta], Callable[[], None] | None]:
        """The deltas, and how to end them from outside; ``None``: they never wait. An import that the first one needs is made here,
        before the clocks run: it says nothing about the provider."""
        provider = self._provider
        deltas: Iterator[Delta]
        deltas = Threaded(provider, self._prompt) if provider.threaded else provider.stream(self._prompt)
        abort: Callable[[], None] | None = getattr(deltas, "abort", None)
        return (_joined(deltas), None) if abort is None else (deltas, abort)

    def _watched(self, abort: Callable[[], None] | None, first: float) -> Watch:
        if abort is None:
            return Watch(_nothing)
        watch = Watch(abort)
        watch.deadline = first
        self._abort = abort
        _watchdog.add(watch)
        if self._aborted:
            abort()
        return watch

    def _late(self, total: bool) -> ProviderError:
        clocks = self._clocks
        if self.first_token is None:
            text = f"no token within {clocks.first_token:g} s"
        elif total:
            text = f"the answer was not complete after {clocks.total:g} s"
        else:
            text = f"no further token for {clocks.between_tokens:g} s"
        return ProviderError(ProviderErrorKind.TEMPORARY, text)
