"""The AI providers in their order: clocks, breakers, retries and failover. One answer, or the reasons why there is none.

A provider makes one attempt; everything about the next one is decided here. Once text was shown, another attempt starts
the answer anew and never continues it: its :class:`Attempt` event tells the reader to empty the draft.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from bot.ai import AICapability, AIProvider, Clocks, Prompt, ProviderError, ProviderErrorKind, Usage
from bot.attempt import AttemptRun, Record
from bot.breaker import Breakers
from bot.fleet_events import Attempt, Done, Failure, FleetEvent, FleetExhausted, ProviderHealth

__all__ = [
    "Attempt", "Done", "Failure", "Fleet", "FleetEvent", "FleetExhausted", "FleetStream", "ProviderHealth", "in_order",
]  # fmt: skip

log = structlog.get_logger("fleet")

SHORT_RETRY_AFTER = 3.0
"""The same provider is asked again when it says that so few seconds are enough."""
PAUSE = (0.3, 0.8)
"""Seconds before the only provider left is asked again after a failure without Retry-After."""


class FleetStream:
    """One answer on its way. Iterate it once; ``close`` from the same thread, ``stop`` from any."""

    def __init__(self) -> None:
        self._events: Generator[FleetEvent, None, None]
        self._stopped = threading.Event()
        self._current: AttemptRun | None = None
        self._wasted = Usage()

    def __iter__(self) -> Iterator[FleetEvent]:
        return self._events

    def close(self) -> None:
        """Give up; the provider's connection is closed."""
        self._events.close()

    def stop(self) -> None:
        """Make the iteration end soon, without :class:`Done`, also while it waits for a provider."""
        self._stopped.set()
        current = self._current
        if current is not None:
            current.abort()

    @property
    def stopped(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopped.is_set()

    @property
    def spent(self) -> Usage:
        """What its attempts have cost so far, also the one that is given up in the middle: it is paid all the same."""
        return self._wasted if self._current is None else self._wasted + self._current.usage()

    def _begin(self, run: AttemptRun) -> None:
        self._current = run
        if self._stopped.is_set():  # between two attempts there was nothing to end
            run.abort()


def in_order(providers: Sequence[AIProvider], names: Sequence[str] = ()) -> list[AIProvider]:
    """Sort providers: first by the configured ``names``, the others behind them by name. Several of one name keep their order."""
    place = {name: i for i, name in enumerate(names)}
    return sorted(providers, key=lambda p: (place.get(p.name, len(place)), "" if p.name in place else p.name))


class Fleet:
    """Ordered providers with their breakers. Made once per settings version, used by all threads of a process.

    ``clocks`` holds for every provider that ``provider_clocks`` does not name. Providers that only quote passages answer
    when there is no other, or, with ``quote_when_failing``, after all others failed. ``total_budget``: seconds within which
    an answer must have begun. ``warm``: import SDKs now, in the background.
    """

    def __init__(
        self,
        providers: Sequence[AIProvider],
        breakers: Breakers | None = None,
        *,
        clocks: Clocks | None = None,
        provider_clocks: Mapping[str, Clocks] | None = None,
        max_attempts: int = 3,
        total_budget: float = 45.0,
        quote_when_failing: bool = False,
        warm: bool = False,
    ) -> None:
        self.providers = tuple(providers)
        models = [p for p in providers if AICapability.QUOTES not in p.capabilities]
        quoting = [p for p in providers if AICapability.QUOTES in p.capabilities]
        self._first = models or quoting
        self._last_resort = quoting if models and quote_when_failing else []
        self._breakers = breakers or Breakers()
        self._clocks, self._provider_clocks = clocks or Clocks(), dict(provider_clocks or {})
        self._max_attempts, self._total_budget = max_attempts, total_budget
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str], Record] = {}
        if warm:
            threading.Thread(target=self._warm, name="fleet-warm", daemon=True).start()

    def stream(self, prompt: Prompt, *, permit: Callable[[AIProvider], bool] | None = None) -> FleetStream:
        """Answer ``prompt``. Nothing happens before the first event is asked for.

        The stream yields :class:`Attempt`, then :class:`Text`, :class:`ToolCall` and :class:`Usage`, and ends with
        :class:`Done`, raises :class:`FleetExhausted`, or just ends after ``stop()``. ``permit`` is asked before every
        attempt whether the provider is still switched on.
        """
        stream = FleetStream()
        stream._events = self._run(prompt, stream, permit)
        return stream

    def health(self) -> list[ProviderHealth]:
        """What is known of every provider, in order."""
        found = []
        for provider in self.providers:
            breaker = self._breakers.of(provider.name, provider.model)
            state, record = breaker.state, self._record(provider)
            found.append(
                ProviderHealth(
                    provider.name,
                    provider.model,
                    state,
                    breaker.reason if state != "closed" else "",
                    breaker.until if state != "closed" else 0.0,
                    record.median_first_token,
                    record.answers,
                    record.failures,
                )
            )
        return found

    def close(self) -> None:
        """Let go of all connections."""
        for provider in self.providers:
            try:
                provider.close()
            except Exception as error:
                log.warning("provider_not_closed", provider=provider.name, error=type(error).__name__)

    def _run(
        self, prompt: Prompt, stream: FleetStream, permit: Callable[[AIProvider], bool] | None
    ) -> Generator[FleetEvent, None, None]:
        deadline = time.monotonic() + self._total_budget
        queue, resort = deque(self._first), deque(self._last_resort)
        failures: list[Failure] = []
        wasted, number, again = Usage(), 0, set[int]()
        while not stream.stopped:
            left = deadline - time.monotonic()
            if not queue or number >= self._max_attempts + len(self._last_resort) - len(resort) or left <= 0:
                if not resort:
                    raise FleetExhausted(failures, wasted, number)
                queue, left = deque([resort.popleft()]), max(left, 1.0)  # it is here and needs no time
            provider = queue.popleft()
            if why := self._barred(provider, permit):
                failures.append(why)
                continue
            number += 1
            quotes = AICapability.QUOTES in provider.capabilities
            run = self._begin(provider, prompt, left)
            try:
                yield Attempt(provider.name, provider.model, number, quotes)
            except GeneratorExit:
                run.forget()
                raise
            stream._begin(run)
            try:
                end = yield from run.deltas()
            except ProviderError as error:
                wasted += run.usage()
                stream._wasted, stream._current = wasted, None
                failures.append(run.failure(error))
                pause = None if id(provider) in again else self._pause(error, last=not queue)
                if pause is not None:
                    again.add(id(provider))
                    # Without Retry-After its turn comes again when the others had theirs.
                    queue.appendleft(provider) if error.retry_after is not None else queue.append(provider)
                    stream._stopped.wait(min(pause, max(0.0, deadline - time.monotonic())))
                continue
            if end is not None:
                yield Done(
                    end=end.reason,
                    provider=provider.name,
                    model=provider.model,
                    usage=run.usage(),
                    wasted=wasted,
                    attempts=number,
                    quotes=quotes,
                    first_token=run.first_token,
                    failures=tuple(failures),
                )
            return

    def _barred(self, provider: AIProvider, permit: Callable[[AIProvider], bool] | None) -> Failure | None:
        if permit is not None and not permit(provider):
            return Failure(provider.name, provider.model, "off", "switched off")
        breaker = self._breakers.of(provider.name, provider.model)
        if not breaker.allow():
            return Failure(provider.name, provider.model, "left_out", f"left out since: {breaker.reason}")
        return None

    def _begin(self, provider: AIProvider, prompt: Prompt, left: float) -> AttemptRun:
        clocks = self._provider_clocks.get(provider.name, self._clocks)
        if clocks.first_token > left:
            clocks = replace(clocks, first_token=max(left, 0.1))
        breaker = self._breakers.of(provider.name, provider.model)
        return AttemptRun(provider, prompt, clocks, breaker, self._record(provider))

    @staticmethod
    def _pause(error: ProviderError, *, last: bool) -> float | None:
        """Seconds to wait before the same provider is asked once more; ``None``: it is not."""
        if error.kind not in (ProviderErrorKind.TEMPORARY, ProviderErrorKind.RATE_LIMITED):
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= SHORT_RETRY_AFTER else None
        if error.kind is ProviderErrorKind.RATE_LIMITED:
            return None
        return random.uniform(*PAUSE) if last else 0.0

    def _record(self, provider: AIProvider) -> Record:
        with self._lock:
            return self._records.setdefault((provider.name, provider.model), Record())

    def _warm(self) -> None:
        for provider in self.providers:
            try:
                provider.warm()
            except Exception as error:  # the first question will say what is wrong, with a reason
                log.warning("provider_not_warm", provider=provider.name, error=type(error).__name__)
