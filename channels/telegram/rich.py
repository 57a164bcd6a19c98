"""From our small Markdown to what Telegram shows: plain text beside a list of entities.

Entities, not HTML: they say by numbers which part is bold, so nothing can be escaped wrongly, a part that was split within its limit never
grows over it, and customers' ``<`` and ``&`` are just characters. What is no complete mark stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot import Source

MAX_TEXT = 4_096
"""UTF-16 units of a message, after entities were parsed (Bot API, sendMessage)."""
MAX_ENTITIES = 100
"""Telegram ignores more."""
_URL = r"(?:https?://|mailto:)[^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*"
_INLINE = re.compile(
    rf"""
      \\(?P<escaped>[\\`*_\[\]()~>\#+.!|-])
    | (?P<ticks>`{{1,3}})(?P<code>[^`\n]+)(?P=ticks)
    | \[(?P<label>[^\[\]\n]{{1,500}})\]\((?P<url>{_URL})\)
    | \*\*(?P<bold>(?=\S)[^\n]{{1,1000}}?(?<=\S))\*\*
    | (?<!\w)__(?P<bold2>(?=\S)[^\n]{{1,1000}}?(?<=\S))__(?!\w)
    | (?<![\w*])\*(?P<italic>(?=[^\s*])[^*\n]{{1,1000}}(?<=[^\s*]))\*(?![\w*])
    | (?<![\w_])_(?P<italic2>(?=[^\s_])[^_\n]{{1,1000}}(?<=[^\s_]))_(?![\w_])
    | ~~(?P<strike>(?=\S)[^~\n]{{1,1000}}(?<=\S))~~
    | \[(?P<marker>\d{{1,2}})\]
    """,
    re.VERBOSE,
)
_STYLES = {
    "bold": "bold", "bold2": "bold", "italic": "italic", "italic2": "italic", "strike": "strikethrough",
}  # fmt: skip
_FENCE = re.compile(r"\s{0,3}```([\w+#.-]{0,30})\s*")
_HEADING = re.compile(r"#{1,6}\s+(.+?)\s*#*")
_BULLET = re.compile(r"(\s*)[-*+](\s+)(?=\S)")
_PING = re.compile(r"(?<!\w)@(?=[A-Za-z]\w)")
"""The @ of what Telegram may take for a name; some that it takes are as short as @gif."""
_NAME = re.compile(r"@\w{1,64}")
_BREAK = "\u200b"
"""Behind an @ it makes no name, and nobody sees it."""
_WIDE = "\uff20"
"""An @ that is no longer and calls nobody, for a message without room for one more character."""


def units(text: str) -> int:
    """Length in UTF-16 units, Telegram's own."""
    return len(text) + sum(1 for character in text if character > "\uffff")


@dataclass
class _Page:
    """Text that grows, with its entities at code points."""

    links: dict[int, str] = field(default_factory=dict)
    text: str = ""
    spans: list[tuple[int, int, dict[str, str]]] = field(default_factory=list)

    def span(self, start: int, **entity: str) -> None:
        if len(self.text) > start:
            self.spans.append((start, len(self.text), entity))

    def inline(self, line: str, depth: int = 0) -> None:
        at = 0
        for match in _INLINE.finditer(line):
            self.text += line[at : match.start()]
            at = match.end()
            self._mark(match, depth)
        self.text += line[at:]

    def _mark(self, match: re.Match[str], depth: int) -> None:
        start, kind = len(self.text), match.lastgroup or ""
        if match["escaped"]:
            self.text += match["escaped"]
        elif match["code"]:
            self.text += match["code"]
            self.span(start, type="code")
        elif match["url"]:
            self.inline(match["label"], depth + 1) if depth < 3 else self._plain(match["label"])
            self.span(start, type="text_link", url=match["url"])
        elif match["marker"]:
            self.text += match[0]
            url = self.links.get(int(match["marker"]), "")
            if url:
                self.span(start, type="text_link", url=url)
        elif kind in _STYLES:
            self.inline(match[kind], depth + 1) if depth < 3 else self._plain(match[kind])
            self.span(start, type=_STYLES[kind])

    def _plain(self, text: str) -> None:
        self.text += text

    def settle(self) -> None:
        """Leave only what Telegram will look at: nothing empty, no blank edges, not too many."""
        spans = sorted(self.spans, key=lambda one: (one[0], -one[1]))
        trimmed = [(start, start + len(self.text[start:stop].rstrip()), entity) for start, stop, entity in spans]
        self.spans = [one for one in trimmed if one[1] > one[0]][:MAX_ENTITIES]

    def hush(self) -> None:
        """Make names call nobody: as code, or broken where no entity is left for them."""
        names = [match.span() for match in _NAME.finditer(self.text) if _PING.match(self.text, match.start())]
        self.spans += [(*name, {"type": "code"}) for name in names if not self._covers(*name)]
        self.settle()
        room = MAX_TEXT - units(self.text)
        for match in reversed(list(_PING.finditer(self.text))):
            at = match.start()
            if self._covers(at, at + 1):
                continue
            if room > 0:
                room -= 1
                self.text = f"{self.text[: at + 1]}{_BREAK}{self.text[at + 1 :]}"
                self.spans = [(start + (start > at), stop + (stop > at), entity) for start, stop, entity in self.spans]
            else:
                self.text = f"{self.text[:at]}{_WIDE}{self.text[at + 1 :]}"

    def _covers(self, start: int, stop: int) -> bool:
        """Whether an entity in which names call nobody touches this part."""
        return any(
            one[0] < stop and start < one[1] for one in self.spans if one[2]["type"] in {"code", "pre", "text_link"}
        )

    def finish(self) -> list[dict[str, Any]]:
        """Entities as the Bot API wants them: offsets in UTF-16 units, without blank edges."""
        self.settle()
        wide = any(character > "\uffff" for character in self.text)
        return [
            {**entity, "offset": units(self.text[:start]) if wide else start, "length": units(self.text[start:stop])}
            for start, stop, entity in self.spans
        ]


def hushed(text: str) -> str:
    """Plain text in which no ``@name`` calls anybody; never over the limit because of it."""
    broken = _PING.sub("@" + _BREAK, text)
    return broken if units(broken) <= MAX_TEXT else _PING.sub(_WIDE, text)


def render(text: str, sources: Sequence[Source] = (), *, still: bool = False) -> tuple[str, list[dict[str, Any]]]:
    """The text as Telegram shows it and its entities. Never longer than ``text`` in UTF-16 units, plus the sources where they fit.

    ``still``: other people read along, so a ``@name`` in it is shown as code and calls nobody. Where there are more than entities, a
    character that nobody sees breaks the name.
    """
    page = _Page({one.n: one.url for one in sources if one.url})
    lines = text.strip().split("\n")
    at = 0
    while at < len(lines):
        at = _block(page, lines, at)
    page.text = page.text.rstrip()
    _sources(page, sources)
    if still:
        page.hush()
    return (page.text, page.finish()) if page.text else (text, [])


def _block(page: _Page, lines: list[str], at: int) -> int:
    """Write the block that begins at a line; returns where the next one begins."""
    if page.text or at:
        page.text += "\n"
    line, start = lines[at], len(page.text)
    fence = _FENCE.fullmatch(line)
    if fence:
        end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == "```"), len(lines))
        page.text += "\n".join(lines[at + 1 : end])
        page.span(start, type="pre", **({"language": fence[1]} if fence[1] else {}))
        if len(page.text) == start:
            page.text = page.text.removesuffix("\n")
        return end + 1
    if line.startswith(">"):
        end = at
        while end < len(lines) and lines[end].startswith(">"):
            page.text += "\n" if end > at else ""
            page.inline(lines[end][1:].strip())
            end += 1
        page.span(start, type="blockquote")
        return end
    heading = _HEADING.fullmatch(line)
    if heading:
        page.inline(heading[1])
        page.span(start, type="bold")
        return at + 1
    bullet = _BULLET.match(line)
    if bullet:
        page.text += f"{bullet[1]}•{bullet[2]}"
        line = line[bullet.end() :]
    page.inline(line)
    return at + 1


def _sources(page: _Page, sources: Sequence[Source]) -> None:
    """Name the sources under the text, as many as fit; the markers link to them in any case."""
    used = units(page.text)
    for number, one in enumerate(sources):
        line = ("\n\n" if number == 0 else "\n") + f"[{one.n}] {one.label()}"
        used += units(line)
        if used > MAX_TEXT:
            return
        start = len(page.text) + line.index("[")
        page.text += line
        if one.url:
            page.spans.append((start, len(page.text), {"type": "text_link", "url": one.url}))
