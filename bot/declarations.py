"""What channels and desks declared, kept as rows, so that whoever plans a delivery knows it without having the channel itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from bot import clock
from bot.channel import Capability, Channel, Limits
from bot.desk import Desk
from bot.store import sql
from bot.store.json_columns import decoded

_FOLLOWING = {"edit": "edit", "delete": "delete", "react": "reactions"}
"""Which capability an operation needs."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the core must know of a channel or desk to plan for it."""

    pull: bool
    limits: Limits
    can: frozenset[str] = frozenset()
    """Names of its capabilities."""

    @property
    def follows(self) -> frozenset[str]:
        """``edit``, ``delete`` and ``react``, as far as it can."""
        return frozenset(op for op, capability in _FOLLOWING.items() if capability in self.can)

    def takes(self, size: int) -> bool:
        """Whether it takes a file of so many bytes."""
        return "files" in self.can and size <= self.limits.max_file_bytes


_declared: dict[str, Declaration] = {}


def declare(channel: Channel) -> None:
    """Make a channel's nature known to all processes. Inside a write."""
    pull = Capability.PULL in channel.capabilities
    _store(f"channel.{channel.name}", {"pull": pull, **_nature(channel)})
    if pull:  # planned before anybody knew: nothing was ever to be sent
        sql("DELETE FROM delivery WHERE channel = ? AND state = 'pending'", (channel.name,))
    _declared.pop(channel.name, None)


def declare_desk(desk: Desk) -> None:
    """Make a desk and the place of its new threads known to all processes. Inside a write."""
    _store(f"desk.{desk.name}", {"place": desk.place, **_nature(desk)})


def _nature(one: Channel | Desk) -> dict[str, Any]:
    limits = one.limits
    return {
        "max_text": limits.max_text,
        "unit": limits.unit,
        "timeout": limits.timeout,
        "max_file_bytes": limits.max_file_bytes,
        "can": sorted(str(can) for can in one.capabilities),
    }


def _store(key: str, value: dict[str, Any]) -> None:
    sql(
        "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
        (key, orjson.dumps(value).decode(), clock.now()),
    )


def declaration(channel_name: str) -> Declaration:
    """What ``channel_name`` declared; an unknown channel is one that must be sent to. Inside a read or write."""
    known = _declared.get(channel_name)
    if known is not None:
        return known
    found = _read(f"channel.{channel_name}")
    if found is None:
        return Declaration(False, Limits())
    _declared[channel_name] = found
    return found


def desks() -> list[tuple[str, str]]:
    """``(desk, place)`` of every desk that is on. Inside a read or write."""
    rows = sql("SELECT key, value FROM setting WHERE key LIKE 'desk.%' ORDER BY key").fetchall()
    found = [(key.removeprefix("desk."), decoded(value)) for key, value in rows]
    return [(name, str(value["place"])) for name, value in found]


def desk_declaration(desk_name: str) -> Declaration:
    """What a desk declared; one that is off can do nothing. Inside a read or write."""
    return _read(f"desk.{desk_name}") or Declaration(False, Limits())


def _read(key: str) -> Declaration | None:
    row = sql("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    value: dict[str, Any] = orjson.loads(row[0]) if isinstance(row[0], (str, bytes)) else row[0]
    usual = Limits()
    limits = Limits(
        max_text=value.get("max_text", usual.max_text),
        unit=value.get("unit", usual.unit),
        timeout=value.get("timeout", usual.timeout),
        max_file_bytes=value.get("max_file_bytes", usual.max_file_bytes),
    )
    return Declaration(bool(value.get("pull")), limits, frozenset(value.get("can", ())))


def forget_declarations() -> None:
    """Look declarations up again (another database, a changed plugin)."""
    _declared.clear()
