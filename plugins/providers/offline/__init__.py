"""The offline assistant: no key, no model. It quotes the sentences of the help articles that fit the question best."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from bot import (
    AICapability,
    AIProvider,
    Delta,
    End,
    PluginInfo,
    Prompt,
    Settings,
    Text,
    ToolCall,
    Usage,
    hookimpl,
    language_of,
    small_talk,
)

from .phrases import LANGUAGES, Phrases
from .quotes import choose
from .words import stem

PLUGIN = PluginInfo(
    title="Offline assistant",
    summary="Answers without a key or a model, by quoting the help articles.",
)

_WORD = re.compile(r"\S+\s*|\s+")
SUMMARY_CHARACTERS = 300


class Offline(AIProvider):
    """Answers from ``prompt.passages`` alone and says so."""

    name: ClassVar[str] = "offline"
    model: str = "quotes"
    capabilities = frozenset({AICapability.QUOTES})
    threaded: ClassVar[bool] = False

    def stream(self, prompt: Prompt) -> Iterator[Delta]:
        """Yield word by word; it never waits."""
        text, conclusion = summary(prompt) if prompt.task == "summary" else answer(prompt)
        for piece in _WORD.findall(text):
            yield Text(piece)
        if prompt.conclude and conclusion:
            yield ToolCall("conclude", conclusion)
        yield Usage()
        yield End()

    def warm(self) -> None:
        """Load the stemmers."""
        for language in ("en", "de", "fr", "es", "pt"):
            stem("questions", language)


def answer(prompt: Prompt) -> tuple[str, dict[str, Any]]:
    """The text of the answer and the arguments of ``conclude``."""
    question = prompt.question
    if talk := small_talk(question):
        kind, language = talk
        phrases = LANGUAGES[language]
        if kind == "person":
            handoff = {"reason": "The customer asked for a person.", "summary": ""}
            return phrases.passing_on, {"confidence": 1.0, "handoff": handoff}
        return str(getattr(phrases, kind)), {"confidence": 0.9}
    language = language_of(question, prompt.language)
    phrases = LANGUAGES[language]
    if not prompt.answerable or not prompt.passages:
        return _not_found(phrases)
    context = " ".join(m.text for m in prompt.messages[:-1] if m.role == "user")[-300:]
    quotes, covered = choose(question, prompt.passages, language)
    if not quotes and context:  # "and how much is it?": the subject was named before
        quotes, covered = choose(f"{context} {question}", prompt.passages, language)
    if not quotes:
        return _not_found(phrases)
    body = "\n\n".join(f"{quote.text} [{quote.passage}]" for quote in quotes)
    confidence = round(0.35 + 0.5 * covered, 2)
    replies = [phrases.person] if confidence < 0.5 else []
    return f"{phrases.quoting}\n\n{body}", {"confidence": confidence, "quick_replies": replies}


def _not_found(phrases: Phrases) -> tuple[str, dict[str, Any]]:
    return phrases.not_found, {"confidence": 0.1, "quick_replies": [phrases.person]}


def summary(prompt: Prompt) -> tuple[str, dict[str, Any]]:
    """What the customer wrote first and last: the most that can be said of a conversation without a model."""
    theirs = [" ".join(m.text.split()) for m in prompt.messages if m.role == "user" and m.text.strip()]
    if not theirs:
        return "The customer has not written anything yet.", {}
    short = [t if len(t) <= SUMMARY_CHARACTERS else t[: SUMMARY_CHARACTERS - 1].rstrip() + "…" for t in theirs]
    first = f"First message: {short[0]}"
    return (first if len(short) == 1 else f"{first}\nLast message: {short[-1]}"), {}


class OfflineSettings(Settings):
    """There is nothing to set."""


@hookimpl
def settings_schema() -> type[Settings]:
    return OfflineSettings


@hookimpl
def ai_provider(settings: OfflineSettings) -> AIProvider:
    return Offline()
