"""What was said before a thread was opened, as one message: the newest words are always in it."""

from __future__ import annotations

from collections.abc import Sequence

from bot import Line

from .rich import PIECE, Block, Part, cut, rich, section, words

ROOM = 9_000
"""Characters of one message: Slack takes about 13,000 in all its blocks, with what is around them."""


def remark(text: str) -> Block:
    """A sentence of ours, whole, however long."""
    text = cut(text, ROOM) or "(empty)"
    return rich(section(*_pieces(text, italic=True)))


def said_before(lines: Sequence[Line]) -> list[Block]:
    """Each speaker's name in bold and the words as they are. What does not fit is dropped from the oldest on, and a line says so."""
    remarks = [one.text for one in lines if one.author == "system"]
    said = [one for one in lines if one.author != "system"]
    room = ROOM - sum(map(len, remarks))
    shown: list[Block] = []
    for one in reversed(said):
        name, text = cut(" ".join(one.name.split()), 60) or "Somebody", one.text.strip()
        room -= len(name) + len(text)
        if room < 0 and shown:
            break
        shown.append(rich(section(words(f"{name}: ", bold=True), *_pieces(cut(text, ROOM)))))
    dropped = len(said) - len(shown)
    if dropped:
        remarks.append(
            "One older message does not fit here and is left out."
            if dropped == 1
            else f"{dropped} older messages do not fit here and are left out."
        )
    return [*map(remark, remarks), *reversed(shown)]


def _pieces(text: str, **style: bool) -> list[Part]:
    return [words(text[i : i + PIECE], **style) for i in range(0, len(text), PIECE)]
