"""Buttons under messages, for channels that have them: what is offered, and what a pressed one means now.

A value says which button it was, never what to do: that is worked out from the database, so an old button under a message
that is gone is refused with a sentence.
"""

from __future__ import annotations

import re
from dataclasses import replace

from bot import marks, ratings
from bot.handoff_words import WAIT_BEGINS
from bot.messages import Button, Inbound, MessageView
from bot.refusal import Refusal
from bot.store import sql
from bot.store.statements import COLUMNS, view

PERSON = "person"
PERSON_WORDS = "Talk to a person"
ASSISTANT = "assistant"
ASSISTANT_WORDS = "Back to the AI assistant"
RATE_QUESTION = "How was the help, from 1 (bad) to 5 (good)?"
_CHOICE = re.compile(r"c(\d{1,2}):([a-z2-7]{1,60})")
_RATE = re.compile(r"rate:([1-5])")
_MARK = re.compile(r"(up|down):([a-z2-7]{1,58})")
_OFFERING = frozenset({"offline", "fallback"})
"""Answers without a model, or without an answer: a person is offered under them."""
_MARKED = frozenset({"ai", "auto", "cache", "offline"})
"""Answers that are worth a thumb."""


def offered(message: MessageView, conversation_id: str, key: str) -> tuple[Button, ...]:
    """The buttons under a message: quick replies, a person, the way back to the AI, a rating. ``key``: of the delivery that
    shows them. Inside a write."""
    if wants_rating(message, conversation_id):
        return tuple(Button(label=f"{score} ★", value=f"rate:{score}") for score in range(1, ratings.BEST + 1))
    if message.type in WAIT_BEGINS and _state(conversation_id) == "waiting":
        return (Button(label=ASSISTANT_WORDS, value=ASSISTANT),)
    buttons = [Button(label=choice, value=f"c{n}:{key}") for n, choice in enumerate(message.choices)]
    if _offers_person(message, conversation_id):
        buttons.append(Button(label=PERSON_WORDS, value=PERSON))
    if message.author == "ai" and message.type in _MARKED and _state(conversation_id) == "ai":
        buttons += [Button(label=sign, value=f"{value}:{key}") for value, sign in marks.THUMBS.items()]
    return tuple(buttons)


def wants_rating(message: MessageView, conversation_id: str) -> bool:
    """Whether this message closed the conversation and the customer has not rated it since."""
    return message.type == "resolved" and ratings.asked(conversation_id) == 0


def _offers_person(message: MessageView, conversation_id: str) -> bool:
    """Under what the AI says without being sure of an article, while it has the conversation."""
    if message.author != "ai" or PERSON_WORDS in message.choices:
        return False
    if message.type not in _OFFERING and message.sources:
        return False
    return _state(conversation_id) == "ai"


def _state(conversation_id: str) -> str:
    row = sql("SELECT state FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    return str(row[0]) if row else ""


def meant(event: Inbound) -> Inbound:
    """The event that a pressed button stands for: a message with the choice's words, a handoff, a rating or a mark. Inside a write.
    Raises :class:`Refusal`.
    """
    value = event.text.strip()
    if value == PERSON:
        return replace(event, kind="handoff", text="")
    if value == ASSISTANT:
        return replace(event, kind="cancel", text="")
    if found := _RATE.fullmatch(value):
        return replace(event, kind="rating", text="", rating=int(found[1]))
    if found := _CHOICE.fullmatch(value):
        words = _choice(event, int(found[1]), found[2])
        if words == PERSON_WORDS:
            return replace(event, kind="handoff", text="")
        if words:
            return replace(event, kind="message", text=words)
    if found := _MARK.fullmatch(value):
        row = _shown_by(event, found[2])
        if row:
            return replace(event, kind="mark", text="", mark=found[1], subject=row)
    raise Refusal("unknown_message", "This button is too old to be used. Write what you want instead.", "text")


def _choice(event: Inbound, number: int, key: str) -> str:
    """The words of a quick reply that was offered at this very place."""
    message_id = _shown_by(event, key)
    stored = sql(f"SELECT {COLUMNS} FROM message WHERE id = ?", (message_id,)).fetchone() if message_id else None  # noqa: S608
    choices = view(stored).choices if stored else ()
    return choices[number] if number < len(choices) else ""


def stays(event: Inbound) -> bool:
    """Whether the pressed button is one of those that may be pressed again: a thumb."""
    return event.kind == "button" and _MARK.fullmatch(event.text.strip()) is not None


def _shown_by(event: Inbound, key: str) -> str:
    """The message under which a button of this delivery stands, if that is at the very place where it was pressed."""
    row = sql(
        "SELECT message FROM delivery WHERE key = ? AND channel = ? AND place = ?", (key, event.channel, event.place)
    ).fetchone()
    return str(row[0]) if row else ""
