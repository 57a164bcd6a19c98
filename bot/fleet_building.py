"""The fleet of this process: made from the plugins that are on, with breakers that all processes share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import orjson

from bot import audit, clock, switches
from bot.breaker import Breakers
from bot.fleet import Fleet, in_order
from bot.store import read, sql, write

if TYPE_CHECKING:
    from bot.plugins import Registry, Snapshot

ORDER = "providers.order"
"""Setting: provider names in the order in which they are asked."""


class BreakerRows:
    """Breaker states as rows, so that one process's bad experience spares the others theirs."""

    def load(self, name: str) -> str | None:
        row = read(lambda: sql("SELECT state FROM breaker WHERE name = ?", (name,)).fetchone())
        return row[0] if row else None

    def save(self, name: str, state: str) -> None:
        write(
            lambda: sql(
                "INSERT INTO breaker (name, state, updated_at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at",
                (name, state, clock.now()),
            )
        )


def provider_order() -> list[str]:
    """The configured order; empty means by name."""
    row = read(lambda: sql("SELECT value FROM setting WHERE key = ?", (ORDER,)).fetchone())
    if row is None:
        return []
    value = orjson.loads(row[0]) if isinstance(row[0], (str, bytes)) else row[0]
    return [str(name) for name in value]


def set_provider_order(names: list[str], *, actor: str) -> None:
    """Ask providers in this order from the next answer on, in all processes; the others follow by name."""

    def fn() -> None:
        sql(
            "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
            (ORDER, orjson.dumps(names).decode(), clock.now()),
        )
        audit.record(actor, "providers.order", "providers", {"order": names})

    switches.change(fn)


class FleetKeeper:
    """Keeps the fleet that fits the plugins' current version."""

    def __init__(self, registry: Registry, *, warm: bool = True) -> None:
        """``warm``: import the SDKs in the background as soon as a fleet is made."""
        self._registry = registry
        self._warm = warm
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None  # kept: its providers are closed when nobody holds it any more
        self._fleet: Fleet | None = None

    def fleet(self, snapshot: Snapshot) -> Fleet:
        """The fleet of this snapshot, made once per version."""
        with self._lock:
            if self._fleet is None or self._snapshot is None or snapshot.version != self._snapshot.version:
                providers = [provider for _, provider in snapshot.objects("ai_provider")]
                breakers = Breakers(BreakerRows(), version=snapshot.version)
                self._fleet = Fleet(
                    in_order(providers, provider_order()), breakers, quote_when_failing=True, warm=self._warm
                )
                self._snapshot = snapshot
            return self._fleet

    def warm(self) -> None:
        """Make the fleet before the first question, so that nobody waits for an SDK's import."""
        self.fleet(self._registry.snapshot())
