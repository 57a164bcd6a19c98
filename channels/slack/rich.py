"""Small builders of Slack's blocks. Foreign text goes into rich_text and plain_text, where Slack reads no commands.

``<!channel>``, ``<@U…>`` and links are only read in ``mrkdwn`` and in the fallback ``text``: :func:`escape` is for that one.
"""

from __future__ import annotations

from typing import Any

Block = dict[str, Any]
Part = dict[str, Any]

PIECE = 2_900
"""Longest text of one element."""


def escape(text: str) -> str:
    """The only three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, longest: int) -> str:
    """At most ``longest`` characters, and honest about it."""
    text = text.strip()
    return text if len(text) <= longest else text[: longest - 6].rstrip() + " … cut"


def words(text: str, **style: bool) -> Part:
    """A piece of text in a section."""
    part: Part = {"type": "text", "text": text}
    if style:
        part["style"] = style
    return part


def link(url: str, text: str) -> Part:
    """A link, if the address is one; else the text with the address beside it."""
    if not url.startswith(("https://", "http://")) or len(url) > 2_000 or any(one in url for one in "<>|\n "):
        return words(f"{text} ({url[:300]})" if url and url != text else text)
    return {"type": "link", "url": url, "text": text or url}


def person(user: str) -> Part:
    """A mention that alerts them. ``user`` is an id of Slack's own."""
    return {"type": "user", "user_id": user}


def everybody() -> Part:
    """A mention that alerts all members of the channel."""
    return {"type": "broadcast", "range": "channel"}


def moment(at: float, form: str, fallback: str) -> Part:
    """A time in each reader's own time zone."""
    return {"type": "date", "timestamp": int(at), "format": form, "fallback": fallback}


def section(*parts: Part) -> Part:
    return {"type": "rich_text_section", "elements": _kept(parts)}


def quote(*parts: Part) -> Part:
    return {"type": "rich_text_quote", "elements": _kept(parts)}


def _kept(parts: tuple[Part, ...]) -> list[Part]:
    """Slack refuses a whole message for one empty text."""
    return [part for part in parts if part["type"] != "text" or part["text"]] or [words(" ")]


def rich(*elements: Part, block_id: str = "") -> Block:
    block: Block = {"type": "rich_text", "elements": [*elements]}
    if block_id:
        block["block_id"] = block_id
    return block


def header(text: str) -> Block:
    return {"type": "header", "text": plain(cut(text, 150))}


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def verbatim(text: str) -> list[Block]:
    """Somebody's words, exactly: no formatting, no mentions, no links of their making."""
    text = text if text.strip() else "(empty)"
    return [rich(section(words(text[i : i + PIECE]))) for i in range(0, len(text), PIECE)]
