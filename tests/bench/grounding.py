"""The check of answers against 200 labelled pairs of our own: precision and recall of what it calls unsupported, and what it costs.

The sentence is given with its passages, as the plugin checks an answer. Thresholds and rules were made on the half ``tune``; ``held`` was
only measured. Times are of a whole answer of 12 sentences against 8 passages, in one thread, cold (passages never read before) and warm.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from pathlib import Path

from bot import Passage
from plugins.grounding.check import check
from tests.bench.report import Report
from tests.grounding.measure import PAIRS, Pair, measure, pairs

PRECISION, RECALL = 0.90, 0.85
MILLISECONDS = 50.0
SENTENCES, PASSAGES, ROUNDS = 12, 8, 40


def grounding(report: Report, _program: Path, _room: Path) -> None:
    """Precision and recall on each half, and the time of a check."""
    how = f"{PAIRS.name}, {len(list(pairs()))} pairs in 4 languages"
    for half in ("held", "tune"):
        result = measure(list(pairs(half)))
        wrong = sum(bool(one.wrong) for one in pairs(half))
        goal = half == "held"
        report.add(
            f"grounding, {half}: precision",
            f"{result.precision:.1%}",
            f">= {PRECISION:.0%}" if goal else "",
            ok=result.precision >= PRECISION if goal else None,
            note=f"{how}; {result.pairs} in this half, {wrong} do not hold",
        )
        report.add(
            f"grounding, {half}: recall",
            f"{result.recall:.1%}",
            f">= {RECALL:.0%}" if goal else "",
            ok=result.recall >= RECALL if goal else None,
            note=missed(result.missed),
        )
    cold, warm = times()
    report.add(
        "grounding, an answer checked", f"{warm:.1f} ms", f"<= {MILLISECONDS:.0f} ms", ok=warm <= MILLISECONDS,
        note=f"median of {ROUNDS}; {cold:.0f} ms when its passages are read for the first time",
    )  # fmt: skip


def missed(which: tuple[Pair, ...]) -> str:
    """What was not found, by what is wrong with it."""
    counts = Counter(one.wrong for one in which)
    return "missed: " + (", ".join(f"{count} {wrong}" for wrong, count in counts.most_common()) or "none")


def times() -> tuple[float, float]:
    """Milliseconds of a processor for the first check, and the median of the later ones."""
    some = list(pairs())
    known = {passage.id: passage for pair in some for passage in pair.passages}
    passages = [_fresh(passage) for passage in list(known.values())[:PASSAGES]]
    text = " ".join(pair.sentence for pair in some[:SENTENCES])
    taken: list[float] = []
    for _ in range(ROUNDS + 1):
        began = time.thread_time()
        check(text, passages, language="en")
        taken.append((time.thread_time() - began) * 1_000)
    return taken[0], statistics.median(taken[1:])


def _fresh(passage: Passage) -> Passage:
    """One that was not read yet: its id makes it another."""
    return Passage(
        id=f"{passage.id}-fresh", article_id=passage.article_id, title=passage.title, heading=passage.heading,
        text=passage.text, language=passage.language,
    )  # fmt: skip
