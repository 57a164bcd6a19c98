"""The AI's small Markdown as Slack's rich text. Built from the parsed text, never by pasting strings together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from .rich import PIECE, Block, Part, link, quote, rich, section, verbatim, words

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


def prose(text: str) -> list[Block]:
    """Blocks for ``text``. What it does not understand is shown as it was written."""
    elements = _elements(_parser().parse(text))
    return [rich(*elements)] if elements else verbatim(text)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Pictures, HTML and reference links are shown as text.
    return MarkdownIt("commonmark", {"html": False}).disable(["image", "html_inline", "html_block", "reference"])


def _elements(tokens: Sequence[Token]) -> list[Part]:
    found: list[Part] = []
    lists: list[str] = []
    quoted = 0
    for token in tokens:
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            lists.append("bullet" if token.type.startswith("bullet") else "ordered")
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            lists.pop()
        elif token.type in {"blockquote_open", "blockquote_close"}:
            quoted += 1 if token.nesting == 1 else -1
        elif token.type in {"fence", "code_block"} and token.content.strip():
            found.append({"type": "rich_text_preformatted", "elements": [words(token.content.rstrip("\n")[:PIECE])]})
        elif token.type == "inline" and token.content.strip():
            parts = _parts(token.children or [], {"bold": True} if token.tag.startswith("h") else {})
            if lists:
                _into_list(found, lists, parts)
            elif quoted:
                found.append(quote(*parts))
            else:
                if found and found[-1]["type"] == "rich_text_section":
                    found[-1]["elements"].append(words("\n\n"))
                    found[-1]["elements"].extend(parts)
                    continue
                found.append(section(*parts))
    return found


def _into_list(found: list[Part], lists: list[str], parts: list[Part]) -> None:
    style, indent = lists[-1], min(len(lists) - 1, 5)
    last = found[-1] if found else {}
    if (last.get("type"), last.get("style"), last.get("indent")) == ("rich_text_list", style, indent):
        last["elements"].append(section(*parts))
    else:
        found.append({"type": "rich_text_list", "style": style, "indent": indent, "elements": [section(*parts)]})


def _parts(tokens: Sequence[Token], style: dict[str, bool]) -> list[Part]:
    found: list[Part] = []
    style = dict(style)
    address = ""
    label = ""
    for token in tokens:
        kind = token.type
        if kind in {"strong_open", "em_open"}:
            style["bold" if kind == "strong_open" else "italic"] = True
        elif kind in {"strong_close", "em_close"}:
            style.pop("bold" if kind == "strong_close" else "italic", None)
        elif kind == "link_open":
            address, label = str(token.attrGet("href") or ""), ""
        elif kind == "link_close":
            if address:  # of a link that leads nowhere the words are there already, and Slack takes no empty text
                found.append(link(address, label or address))
            address = ""
        else:
            text = "\n" if kind in {"softbreak", "hardbreak"} else token.content
            if address:
                label += text
            elif text:
                found.extend(_pieces(text, {**style, "code": True} if kind == "code_inline" else style))
    return found or [words(" ")]


def _pieces(text: str, style: dict[str, bool]) -> list[dict[str, Any]]:
    return [words(text[i : i + PIECE], **style) for i in range(0, len(text), PIECE)]
