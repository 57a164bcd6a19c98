"""``make bench``: measure everything that has a goal and print one table with the machine.

``python -m tests.bench [PART …]`` measures only these parts; ``--profile PYSPY`` prints where the time of whole turns goes instead
(py-spy is not a dependency: install it anywhere and name its program). Takes about five minutes; nothing else should run meanwhile.
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
    questions,
    rules,
    shield,
    sockets,
)
from tests.bench.client import CannotMeasure, compile_client
from tests.bench.cpu import wait_for_quiet
from tests.bench.report import Report, machine

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
    "desk": desk.desk,
    "discord-in": on_discord.inbound,
    "discord-out": on_discord.replies,
    "telegram": on_telegram.inbound,
    "telegram-replies": on_telegram.replies,
}


def main() -> int:
    """Measure; 1 when a goal was missed or something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--profile", metavar="PYSPY", help="profile whole turns with this py-spy")
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
        for part in options.parts or PARTS:
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
    return int(failed or bool(report.missed))


if __name__ == "__main__":
    sys.exit(main())
