"""A mail's plain and HTML part, both made from one small Markdown. No I/O.

Foreign words go through :func:`quote`, which takes all meaning from them; the HTML is escaped once more, holds no image and no
script, and links only to https, http and mailto.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bot.addresses import one_line
from bot.messages import MessageView

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_MEANING = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~:/@=])")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s]+", re.IGNORECASE)
_LINKABLE = re.compile(r"https?://[^\s<>\\]{1,500}", re.IGNORECASE)
_STYLE = "font:15px/1.5 system-ui,sans-serif;color:#1c1c1e;max-width:40em;margin:1em"
_QUOTE = "margin:.5em 0;padding-left:.8em;border-left:3px solid #ccc;color:#444"


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("zero", {"html": False, "linkify": False, "typographer": False, "breaks": True})
    made.enable(["heading", "list", "blockquote", "fence", "emphasis", "backticks", "link", "newline", "escape", "hr"])
    made.validateLink = lambda url: _LINK.fullmatch(url) is not None  # type: ignore[method-assign]
    return made


def quote(text: str) -> str:
    """Foreign words as Markdown that means nothing: line by line, every sign that could mean something escaped."""
    return "\n".join(_MEANING.sub(r"\\\1", line.strip()) for line in text.splitlines())


def block(text: str) -> str:
    """Foreign words as a quotation."""
    return "\n".join(f"> {line}" if line else ">" for line in quote(text).splitlines())


def parts(*sections: str) -> tuple[str, str]:
    """``(plain, html)`` of Markdown texts one below the other: both are read from the same trees.

    Each section is read alone, so that a fence somebody left open ends with it.
    """
    trees = [_parser().parse(section) for section in sections if section.strip()]
    rendered = "".join(_html(tree) for tree in trees)
    page = f'<!doctype html><html><head><meta charset="utf-8"></head><body style="{_STYLE}">{rendered}</body></html>'
    return "\n".join(_plain(tree) for tree in trees), page


def said(message: MessageView) -> list[str]:
    """One message: a heading, and its words. A customer's mean nothing but themselves; ours are a small Markdown."""
    who = {"customer": message.author_name or "Customer", "ai": "AI assistant", "agent": message.author_name or "Support",
           "system": "Support"}[message.author]  # fmt: skip
    ours = message.author in {"ai", "agent"}
    words = "\n".join(f"> {line}" for line in message.text.splitlines()) if ours else block(message.text)
    return [f"**{quote(one_line(who, 60))}**, {moment(message.created_at)}", words, _sources(message)]


def _sources(message: MessageView) -> str:
    """What an answer rests on, one line each; empty without sources. Our own links, so an article's words stay words."""
    return "\n".join(
        f"\\[{one.n}\\] [{quote(one.label())}](<{one.url}>)"
        if _LINKABLE.fullmatch(one.url)
        else f"\\[{one.n}\\] {quote(one.label())}"
        for one in message.sources
    )


def moment(at: float) -> str:
    """A time, for everybody the same."""
    return quote(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC")


def _html(tokens: Sequence[Token]) -> str:
    """The few tokens there are, written by ourselves: what is not in the list has no form."""
    out: list[str] = []
    for token in tokens:
        if token.type == "inline":
            out.append(_inline_html(token.children or ()))
        elif token.type in {"fence", "code_block"}:
            out.append(f"<pre>{html.escape(token.content)}</pre>")
        elif token.type == "hr":
            out.append("<hr>")
        elif token.type == "blockquote_open":
            out.append(f'<blockquote style="{_QUOTE}">')
        elif (
            token.tag in {"p", "ul", "ol", "li", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"} and not token.hidden
        ):
            out.append(f"</{token.tag}>" if token.nesting < 0 else f"<{token.tag}>")
    return "".join(out)


def _inline_html(tokens: Sequence[Token]) -> str:
    out: list[str] = []
    for token in tokens:
        if token.type in {"text", "text_special"}:
            out.append(html.escape(token.content))
        elif token.type == "code_inline":
            out.append(f"<code>{html.escape(token.content)}</code>")
        elif token.type in {"softbreak", "hardbreak"}:
            out.append("<br>")
        elif token.type == "link_open":
            out.append(f'<a href="{html.escape(_target(token))}" rel="noopener noreferrer nofollow">')
        elif token.tag in {"em", "strong", "a"}:
            out.append(f"</{token.tag}>" if token.nesting < 0 else f"<{token.tag}>")
    return "".join(out)


def _target(token: Token) -> str:
    value: Any = token.attrs.get("href", "")
    return str(value)


def _plain(tokens: Sequence[Token]) -> str:
    out: list[str] = []
    quotes, numbers = 0, list[int]()
    bullet, listed = "", False
    for token in tokens:
        if token.type == "blockquote_open":
            quotes += 1
        elif token.type == "blockquote_close":
            quotes -= 1
        elif token.type == "bullet_list_open":
            numbers.append(-1)
        elif token.type == "ordered_list_open":
            numbers.append(int(token.attrs.get("start", 1)))
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            numbers.pop()
        elif token.type == "list_item_open":
            bullet = "- " if numbers[-1] < 0 else f"{numbers[-1]}. "
            numbers[-1] += numbers[-1] >= 0
        elif token.type in {"inline", "fence", "code_block", "hr"}:
            text = "--" if token.type == "hr" else token.content.rstrip("\n")
            if token.type == "inline":
                text = _inline_plain(token.children or ())
            indent = "  " * max(0, len(numbers) - 1)
            head, bullet = (indent + bullet, "")
            lines = [(head if i == 0 else " " * len(head)) + line for i, line in enumerate(text.split("\n"))]
            joined = "\n".join(("> " * quotes + line).rstrip() for line in lines)
            out.append(("\n" if numbers and listed else "\n\n" if out else "") + joined)
            listed = bool(numbers)
    return "".join(out) + "\n"


def _inline_plain(tokens: Sequence[Token]) -> str:
    out: list[str] = []
    starts: list[tuple[int, str]] = []
    for token in tokens:
        if token.type in {"softbreak", "hardbreak"}:
            out.append("\n")
        elif token.type == "link_open":
            starts.append((len(out), _target(token)))
        elif token.type == "link_close":
            at, target = starts.pop()
            label = "".join(out[at:])
            out[at:] = [target if label in {target, ""} else f"{label} ({target})"]
        else:
            out.append(token.content)
    return "".join(out)
