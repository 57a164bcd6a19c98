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
from dataclasses import dataclass, replace

import structlog

from bot.ai import AICapability, AIProvider, Clocks, Prompt, ProviderError, ProviderErrorKind, Usage
from bot.attempt import AttemptRun, Note
from bot.breaker import Breaker, Breakers
from bot.fleet_events import Attempt, Done, Failure, FleetEvent, FleetExhausted, ProviderHealth
from bot.fleet_health import Tally
from bot.fleet_settings import BUDGET, FleetSettings

__all__ = [
    "Attempt", "Done", "Failure", "Fleet", "FleetEvent", "FleetExhausted", "FleetStream", "Pace", "ProviderHealth", "in_order",
]  # fmt: skip

log = structlog.get_logger("fleet")

SHORT_RETRY_AFTER = 3.0
"""The same provider is asked again when it says that so few seconds are enough."""
PAUSE = (0.3, 0.8)
"""Seconds before the only provider left is asked again after a failure without Retry-After."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long and how often providers are asked for one prompt."""

    clocks: Clocks | None = None
    """``None``: as the settings have them, also for single providers."""
    max_attempts: int = 3
    budget: float = BUDGET
    """Seconds within which an answer must have begun."""
    quotes_last: bool = False
    """Providers that only quote answer after all others failed, and not only when there is no other."""


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


def _quotes(provider: AIProvider) -> bool:
    return AICapability.QUOTES in provider.capabilities


def _never(_: AIProvider) -> bool:
    return False


def _always(_: AIProvider) -> bool:
    return True


