"""Slack's own syntax made readable, for customers and for commands."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .emoji import picture

_ANGLES = re.compile(r"<([@#!][^<>\n]+|[A-Za-z][A-Za-z0-9+.-]{0,20}:[^<>\n]+)>")
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>")
_EMOJI = re.compile(r":([a-z0-9_+'-]+):(?::skin-tone-[2-6]:)?")


def mentioned(text: str) -> set[str]:
    """Ids of the people in ``text``."""
    return {match[1] for match in _MENTION.finditer(text)}


def readable(text: str, names: Mapping[str, str] | None = None) -> str:
    """Plain text: people by name, links with their address, emoji as pictures where known."""
    names = names or {}
    text = _ANGLES.sub(lambda match: _angle(match[1], names), text)
    text = _EMOJI.sub(lambda match: picture(match[1]) or match[0], text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _angle(inside: str, names: Mapping[str, str]) -> str:
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return "@" + (names.get(target[1:]) or label.lstrip("@") or "someone")
    if target.startswith("#"):
        return "#" + (label.lstrip("#") or "channel")
    if target.startswith("!"):
        return label or _broadcast(target[1:].partition("^")[0])
    if target.startswith(("mailto:", "tel:")):
        return label or target.partition(":")[2]
    bare = target.partition("://")[2].rstrip("/")
    plain = not label or label.rstrip("/") in {target.rstrip("/"), bare}
    return target if plain else f"{label} ({target})"


def _broadcast(word: str) -> str:
    return f"@{word}" if word in {"here", "channel", "everyone"} else "@group" if word == "subteam" else word
