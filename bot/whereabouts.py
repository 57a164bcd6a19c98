"""How people call a channel ("in Telegram", "on our website"), and the links that open one with a code.

The process that runs a channel tells, every other reads: web does not load the channels' SDKs.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import structlog

from bot import clock
from bot.channel import Channel
from bot.store import read, sql, write
from bot.store.json_columns import decoded

log = structlog.get_logger("channels")

PREFIX = "whereabouts."
SAMPLE = "0123456789"
"""Stands for a code when a channel is asked for its link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLink:
    """A link that opens a channel and brings a code there."""

    channel: str
    name: str
    """For people: ``Telegram``."""
    url: str


def announce(channel: Channel, known: str | None = None) -> str:
    """Tell all processes how ``channel`` is called and how it is opened; returns its link. Does nothing while that is ``known``.
    A link that cannot be made is none. Blocks."""
    try:
        link = channel.start_link(SAMPLE)
    except Exception as error:
        log.warning("no_start_link", channel=channel.name, reason=type(error).__name__)
        link = ""
    if not isinstance(link, str) or not link.startswith(("https://", "http://")) or SAMPLE not in link:
        link = ""
    if link == known:
        return link
    value = orjson.dumps({"where": channel.where or _made(channel.name), "link": link}).decode()

    def work() -> None:
        sql(
            "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
            (PREFIX + channel.name, value, clock.now()),
        )

    write(work)
    return link


def withdraw(channel_name: str) -> None:
    """The channel is off: nobody is sent there. Its name stays, for conversations that are there. Blocks."""

    def work() -> None:
        found = _row(channel_name)
        if found.get("link"):
            value = orjson.dumps({**found, "link": ""}).decode()
            sql(
                "UPDATE setting SET value = ?, changed_at = ? WHERE key = ?",
                (value, clock.now(), PREFIX + channel_name),
            )

    write(work)


def where(channel_name: str) -> str:
    """Where that is, in a sentence: ``in Telegram``. Inside a read or write."""
    return _row(channel_name).get("where") or _made(channel_name)


def links(code: str, *, besides: str = "") -> list[StartLink]:
    """The links of all channels that have one, but for ``besides``, by name. Blocks."""

    def work() -> list[StartLink]:
        rows = sql("SELECT key, value FROM setting WHERE key LIKE ? ORDER BY key", (PREFIX + "%",)).fetchall()
        found = []
        for key, raw in rows:
            name, value = key.removeprefix(PREFIX), _value(raw)
            if value.get("link") and name != besides:
                shown = value["where"].partition(" ")[2] or name
                found.append(StartLink(channel=name, name=shown, url=value["link"].replace(SAMPLE, code)))
        return found

    return read(work)


def _row(channel_name: str) -> dict[str, str]:
    row = sql("SELECT value FROM setting WHERE key = ?", (PREFIX + channel_name,)).fetchone()
    return _value(row[0]) if row else {}


def _value(raw: object) -> dict[str, str]:
    value: dict[str, str] = decoded(raw)
    return value


def _made(name: str) -> str:
    return "in " + name.replace("_", " ").replace("-", " ").title()
