"""Listening to everything that a channel says while it fails: errors, logs, standard output. No token may be in it."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator


class Overheard:
    """All that was said."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def error(self, error: BaseException | None) -> None:
        """An exception with its causes, as a log would show it."""
        while error is not None:
            self.parts += [str(error), repr(error)]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    def shows(self, secrets: tuple[str, ...]) -> str:
        """The sentence with the first secret in it, or empty."""
        for part in self.parts:
            for secret in secrets:
                if secret and secret in part:
                    return part.replace(secret, "‹the secret›")[:300]
        return ""


class _Both(io.TextIOBase):
    def __init__(self, heard: Overheard, there: io.TextIOBase) -> None:
        self._heard, self._there = heard, there

    def write(self, text: str) -> int:
        self._heard.parts.append(text)
        return self._there.write(text)

    def flush(self) -> None:
        self._there.flush()


class _Handler(logging.Handler):
    def __init__(self, heard: Overheard) -> None:
        super().__init__(logging.INFO)
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.parts.append(record.getMessage())
        if record.exc_info and record.exc_info[1]:
            self.heard.error(record.exc_info[1])


@contextlib.contextmanager
def overhear() -> Iterator[Overheard]:
    """Hear what is logged at INFO and above (also by the channel's SDK) and what is printed."""
    import structlog

    heard = Overheard()
    root = logging.getLogger()
    handler, level = _Handler(heard), root.level
    out, err = sys.stdout, sys.stderr
    root.addHandler(handler)
    root.setLevel(min(level, logging.INFO) if level else logging.INFO)
    try:
        sys.stdout, sys.stderr = _Both(heard, out), _Both(heard, err)  # type: ignore[assignment, arg-type]
        with structlog.testing.capture_logs() as lines:
            yield heard
        heard.parts += [repr(line) for line in lines]
    finally:
        sys.stdout, sys.stderr = out, err
        root.removeHandler(handler)
        root.setLevel(level)
