"""``python -m tests.chaos``: the proof by hand. ``--full`` is what ``make proof`` runs; it writes docs/proof.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.chaos import chat_report, chat_run, desk_report, desk_run, report, run

PARTS: dict[str, tuple[Any, Any, Callable[..., Any], Callable[[Any], str]]] = {
    "core": (run.SMALL, run.FULL, run.run, report.summary),
    "desk": (desk_run.SMALL, desk_run.FULL, desk_run.run_desk, desk_report.summary),
    "chats": (chat_run.SMALL, chat_run.FULL, chat_run.run_chats, chat_report.summary),
}
"""Small size, full size, the run, and its verdict in a few lines."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Kill everything, lose nothing.")
    parser.add_argument(
        "--full", action="store_true", help="the full size, on both databases, written to docs/proof.md"
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append", help="only this one")
    parser.add_argument("--seed", type=int, default=20_261_121)
    parser.add_argument("--messages", type=int)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--mean", type=float, help="seconds between two kills")
    parser.add_argument("--no-failpoints", action="store_true")
    parser.add_argument("--write", type=Path, help="write the report here")
    options = parser.parse_args()
    changes = {
        name: getattr(options, name) for name in ("messages", "kills", "mean") if getattr(options, name) is not None
    }
    results: dict[str, list[Any]] = {}
    failed = False
    for part in options.part or PARTS:
        small, full, run_it, summary = PARTS[part]
        size = replace(full if options.full else small, **changes)
        if options.no_failpoints and part == "core":
            size = replace(size, failpoints=0)
        for kind in options.database or ["sqlite", "postgresql"]:
            folder = Path(tempfile.mkdtemp(prefix=f"deskhand-chaos-{part}-{kind}-"))
            print(f"{part} on {kind}, seed {options.seed}, logs in {folder}", flush=True)
            result = run_it(size, seed=options.seed, kind=kind, folder=folder, say=lambda line: print(line, flush=True))
            results.setdefault(part, []).append(result)
            print(summary(result), flush=True)
            if not result.ok:
                failed = True
                for one in [*result.violations[:60], *result.notes]:
                    print(f"  {one}")
                print(f"  everything that was logged is in {folder}")
    target = options.write or (Path(__file__).parents[2] / "docs" / "proof.md" if options.full else None)
    if target is not None and not options.database and not options.part:
        page = report.page(results["core"], run.FULL if options.full else run.SMALL)
        more = [*desk_report.section(results["desk"]), *chat_report.section(results["chats"])]
        target.write_text(page.replace("## What the words mean", "\n".join([*more, "## What the words mean"])), "utf-8")
        print(f"written: {target.name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
