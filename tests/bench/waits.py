"""How far the time that waiting customers are told is from the truth, in made-up months (``tests/waiting/month.py``)."""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.bench.report import Report
from tests.waiting.month import by_load, errors, month, plain_median

SEEDS = (1, 2, 3)


def waits(report: Report, room: Path, python: Path) -> None:
    """A calm, a busy and an overrun team of five, three months each: medians of the three."""
    for name, an_hour in (("calm", 14), ("busy", 18), ("overrun", 22)):
        months = [month(seed, an_hour) for seed in SEEDS]
        for waited in (0.0, 300.0):
            old, new = ([errors(one, tell, waited=waited) for one in months] for tell in (plain_median, by_load))
            before, now = (statistics.median(one.median for one in some) for some in (old, new))
            when = "when they come" if not waited else "after five minutes"
            report.add(
                f"told waiting time, {name} month, {when}: median error", f"{now:.0f} s", f"< {before:.0f} s (plain median)", now < before,
                f"nine of ten within {statistics.median(one.nine_of_ten for one in new):.0f} s"
                f" (plain {statistics.median(one.nine_of_ten for one in old):.0f} s); {sum(one.told for one in new):,} of"
                f" {sum(one.told for one in old):,} were told a time",
            )  # fmt: skip
