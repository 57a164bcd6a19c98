"""What holds for all of routing: who is offered what without a rule, for how long, and how much one agent takes.

One row, read where it counts: a change is true at once in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from bot import audit, clock
from bot.store import sql, write
from bot.store.json_columns import decoded_object

KEY = "routing"
ASSIGN = ("nobody", "round-robin")
MENTIONS = ("none", "assignee", "team", "channel")
LONGEST = 24 * 60
"""Minutes."""
MOST = 1_000
"""Conversations that one agent may be said to take at once."""


class RoutingRefused(Exception):
    """A rule or a setting that is not taken. ``field`` says which part; the text is a sentence for people. Nothing was changed."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """The settings by their names."""

    assign: str = "nobody"
    """``nobody``: agents claim what they see. ``round-robin``: it is offered to one after the other."""
    lapse: int = 5
    """Minutes for which an offer stands."""
    capacity: int = 0
    """Conversations that one agent has or is offered at once; 0: no limit."""
    away: int = 0
    """Minutes without a reply after which the conversations of an agent who is away go back to the queue; 0: they are kept."""
    mention: str = "assignee"
    mention_channel: bool = False
    """Whether rules may alert everybody in a channel."""


def settings() -> RoutingSettings:
    """As they are now. Inside a read or write."""
    row = sql("SELECT value FROM setting WHERE key = ?", (KEY,)).fetchone()
    return _read(row[0]) if row else RoutingSettings()


def _read(value: Any) -> RoutingSettings:
    known = decoded_object(value)
    return RoutingSettings(**{name: known[name] for name in asdict(RoutingSettings()) if name in known})


def assigning() -> bool:
    """Whether anything is offered to anybody at all, or still is. Inside a read or write."""
    if settings().assign != "nobody":
        return True
    # Every step of a conversation asks: the second condition on offers has SQLite take the index of the open ones, which are few.
    row = sql(
        "SELECT 1 FROM routing_rule WHERE enabled AND assign = 'round-robin' UNION ALL"
        " SELECT 1 FROM agent_offer WHERE state = 'open' AND conversation_id > '' LIMIT 1"
    ).fetchone()
    return row is not None


def _number(name: str, most: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not value.isdecimal() or int(value) > most:
            raise RoutingRefused(name, f"{value[:40]!r} is no number from 0 to {most:,}.")
        return int(value)

    return read


def _lapse(value: str) -> int:
    minutes = _number("lapse", LONGEST)(value)
    if not minutes:
        raise RoutingRefused("lapse", f"An offer stands for 1 to {LONGEST:,} minutes.")
    return minutes


def _away(value: str) -> int:
    if value == "keep":
        return 0
    word, _, minutes = value.partition(":")
    if word != "release" or not minutes.isdecimal() or not 0 < int(minutes) <= LONGEST:
        raise RoutingRefused("on_away", "Write keep, or release:10 to give back what was not answered for 10 minutes.")
    return int(minutes)


def _one_of(name: str, *known: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in known:
            raise RoutingRefused(name, f"{value[:40]!r} is not known. There are: {', '.join(known)}.")
        return value

    return read


_READ: dict[str, tuple[str, Callable[[str], Any]]] = {
    "assign": ("assign", _one_of("assign", *ASSIGN)),
    "lapse": ("lapse", _lapse),
    "capacity": ("capacity", _number("capacity", MOST)),
    "on_away": ("away", _away),
    "mention": ("mention", _one_of("mention", *MENTIONS)),
    "mention_channel": ("mention_channel", lambda value: _one_of("mention_channel", "on", "off")(value) == "on"),
}
NAMES = tuple(_READ)


def shown(now: RoutingSettings) -> dict[str, tuple[str, str]]:
    """Each setting's value and what it means, by name, as admins write it."""
    return {
        "assign": (now.assign, "without a rule: nobody (agents claim), or round-robin over who is there"),
        "lapse": (str(now.lapse), "minutes for which an offer stands"),
        "capacity": (str(now.capacity), "conversations one agent has or is offered at once; 0: no limit"),
        "on_away": (
            f"release:{now.away}" if now.away else "keep",
            "what an agent has who goes away: keep, or release:MINUTES without a reply",
        ),
        "mention": (now.mention, f"who is alerted in a new thread without a rule: {', '.join(MENTIONS)}"),
        "mention_channel": ("on" if now.mention_channel else "off", "whether everybody in a channel may be alerted"),
    }


def change(values: Mapping[str, str], *, actor: str) -> RoutingSettings:
    """Set some of them; an empty value goes back to the default. Raises :class:`RoutingRefused`. Blocks."""
    from bot.routing_calls import settings_changed

    usual, changes = asdict(RoutingSettings()), {}
    for name, value in values.items():
        if name not in _READ:
            raise RoutingRefused(name, f"There is no such setting. There are: {', '.join(NAMES)}.")
        stored, read = _READ[name]
        changes[stored] = read(value.strip()) if value.strip() else usual[stored]

    def work() -> RoutingSettings:
        now = replace(settings(), **changes)
        if now.mention == "channel" and not now.mention_channel:
            raise RoutingRefused("mention", NOT_ALLOWED)
        sql(
            "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
            (KEY, orjson.dumps(asdict(now)).decode(), clock.now()),
        )
        audit.record(actor, "routing.settings", "routing", {"changed": sorted(values)})
        settings_changed()
        return now

    return write(work)


NOT_ALLOWED = (
    "Alerting a whole channel is switched off. An admin allows it: deskhand routing settings mention_channel=on"
)
