"""The process of :mod:`plugins.sources._reader`: one order per line on standard input, what was found as lines of JSON."""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MEMORY = 1_500_000_000
"""Bytes of address space: far more than any honest file needs, far less than a bomb wants."""


def main() -> None:
    """Serve orders until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        order = json.loads(line)
        # Processor time: it may have to wait for whoever stores what it found. Whoever asked may be gone, and nobody else would end it.
        signal.setitimer(signal.ITIMER_PROF, order["seconds"] + 5)
        for answer in answers(order):
            sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        signal.setitimer(signal.ITIMER_PROF, 0)


def answers(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is found in one file, and at the end that it is the end or why it is not."""
    from ._reader import Unreadable

    try:
        yield from _found(order)
        yield {"end": True}
    except Unreadable as error:
        yield {"error": str(error)}
    except MemoryError:
        yield {"error": "reading it took too much memory"}
    except RecursionError:
        yield {"error": "it is nested too deeply"}
    except Exception as error:
        yield {"error": f"it is broken ({type(error).__name__})"}


def _found(order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    path = Path(order["path"])
    if order["kind"] == "html":
        from ._html import read_page

        yield read_page(path.read_bytes(), order["url"], order.get("charset", ""))
    elif order["kind"] == "pdf":
        from ._pdf import read_pdf

        yield read_pdf(path, order["name"])
    else:
        from ._rows import read_rows

        yield from read_rows(path, order["name"])


if __name__ == "__main__":
    main()
