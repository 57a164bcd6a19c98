"""One thing that can be checked, such as "€4.90" or "26 December".

A fact has one or several *readings*, because ``1.250`` is two numbers and ``03/04`` two days. Two facts agree when they share one.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from plugins.grounding.vocabulary import SAME_PLACE

Reading = tuple[str, float | str]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is right or wrong, at ``text[start:end]``."""

    kind: str
    """``email``, ``url``, ``phone``, ``code``, ``name``, ``date``, ``month``, ``weekday``, ``time``, ``number``, or the dimension of
    its unit, such as ``eur`` or ``hours``."""
    readings: frozenset[Reading]
    start: int
    end: int
    bare: frozenset[float] = frozenset()
    """The number without its unit."""
    noun: str = ""
    """What is counted, when it is no unit of ours: the next word in lower case."""
    limit: str = ""
    """``low`` or ``high`` when it is one."""
    weak: bool = False
    """It proves something where it stands, and needs no proof itself: "a week" may be an article."""
    year: int = 0
    """Of a date, when it is said."""
    per: float = 0.0
    """Hours to which a price or a count belongs: 24 of "€20 per day"."""

    def agrees(self, other: Fact) -> bool:
        """Whether both say the same."""
        if self.kind == other.kind == "date" and self.year and other.year and self.year != other.year:
            return False
        if self.per and other.per and self.per != other.per:
            return False
        if self.readings & other.readings:
            return True
        # A table says "4.90" below a heading with its unit, and "from $10 to 250" says the unit once.
        unsaid = (self.kind == "number" and not self.noun) or (other.kind == "number" and not other.noun)
        return unsaid and bool(self.bare & other.bare)

    def rivals(self, other: Fact) -> bool:
        """Whether ``other`` is of the same sort and says something else."""
        if (self.kind != other.kind and {self.kind, other.kind} != {"hours", "months"}) or self.agrees(other):
            return False
        return self.kind != "number" or not self.noun or not other.noun or self.noun[:4] == other.noun[:4]


def fold(word: str) -> str:
    """``word`` in lower case and without accents, so that spellings of it are equal."""
    lowered = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in lowered if not unicodedata.combining(c)).replace("’", "'")


def named(word: str) -> str:
    """``word`` folded; countries and cities by their English names."""
    folded = fold(word)
    return SAME_PLACE.get(folded, folded)
