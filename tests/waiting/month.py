"""A month of a small team, made up: who is there, who comes, how long they wait, and what would have been told to them.

Five agents with shifts, breaks and sick days take two conversations at a time from nine to five (UTC). Customers come by a Poisson
process with two peaks a day, some days twice as many as others. A conversation takes eleven minutes on average; an agent who is
free needs half a minute to see that somebody waits. Told and true times are compared for every third who comes after three days.
"""

from __future__ import annotations

import bisect
import heapq
import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.expected_waits import Sample, expected, load

AGENTS, AT_ONCE = 5, 2
HOUR, DAY = 3_600.0, 86_400.0
RATES = {9: 0.7, 10: 1.3, 11: 1.4, 12: 0.8, 13: 0.9, 14: 1.3, 15: 1.1, 16: 0.7}
NEWEST = 400
Tell = Callable[[Sequence["Wait"], "Wait", float], float | None]


@dataclass(frozen=True, slots=True)
class Wait:
    """One customer: when they came and were claimed, and how it stood when they came."""

    came: float
    claimed: float
    ahead: int
    busy: int
    there: int

    @property
    def seconds(self) -> float:
        return self.claimed - self.came

    @property
    def sample(self) -> Sample:
        return Sample(self.seconds, hour_of(self.claimed), load(self.ahead, self.busy, self.there))


def hour_of(at: float) -> int:
    return int(at % DAY // HOUR)


def month(seed: int, customers_an_hour: float, days: int = 30) -> list[Wait]:
    """Everybody who came, in the order in which they were claimed."""
    rng = random.Random(seed)
    found = [wait for day in range(days) for wait in _day(rng, day * DAY, customers_an_hour)]
    return sorted(found, key=lambda wait: wait.claimed)


def _shifts(rng: random.Random) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    at, end = rng.choice([9, 9, 9, 10, 11]) * HOUR, rng.choice([17, 17, 16]) * HOUR
    if rng.random() < 0.15:
        return spans
    while at < end:
        until = min(at + rng.expovariate(1 / (2.2 * HOUR)), end)
        spans.append((at, until))
        at = until + rng.uniform(600, HOUR)
    return spans


def _day(rng: random.Random, midnight: float, an_hour: float) -> list[Wait]:
    shifts = [_shifts(rng) for _ in range(AGENTS)]
    demand, at, events = rng.lognormvariate(0, 0.25), 9 * HOUR, []
    while at < 17 * HOUR:
        at += rng.expovariate(an_hour * demand * RATES[min(16, int(at // HOUR))] / HOUR)
        if at < 16.9 * HOUR:
            events.append((at, "comes", 0, 0.0))
    events += [(start, "here", 0, 0.0) for spans in shifts for start, _ in spans]
    heapq.heapify(events)
    queue: list[Wait] = []
    asked: dict[float, Wait] = {}
    busy = [0] * AGENTS
    found = []
    while events:
        now, what, agent, came = heapq.heappop(events)
        there = [one for one in range(AGENTS) if any(start <= now < end for start, end in shifts[one])]
        if what == "comes":
            queue.append(Wait(midnight + now, 0.0, len(queue), sum(busy), len(there)))
        elif what == "claims":
            one = asked.pop(came)
            found.append(Wait(one.came, midnight + now, one.ahead, one.busy, one.there))
            heapq.heappush(events, (now + rng.lognormvariate(math.log(660) - 0.32, 0.8), "ends", agent, 0.0))
        elif what == "ends":
            busy[agent] -= 1
        while queue and (free := [one for one in there if busy[one] < AT_ONCE]):
            agent, wait = min(free, key=lambda one: busy[one]), queue.pop(0)
            busy[agent] += 1
            asked[wait.came] = wait
            heapq.heappush(events, (now + rng.lognormvariate(math.log(35), 0.6), "claims", agent, wait.came))
    return found


def plain_median(known: Sequence[Wait], wait: Wait, waited: float) -> float | None:
    """As it was told before: the median of the newest 200 at this hour of the day, and the one before and after."""
    hour, near = hour_of(wait.came + waited), []
    for one in reversed(known):
        if abs(hour_of(one.claimed) - hour) <= 1:
            near.append(one.seconds)
            if len(near) == 200:
                break
    longer = [seconds - waited for seconds in near if seconds > waited]
    return statistics.median(longer) if len(longer) >= 5 else None


def by_load(known: Sequence[Wait], wait: Wait, waited: float) -> float | None:
    """As it is told now."""
    now = load(wait.ahead, wait.busy, wait.there)
    return expected([one.sample for one in known[-NEWEST:]], hour=hour_of(wait.came + waited), now=now, waited=waited)


@dataclass(frozen=True, slots=True)
class Errors:
    """How far what was told was from what was true, in seconds."""

    told: int
    median: float
    mean: float
    nine_of_ten: float


def errors(waits: Sequence[Wait], tell: Tell, *, every: int = 3, waited: float = 0.0) -> Errors:
    """Of every third customer who waited longer than ``waited`` and was told something, after three days."""
    ends = [one.claimed for one in waits]
    off = []
    for one in sorted(waits, key=lambda wait: wait.came)[::every]:
        if one.came < 3 * DAY or one.seconds <= waited:
            continue
        said = tell(waits[: bisect.bisect_right(ends, one.came + waited)], one, waited)
        if said is not None:
            off.append(abs(said - (one.seconds - waited)))
    off.sort()
    return Errors(len(off), statistics.median(off), statistics.fmean(off), off[int(0.9 * len(off))])
