"""What the people who run the house should know at once: by mail to the team, and as a post at every desk. Each once.

A notice holds words of ours alone: no customer's name, no text of a conversation.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import structlog

from bot import deliver, mail
from bot.addresses import one_line, parse_addresses
from bot.config import config
from bot.deliver import Head
from bot.desk import DeskPost
from bot.letter import quote
from bot.store import db, sql
from bot.store.json_columns import decoded

log = structlog.get_logger("notices")

NOTICE = "notice:"
"""Before what such a delivery says: it belongs to no conversation."""


def tell(occasion: str, subject: str, words: str) -> None:
    """Tell it once for each ``occasion``. Inside a write; who wakes the senders is told after the commit."""
    for address in parse_addresses(config().team_mail):
        about = f"{occasion}/{address.address}"[:300]
        try:
            mail.put("team.notice", "", about, address.address, one_line(subject, 120), quote(one_line(words, 500)))
        except mail.MailRefused as error:  # an address that is none must not keep the others from being told
            log.warning("notice_not_mailed", reason=str(error))
    for name, place in sql("SELECT key, value FROM setting WHERE key LIKE 'desk.%' ORDER BY key").fetchall():
        about = decoded(place)
        _put(f"desk:{name.removeprefix('desk.')}", about["place"], occasion, words)
    db.after_commit(_wake)


def _put(channel: str, place: str, occasion: str, words: str) -> None:
    where = f"{NOTICE}{hashlib.sha256(place.encode()).hexdigest()[:16]}"
    message = NOTICE + orjson.dumps({"place": place, "text": words[:1_000]}).decode()
    deliver.put(channel, where, "event", message, about=NOTICE + occasion)


def _wake() -> None:
    from bot.bus import bus

    bus().wake("out", "")


def compose(head: Head) -> DeskPost:
    """The post of such a delivery: of its own, in no thread."""
    about: dict[str, Any] = orjson.loads(head.message.removeprefix(NOTICE))
    return DeskPost(
        op="event", author="system", key=head.key, place=about["place"], text=about["text"], attempt=head.attempt,
        first_sent_at=head.first_sent_at,
    )  # fmt: skip
