"""What must not happen, and what the team must hear of when it does: a line in the log, a number, the audit trail, a mail.

The line and the number come each time. The trail and the mail come once in a while for one kind, as whatever goes on
happens again with every question.
"""

from __future__ import annotations

import threading
import time

import structlog

from bot import audit, clock, mail
from bot.addresses import one_line, parse_addresses
from bot.config import config
from bot.letter import quote
from bot.mail import MailRefused
from bot.metrics import counter
from bot.store import StoreUnavailable, write

log = structlog.get_logger("alarms")

MAIL_EVERY = 6 * 3600.0
"""Seconds; for all processes together, as the mail of one occasion is made once."""
TRAIL_EVERY = 600.0
"""Seconds; for one process."""

_told: dict[str, float] = {}
_lock = threading.Lock()


def raise_alarm(kind: str, about: str, subject: str, text: str) -> None:
    """Tell that something went wrong. ``kind`` is a word such as ``prompt_leaked``; ``about`` what it happened to
    (``conversation:ID``); ``text`` what it means and what to do, without a customer's words. Never raises; blocks for one write at most."""
    log.error(kind, about=about, meaning=text)
    counter("alarms_total", "What must not happen, by kind", ("kind",)).labels(kind).inc()
    with _lock:
        now = time.monotonic()
        if now < _told.get(kind, -TRAIL_EVERY) + TRAIL_EVERY:
            return
        _told[kind] = now
    try:
        write(lambda: _tell(kind, about, subject, text))
    except (StoreUnavailable, MailRefused) as error:
        log.warning("alarm_not_stored", kind=kind, reason=type(error).__name__)


def _tell(kind: str, about: str, subject: str, text: str) -> None:
    audit.record("deskhand", f"alarm.{kind}", about)
    for address in parse_addresses(config().team_mail):
        mail.put(
            "team.alarm", kind, f"{int(clock.now() // MAIL_EVERY)}/{address.address}", address.address,
            one_line(subject, 120), quote(one_line(text, 500)), "More of it is in the log. Look at: `deskhand doctor`",
        )  # fmt: skip


def forget_alarms() -> None:
    """Tell everything again (tests)."""
    with _lock:
        _told.clear()
