"""Foreign files are taken apart in a process of their own, which may use so much memory and so much time and is ended then."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

SECONDS = 30.0
"""For one page or file."""
_LARGEST_LINE = 8_000_000


class Unreadable(Exception):
    """A file that cannot be read. The text is a clause without its subject."""


class Reading:
    """The process, started when it is first needed and again when it had to be ended. For one thread."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, kind: str, data: bytes | Path, seconds: float = SECONDS, **more: Any) -> Iterator[dict[str, Any]]:
        """Yield what the process finds in ``data`` (bytes, or a file of this machine). Raises :class:`Unreadable`."""
        if isinstance(data, Path):
            yield from self._ask({"kind": kind, "path": str(data), "seconds": seconds, **more}, seconds)
            return
        with tempfile.NamedTemporaryFile(prefix="deskhand-") as file:
            file.write(data)
            file.flush()
            yield from self._ask({"kind": kind, "path": file.name, "seconds": seconds, **more}, seconds)

    def one(self, kind: str, data: bytes | Path, seconds: float = SECONDS, **more: Any) -> dict[str, Any]:
        """As :meth:`ask`, for what is one thing."""
        (found,) = list(self.ask(kind, data, seconds, **more))
        return found

    def close(self) -> None:
        """End the process."""
        process, self._process, self._rest = self._process, None, b""
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _ask(self, order: dict[str, Any], seconds: float) -> Iterator[dict[str, Any]]:
        left, whole = seconds, False
        try:
            self._send(order)
            while True:
                # Only waiting counts: whoever stores twenty thousand rows in between may take its time.
                asked = time.monotonic()
                line = json.loads(self._line(left, seconds))
                left -= time.monotonic() - asked
                if "error" in line:
                    whole = True
                    raise Unreadable(str(line["error"])[:300])
                if "end" in line:
                    whole = True
                    return
                yield line
        finally:
            if not whole:  # what it still has to say belongs to no question any more
                self.close()

    def _send(self, order: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            self.close()
            line = [sys.executable, "-m", "plugins.sources._taking_apart"]
            self._process = process = subprocess.Popen(  # noqa: S603
                line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
            )
        try:
            if process.stdin is not None:
                process.stdin.write(json.dumps(order).encode() + b"\n")
                process.stdin.flush()
        except OSError:
            raise Unreadable("the process that reads files could not be started") from None

    def _line(self, left: float, seconds: float) -> bytes:
        deadline = time.monotonic() + left
        pipe = self._process.stdout if self._process is not None else None
        if pipe is None:
            raise Unreadable("the process that reads files has ended")
        while b"\n" not in self._rest:
            rest = deadline - time.monotonic()
            if rest <= 0 or not select.select([pipe], [], [], rest)[0]:
                raise Unreadable(f"it could not be read within {seconds:.0f} seconds")
            part = os.read(pipe.fileno(), 262_144)
            if not part:
                raise Unreadable("reading it took too much memory or ended its reader")
            self._rest += part
            if len(self._rest) > _LARGEST_LINE:
                raise Unreadable("it has too much text")
        line, self._rest = self._rest.split(b"\n", 1)
        return line


def _environment() -> dict[str, str]:
    """No secrets for a process that reads foreign files; and the very modules that run here."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
