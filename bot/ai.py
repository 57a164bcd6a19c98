"""The AI contract: a provider turns one :class:`Prompt` into a stream of deltas. No I/O here.

A provider makes one attempt and keeps no state between calls. Order, clocks, breaker, retries and failover belong to
``bot.fleet``. A stream that ends without :class:`End` is a failure, never a short answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.knowledge import Passage


class Handoff(BaseModel):
    """The AI passes the conversation to people."""

    model_config = ConfigDict(extra="ignore")
    reason: str = Field(max_length=200, description="Why a person is needed, in one short sentence.")
    summary: str = Field(default="", max_length=1_000, description="What the person should know, in two sentences.")


class Conclusion(BaseModel):
    """What the model says about its own answer, by one typed tool call ``conclude`` at the end. Never magic text."""

    model_config = ConfigDict(extra="ignore")
    confidence: float = Field(
        default=0.5, ge=0, le=1, description="How sure you are that the answer is right and complete."
    )
    quick_replies: list[str] = Field(
        default_factory=list, max_length=5, description="Up to 5 short follow-ups the customer may choose."
    )
    handoff: Handoff | None = Field(default=None, description="Set when a person must take over.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture that a customer sent, as bytes: already checked, re-encoded and small enough for a model."""

    media: str
    """Such as ``image/png``."""
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PromptMessage:
    role: Literal["user", "assistant"]
    text: str
    images: tuple[Image, ...] = ()
    """Only providers with :attr:`AICapability.VISION` are given them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Seconds a provider may take. The fleet enforces them; a provider uses them as socket timeouts."""

    connect: float = 3.0
    first_token: float = 15.0
    between_tokens: float = 10.0
    total: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Everything a provider may know. History is oldest first and ends with the customer's words.

    ``passages`` are numbered from 1 in their order; the model cites them as ``[1]``. They are untrusted data.
    """

    system: str
    messages: tuple[PromptMessage, ...]
    passages: tuple[Passage, ...] = ()
    answerable: bool = True
    """False when retrieval decided that the knowledge base has no answer."""
    task: Literal["answer", "summary", "article", "draft"] = "answer"
    """``draft``: of a reply, for an agent who looks at it before the customer does."""
    language: str = ""
    max_tokens: int = 700
    temperature: float | None = None
    """Sent only to providers that have it."""
    conclude: bool = True
    """Offer the tool ``conclude`` (see :class:`Conclusion`)."""
    clocks: Clocks = field(default_factory=Clocks)
    economy: Literal["full", "cheap", "quotes"] = "full"
    """What may be spent: every provider, only those that are cheap (:attr:`AICapability.CHEAP`, an admin's mark, or a low price), or
    only those that quote the articles without a model."""
    pictures: int = 0
    """Pictures that the customer sent with what is answered now."""
    unseen: int = 0
    """Those of them that are not given: there were too many, or who is asked cannot look at pictures."""
    placeholders: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What stands for something that no provider may see, and what it stands for: put back into the answer for this customer.
    Never part of a request."""
    house: str = field(default="", repr=False)
    """What of ``system`` admins wrote: nobody's personal data. What plugins add to it may be."""
    canary: str = field(default="", repr=False)
    """A secret of this request, which providers are told and never to repeat: an answer with it, or with a part of it, is not shown."""

    @property
    def question(self) -> str:
        """The customer's last words."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer. An empty one is a sign of life (a keep-alive of the server)."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole tool call, arguments parsed from JSON."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counts them. The last one wins."""

    input_tokens: int = 0
    """All of them, also those that the provider had in its cache."""
    output_tokens: int = 0
    cached_tokens: int = 0
    """Those of the input that came from the provider's cache, which costs less."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class End:
    """The provider's own end marker. ``length`` means that ``max_tokens`` cut the answer."""

    reason: Literal["stop", "length", "tool", "refused"] = "stop"


Delta = Text | ToolCall | Usage | End


class DeltaStream:
    """Deltas that another thread can end. A provider that waits for a network returns this from ``stream``.

    ``abort`` may be called at any time, from any thread, more than once; the iteration must then end or raise soon.
    """

    def __init__(self, deltas: Generator[Delta, None, None], abort: Callable[[], None]) -> None:
        self._deltas = deltas
        self.abort = abort

    def __iter__(self) -> Iterator[Delta]:
        return self._deltas  # the generator itself: nothing is paid per delta

    def __next__(self) -> Delta:
        return next(self._deltas)

    def close(self) -> None:
        """Close the connection. Only from the thread that iterates."""
        self._deltas.close()


class ProviderErrorKind(StrEnum):
    TEMPORARY = "temporary"
    """Timeout, reset, 5xx, 529, an error or a cut in mid-stream, malformed data."""
    RATE_LIMITED = "rate_limited"
    CONFIG = "config"
    """Wrong key, no access, spend limit: no probes until the settings change or 15 minutes passed."""
    REQUEST = "request"
    """Our fault (400, too long): says nothing about the provider's health."""


class ProviderError(Exception):
    """What ``stream`` raises. The text goes to logs: no key, no customer text in it."""

    def __init__(
        self, kind: ProviderErrorKind, reason: str, *, retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.retry_after = retry_after
        """Seconds, when the provider said so."""
        self.status = status


class AICapability(StrEnum):
    TOOLS = "tools"
    TEMPERATURE = "temperature"
    VISION = "vision"
    EMBED = "embed"
    """Turns texts into vectors, by :attr:`AIProvider.embedding_model`."""
    CHEAP = "cheap"
    """Meant for when the budget is nearly used up."""
    QUOTES = "quotes"
    """Answers by quoting passages, without a model: needs no budget, and its answers are labelled ``offline``."""


class Vectors(list[list[float]]):
    """One vector for each text, with what they took: ``tokens``, as the provider counted them."""

    def __init__(self, vectors: Iterable[list[float]] = (), *, tokens: int = 0) -> None:
        super().__init__(vectors)
        self.tokens = tokens


class AIProvider:
    """An AI behind one key and one model. Used by many threads at once."""

    name: ClassVar[str] = ""
    """The plugin's name; also the key of its breaker and its clocks."""
    model: str = ""
    capabilities: frozenset[AICapability] = frozenset()
    embedding_model: str = ""
    """What ``embed`` asks. Vectors of two models cannot be compared, so Deskhand never mixes them."""
    threaded: ClassVar[bool] = True
    """Run ``stream`` in a thread of its own (one hop per delta), which is left behind when a clock runs out. ``False`` for
    a provider that returns a :class:`DeltaStream`, or that never waits for anything outside the process."""

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        """Yield deltas until :class:`End`. Raises :class:`ProviderError`. Closing the iterator must close the connection.

        The clocks run from the moment this returns: an import belongs before, a request behind.
        """
        raise NotImplementedError

    def embed(self, texts: Sequence[str], clocks: Clocks) -> list[list[float]]:
        """Return one vector for each text, in their order, all of one length. Only with :attr:`AICapability.EMBED`.

        At most 64 texts that are not empty. One attempt. :class:`Vectors` say what they took; of another list that is reckoned from
        the texts. Raises :class:`ProviderError`.
        """
        raise NotImplementedError

    def warm(self) -> None:
        """Get ready for the first question: import the SDK, open the client. Called once, in the background."""

    def check(self) -> None:
        """Prove in a cheap way that key and model work; raise :class:`ProviderError` if not. For ``deskhand doctor``."""

    def close(self) -> None:
        """Let go of connections."""
