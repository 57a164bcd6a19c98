"""``python -m tests.chaos``: the proof by hand. ``--full`` is what ``make proof`` runs; it writes docs/proof.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.chaos import report
from tests.chaos.run import FULL, SMALL, Result, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill everything, lose nothing.")
    parser.add_argument(
        "--full", action="store_true", help="the full size, on both databases, written to docs/proof.md"
    )
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append", help="only this one")
    parser.add_argument("--seed", type=int, default=20_261_121)
    parser.add_argument("--messages", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--mean", type=float, help="seconds between two kills")
    parser.add_argument("--no-failpoints", action="store_true")
    parser.add_argument("--write", type=Path, help="write the report here")
    options = parser.parse_args()
    size = FULL if options.full else SMALL
    changes = {
        name: getattr(options, name) for name in ("messages", "kills", "mean") if getattr(options, name) is not None
    }
    size = replace(size, **changes, failpoints=0 if options.no_failpoints else size.failpoints)
    results: list[Result] = []
    failed = False
    for kind in options.database or ["sqlite", "postgresql"]:
        folder = Path(tempfile.mkdtemp(prefix=f"deskhand-chaos-{kind}-"))
        print(f"{kind}, seed {options.seed}, logs in {folder}", flush=True)
        result = run(size, seed=options.seed, kind=kind, folder=folder, say=lambda line: print(line, flush=True))
        results.append(result)
        print(report.summary(result), flush=True)
        if not result.ok:
            failed = True
            for one in [*result.violations[:60], *result.notes]:
                print(f"  {one}")
            print(f"  everything that was logged is in {folder}")
    target = options.write or (Path(__file__).parents[2] / "docs" / "proof.md" if options.full else None)
    if target is not None and not options.database:
        target.write_text(report.page(results, size), "utf-8")
        print(f"written: {target.name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
