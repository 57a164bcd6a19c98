"""``python -m tests.chaos``: the proof by hand. ``--full`` is what ``make proof`` runs; it writes docs/proof.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.chaos import chat_report, chat_run, desk_report, desk_run, page, report, run

PARTS: dict[str, tuple[Any, Any, Callable[..., Any], Any]] = {
    "core": (run.SMALL, run.FULL, run.run, report),
    "desk": (desk_run.SMALL, desk_run.FULL, desk_run.run_desk, desk_report),
    "chats": (chat_run.SMALL, chat_run.FULL, chat_run.run_chats, chat_report),
}
"""Small size, full size, the run, and the module that has its verdict (``summary``) and its chapter of the page (``section``)."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill everything, lose nothing.")
    parser.add_argument(
        "--full", action="store_true", help="the full size, on both databases; each part is a chapter of docs/proof.md"
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append", help="only this one")
    parser.add_argument("--seed", type=int, default=20_261_121)
    parser.add_argument("--messages", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--mean", type=float, help="seconds between two kills")
    parser.add_argument("--no-failpoints", action="store_true")
    parser.add_argument("--write", type=Path, help="write the chapters into this page instead")
    options = parser.parse_args()
    changes = {
        name: getattr(options, name) for name in ("messages", "kills", "mean") if getattr(options, name) is not None
    }
    target = options.write or (page.PROOF if options.full and not options.database and not changes else None)
    failed = False
    for part in options.part or PARTS:
        small, full, run_it, told = PARTS[part]
        results = []
        size = replace(full if options.full else small, **changes)
        if options.no_failpoints and part == "core":
            size = replace(size, failpoints=0)
        for kind in options.database or ["sqlite", "postgresql"]:
            folder = Path(tempfile.mkdtemp(prefix=f"deskhand-chaos-{part}-{kind}-"))
            print(f"{part} on {kind}, seed {options.seed}, logs in {folder}", flush=True)
            result = run_it(size, seed=options.seed, kind=kind, folder=folder, say=lambda line: print(line, flush=True))
            results.append(result)
            print(told.summary(result), flush=True)
            if not result.ok:
                failed = True
                for one in [*result.violations[:60], *result.notes]:
                    print(f"  {one}")
                print(f"  everything that was logged is in {folder}")
        if target is not None:
            page.put({"head": report.head(), part: told.section(results), "words": report.meaning()}, target)
            print(f"written: the chapter {part} of {target.name}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
