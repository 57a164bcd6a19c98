"""What does not work at a platform right now, as the channels process says it: for doctor and for the list of plugins.

A trouble is a row while it lasts, so that every process and the command line can tell. It is gone when the channel works
again, when it is switched off, and when it is started anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson

from bot import clock, mail
from bot.addresses import one_line, parse_addresses
from bot.config import config
from bot.letter import quote
from bot.store import read, sql, write
from bot.store.json_columns import decoded

PREFIX = "trouble:"
MAIL_EVERY = 6 * 3600.0
"""Seconds."""

Part = Literal["send", "listen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """``channel`` is a channel's name, or ``desk:`` and a desk's. ``text`` says what is wrong and what to do."""

    channel: str
    part: Part
    text: str
    since: float
    waiting: int
    """Deliveries that wait for it."""


def tell(channel: str, part: Part, text: str, *, admin: bool = False) -> None:
    """Note a trouble, or that it is over (an empty ``text``). A trouble that goes on keeps its beginning. ``admin``: nothing gets
    better until somebody acts, so the team is told by mail, once in six hours. Blocks."""
    key = f"{PREFIX}{channel}:{part}"

    def work() -> None:
        if not text:
            sql("DELETE FROM setting WHERE key = ?", (key,))
            return
        row = sql("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        since = _value(row[0])["since"] if row else clock.now()
        sql(
            "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
            (key, orjson.dumps({"text": text[:500], "since": since}).decode(), clock.now()),
        )
        if admin and row is None:
            _mail(channel, part, text)

    write(work)


def _mail(channel: str, part: Part, text: str) -> None:
    what = "cannot send" if part == "send" else "does not hear what people write"
    for address in parse_addresses(config().team_mail):
        mail.put(
            "team.channel", channel, f"{part}/{int(clock.now() // MAIL_EVERY)}/{address.address}", address.address,
            one_line(f"{channel} {what}", 120), quote(one_line(text, 500)),
            "Nothing is lost: what is to be sent waits. Look at: `deskhand doctor`",
        )  # fmt: skip


def forget(channel: str) -> None:
    """The channel begins anew, or is off. Blocks."""
    for part in ("send", "listen"):
        tell(channel, part, "")


def found() -> list[Trouble]:
    """All troubles of now, by name. Blocks."""

    def work() -> list[Trouble]:
        rows = sql("SELECT key, value FROM setting WHERE key LIKE ? ORDER BY key", (PREFIX + "%",)).fetchall()
        return [_trouble(key, _value(value)) for key, value in rows]

    return read(work)


def _trouble(key: str, value: dict[str, object]) -> Trouble:
    channel, _, part = key.removeprefix(PREFIX).rpartition(":")
    waiting = sql(
        "SELECT count(*) FROM delivery WHERE channel = ? AND state IN ('pending', 'sending', 'uncertain')", (channel,)
    ).fetchone()[0]
    return Trouble(
        channel=channel,
        part="listen" if part == "listen" else "send",
        text=str(value["text"]),
        since=float(str(value["since"])),
        waiting=waiting,
    )


def _value(raw: object) -> dict[str, object]:
    value: dict[str, object] = decoded(raw)
    return value
