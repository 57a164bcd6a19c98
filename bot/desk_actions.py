"""What an agent may ask of a conversation. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What an agent may ask of a conversation, by a button or by a word in the thread."""

    CLAIM = "claim"
    RELEASE = "release"
    TRANSFER = "transfer"
    """``value``: the agent's name or the desk's id of the person."""
    SNOOZE = "snooze"
    """``value``: minutes."""
    RESOLVE = "resolve"
    REOPEN = "reopen"
    RETURN = "return"
    """Back to the AI."""
    BLOCK = "block"
    """The visitor may not write any more."""
    UNDO = "undo"
    """Take back the reply that is being held; ``value``: its key, or empty for the newest."""
    RETRY = "retry"
    """Send again what failed; ``value``: a delivery's key, for its whole message, or empty for everything."""
    PRIORITY = "priority"
    """``value``: low, normal, high or urgent."""
    TICKET = "ticket"
    """The customer need not wait here: it is answered later, as a ticket with everything that was said."""
    AWAY = "away"
    """This agent is away; while all are, customers are told so."""
    BACK = "back"
    SUMMARY = "summary"
    """Write the summary anew."""
    MARK = "mark"
    """What the assistant's last answer was worth. ``value``: right, wrong or needs_work, and behind it words of the agent's own."""
    DRAFT = "draft"
    """The AI writes a draft for the agent, who may use it or not; ``value``: what it should say, or nothing."""
    LINK = "link"
    """Tell this person how to become an agent here."""


@dataclass(frozen=True, slots=True)
class ActionWord:
    """A word that stands for an action where agents type. ``usage`` and ``about`` are for their help."""

    action: Action
    usage: str
    about: str


WORDS: Mapping[str, ActionWord] = {
    one.usage.partition(" ")[0]: one
    for one in (
        ActionWord(Action.CLAIM, "claim", "take the conversation"),
        ActionWord(Action.RELEASE, "release", "let somebody else take it"),
        ActionWord(Action.TRANSFER, "assign @name", "hand it over"),
        ActionWord(Action.SNOOZE, "snooze 60", "hide it for 60 minutes (also 2h, 3d), or until the customer writes"),
        ActionWord(Action.RESOLVE, "resolve", "close it"),
        ActionWord(Action.REOPEN, "reopen", "open it again"),
        ActionWord(Action.RETURN, "return", "give it back to the AI"),
        ActionWord(Action.PRIORITY, "priority urgent", "say how much it presses (urgent, high, normal, low)"),
        ActionWord(Action.TICKET, "ticket", "tell the customer that this is answered later"),
        ActionWord(Action.UNDO, "undo", "take your last reply back while it is held"),
        ActionWord(Action.RETRY, "retry", "send again what could not be delivered"),
        ActionWord(Action.SUMMARY, "summary", "write the summary anew"),
        ActionWord(
            Action.MARK, "mark right", "judge the assistant's last answer (right, wrong, needs work), with a word why"
        ),
        ActionWord(Action.BLOCK, "block", "the visitor cannot write any more"),
        ActionWord(Action.AWAY, "away", "you are away; while all are, customers are told so"),
        ActionWord(Action.BACK, "back", "you are there again"),
        ActionWord(Action.LINK, "link", "get a code that makes you an agent"),
    )
}
"""What may be done with a conversation by a word in its thread, by that word."""
