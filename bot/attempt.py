"""One attempt of one provider at one answer: pass its deltas on, tell its breaker how it went, know what it cost."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from typing import Protocol

import structlog

from bot.ai import (
    AICapability,
    AIProvider,
    Clocks,
    Delta,
    End,
    Prompt,
    ProviderError,
    ProviderErrorKind,
    Text,
    ToolCall,
    Usage,
)
from bot.breaker import Breaker, Seen
from bot.clocked import Clocked
from bot.fleet_events import Failure

log = structlog.get_logger("fleet")


MOST_TOKENS = 100_000_000
"""Of one answer. A server that says more, or less than nothing, has not counted: it would empty a budget, or fill it up."""


class Note(Protocol):
    """Counts how an attempt of ``provider/model`` ended: ``ok`` with its seconds, or the kind of failure."""

    def __call__(self, name: str, outcome: str, first: float | None = None, total: float | None = None) -> None: ...


class AttemptRun:
    """Iterate ``deltas()`` once. ``abort`` ends it from any thread, and it then ends without an end marker."""

    def __init__(self, provider: AIProvider, prompt: Prompt, clocks: Clocks, breaker: Breaker, note: Note) -> None:
        self._provider, self._prompt, self._breaker, self._note_end = provider, prompt, breaker, note
        self._began = time.monotonic()
        self._clocked = Clocked(provider, replace(prompt, clocks=clocks), clocks)
        self._aborted = False
        self._seen: Seen | None = None
        self._said: Usage | None = None
        self._length = 0
        self._blank = True
        self._handoff = False

    @property
    def first_token(self) -> float:
        """Seconds to the first text or tool call."""
        return self._clocked.first_token or 0.0

    def abort(self) -> None:
        """End it soon, from any thread."""
        self._aborted = True
        self._clocked.abort()

    def forget(self) -> None:
        """It will not be made after all."""
        self._breaker.neutral()

    def deltas(self) -> Generator[Text | ToolCall | Usage, None, End | None]:
        """Yield up to the end marker and return it; return ``None`` when aborted. Raises :class:`ProviderError` alone."""
        settled = False
        try:
            for delta in self._clocked:
                if type(delta) is Text:
                    if text := delta.text:  # an empty one is a sign of life and nothing to show
                        if self._seen is None:
                            self._seen = self._breaker.began()
                        self._length += len(text)
                        if self._blank:
                            self._blank = text.isspace()
                        yield delta
                elif type(delta) is End:
                    self._finish(delta)
                    settled = True
                    return delta
                elif isinstance(delta, ToolCall | Usage):
                    self._note(delta)
                    yield delta
            return None
        except GeneratorExit:
            raise
        except BaseException as error:
            if self._aborted:
                return None
            settled = True
            failure = error if isinstance(error, ProviderError) else self._broken(error)
            self._fail(failure)
            raise failure from (None if failure is error else error)
        finally:
            if not settled:
                self._breaker.neutral()

    def usage(self) -> Usage:
        """What the provider said, else about a token per four characters. Quotes cost nothing."""
        if AICapability.QUOTES in self._provider.capabilities:
            return Usage()
        said, prompt = self._said or Usage(), self._prompt
        given = (
            len(prompt.system) + sum(len(m.text) for m in prompt.messages) + sum(len(p.text) for p in prompt.passages)
        )
        pictures = sum(len(message.images) for message in prompt.messages)
        # 300: the rules and the tool that every request carries. 1,500: what a picture of the largest size counts for.
        return Usage(
            said.input_tokens or given // 4 + 300 + 1_500 * pictures,
            said.output_tokens or self._length // 4,
            said.cached_tokens,
        )

    @property
    def _name(self) -> str:
        return f"{self._provider.name}/{self._provider.model}"

    def failure(self, error: ProviderError) -> Failure:
        """``error`` as data."""
        return Failure(self._provider.name, self._provider.model, error.kind.value, str(error), error.status)

    def _note(self, delta: Delta) -> None:
        if isinstance(delta, Usage):
            counts = (delta.input_tokens, delta.output_tokens, delta.cached_tokens)
            if all(0 <= count <= MOST_TOKENS for count in counts):
                self._said = delta
        elif isinstance(delta, ToolCall) and delta.arguments.get("handoff"):
            self._handoff = True

    def _finish(self, end: End) -> None:
        if end.reason == "refused":
            return self._breaker.neutral()
        if self._blank and not self._handoff:
            raise ProviderError(ProviderErrorKind.REQUEST, "the answer was empty")
        self._note_end(self._name, "ok", self.first_token, time.monotonic() - self._began)
        return self._breaker.success(self._seen)

    def _broken(self, error: BaseException) -> ProviderError:
        if not isinstance(error, Exception | SystemExit):
            raise error  # KeyboardInterrupt and the like are not the provider's
        log.error("provider_broken", provider=self._provider.name, exc_info=error)
        return ProviderError(ProviderErrorKind.TEMPORARY, f"the plugin raised {type(error).__name__}")

    def _fail(self, error: ProviderError) -> None:
        self._note_end(self._name, error.kind.value)
        log.warning(
            "attempt_failed",
            provider=self._provider.name,
            model=self._provider.model,
            kind=error.kind.value,
            reason=str(error),
            status=error.status,
        )
        if error.kind is ProviderErrorKind.TEMPORARY:
            self._breaker.failure(str(error), self._seen)
        elif error.kind is ProviderErrorKind.RATE_LIMITED:
            self._breaker.limited(error.retry_after, str(error))
        elif error.kind is ProviderErrorKind.CONFIG:
            self._breaker.config(str(error))
        else:
            self._breaker.neutral()
