"""What an agent may ask of a conversation. No I/O here."""

from __future__ import annotations

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
