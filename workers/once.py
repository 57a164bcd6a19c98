"""Run one slow job in a process of its own, without Redis: ``python -m workers.once ID SECONDS PARENT``."""

from __future__ import annotations

import signal
import sys

from bot.parent import die_with, watch
from workers.entry import run_in_fork


def main() -> None:
    """Run the job; the alarm ends this process when the job takes too long, and its lease ends with it."""
    parent = int(sys.argv[3])
    die_with(parent)
    watch(parent)
    signal.alarm(int(float(sys.argv[2])) + 1)
    run_in_fork(sys.argv[1])


if __name__ == "__main__":
    main()
