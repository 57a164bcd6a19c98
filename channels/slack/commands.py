"""Words that agents type in the thread. Slack has no slash commands there, so a command begins with an exclamation mark."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot import ACTION_WORDS, Action

_COMMAND = re.compile(r"!([A-Za-z]+)(?:\s+(.*))?\Z", re.DOTALL)
_MINUTES = re.compile(r"(\d{1,6})\s*(m|min|minutes?|h|hours?|d|days?)?\Z", re.IGNORECASE)
_VERDICT = re.compile(r"(right|wrong|needs[ _-]?work)\b[:,]?\s*(.*)\Z", re.IGNORECASE | re.DOTALL)
_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>\Z")
_ACTIONS = {word: one.action for word, one in ACTION_WORDS.items()}
LONGEST_SNOOZE = 60 * 24 * 30
"""Minutes: thirty days."""


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed. With ``words`` nothing is done and the person is told them. ``person`` is a Slack id."""

    action: Action | None = None
    value: str = ""
    person: str = ""
    words: str = ""
    note: str = ""
    """The text of an internal note."""
    ask: str = ""
    """Words for the core, which knows more of them, and says so of those that it does not know."""


def read_command(text: str) -> Command | None:
    """``None`` when the text is no command. What begins with ``!word`` never reaches the customer: the core says what it is."""
    text = text.strip()
    match = _COMMAND.match(text)
    if match is None:
        return None
    word, rest = match[1].lower(), (match[2] or "").strip()
    if word == "help":
        return Command(ask="help")
    if word == "note":
        return (
            Command(note=rest) if rest else Command(words="This note is empty. Write it after !note. Nothing was kept.")
        )
    action = _ACTIONS.get(word)
    if action is None:
        return Command(ask=f"{word} {rest}".strip())
    if action is Action.TRANSFER:
        return _assign(rest)
    if action is Action.MARK:
        return _mark(rest)
    if action is Action.SNOOZE:
        return _snooze(rest)
    if rest and action not in {Action.UNDO, Action.RETRY, Action.PRIORITY}:
        # "!resolve the issue by restarting" may be meant for the customer, or not: neither is done.
        return Command(
            words=f"!{word} takes nothing after it. Nothing was done and nothing was sent: write !{word} alone."
        )
    return Command(action, rest)


def _mark(rest: str) -> Command:
    match = _VERDICT.match(rest)
    if match is None:
        return Command(
            words="Say what the assistant's last answer was: !mark right, !mark wrong or !mark needs work, and behind it a word why"
            " if you like. Nothing was changed."
        )
    verdict = "needs_work" if match[1].lower().startswith("needs") else match[1].lower()
    return Command(Action.MARK, f"{verdict} {match[2].strip()}".strip())


def _assign(rest: str) -> Command:
    person = _PERSON.match(rest)
    if person:
        return Command(Action.TRANSFER, person=person[1])
    name = rest.lstrip("@")
    if not name or " " in name:
        return Command(words="Say whom: !assign @name. Nothing was changed.")
    return Command(Action.TRANSFER, name)


def _snooze(rest: str) -> Command:
    match = _MINUTES.match(rest or "60")
    if match is None:
        return Command(words="Say for how long: !snooze 60 (minutes), !snooze 2h or !snooze 3d. Nothing was changed.")
    minutes = int(match[1]) * {"h": 60, "d": 1440}.get((match[2] or "m")[0].lower(), 1)
    if not 1 <= minutes <= LONGEST_SNOOZE:
        return Command(words="A snooze lasts from 1 minute to 30 days. Nothing was changed.")
    return Command(Action.SNOOZE, str(minutes))
