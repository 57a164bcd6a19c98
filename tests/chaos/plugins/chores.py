"""A job that leaves a mark each time it runs, so that a test can see that it ran although its workers died."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from bot import JobSpec, Settings, hookimpl, setting


class ChoresSettings(Settings):
    folder: str = setting(env="CHAOS_CHORES", label="Folder of the marks")


@hookimpl
def settings_schema() -> type[Settings]:
    return ChoresSettings


@hookimpl
def jobs(settings: ChoresSettings) -> Sequence[JobSpec]:
    def leaves_a_mark(name: str) -> Callable[[str], None]:
        def run(ref: str) -> None:
            mark = os.open(Path(settings.folder) / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            os.write(mark, b"x")
            os.close(mark)

        return run

    return [
        JobSpec(kind="chaos.quick", run=leaves_a_mark("quick"), every=3.0),
        JobSpec(kind="chaos.slow", run=leaves_a_mark("slow"), every=5.0, queue="slow"),
    ]
