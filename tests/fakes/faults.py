"""What goes wrong on the way, by script or by a seeded plan."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

KINDS = ("429", "500", "500_after", "drop_before", "drop_after", "slow_after")
"""``drop_after`` and ``500_after`` do what was asked and lose the answer; ``slow_after`` answers too late."""


@dataclass
class Fault:
    """One fault for the next call of ``method`` (empty: any)."""

    kind: str
    method: str = ""
    retry_after: int = 1
    seconds: float = 20.0
    """How late ``slow_after`` answers."""
    error: str = ""
    """With the kind ``error``: what Slack says."""
    channel: str = ""
    """Only for calls that name this channel."""


@dataclass
class Faults:
    """Scripted faults go first; then the plan throws dice."""

    scripted: deque[Fault] = field(default_factory=deque)
    rate: float = 0.0
    kinds: tuple[str, ...] = KINDS
    seconds: float = 20.0
    methods: tuple[str, ...] = ()
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def plan(
        self,
        seed: int,
        rate: float,
        kinds: tuple[str, ...] = KINDS,
        methods: tuple[str, ...] = (),
        seconds: float = 20.0,
    ) -> None:
        self.dice, self.rate, self.kinds, self.methods, self.seconds = (
            random.Random(seed),
            rate,
            kinds,
            methods,
            seconds,
        )

    def next(self, method: str, channel: str = "") -> Fault | None:
        for one in self.scripted:
            if one.method in {"", method} and one.channel in {"", channel}:
                self.scripted.remove(one)
                return one
        if self.rate and (not self.methods or method in self.methods) and self.dice.random() < self.rate:
            return Fault(self.dice.choice(self.kinds), seconds=self.seconds)
        return None
