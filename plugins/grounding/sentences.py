"""Cutting a text into sentences that know where they stand, so that one of them can be taken out. Markdown lists are lists of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARKER = re.compile(r"\[(\d{1,3})\]")
"""A citation as readers see it, after ``bot.release``."""
_LEAD = re.compile(r"[ \t]*(?:>[ \t]*)*(?:#{1,6}[ \t]+|(?:[-*+•]|\d{1,3}[.)])[ \t]+)?")
_FENCE = re.compile(r"[ \t]*```")
# An end needs a blank and something that can begin a sentence behind it; "3.5", "shop.example" and "z.B." have none.
_END = re.compile(
    r"(?:[.!?…]+|(?<=\S)[。！？])[)\]\"'”“»*_]*(?:[ \t]*\[\d{1,3}\])*[.]?(?=\s|$)|[。！？](?:\[\d{1,3}\])*"
)
_SHORT = frozenset(
    """
    e.g i.e etc vs approx no nr st dr mr mrs ms prof sr sra inc ltd co tel ext incl excl max min jan feb mar apr jun jul aug
    sep sept oct nov dec z.b d.h bzw ca ggf inkl exkl zzgl str usw u.a evtl mind telef hr fr p.ex env av bd mme mlle m ej ud
    uds avda pág núm p.m a.m
    """.split()  # noqa: SIM905
)
_MONTH = re.compile(r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])", re.IGNORECASE)
_LAST = re.compile(r"[^\s(\[\"'„“«*_]+$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence at ``text[start:end]`` of what was cut, with its citations and without what makes it an item of a list."""

    start: int
    end: int
    text: str
    cited: tuple[int, ...] = ()
    """Numbers of its citations."""
    item: bool = False
    """It is an item of a list, or a part of one."""

    @property
    def bare(self) -> str:
        """Its words, without citations and marks of emphasis."""
        return re.sub(r"\*\*|__|`", "", MARKER.sub("", self.text)).strip()

    @property
    def leads(self) -> bool:
        """It only announces what follows."""
        return self.bare.endswith((":", "："))


def sentences(text: str) -> Iterator[Sentence]:
    """Cut ``text``. What stands in fences of code is no sentence of anybody."""
    at, fenced = 0, False
    for line in text.splitlines(keepends=True):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield from _line(line.rstrip(), at)
        at += len(line)


def _line(line: str, offset: int) -> Iterator[Sentence]:
    lead = _LEAD.match(line)
    start = lead.end() if lead else 0
    item = bool(lead and lead.group().strip(" \t>"))
    for end in _ends(line, start):
        words = line[start:end]
        if words.strip():
            start += len(words) - len(words.lstrip())
            cited = tuple(int(n) for n in MARKER.findall(words))
            yield Sentence(offset + start, offset + end, line[start:end], cited, item)
        start = end


def _ends(line: str, start: int) -> Iterator[int]:
    for found in _END.finditer(line, start):
        if found.group().startswith(".") and _goes_on(line, found.start(), found.end()):
            continue
        end = found.end()
        behind = re.match(r"(?:[ \t]*\[\d{1,3}\])+", line[end:])
        yield end + (behind.end() if behind else 0)
    yield len(line)


def _goes_on(line: str, dot: int, end: int) -> bool:
    """The full stop belongs to a short form or to an ordinal such as "24. Dezember"."""
    word = _LAST.search(line[:dot])
    rest = line[end:].lstrip()
    if word is None or not rest:
        return False
    last = word.group().lower()
    if last in _SHORT or (len(last) == 1 and last.isalpha()):
        return not (last in {"etc", "usw", "str", "st"} and rest[:1].isupper())
    if last.isdigit() and len(last) <= 2:
        return rest[0].islower() or bool(_MONTH.match(rest))
    return rest[0].islower()
