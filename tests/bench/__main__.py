"""``make bench``: measure everything that has a goal and print one table with the machine.

``python -m tests.bench [PART …]`` measures only these parts; ``--profile PYSPY`` prints where the time of whole turns goes instead
(py-spy is not a dependency: install it anywhere and name its program). ``--proof`` measures what answers are judged by and writes it into
docs/proof.md. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    answers,
    crawling,
    desk,
    failover,
    footprint,
    grounding,
    on_discord,
    on_telegram,
    page,
    peers,
    promises,
    questions,
    rules,
    shield,
    sockets,
    waits,
)
from tests.bench.client import CannotMeasure, compile_client
from tests.bench.cpu import wait_for_quiet
from tests.bench.report import Report, machine
from tests.chaos import page as proof

Part = Callable[[Report, Path, Path], None]
PARTS: dict[str, Part] = {
    "first-delta": answers.first_delta,
    "capacity": answers.capacity,
    "turns": answers.turns,
    "sockets": sockets.sockets,
    "footprint": footprint.footprint,
    "widget": footprint.widget,
    "page": page.page,
    "retrieval": footprint.retrieval,
    "retrieval-large": footprint.retrieval_large,
    "banking77": questions.intents,
    "clinc150": questions.out_of_scope,
    "auto-replies": rules.auto_replies,
    "shield": shield.shield,
    "crawl": crawling.crawl,
    "grounding": grounding.grounding,
    "failover": failover.failover,
    "promises": promises.promises,
    "desk": desk.desk,
    "waits": waits.waits,
    "discord-in": on_discord.inbound,
    "discord-out": on_discord.replies,
    "telegram": on_telegram.inbound,
    "telegram-replies": on_telegram.replies,
}
ANSWERS = (
    "banking77", "clinc150", "retrieval-large", "grounding", "auto-replies", "shield", "crawl", "failover", "promises",
)  # fmt: skip
"""What answers are judged by: the chapter of docs/proof.md."""


def main() -> int:
    """Measure; 1 when a goal was missed or something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--profile", metavar="PYSPY", help="profile whole turns with this py-spy")
    parser.add_argument(
        "--proof", action="store_true", help=f"measure {', '.join(ANSWERS)}, and write them into docs/proof.md"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything that was started is ended
    report, failed = Report(), False
    with tempfile.TemporaryDirectory(prefix="deskhand-bench-") as name:
        room = Path(name)
        try:
            program = compile_client(room)
            if options.profile:
                print(answers.profile(room, program, options.profile))
                return 0
            peers.install()
        except CannotMeasure as error:
            print(error, file=sys.stderr)
            return 1
        for part in options.parts or (ANSWERS if options.proof else PARTS):
            others = wait_for_quiet()
            if others > 0.2:
                report.notes.append(f"{part}: others used {others:.1f} cores when it began")
            try:
                PARTS[part](report, program, room)
            except (CannotMeasure, AssertionError) as error:
                failed = True
                report.add(part, "not measured", ok=False, note=str(error).strip().splitlines()[0])
    print(f"\n{report.table()}\n\n{machine()}")
    for note in report.notes:
        print(f"noise     {note}")
    if options.proof:
        proof.put({"answers": chapter(report)})
    return int(failed or bool(report.missed))


def chapter(report: Report) -> list[str]:
    """The chapter ``answers`` of docs/proof.md."""
    return [
        "## Answers", "",
        proof.stamp("DESKHAND_BENCH_DATA=FOLDER python -m tests.bench --proof"), "",
        "What the search finds and refuses on two public sets of questions (BANKING77: 77 intents of a bank; CLINC150: 150 intents and questions",
        "that belong to none; the figures are of their test parts), what the check of answers catches on pairs of our own, and what rules, shield,",
        "crawl and failover cost and hold. How each is measured: [numbers.md](numbers.md), [knowledge.md](knowledge.md).", "",
        *report.table().splitlines(), "",
        *(f"- Noise: {note}" for note in report.notes),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
