"""What Discord says, as text for people: mentions by name, stickers and polls in words, forwarded messages as quotes.

Everything here takes raw data and tolerates what is missing or new.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bot import MAX_TEXT, Profile

WRITTEN = {0, 19}
"""Types of messages that people write: a plain one and a reply (resources/message). All others are Discord's own lines."""
QUOTED = 300
_USER = re.compile(r"<@!?(\d{5,25})>")
_ROLE = re.compile(r"<@&\d{5,25}>")
_CHANNEL = re.compile(r"<#\d{5,25}>")
_EMOJI = re.compile(r"<a?(:\w{1,40}:)\d{5,25}>")
_TIME = re.compile(r"<t:(-?\d{1,12})(?::[tTdDfFR])?>")
_COMMAND = re.compile(r"</([\w -]{1,100}):\d{5,25}>")


def by_a_person(message: dict[str, Any], me: str) -> bool:
    """Whether a person wrote it: no bot (and so not we), no webhook, none of Discord's own lines."""
    author = message.get("author") or {}
    if message.get("webhook_id") or author.get("bot") or author.get("system") or str(author.get("id")) == me:
        return False
    return bool(author.get("id")) and message.get("type", 0) in WRITTEN


def mentions(message: dict[str, Any], me: str) -> bool:
    """Whether it names the bot itself; a role or everyone does not count, and neither does a mere reply to us."""
    named = any(str(one.get("id")) == me for one in message.get("mentions") or [] if isinstance(one, dict))
    return named and (f"<@{me}>" in str(message.get("content")) or f"<@!{me}>" in str(message.get("content")))


def text_of(message: dict[str, Any], me: str, *, quote: bool = False) -> str:
    """The words of a message. ``quote``: with the beginning of what it replies to, when that is somebody else's."""
    people = {
        str(one["id"]): _name(one) for one in message.get("mentions") or [] if isinstance(one, dict) and one.get("id")
    }
    parts = [_readable(str(message.get("content") or ""), me, people)]
    parts += [
        f"(sticker: {one.get('name') or 'unnamed'})"
        for one in message.get("sticker_items") or []
        if isinstance(one, dict)
    ]
    poll = message.get("poll")
    if isinstance(poll, dict):
        parts.append(_poll(poll))
    for one in snapshots(message):
        forwarded = _readable(str(one.get("content") or ""), me, people)
        if forwarded:
            parts.append("(forwarded)\n" + forwarded)
    text = "\n".join(part for part in parts if part)
    if quote:
        text = _with_quote(text, message, me)
    return text


def snapshots(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What was forwarded with a message."""
    found = message.get("message_snapshots")
    inner = [one.get("message") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [one for one in inner if isinstance(one, dict)]


def attachments(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Its files, and those of what was forwarded."""
    found = [*(message.get("attachments") or [])]
    for one in snapshots(message):
        found += one.get("attachments") or []
    return [one for one in found if isinstance(one, dict)]


def profile_of(user: dict[str, Any], member: Any = None, language: str = "") -> Profile:
    """Name, language and picture; nobody vouches for any."""
    nick = str(member.get("nick") or "") if isinstance(member, dict) else ""
    return Profile(name=(nick or _name(user))[:100], language=language[:35], picture=_picture(user))


def _picture(user: dict[str, Any]) -> str:
    """Public by Discord's own rules: https://discord.com/developers/docs/reference#image-formatting"""
    who, name = str(user.get("id") or ""), str(user.get("avatar") or "")
    if not who.isdecimal() or not name.replace("_", "").isalnum():
        return ""
    return f"https://cdn.discordapp.com/avatars/{who}/{name}.png?size=128"


def emoji_of(emoji: Any) -> str:
    """A reaction in text: the character, or the name of a server's own emoji."""
    if not isinstance(emoji, dict):
        return ""
    name = str(emoji.get("name") or "")
    return f":{name}:" if emoji.get("id") and name else name


def _name(user: dict[str, Any]) -> str:
    return str(user.get("global_name") or user.get("username") or "")


def _readable(text: str, me: str, people: dict[str, str]) -> str:
    def person(found: re.Match[str]) -> str:
        if found[1] == me:
            return ""
        return f"@{people.get(found[1]) or 'someone'}"

    text = _USER.sub(person, text)
    text = _ROLE.sub("@role", text)
    text = _CHANNEL.sub("#channel", text)
    text = _EMOJI.sub(r"\1", text)
    text = _COMMAND.sub(r"/\1", text)
    return _TIME.sub(_time, text).strip()


def _time(found: re.Match[str]) -> str:
    try:
        return f"{datetime.fromtimestamp(int(found[1]), UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return found[0]


def _poll(poll: dict[str, Any]) -> str:
    question = str((poll.get("question") or {}).get("text") or "")
    answers = [str((one.get("poll_media") or {}).get("text") or "") for one in poll.get("answers") or []]
    return "(poll) " + question + "".join(f"\n- {answer}" for answer in answers if answer)


def _with_quote(text: str, message: dict[str, Any], me: str) -> str:
    other = message.get("referenced_message")
    if not isinstance(other, dict) or str((other.get("author") or {}).get("id")) in {
        me,
        str((message.get("author") or {}).get("id")),
    }:
        return text
    said = text_of(other, me)
    if not said:
        return text
    said = said if len(said) <= QUOTED else said[: QUOTED - 1] + "…"
    quoted = "\n".join(f"> {line}" for line in f"{_name(other.get('author') or {})}: {said}".splitlines())
    whole = f"{quoted}\n\n{text}"
    return whole if len(whole) <= MAX_TEXT else text


def modal_values(components: Any) -> dict[str, str]:
    """What was typed into a modal, by the fields' ids. Takes rows as well as labels."""
    found: dict[str, str] = {}
    waiting: list[Any] = (
        list(components) if isinstance(components, Sequence) and not isinstance(components, str) else []
    )
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, dict):
            continue
        if "custom_id" in one and isinstance(one.get("value"), str):
            found[str(one["custom_id"])] = one["value"]
        inner = one.get("components")
        waiting += inner if isinstance(inner, list) else []
        waiting.append(one.get("component"))
    return found
