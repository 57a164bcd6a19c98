"""The fleet of this process: of the plugins that are on and the providers that were added, with breakers that all processes share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bot import clock, prices
from bot.ai import AIProvider
from bot.breaker import Breakers
from bot.config import config
from bot.fleet import Fleet
from bot.fleet_health import Recorder
from bot.fleet_members import Member, Members
from bot.fleet_settings import fleet_settings
from bot.plugins import registry
from bot.store import read, sql, write

if TYPE_CHECKING:
    from bot.plugins import Registry, Snapshot


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


class FleetKeeper:
    """Keeps the fleet that fits the current version of plugins and providers."""

    def __init__(self, registry: Registry, *, warm: bool = True) -> None:
        """``warm``: import the SDKs in the background as soon as a fleet is made."""
        self.registry = registry
        self._warm = warm
        self._lock = threading.Lock()
        self._members = Members(registry)
        self._recorder = Recorder()
        self._snapshot: Snapshot | None = None
        self._fleet: Fleet | None = None
        self.members: tuple[Member, ...] = ()
        """Of the fleet that was asked for last."""

    def fleet(self, snapshot: Snapshot) -> Fleet:
        """The fleet of this snapshot, made once per version. Its providers stay open as long as somebody holds it."""
        with self._lock:
            if self._fleet is None or self._snapshot is not snapshot:
                self._fleet = self._make(snapshot)
                self._snapshot = snapshot
            return self._fleet

    def warm(self) -> None:
        """Make the fleet before the first question, so that nobody waits for an SDK's import."""
        self.fleet(self.registry.snapshot())

    def _make(self, snapshot: Snapshot) -> Fleet:
        version, settings = snapshot.version, fleet_settings()
        found, kept = self._members.collect(snapshot)
        self.members = members = tuple(one for one in found if one.row is not None or one.name not in settings.off)
        marks = {member.name: member.row.cheap for member in members if member.row is not None}

        def cheap(provider: AIProvider) -> bool:
            mark = marks.get(provider.name)
            if mark is not None:
                return mark
            price = prices.price_of(provider.name, provider.model)
            return price is not None and price.output <= config().cheap_price

        return Fleet(
            [member.provider for member in members],
            Breakers(BreakerRows(), version=version),
            settings=settings,
            quote_when_failing=True,
            cheap=cheap,
            still_on=lambda provider: self._members.still_on(provider, version),
            note=self._recorder.note,
            kept=kept,
            warm=self._warm,
        )


_lock = threading.Lock()
_keeper: FleetKeeper | None = None


def keeper_of(owner: Registry, *, warm: bool = False) -> FleetKeeper:
    """The one keeper of this process: whoever asks providers for whatever shares their connections and what is known of them."""
    global _keeper
    with _lock:
        if _keeper is None or _keeper.registry is not owner:
            _keeper = FleetKeeper(owner, warm=warm)
        return _keeper


def current_fleet() -> Fleet:
    """The fleet as it is now. For jobs and commands; a turn asks the keeper of its process, with its own snapshot."""
    return keeper_of(registry()).fleet(registry().snapshot())
