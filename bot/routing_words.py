"""What routing says in a thread: whom it alerts, to whom it is offered, and that nobody took it. Inside the write of a claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bot import clock, presence, routing
from bot.deliver import Head
from bot.desk import EVERYBODY, DeskPost
from bot.routing_rules import RoutingRule, robin
from bot.routing_settings import RoutingSettings, settings
from bot.store import sql

ALERT = "alert:"
OFFER = "offer:"
UNTAKEN = "untaken:"
AWAY = "stayed-away:"
KINDS = (ALERT, OFFER, UNTAKEN, AWAY)
"""Before what such a delivery is about."""


def policy(rule: RoutingRule | None, now: RoutingSettings) -> str:
    """Who is alerted: none, assignee, team or channel. A channel only as long as an admin allows it: else the team."""
    wanted = (rule.mention if rule else "") or now.mention
    return "team" if wanted == "channel" and not now.mention_channel else wanted


def alerts(rule: RoutingRule | None) -> bool:
    """Whether a new thread alerts more than the one it is offered to. Inside a write."""
    return policy(rule, settings()) in {"team", "channel"}


def compose(head: Head, common: dict[str, Any]) -> DeskPost | None:
    """The line as it should be now; ``None``: it is not true any more."""
    kind, _, about = head.message.partition(":")
    desk = head.channel.removeprefix("desk:")
    made = {ALERT: _alert, OFFER: _offer, UNTAKEN: _untaken, AWAY: _away}[f"{kind}:"](head.conversation_id, desk, about)
    if made is None:
        return None
    text, mention = made
    return DeskPost(op="event", author="system", text=text, mention=mention, **common)


def _alert(conversation_id: str, desk: str, _about: str) -> tuple[str, tuple[str, ...]] | None:
    if not _waits(conversation_id):
        return None
    rule, now = routing.kept(conversation_id), settings()
    wanted = policy(rule, now)
    if wanted == "channel":
        return "A customer waits for somebody.", (EVERYBODY,)
    group = rule.agents if rule else ()
    there = [name for name in presence.staff().there if not group or name in group]
    mention = people(desk, there) if wanted == "team" else ()
    return ("A customer waits for one of you.", mention) if mention else None


def _offer(_conversation_id: str, desk: str, about: str) -> tuple[str, tuple[str, ...]] | None:
    row = sql(
        "SELECT a.name, a.public_name, o.until, o.conversation_id, o.wait FROM agent_offer o JOIN agent a ON a.id = o.agent_id"
        " WHERE o.id = ? AND o.state = 'open'",
        (about,),
    ).fetchone()
    if row is None:
        return None
    name, shown, until, conversation_id, wait = row
    before = sql(
        "SELECT a.public_name, o.state FROM agent_offer o JOIN agent a ON a.id = o.agent_id WHERE o.conversation_id = ? AND o.wait = ?"
        " AND o.id < ? ORDER BY o.id DESC LIMIT 1",
        (conversation_id, wait, about),
    ).fetchone()
    first = _why(before[0], before[1]) if before else ""
    # A desk that was not to be reached hears of it late: what is said is what is left.
    left = minutes(max(1, math.ceil((until - clock.now()) / 60)))
    words = f"{first}This is offered to {shown}: claim it or answer within {left}, or it goes to the next one."
    return words, people(desk, [name])


def _untaken(conversation_id: str, _desk: str, about: str) -> tuple[str, tuple[str, ...]] | None:
    row = sql(
        "SELECT a.public_name, o.state FROM agent_offer o JOIN agent a ON a.id = o.agent_id WHERE o.id = ?", (about,)
    ).fetchone()
    newer = sql("SELECT 1 FROM agent_offer WHERE conversation_id = ? AND id > ?", (conversation_id, about)).fetchone()
    if row is None or newer is not None or not _waits(conversation_id):
        return None
    if not robin(routing.kept(conversation_id), settings()):
        return "It is offered to nobody any more: it waits for whoever claims it first.", ()
    return f"{_why(*row)}Nobody else is free: it waits for whoever claims it first.", ()


def _away(_conversation_id: str, _desk: str, about: str) -> tuple[str, tuple[str, ...]] | None:
    _, name, waited = about.split("/")
    shown = sql("SELECT public_name FROM agent WHERE name = ?", (name,)).fetchone()
    who = shown[0] if shown else name
    return f"{who} is away and has not answered for {minutes(int(waited))}: this waits for somebody again.", ()


def _why(shown: str, state: str) -> str:
    return {"lapsed": f"{shown} did not take it in time. ", "away": f"{shown} is away. "}.get(state, "")


def _waits(conversation_id: str) -> bool:
    row = sql("SELECT 1 FROM conversation WHERE id = ? AND state = 'waiting'", (conversation_id,)).fetchone()
    return row is not None


def people(desk: str, names: Sequence[str]) -> tuple[str, ...]:
    """The ids of agents at a desk, in the order of their names."""
    found = sql(
        "SELECT a.name, i.external_id FROM agent_identity i JOIN agent a ON a.id = i.agent_id WHERE i.desk = ?"
        " ORDER BY a.name, i.external_id",
        (desk,),
    ).fetchall()
    return tuple(row[1] for row in found if row[0] in set(names))


def minutes(count: int) -> str:
    """A number of minutes in words."""
    return f"{count} minute{'' if count == 1 else 's'}"
