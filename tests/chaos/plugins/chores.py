"""A job that leaves a mark each time it runs, so that a test can see that it ran although its workers died."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bot import JobSpec, Settings, hookimpl, setting


class ChoresSettings(Settings):
    folder: str = setting(env="CHAOS_CHORES", label="Folder of the marks")


@hookimpl
def settings_schema() -> type[Settings]:
    return ChoresSettings


@hookimpl
def jobs(settings: ChoresSettings) -> Sequence[JobSpec]:
    def leave_a_mark(ref: str) -> None:
        mark = os.open(Path(settings.folder) / (ref or "periodic"), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.write(mark, b"x")
        os.close(mark)

    return [
        JobSpec(kind="chaos.quick", run=leave_a_mark, every=3.0),
        JobSpec(kind="chaos.slow", run=leave_a_mark, queue="slow"),
    ]
