"""Markdown to a small, safe Markdown: no HTML, no images, no reference links, no relative links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

_TAG = re.compile(r"<[^<>]*>")
_COMMENT = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of an article. ``parts`` may be split between; a table repeats its ``head`` in each piece."""

    parts: tuple[str, ...]
    kind: str = "text"
    """text, list, table, code or heading"""
    level: int = 0
    head: str = ""

    @property
    def text(self) -> str:
        return "\n".join(([self.head] if self.head else []) + list(self.parts))


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"maxNesting": 30}).enable("table")


def blocks(markdown: str) -> list[Block]:
    """Parse ``markdown`` and return its blocks in order."""
    from markdown_it.tree import SyntaxTreeNode

    out: list[Block] = []
    _collect(SyntaxTreeNode(_parser().parse(markdown)).children, out)
    return out


def _collect(nodes: Sequence[SyntaxTreeNode], out: list[Block]) -> None:
    for node in nodes:
        kind = node.type
        if kind == "heading":
            out.append(Block((_words(node),), "heading", int(node.tag[1])))
        elif kind == "paragraph":
            text = _inline(node)
            if text:
                out.append(Block(_sentences(text)))
        elif kind in {"bullet_list", "ordered_list"}:
            items = tuple(_items(node, ""))
            if items:
                out.append(Block(items, "list"))
        elif kind == "table":
            rows = [
                " | ".join(_inline(cell).replace("\n", " ") for cell in row.children)
                for part in node.children
                for row in part.children
            ]
            out.append(Block(tuple(rows[1:]) or ("",), "table", head=rows[0] if rows else ""))
        elif kind in {"fence", "code_block"}:
            out.append(Block(tuple(node.content.rstrip("\n").split("\n")), "code"))
        elif kind == "html_block":
            text = _without_html(node.content)
            if text:
                out.append(Block(_sentences(text)))
        elif kind == "blockquote":
            _collect(node.children, out)


def _items(node: SyntaxTreeNode, indent: str) -> list[str]:
    out: list[str] = []
    start = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
    for number, item in enumerate(node.children, start):
        mark = f"{number}." if node.type == "ordered_list" else "-"
        lines: list[str] = []
        for child in item.children:
            if child.type in {"bullet_list", "ordered_list"}:
                lines += _items(child, indent + "  ")
            else:
                found: list[Block] = []
                _collect([child], found)
                text = " ".join(block.text.replace("\n", " ") for block in found)
                if text:
                    lines.append(f"{indent}{mark} {text}" if not lines else f"{indent}  {text}")
        if lines:
            out.append("\n".join(lines))
    return out


def _sentences(text: str) -> tuple[str, ...]:
    """Cut a paragraph where it may be split: behind sentences, or anywhere at a blank when a sentence is huge."""
    parts = re.split(r"(?<=[.!?…])\s+(?=\S)|(?<=[。！？])", text)
    return tuple(part for part in parts if part.strip())


def _inline(node: SyntaxTreeNode) -> str:
    return "".join(_piece(child) for child in node.children).strip()


def _words(node: SyntaxTreeNode) -> str:
    """Headings without any marks."""
    return re.sub(r"\s+", " ", re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", _inline(node))).strip()


_WRAPS = {"strong": "**", "em": "*"}
_PLAIN = {"softbreak": " ", "hardbreak": "\n", "html_inline": ""}


def _piece(node: SyntaxTreeNode) -> str:
    kind = node.type
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in {"text", "image"}:  # of an image its words
        return node.content
    if kind == "code_inline":
        return f"`{node.content}`"
    inner = "".join(_piece(child) for child in node.children)
    if kind == "link":
        return _link(inner, str(node.attrs.get("href", "")))
    return f"{_WRAPS[kind]}{inner}{_WRAPS[kind]}" if kind in _WRAPS and inner.strip() else inner


def _link(words: str, href: str) -> str:
    if href.lower().startswith(("https://", "http://", "mailto:")) and "[" not in words:
        shown = href.removeprefix("mailto:")
        return shown if words in {href, shown} and not href.startswith("mailto:") else f"[{words or shown}]({href})"
    return words


def _without_html(html: str) -> str:
    return re.sub(r"\s+", " ", _TAG.sub(" ", _COMMENT.sub(" ", html))).strip()
