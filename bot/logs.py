"""One line per event: JSON for machines, coloured text for a terminal. Message texts are never logged at INFO; secrets, cards, accounts,
addresses and phones of people never, wherever they may come from: an exception's text, a library, a value of a statement."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from bot.config import config
from bot.personal_data import mask_line

Event = MutableMapping[str, Any]

_SECRET_KEYS = re.compile(r"(?i)(?:password|secret|token|api_?key|authorization|cookie)$")
REDACTED = "[redacted]"
SHORTEST_CARD = 10**12
"""A smaller number is no card's."""
_COLOURS = {"web": 36, "channels": 35, "turns": 32, "quick": 34, "slow": 94, "deskhand": 33}
_LEVEL_COLOURS = {"warning": 33, "error": 31, "critical": 31}

_process = "deskhand"


def redact(text: str) -> str:
    """Return ``text`` with everything replaced that has the shape of a known secret, or of a card, an account, an address or a phone of
    a person. Whether or not the shield is on: no log needs them."""
    return mask_line(text, REDACTED)


def _redact_event(_logger: Any, _method: str, event: Event) -> Event:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = REDACTED if value and _SECRET_KEYS.search(key) else redact(value)
        elif isinstance(value, bool | float | type(None)):
            continue
        elif isinstance(value, int):
            if value >= SHORTEST_CARD and (masked := redact(str(value))) != str(value):
                event[key] = masked
        else:
            event[key] = redact(str(value))
    return event


def _name_process(_logger: Any, _method: str, event: Event) -> Event:
    event.setdefault("process", _process)
    event.setdefault("pid", os.getpid())
    return event


def _json(_logger: Any, _method: str, event: Event) -> bytes:
    import orjson

    first = {key: event.pop(key) for key in ("time", "level", "process", "event") if key in event}
    return orjson.dumps({**first, **event}, default=str, option=orjson.OPT_NON_STR_KEYS)


def _visible(text: str) -> str:
    """A text from outside must not look like a line of our own, nor move the cursor."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _text(colour: bool) -> Callable[[Any, str, Event], bytes]:
    def paint(code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text

    def render(_logger: Any, _method: str, event: Event) -> bytes:
        process, level = str(event.pop("process")), str(event.pop("level", "info"))
        event.pop("pid", None)
        time, name, trace = str(event.pop("time", ""))[11:19], event.pop("event", ""), event.pop("exception", "")
        head = f"{time} {paint(_COLOURS.get(process, 0), f'{process:<8}')} "
        mark = "" if level in {"info", "debug"} else paint(_LEVEL_COLOURS.get(level, 0), level) + " "
        rest = "".join(f" {paint(2, key + '=')}{_visible(str(value))}" for key, value in event.items())
        tail = f"\n{trace}" if trace else ""
        return f"{head}{mark}{_visible(str(name))}{rest}{tail}".encode("utf-8", "replace")

    return render


class _Lines:
    """Write each line by one system call, so that the lines of several processes never mix."""

    def __init__(self, *_: Any) -> None:
        self._write = os.write

    def msg(self, line: bytes) -> None:
        view = line + b"\n"
        try:
            while view:
                view = view[self._write(2, view) :]
        except OSError:
            pass  # nobody reads any more: that is no reason to stop serving customers

    log = debug = info = warning = warn = error = critical = exception = fatal = failure = msg


class _FromLibraries(logging.Handler):
    """What libraries say through the standard ``logging``, in our form."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = {"logger": record.name}
            error = record.exc_info if record.exc_info and record.exc_info[0] else None
            structlog.get_logger().log(record.levelno, record.getMessage(), exc_info=error, **event)
        except Exception:
            self.handleError(record)


def _uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger().critical("crashed", exc_info=(kind, error, trace))


def setup(process: str, *, quiet: bool = False) -> None:
    """Set the log up for a process: its name, ``DESKHAND_LOG_FORMAT`` and ``DESKHAND_LOG_LEVEL``. Lines go to standard error.

    ``quiet`` is for commands: people read what they print, and the log only when something is wrong.
    """
    global _process
    _process = process
    settings = config()
    terminal = sys.stderr is not None and sys.stderr.isatty()
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and terminal)
    renderer: Any = _text(terminal and "NO_COLOR" not in os.environ) if as_text else _json
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    if quiet:
        level = max(level, logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _name_process,
            _redact_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    # Libraries are heard when they complain: their INFO lines carry addresses with tokens in them.
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[_FromLibraries()], force=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: (
        _uncaught(args.exc_type, args.exc_value, args.exc_traceback) if args.exc_value is not None else None
    )
