"""What people can tell the bot by a command, and what they are told at once. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass

LIST = (
    ("person", "Talk to a person"),
    ("new", "Begin a new conversation"),
    ("continue", "Go on with this conversation elsewhere"),
    ("help", "What you can do here"),
)
"""Shown by Telegram beside the text field."""
HELLO = "Hello. Write your question and I will answer it. A person from the team takes over whenever you ask for one: /person"
HELP = (
    "Write your question here, also with photos, documents or a voice message.\n"
    "/person – talk to a person\n"
    "/new – begin a new conversation\n"
    "/continue – go on with this conversation on the website or elsewhere\n"
    "In a group, write my name or reply to one of my messages."
)
BEGIN = "All right, we begin anew. What is your question?"
_COMMAND = re.compile(r"/([a-z_]{1,32})(?:@(\w{1,64}))?(?:\s+(.*))?", re.DOTALL | re.IGNORECASE)
_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{5}-?[0-9A-HJKMNP-TV-Z]{5}")
"""A code to go on with a conversation, as it is in links: its very letters. Other words behind ``/start`` are where somebody came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a command asks for: an event of this ``kind``, a sentence to ``say`` at once, a ``text`` that is a message as well."""

    kind: str = ""
    code: str = ""
    text: str = ""
    say: str = ""
    then: str = ""
    """Said after the event was committed."""
    first: bool = False
    """Whether the event comes before the text."""


def command_of(text: str, username: str) -> Command | None:
    """The command in a text; ``None``: it is none of ours, and just text."""
    match = _COMMAND.fullmatch(text)
    if match is None or (match[2] and match[2].lower() != username.lower()):
        return None
    name, rest = match[1].lower(), (match[3] or "").strip()
    if name == "start":
        return (
            Command(kind="continue", code=rest)
            if _CODE.fullmatch(rest)
            else Command(say=HELLO, text=rest if " " in rest else "")
        )
    if name == "help":
        return Command(text=rest, say="" if rest else HELP)
    if name == "person":
        return Command(kind="handoff", text=rest)
    if name == "new":
        return Command(kind="new", then="" if rest else BEGIN, text=rest, first=True)
    if name == "continue":
        return Command(kind="continue", code=rest)
    return None
