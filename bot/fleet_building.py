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


def order_key(task: str) -> str:
    """The setting that holds the order of a task."""
    return ORDER if task == "answer" else f"{ORDER}.{task}"


def provider_order(task: str = "answer") -> list[str]:
    """The configured order of a task: its own names first, then those of the answers. Empty means by name."""
    rows = read(
        lambda: dict(sql("SELECT key, value FROM setting WHERE key IN (?, ?)", (order_key(task), ORDER)).fetchall())
    )
    names: dict[str, None] = {}
    for key in (order_key(task), ORDER):
        value = rows.get(key) or []
        names |= dict.fromkeys(
            str(name) for name in (orjson.loads(value) if isinstance(value, (str, bytes)) else value)
        )
    return list(names)


def set_provider_order(names: list[str], *, actor: str, task: str = "answer") -> None:
    """Ask providers in this order from the next answer on, in all processes; the others follow by name. An empty order of another
    task than ``answer``: as for answers."""

    def fn() -> None:
        sql(
            "INSERT INTO setting (key, value, changed_at) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
            (order_key(task), orjson.dumps(names).decode(), clock.now()),
        )
        audit.record(actor, "providers.order", "providers", {"task": task, "order": names})

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
