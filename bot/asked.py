"""What a turn is about: the conversation as the AI sees it, what the knowledge base has to it, and the prompt made of both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot import clock
from bot.ai import Prompt, PromptMessage
from bot.events import TurnContext
from bot.file_words import with_files
from bot.knowledge import Found, Passage, Question
from bot.messages import MessageView
from bot.prompt_values import HISTORY_TOKENS, filled
from bot.seeing import NONE, Pictures
from bot.turns import Begun

if TYPE_CHECKING:
    from bot.plugins import Snapshot

MAX_PASSAGES = 8
MAX_TOKENS = 700
CHARACTERS = 4
"""Of a text for each token, about."""
CONTEXT = 3
"""Earlier customer messages that help to understand a follow-up question."""

SYSTEM = "You are the support assistant of {name}. You answer customers of its website in a chat window."


def filtered(begun: Begun, plugins: Snapshot, turn: TurnContext) -> list[MessageView]:
    """What the AI sees: the conversation so far, then what is asked now. A question that came in the middle of an answer
    stands before that answer in the conversation, and still it is what this turn is about.
    """
    said = [
        plugins.pipe("filter_inbound", "message", message, turn=turn) if asked_now(message, begun) else message
        for message in begun.history
        if not message.deleted and message.author != "note" and (message.text or message.files)
    ]
    return sorted(said, key=lambda message: (asked_now(message, begun), message.seq))


def asked_now(message: MessageView, begun: Begun) -> bool:
    return message.author == "customer" and message.seq > begun.answered


def search(begun: Begun, history: Sequence[MessageView], plugins: Snapshot) -> Found:
    theirs = [m for m in history if m.author == "customer" and m.text]
    asked = [m.text for m in theirs if asked_now(m, begun)] or [m.text for m in theirs[-1:]]
    earlier = [m.text for m in theirs if not asked_now(m, begun)][-CONTEXT:]
    question = Question(
        site=begun.site_id, text="\n".join(asked)[-2_000:], language=begun.language, context="\n".join(earlier)[-1_000:]
    )
    return merge([result for _, result in plugins.each("search_knowledge", question=question) if result is not None])


def merge(results: Sequence[Found]) -> Found:
    """Merge by rank: the first of each source, then the second of each, and so on."""
    if len(results) == 1:
        return results[0]
    passages: list[Passage] = []
    seen: set[str] = set()
    for rank in range(max((len(found.passages) for found in results), default=0)):
        for found in results:
            if rank < len(found.passages) and found.passages[rank].id not in seen:
                seen.add(found.passages[rank].id)
                passages.append(found.passages[rank])
    return Found(
        passages=tuple(passages[:MAX_PASSAGES]),
        answerable=any(found.answerable for found in results),
        certainty=max((found.certainty for found in results), default=0.0),
        version=max((found.version for found in results), default=0),
    )


def make_prompt(begun: Begun, history: Sequence[MessageView], found: Found, seen: Pictures = NONE) -> Prompt:
    """The conversation, bounded, with what admins tell the AI and what was found."""
    values = begun.prompts
    messages = [
        PromptMessage("user" if m.author == "customer" else "assistant", with_files(m).text, seen.images.get(m.id, ()))
        for m in history
        if m.author != "system"
    ]
    system = "\n\n".join(said_to_ai(text, begun) for text in (values.system or SYSTEM, values.instructions) if text)
    return Prompt(
        system=system,
        house=system,
        messages=remembered(messages, last=values.history, tokens=values.history_tokens or HISTORY_TOKENS),
        passages=found.passages,
        answerable=found.answerable,
        language=begun.language,
        max_tokens=values.max_tokens or MAX_TOKENS,
        temperature=values.temperature,
        pictures=seen.asked,
        unseen=seen.unseen,
    )


def with_pictures(prompt: Prompt, begun: Begun) -> Prompt:
    """The prompt with what admins say of pictures, if there are any to be seen."""
    if not begun.prompts.image or not any(message.images for message in prompt.messages):
        return prompt
    return replace(prompt, system=f"{prompt.system}\n\n{said_to_ai(begun.prompts.image, begun)}")


def said_to_ai(text: str, begun: Begun) -> str:
    today = time.strftime("%Y-%m-%d", time.gmtime(clock.now()))
    return filled(text, name=begun.site_name, language=begun.language or "unknown", date=today)


def remembered(messages: Sequence[PromptMessage], *, last: int | None, tokens: int) -> tuple[PromptMessage, ...]:
    """The newest messages: at most ``last`` of them, together at most so many tokens. The newest one always, and whole; of the
    others none is cut, because half of a sentence may say the opposite."""
    kept: list[PromptMessage] = []
    left = tokens * CHARACTERS
    for message in reversed(messages):
        left -= len(message.text)
        if kept and (left < 0 or (last is not None and len(kept) >= last)):
            break
        kept.append(message)
    return tuple(reversed(kept))
