"""``ProviderConformance``: what every AI provider promises, to be subclassed in the tests of its author."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar

from bot.ai import AICapability, AIProvider
from bot.testing.elsewhere import Elsewhere
from bot.testing.model_stage import ModelStage
from bot.testing.promises import Conformance, Promise
from bot.testing.provider_promises import Answering


class ModelTrouble(StrEnum):
    """What the kit asks a model's double to do wrong with the next request."""

    REFUSED_KEY = "refused_key"
    RATE_LIMITED = "rate_limited"
    """Come again in ``seconds``."""
    BAD_REQUEST = "bad_request"
    """The request itself is refused (a 400): nothing is wrong with the model."""
    BROKEN = "broken"
    """A fault of the server's own (a 500)."""
    OUTAGE = "outage"
    """Nobody answers at the address any more."""
    CUT = "cut"
    """After the words ``one two three `` the stream ends without the API's end marker."""
    GARBAGE = "garbage"
    """After the words ``one two three `` comes something that is not the API's."""
    SILENT = "silent"
    """The request is taken, and nothing ever comes."""


class ModelDouble:
    """The model's API over the wire. One is made for each test. Methods may be plain or ``async``."""

    troubles: ClassVar[frozenset[ModelTrouble]] = frozenset(ModelTrouble)
    secrets: ClassVar[tuple[str, ...]] = ()
    """Keys that no error may show."""

    def start(self) -> Any:
        """Listen on a loopback port."""
        raise NotImplementedError

    def stop(self) -> Any:
        """Let go of everything."""
        raise NotImplementedError

    def answer(
        self, text: str, usage: tuple[int, int] = (0, 0), seconds: float = 0.0, conclude: dict[str, Any] | None = None
    ) -> Any:
        """Answer the next request with ``text`` in several pieces over ``seconds``; tell ``usage``; call the tool ``conclude`` with
        these arguments. ``{question}`` in the text is what the customer asked."""
        raise NotImplementedError

    def cut_short(self, text: str) -> Any:
        """Answer the next request with ``text`` and say that the limit of tokens was reached."""
        raise NotImplementedError

    def trouble(self, kind: ModelTrouble, seconds: float = 0.0) -> Any:
        """Let the next request go wrong."""
        raise NotImplementedError

    def requests(self) -> Any:
        """What was asked so far: the whole body of each request as text."""
        raise NotImplementedError

    def open_streams(self) -> Any:
        """How many answers are under way now."""
        raise NotImplementedError


class ProviderConformance(Answering, Conformance):
    """Set ``provider`` (the class) and ``model`` (the double's class), and write :meth:`make`. Each promise is one test."""

    provider: ClassVar[type[AIProvider]]
    model: ClassVar[type[ModelDouble]]
    capabilities: ClassVar[frozenset[AICapability]] = frozenset()
    """What the provider of :meth:`make` has (its instance says it, and the kit compares)."""

    def make(self, model: Any) -> AIProvider:
        """A provider that talks to this double."""
        raise NotImplementedError(f"{type(self).__name__} must write make(self, model) and return the provider")

    @classmethod
    def complete(cls) -> bool:
        return hasattr(cls, "provider") and hasattr(cls, "model")

    @classmethod
    def why_not(cls, one: Promise) -> str:
        declared = {str(capability) for capability in cls.capabilities}
        if cls.model.secrets:
            declared.add("secrets")
        if not cls.provider.threaded:
            declared.add("abort")
        words = {
            "secrets": "the model has no keys (the double names none in secrets)",
            "abort": "it runs in a thread that can be left behind (threaded)",
        }
        for need in sorted(one.needs - declared):
            return words.get(need, f"{need} is not declared")
        for trouble in one.troubles:
            if trouble not in cls.model.troubles:
                return f"{trouble} cannot happen there (the double's troubles)"
        return ""

    def keep(self, function: Callable[..., Any]) -> None:
        double = self.model()
        elsewhere = Elsewhere(double)
        provider: AIProvider | None = None
        try:
            asyncio.run(elsewhere.start())  # type: ignore[arg-type]
            provider = self.make(double)
            function(self, ModelStage(elsewhere, provider, double.secrets))
        finally:
            if provider is not None:
                closing = threading.Thread(target=provider.close, daemon=True)
                closing.start()
                closing.join(5)
            asyncio.run(elsewhere.stop())  # type: ignore[arg-type]
            elsewhere.end()