class Fleet:
    """Providers with their breakers, in an order for each task. Made once per settings version, used by all threads of a process.

    ``settings``: orders, tasks and clocks (or just ``clocks``). ``total_budget``: seconds within which an answer must have begun.
    Providers that only quote passages answer when there is no other, or, with ``quote_when_failing``, after all others failed.
    ``cheap`` tells who may be asked when the budget is nearly used up, ``still_on`` (asked before every attempt) who may be asked at
    all. ``note`` counts how attempts end; without it the fleet counts for itself. ``warm``: import SDKs now, in the background.
    """

    def __init__(
        self,
        providers: Sequence[AIProvider],
        breakers: Breakers | None = None,
        *,
        settings: FleetSettings | None = None,
        clocks: Clocks | None = None,
        provider_clocks: Mapping[str, Clocks] | None = None,
        max_attempts: int = 3,
        total_budget: float | None = None,
        quote_when_failing: bool = False,
        cheap: Callable[[AIProvider], bool] = _never,
        still_on: Callable[[AIProvider], bool] = _always,
        note: Note | None = None,
        kept: object = None,
        warm: bool = False,
    ) -> None:
        self.settings = settings or FleetSettings(clocks=clocks or Clocks(), provider_clocks=provider_clocks or {})
        # Without settings the order is that of whoever made them.
        self.providers = tuple(providers if settings is None else in_order(providers, settings.order("answer")))
        self.models = [one for one in self.providers if not _quotes(one)]
        """Those that are no mere quoting."""
        self._breakers = breakers or Breakers()
        budget = self.settings.budget if total_budget is None else total_budget
        self._pace = Pace(max_attempts=max_attempts, budget=budget, quotes_last=quote_when_failing)
        self._cheap, self._still_on = cheap, still_on
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}
        self._note = note or self._count
        self._kept = kept
        """What the providers need to stay open."""
        if warm:
            threading.Thread(target=self._warm, name="fleet-warm", daemon=True).start()

    def stream(
        self,
        prompt: Prompt,
        *,
        permit: Callable[[AIProvider], bool] | None = None,
        prefer: tuple[str, str] | None = None,
        pace: Pace | None = None,
    ) -> FleetStream:
        """Answer ``prompt``. Nothing happens before the first event is asked for.

        The stream yields :class:`Attempt`, then :class:`Text`, :class:`ToolCall` and :class:`Usage`, and ends with
        :class:`Done`, raises :class:`FleetExhausted`, or just ends after ``stop()``. ``permit`` is asked before every
        attempt whether this provider may be. ``prefer``: name and model of who is asked first if it is in the fleet and well.
        """
        stream = FleetStream()
        stream._events = self._run(prompt, stream, permit, prefer, pace or self._pace)
        return stream

    @property
    def embedders(self) -> list[AIProvider]:
        """Those that make vectors, in their order."""
        able = [one for one in self.providers if AICapability.EMBED in one.capabilities and self._serves(one, "embed")]
        return self._sorted(able, "embed")

    def sees(self) -> bool:
        """Whether somebody who looks at pictures could be asked now."""
        return any(self._breakers.of(one.name, one.model).state in {"closed", "half-open"} for one in self._seeing())

    def breaker(self, name: str, model: str) -> Breaker:
        """The breaker of a provider and a model."""
        return self._breakers.of(name, model)

    def still_on(self, provider: AIProvider) -> bool:
        """Look again, now: whether it is switched on."""
        return self._still_on(provider)

    def is_cheap(self, provider: AIProvider) -> bool:
        """Whether it may be asked when the budget is nearly used up."""
        return AICapability.CHEAP in provider.capabilities or self._cheap(provider)

    def health(self, tallies: Mapping[str, Tally] | None = None) -> list[ProviderHealth]:
        """What is known of every provider, in order. ``tallies``: of all processes, else of this one."""
        found = []
        for provider in self.providers:
            breaker = self._breakers.of(provider.name, provider.model)
            state = breaker.state
            with self._lock:
                known = self._tallies if tallies is None else tallies
                tally = known.get(f"{provider.name}/{provider.model}", Tally())
                found.append(
                    ProviderHealth(
                        provider=provider.name,
                        model=provider.model,
                        state=state,
                        reason=breaker.reason if state != "closed" else "",
                        until=breaker.until if state != "closed" else 0.0,
                        first_token=tally.first_token(0.5),
                        first_token_p95=tally.first_token(0.95),
                        total=tally.whole(0.5),
                        total_p95=tally.whole(0.95),
                        error_rate=tally.error_rate,
                        answers=tally.answers,
                        failures=tally.failures,
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

    def _serves(self, provider: AIProvider, task: str) -> bool:
        return self.settings.serves(provider.name, task)

    def _seeing(self) -> list[AIProvider]:
        return self._sorted([one for one in self.providers if self._looks(one)], "vision")

    def _looks(self, provider: AIProvider) -> bool:
        """Whether it can look at pictures, and may: who is not asked for ``vision`` is given none, also when others have failed."""
        return AICapability.VISION in provider.capabilities and self._serves(provider, "vision")

    def _is_blind(self, provider: AIProvider, prompt: Prompt) -> bool:
        """Whether there is something to be seen now and it is given none of it."""
        return prompt.pictures > 0 and (not self._looks(provider) or prompt.unseen >= prompt.pictures)

    def _sorted(self, providers: Sequence[AIProvider], task: str) -> list[AIProvider]:
        """By the order of the task; who is not in it as for answers."""
        place = {name: i for i, name in enumerate(self.settings.order(task))}
        return sorted(providers, key=lambda one: place.get(one.name, len(place)))

    def _line_up(
        self, prompt: Prompt, prefer: tuple[str, str] | None, pace: Pace
    ) -> tuple[deque[AIProvider], deque[AIProvider]]:
        """Who is asked for this prompt, in order, and who is the last resort."""
        able = self._sorted([one for one in self.providers if self._serves(one, prompt.task)], prompt.task)
        if any(message.images for message in prompt.messages):
            seeing = self._seeing()
            able = [*seeing, *(one for one in able if one not in seeing)]
        models = [one for one in able if not _quotes(one)]
        quoting = [one for one in able if _quotes(one)]
        if prompt.economy != "full":
            models = [one for one in models if prompt.economy == "cheap" and self.is_cheap(one)]
        if prefer is not None:
            # Nobody jumps ahead of those that see when there is something to be seen.
            models.sort(key=lambda one: (self._is_blind(one, prompt), (one.name, one.model) != prefer))
        return deque(models or quoting), deque(quoting if models and pace.quotes_last else ())

    def _run(
        self,
        prompt: Prompt,
        stream: FleetStream,
        permit: Callable[[AIProvider], bool] | None,
        prefer: tuple[str, str] | None,
        pace: Pace,
    ) -> Generator[FleetEvent, None, None]:
        deadline = time.monotonic() + pace.budget
        queue, resort = self._line_up(prompt, prefer, pace)
        last_ones = len(resort)
        failures: list[Failure] = []
        wasted, number, again = Usage(), 0, set[int]()
        while not stream.stopped:
            left = deadline - time.monotonic()
            if not queue or number >= pace.max_attempts + last_ones - len(resort) or left <= 0:
                if not resort:
                    raise FleetExhausted(failures, wasted, number)
                queue, left = deque([resort.popleft()]), max(left, 1.0)  # it is here and needs no time
            provider = queue.popleft()
            if why := self._barred(provider, permit):
                failures.append(why)
                continue
            number += 1
            quotes, blind = _quotes(provider), self._is_blind(provider, prompt)
            given = prompt if self._looks(provider) else _without_pictures(prompt)
            run = self._begin(provider, given, left, pace)
            try:
                yield Attempt(provider.name, provider.model, number, quotes, blind)
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
                    blind=blind,
                    first_token=run.first_token,
                    failures=tuple(failures),
                )
            return

    def _barred(self, provider: AIProvider, permit: Callable[[AIProvider], bool] | None) -> Failure | None:
        if (permit is not None and not permit(provider)) or not self._still_on(provider):
            return Failure(provider.name, provider.model, "off", "switched off")
        breaker = self._breakers.of(provider.name, provider.model)
        if not breaker.allow():
            return Failure(provider.name, provider.model, "left_out", f"left out since: {breaker.reason}")
        return None

    def _begin(self, provider: AIProvider, prompt: Prompt, left: float, pace: Pace) -> AttemptRun:
        clocks = pace.clocks or self.settings.provider_clocks.get(provider.name, self.settings.clocks)
        if clocks.first_token > left:
            clocks = replace(clocks, first_token=max(left, 0.1))
        return AttemptRun(provider, prompt, clocks, self._breakers.of(provider.name, provider.model), self._note)

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

    def _count(self, name: str, outcome: str, first: float | None = None, total: float | None = None) -> None:
        with self._lock:
            self._tallies.setdefault(name, Tally()).note(outcome, first, total)

    def _warm(self) -> None:
        for provider in self.providers:
            try:
                provider.warm()
            except Exception as error:  # the first question will say what is wrong, with a reason
                log.warning("provider_not_warm", provider=provider.name, error=type(error).__name__)


def _without_pictures(prompt: Prompt) -> Prompt:
    """The prompt for a provider that cannot see: it is told of those that are asked about now."""
    messages = tuple(replace(message, images=()) if message.images else message for message in prompt.messages)
    return replace(prompt, messages=messages, unseen=prompt.pictures)
