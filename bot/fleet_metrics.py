"""How AI providers were in the last 15 minutes, for Prometheus: from the rows of all processes, asked for when it looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import orjson

from bot import clock
from bot.fleet_health import lately
from bot.store import StoreUnavailable, read, sql

if TYPE_CHECKING:
    from prometheus_client import Metric

SHARES = (0.5, 0.95)
STATES = ("open", "config")


class FleetCollector:
    """Nothing while the database is away."""

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        try:
            tallies = lately()
            breakers = read(lambda: sql("SELECT name, state FROM breaker").fetchall())
        except StoreUnavailable:
            return
        first = GaugeMetricFamily(
            "deskhand_provider_first_token_seconds",
            "Until the first words, last 15 minutes",
            labels=("provider", "quantile"),
        )
        whole = GaugeMetricFamily(
            "deskhand_provider_answer_seconds",
            "Until the whole answer, last 15 minutes",
            labels=("provider", "quantile"),
        )
        attempts = GaugeMetricFamily(
            "deskhand_provider_attempts",
            "Attempts of the last 15 minutes by how they ended",
            labels=("provider", "outcome"),
        )
        for name, tally in sorted(tallies.items()):
            for share in SHARES:
                for family, seconds in ((first, tally.first_token(share)), (whole, tally.whole(share))):
                    if seconds is not None:
                        family.add_metric((name, str(share)), seconds)
            for outcome, count in sorted(tally.outcomes.items()):
                attempts.add_metric((name, outcome), count)
        left_out = GaugeMetricFamily(
            "deskhand_provider_left_out", "1 while a provider is left out: open (it fails) or config (its settings are wrong)",
            labels=("provider", "state"),
        )  # fmt: skip
        for name, state in sorted(breakers):
            now = _state(state)
            for one in STATES:
                left_out.add_metric((name, one), float(now == one))
        yield from (first, whole, attempts, left_out)


def _state(raw: str) -> str:
    try:
        found = orjson.loads(raw)
        return str(found["state"]) if found["until"] > clock.now() else "closed"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "closed"
