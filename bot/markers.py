"""Citation markers: which ``[n]`` in an answer points to which passage, and the numbers that readers see. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.knowledge import Passage
from bot.messages import Source

_PART = r"\d{1,3}(?:\s*[-–]\s*\d{1,3})?"
_MARKER = re.compile(rf"\s*\^?{_PART}(?:\s*[,;，、]\s*\^?{_PART})*\s*(?:†[^\]】]*)?")


def marker_numbers(label: str) -> list[int] | None:
    """Read what stands between the brackets: ``1``, ``1, 3``, ``2-4`` or ``^1``. ``None`` when it is not a marker.

    Four digits and more are text (a year, a model number), not a marker.
    """
    if not _MARKER.fullmatch(label):
        return None
    numbers: list[int] = []
    for part in re.findall(_PART, label.partition("†")[0]):
        first, *rest = (int(n) for n in re.split(r"\s*[-–]\s*", part))
        numbers += range(first, rest[0] + 1) if rest else (first,)
    return numbers


class Numbering:
    """Renumbers citations by their first use, so that readers see 1, 2, 3 … without holes."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = tuple(passages)
        self._shown: dict[int, int] = {}

    def rewrite(self, numbers: Sequence[int]) -> str:
        """Return the markers to show for the model's numbers; empty when none of them is a passage."""
        known = [n for n in dict.fromkeys(numbers) if 1 <= n <= len(self._passages)]
        return "".join(f"[{self._shown.setdefault(n, len(self._shown) + 1)}]" for n in known)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What was cited so far, in the order of the shown numbers."""
        return tuple(source_of(self._passages[n - 1], shown) for n, shown in self._shown.items())


def source_of(passage: Passage, n: int) -> Source:
    """The source that the marker ``[n]`` names for readers."""
    url = passage.url if passage.url.lower().startswith(("https://", "http://")) else ""
    return Source(
        n=n, passage_id=passage.id, title=passage.title, heading=passage.heading, url=url, updated=passage.updated
    )
