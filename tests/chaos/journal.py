"""Append-only logs of those who watch from outside: customers, the fake platform, the killer. They are the oracle."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

Event = dict[str, Any]


class Journal:
    """One writer's log. Lines are only ever added."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path

    def note(self, event: str, **more: Any) -> None:
        # Opened for each line: whatever becomes of this process, what was seen is kept.
        with self.path.open("ab", buffering=0) as file:
            file.write(orjson.dumps({"at": time.time(), "event": event, **more}) + b"\n")


def read_journal(path: Path) -> list[Event]:
    """All events of one log, oldest first."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines() if line]


def journals(folder: Path, prefix: str) -> dict[str, list[Event]]:
    """The logs in ``folder`` whose names begin with ``prefix``, by name."""
    return {path.stem: read_journal(path) for path in sorted(folder.glob(f"{prefix}*.jsonl"))}


def of_kind(events: Iterable[Event], *kinds: str) -> Iterator[Event]:
    return (event for event in events if event["event"] in kinds)
