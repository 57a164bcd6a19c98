"""Run the suite on both databases, in parts, several at a time: most tests wait for something, and a core would be idle meanwhile.

The parts share nothing but the machine: ports, folders and servers are each part's own. Each part's output comes whole when it
has ended. ``DESKHAND_TEST_JOBS`` (5) parts run at once; 1 is one after the other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple

ON_POSTGRES = "not browser and not once and (slow or product or chaos)"
"""What touches a database or starts processes (marked in tests/conftest.py): the rest would only be done twice."""
WHOLES = ("tests/scenarios",)
WEB = ("tests/web",)
WORKPLACE = (
    "tests/canned",
    "tests/drafting",
    "tests/going_out",
    "tests/notifications",
    "tests/routing",
    "tests/service",
    "tests/waiting",
    "tests/workplace",
)
KILLS = ("tests/chaos",)
OUTSIDE = ("tests/channels", "tests/conformance", "tests/providers", "tests/plugins", "tests/fakes")
ANSWERS = (
    "tests/answer_tests",
    "tests/auto_replies",
    "tests/fleet",
    "tests/grounding",
    "tests/knowledge",
    "tests/learning",
)
REST = (
    "tests",
    *(f"--ignore={folder}" for folder in (*WHOLES, *WEB, *WORKPLACE, *KILLS, *OUTSIDE, *ANSWERS, "tests/browser")),
)


class Part(NamedTuple):
    name: str
    database: str
    arguments: tuple[str, ...]


# The longest first.
PARTS = (
    Part("the browser", "sqlite", ("tests/browser",)),
    Part("channels, desks and providers", "sqlite", OUTSIDE),
    Part("everything else", "postgresql", REST),
    Part("whole conversations", "sqlite", WHOLES),
    Part("everything else", "sqlite", REST),
    Part("answers", "postgresql", ANSWERS),
    Part("whole conversations", "postgresql", WHOLES),
    Part("kills", "postgresql", KILLS),
    Part("answers", "sqlite", ANSWERS),
    Part("web", "sqlite", WEB),
    Part("web", "postgresql", WEB),
    Part("kills", "sqlite", KILLS),
    Part("channels, desks and providers", "postgresql", OUTSIDE),
    Part("the workplace", "postgresql", WORKPLACE),
    Part("the workplace", "sqlite", WORKPLACE),
)


PATIENCE = "5"
"""How many times as long as on a free machine something may take (``tests/patience.py``): the parts wait for each other's cores."""
NOTHING = 5
"""pytest's code for no tests: of what was asked for, nothing may need this database."""
LONGEST = 1_500.0
"""Seconds after which a part is ended: what it has printed so far is shown."""


class Ended(NamedTuple):
    code: int
    seconds: float
    cpu: float
    """Seconds of a core, with those of everything that it started."""
    output: str


def run(part: Part) -> Ended:
    """Run one part to its end."""
    began = time.monotonic()
    marks = ["-m", ON_POSTGRES] if part.database == "postgresql" else []
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *marks, *part.arguments]
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        child = subprocess.Popen(  # noqa: S603
            command, env={"DESKHAND_TEST_PATIENCE": PATIENCE, **os.environ, "DESKHAND_TEST_DATABASE": part.database},
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        # Told to stop when it takes too long, pytest says what it was doing and ends what it has started.
        patience = threading.Timer(LONGEST, child.send_signal, [signal.SIGINT])
        patience.start()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        patience.cancel()
        output.seek(0)
        return Ended(child.returncode, time.monotonic() - began, used.ru_utime + used.ru_stime, output.read())


def main(arguments: list[str]) -> int:
    asked = tuple(Part("as asked", database, tuple(arguments)) for database in ("sqlite", "postgresql"))
    parts, jobs = (asked, 1) if arguments else (PARTS, int(os.environ.get("DESKHAND_TEST_JOBS", "5")))
    failed: list[str] = []
    with ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(run, part): part for part in parts}
        for ended in as_completed(runs):
            part = runs[ended]
            code, seconds, cpu, output = ended.result()
            took = f"{seconds:.0f} s, {cpu:.0f} s of a core"
            print(f"== {part.name} on {part.database}: exit {code} after {took}\n{output}", flush=True)
            if code and not (arguments and code == NOTHING):
                failed.append(f"{part.name} on {part.database}")
    print("Everything passed." if not failed else "Failed: " + "; ".join(failed), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
