"""The judge. It knows what customers and platforms saw (their own logs) and what the database says, and nothing of the code.

Invariants are those of the design: I1 acknowledged is stored once · I2 the ledger is complete · I3 ``seq`` and ``rev`` without a gap ·
I4 no message twice · I5 one answer for each turn, one turn for each question · I6 and I7 what platforms accepted, once and in
order · I9 what was shown is what is stored, each place once, in order · I11 spending · I12 nothing is left under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.chaos import check_answers, check_platform, check_rows, check_shown
from tests.chaos.journal import Event
from tests.chaos.snapshot import Snapshot


@dataclass(frozen=True)
class Violation:
    """Something that must not be. ``kind``: lost, twice, order, gap, answer, left or other."""

    invariant: str
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.kind}: {self.what}"


@dataclass
class World:
    """All that the judge may look at. ``customers``: logs of widget and REST customers by name; ``platform``: its log."""

    database: Snapshot
    customers: dict[str, list[Event]] = field(default_factory=dict)
    platform: list[Event] = field(default_factory=list)
    strict: tuple[str, ...] = ("nonce", "readback")
    """Platforms where nothing may arrive twice; at the others it is counted."""
    token_cap: int = 0


def judge(world: World) -> list[Violation]:
    """Every violation, most telling first. Empty: the promises held."""
    found = [
        *check_rows.check(world), *check_answers.check(world), *check_shown.check(world), *check_platform.check(world),
    ]  # fmt: skip
    order = {"lost": 0, "twice": 1, "order": 2, "gap": 3, "answer": 4}
    return sorted((Violation(*one) for one in found), key=lambda one: order.get(one.kind, 9))


def count(violations: Iterable[Violation]) -> dict[str, int]:
    """How many of each kind; the kinds of the promise are always named."""
    counts = Counter(one.kind for one in violations)
    return {
        kind: counts.get(kind, 0)
        for kind in ("lost", "twice", "order", "gap", *sorted(set(counts) - {"lost", "twice", "order", "gap"}))
    }
