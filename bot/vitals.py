"""What an operator watches: work that waits too long, sends that nobody could settle, and how much of everything there is.

Worked out from the rows, so it is the same in every process and says what customers feel, whatever process is to blame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot import clock
from bot.store import StoreUnavailable, read, sql

if TYPE_CHECKING:
    from prometheus_client import Metric

LATE_TURN = 10.0
"""Seconds that a customer's message may wait for a turn: sweeps find it every two seconds even when all wakes are lost."""
LATE_SETTLING = 300.0
"""Seconds after which a send that is still uncertain is a case for a person."""
LATE_JOB = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How the installation is now. Ages in seconds, 0 when there is none."""

    waiting_turns: int = 0
    oldest_turn: float = 0.0
    oldest_uncertain: float = 0.0
    late_jobs: int = 0
    deliveries: dict[str, int] = field(default_factory=dict)
    """Unsettled ones by state: pending, sending, uncertain, held, dead."""
    tickets: dict[str, int] = field(default_factory=dict)
    """By state: open, in_progress."""

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is wrong, as sentences; empty when nothing is."""
        found = []
        if self.oldest_turn > LATE_TURN:
            found.append(
                f"A customer has waited {self.oldest_turn:.0f} s for an answer ({self.waiting_turns} waiting)."
                " Does deskhand turns run?"
            )
        if self.oldest_uncertain > LATE_SETTLING:
            found.append(
                f"A send has been uncertain for {self.oldest_uncertain / 60:.0f} min. Does deskhand channels run?"
                " Look: deskhand deadletters list"
            )
        if self.late_jobs:
            found.append(f"Overdue jobs: {self.late_jobs}. Does deskhand worker run?")
        return tuple(found)


def vitals() -> Vitals:
    """Look now. Blocks. Raises :class:`StoreUnavailable`."""
    return read(_vitals)


def _vitals() -> Vitals:
    now = clock.now()
    waiting, since = sql(
        "SELECT count(*), min(CASE WHEN due_at > active_at THEN due_at ELSE active_at END) FROM conversation"
        " WHERE needs AND due_at <= ? AND lease_until < ?",
        (now, clock.lease_now()),
    ).fetchone()
    uncertain = sql("SELECT min(first_sent_at) FROM delivery WHERE state = 'uncertain'").fetchone()[0]
    late = sql("SELECT count(*) FROM job WHERE state = 'queued' AND next_at < ?", (now - LATE_JOB,)).fetchone()[0]
    unsettled = "'pending', 'sending', 'uncertain', 'held', 'dead'"
    deliveries = sql(f"SELECT state, count(*) FROM delivery WHERE state IN ({unsettled}) GROUP BY state").fetchall()  # noqa: S608
    tickets = sql("SELECT state, count(*) FROM ticket WHERE state <> 'resolved' GROUP BY state").fetchall()
    return Vitals(
        waiting_turns=waiting,
        oldest_turn=max(0.0, now - since) if since else 0.0,
        oldest_uncertain=max(0.0, now - uncertain) if uncertain else 0.0,
        late_jobs=late,
        deliveries=dict(deliveries),
        tickets=dict(tickets),
    )


class Collector:
    """The same for Prometheus, looked up when it asks. Nothing while the database is away."""

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        try:
            now = vitals()
        except StoreUnavailable:
            return
        for name, text, value in (
            ("turns_waiting", "Conversations that wait for a turn", now.waiting_turns),
            ("oldest_turn_seconds", "How long the first of them has waited", now.oldest_turn),
            ("oldest_uncertain_seconds", "How long the oldest uncertain send has been so", now.oldest_uncertain),
            ("jobs_late", "Jobs that are a minute overdue", now.late_jobs),
        ):
            yield GaugeMetricFamily(f"deskhand_{name}", text, value=value)
        for name, text, by_state in (
            ("deliveries", "Deliveries that are not settled, by state", now.deliveries),
            ("tickets", "Open tickets, by state", now.tickets),
        ):
            family = GaugeMetricFamily(f"deskhand_{name}", text, labels=("state",))
            for state, count in sorted(by_state.items()):
                family.add_metric((state,), count)
            yield family
