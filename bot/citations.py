"""Citations of a whole answer: checked at once, and numbered anew when something was taken out. No I/O.

Streams use :class:`bot.release.Release`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.knowledge import Passage
from bot.markers import source_of
from bot.messages import Source
from bot.release import Release

# What is code keeps its brackets: ``row[1]`` cites nothing.
_MARKER_OR_CODE = re.compile(
    r"```.*?(?:```|\Z)|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)|(?P<space>[ \t]*)\[(?P<n>\d{1,3})\](?!\()", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """An answer whose markers all point to a source."""

    text: str
    sources: tuple[Source, ...]


def cite(text: str, passages: Sequence[Passage], *, allow: Iterable[str] = ()) -> Cited:
    """Remove markers that point to no passage, renumber the others by first use and judge every link.

    Gives exactly what :class:`Release` gives for the same text in any pieces. ``allow``: see there.
    """
    release = Release(passages, allow=allow)
    checked = release.feed(text) + release.flush()
    return Cited(text=checked, sources=release.sources)


def recite(text: str, sources: Iterable[Source]) -> Cited:
    """Number the markers of a released answer anew, by their first use, after its text was changed. Markers without a source go, and so
    do sources that are not cited any more."""
    known = {source.n: source for source in sources}
    shown: dict[int, int] = {}

    def renumber(found: re.Match[str]) -> str:
        if found["n"] is None:
            return found[0]
        n = int(found["n"])
        return f"{found['space']}[{shown.setdefault(n, len(shown) + 1)}]" if n in known else ""

    text = _MARKER_OR_CODE.sub(renumber, text)
    return Cited(text=text, sources=tuple(replace(known[old], n=new) for old, new in shown.items()))


__all__ = ["Cited", "cite", "recite", "source_of"]
