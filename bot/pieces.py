"""Cutting an article into passages: under its headings, whole paragraphs, lists and tables where they fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.knowledge import Piece
from bot.plain_markdown import Block, blocks

MAX_PIECE = 1_200
"""Characters of one passage, its heading path not counted."""
MAX_PIECES = 500
"""Passages of one article. A megabyte of text has fewer than a thousand; the rest would never be cited well."""
SEPARATOR = " › "


def cut(markdown: str, title: str) -> tuple[Piece, ...]:
    """Return the passages of an article. The title is not part of the heading path."""
    pieces: list[Piece] = []
    for path, section in _sections(blocks(markdown), title):
        heading = SEPARATOR.join(path)[:300]
        pieces += (Piece(text=text, heading=heading) for text in _pack(section))
    return tuple(pieces[:MAX_PIECES])


def _sections(all_blocks: Sequence[Block], title: str) -> Iterator[tuple[list[str], list[Block]]]:
    path: list[tuple[int, str]] = []
    section: list[Block] = []
    for block in all_blocks:
        if block.kind != "heading":
            section.append(block)
            continue
        if section:
            yield [name for _, name in path], section
        section = []
        path = [(level, name) for level, name in path if level < block.level]
        if block.text.casefold() != title.casefold() and block.text:
            path.append((block.level, block.text))
    if section:
        yield [name for _, name in path], section


def _pack(section: Iterable[Block]) -> Iterator[str]:
    """Fill passages with whole blocks; a block that is longer than a passage is cut at its own joints."""
    current = ""
    for block in section:
        for text in _fitting(block):
            if current and len(current) + 2 + len(text) > MAX_PIECE:
                yield current
                current = ""
            current = f"{current}\n\n{text}" if current else text
    if current:
        yield current


def _fitting(block: Block) -> Iterator[str]:
    joint = " " if block.kind == "text" else "\n"
    if len(block.text) <= MAX_PIECE:
        yield f"{block.head}\n{joint.join(block.parts)}" if block.head else joint.join(block.parts)
        return
    head = block.head[: MAX_PIECE // 3]
    room = MAX_PIECE - len(head) - 1
    current = ""
    for part in block.parts:
        for bit in _bits(part, room):
            if current and len(current) + len(joint) + len(bit) > room:
                yield f"{head}\n{current}" if head else current
                current = ""
            current = f"{current}{joint}{bit}" if current else bit
    if current:
        yield f"{head}\n{current}" if head else current


def _bits(text: str, room: int) -> Iterator[str]:
    """Cut a part that is itself too long, at a blank if there is one in its second half."""
    while len(text) > room:
        blank = text.rfind(" ", room // 2, room)
        at = blank if blank > 0 else room
        yield text[:at].strip()
        text = text[at:].strip()
    if text:
        yield text
