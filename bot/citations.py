"""Checking a whole answer's citations and links at once. No I/O. Streams use :class:`bot.release.Release`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.knowledge import Passage
from bot.messages import Source
from bot.release import Release


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
