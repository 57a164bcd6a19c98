"""Whether somebody talks to the bot, and to what. No I/O.

Always in a private chat; in a group by its name, by a reply to it, or by a command with its name.
"""

from __future__ import annotations

import re
from typing import Any


def to_us(message: dict[str, Any], me: int, username: str) -> bool:
    """Whether a message is meant for the bot ``me``."""
    if int(message["chat"]["id"]) > 0:
        return True
    replied = message.get("reply_to_message") or {}
    if (replied.get("from") or {}).get("id") == me and not replied.get("forum_topic_created"):
        return True
    text = str(message.get("text") or message.get("caption") or "")
    units = text.encode("utf-16-le", "surrogatepass")
    for entity in [*(message.get("entities") or ()), *(message.get("caption_entities") or ())]:
        start, end = 2 * int(entity.get("offset", 0)), 2 * (int(entity.get("offset", 0)) + int(entity.get("length", 0)))
        words = units[start:end].decode("utf-16-le", "replace").lower()
        kind = entity.get("type")
        if kind == "mention" and username and words == f"@{username.lower()}":
            return True
        if kind == "text_mention" and (entity.get("user") or {}).get("id") == me:
            return True
        if kind == "bot_command" and start == 0:
            name, _, whose = words.partition("@")
            # Without a name behind it a command may be any bot's. Telegram's own menu puts it there.
            if name and username and whose == username.lower():
                return True
    return False


def without_mention(text: str, username: str) -> str:
    """What was said, without the bot's name at its beginning or end."""
    if not username:
        return text.strip()
    name = re.escape(username)
    text = re.sub(rf"^\s*@{name}\b[\s,:]*", "", text, flags=re.IGNORECASE)
    return re.sub(rf"\s+@{name}\s*$", "", text, flags=re.IGNORECASE).strip()


QUOTED = 200
"""Characters of what somebody answers to."""
ROOM = 3_700
"""Longer messages come without it."""


def with_quote(message: dict[str, Any], me: int, text: str) -> str:
    """What was said, under what it answers to: what the person marked, or in a group somebody else's message ("and how is that here?")."""
    replied = message.get("reply_to_message") or {}
    author = replied.get("from") or {}
    words = str((message.get("quote") or {}).get("text") or "")
    if (
        not words
        and int(message["chat"]["id"]) < 0
        and author.get("id") != me
        and not replied.get("forum_topic_created")
    ):
        words = str(replied.get("text") or replied.get("caption") or "")
    words = " ".join(words.split())
    if not words or len(text) > ROOM:
        return text
    name = str(author.get("first_name") or "") if author.get("id") != me else ""
    cut = words if len(words) <= QUOTED else words[:QUOTED].rstrip() + " …"
    return f"> {name + ': ' if name else ''}{cut}\n{text}".rstrip()
