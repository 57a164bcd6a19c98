"""What agents are told of due times: a reminder before, and one alert after. A row says of which; whether it is still true is worked
out when its turn comes, so what was answered or moved meanwhile is not told. Inside writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from bot import clock, hours, service_clocks
from bot.deliver import Head
from bot.desk import DeskPost
from bot.desk_actions import Action
from bot.opening import duration, zone_named
from bot.service_clocks import Clock, Clocks
from bot.service_targets import WORDS, Kind
from bot.store import sql

DUE = "due:"
"""Before what such a delivery is about."""
Stage = Literal["before", "after"]


def about(kind: Kind, stage: Stage, due: float, agents: Sequence[str] = ()) -> str:
    """What a delivery is about. ``agents``: ids of those who are to be alerted."""
    return DUE + orjson.dumps({"kind": kind, "stage": stage, "due": due, "agents": list(agents)}).decode()


def compose(head: Head, common: Mapping[str, Any]) -> DeskPost | None:
    """The line in the thread as it should be now; ``None``: it is not true any more."""
    said: dict[str, Any] = orjson.loads(head.message.removeprefix(DUE))
    conversation_id = head.conversation_id or ""
    found = still(conversation_id, said["kind"], said["stage"], said["due"])
    if found is None:
        return None
    desk = head.channel.removeprefix("desk:")
    free = not found[0].assignee
    return DeskPost(
        op="event", author="system", text=words(*found, said["stage"]), mention=_people(desk, said["agents"]),
        actions=(Action.CLAIM,) if free else (), value=conversation_id if free else "", **common,
    )  # fmt: skip


def still(conversation_id: str, kind: str, stage: str, due: float) -> tuple[Clocks, Clock] | None:
    """The ticket and its clock, if it is still awaited and this is still what there is to say of it. Also inside a read."""
    now = service_clocks.of(conversation_id)
    if now is None or now.state == "resolved":
        return None
    one = now.first_reply if kind == "first_reply" else now.resolve
    soon = one.due == due and one.breached_at is None
    # A priority that was raised since makes it due earlier, and no less late.
    late = one.breached_at == due and one.overdue
    return (now, one) if (soon if stage == "before" else late) else None


def words(now: Clocks, one: Clock, stage: str, *, number: bool = False) -> str:
    """One sentence for agents, with the time in the zone of the site. ``number``: for who does not see the thread."""
    due, at = (one.breached_at if stage == "after" else one.due) or 0.0, clock.now()
    what = f"The {WORDS[one.kind]}" + (f" of ticket #{now.number}" if number else "")
    when = moment(due, at, now.site_id)
    free = "" if now.assignee else " Nobody has claimed this."
    if stage == "after":
        return f"{what} is overdue: it was due {when}.{free}"
    if due <= at:
        return f"{what} was due {when}.{free}"
    return f"{what} is due {when}, in {duration(due - at)}.{free}"


def moment(due: float, at: float, site_id: str) -> str:
    """``at 14:02 (Europe/Berlin)``, with the day if it is another one. Inside a read or write."""
    known = hours.hours_of(site_id)
    name = known.zone if known is not None else "UTC"
    zone = zone_named(name) or UTC
    then, now = datetime.fromtimestamp(due, zone), datetime.fromtimestamp(at, zone)
    day = "" if then.date() == now.date() else f"on {then:%A}, {then.day} {then:%B} "
    return f"{day}at {then:%H:%M} ({name if zone is not UTC else 'UTC'})"


def _people(desk: str, agents: Sequence[str]) -> tuple[str, ...]:
    """Their ids at a desk, of those who may still act."""
    found: list[str] = []
    for agent_id in agents:
        rows = sql(
            "SELECT i.external_id FROM agent_identity i JOIN agent a ON a.id = i.agent_id"
            " WHERE i.desk = ? AND a.id = ? AND a.active AND a.role <> 'viewer' ORDER BY i.external_id",
            (desk, agent_id),
        ).fetchall()
        found += [str(row[0]) for row in rows]
    return tuple(found)
