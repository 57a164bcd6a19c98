"""The budget of IDENTIFY: 1,000 a day, and Discord resets the bot's token when it is used up (events/gateway).

A connection that is resumed costs nothing, so this is only asked for new sessions. A process that starts again and again
must not burn the budget: what was used is remembered across restarts, and the last tenth is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

DAY = 86_400.0
HOUR = 3_600.0
MOST_A_DAY = 500
"""Ours, whatever Discord would allow."""
RESERVE = 0.1
"""This part of Discord's budget is never used."""
AT_ONCE = 3
"""New sessions of an hour that need no pause."""
SHORT, LONG = 60.0, 300.0
"""Pauses in seconds between the sessions after that, and after twenty in an hour."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """``wait``: seconds until a new session may be opened. ``refused``: a sentence, when it must not be for a longer time."""

    wait: float = 0.0
    refused: str = ""


def allowance(now: float, used: Sequence[float], *, total: int, remaining: int, reset_after: float) -> Allowance:
    """May a new session be opened? ``used``: when the last ones were (Unix seconds). The rest is ``session_start_limit`` of
    GET /gateway/bot, ``reset_after`` in seconds."""
    today = [at for at in used if now - at < DAY]
    if remaining <= max(1, int(total * RESERVE)):
        return Allowance(reset_after, _refused(f"{remaining} of {total} are left", now + reset_after))
    if len(today) >= MOST_A_DAY:
        free = min(today) + DAY
        return Allowance(free - now, _refused(f"{len(today)} were opened within a day", free))
    hour = [at for at in today if now - at < HOUR]
    pause = 0.0 if len(hour) < AT_ONCE else SHORT if len(hour) < 20 else LONG
    return Allowance(max(0.0, max(hour, default=0.0) + pause - now))


def _refused(why: str, again: float) -> str:
    return (
        f"No new session with Discord is opened ({why}; at the end of that budget Discord would reset the bot's token). "
        f"It is possible again at {datetime.fromtimestamp(again, UTC):%Y-%m-%d %H:%M} UTC. Look for what restarts the "
        "connection again and again; what is to be sent is sent all the same."
    )
