"""Routing as people read it: the rules, what each does, and who would be asked. For commands and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot import clock, routing, routing_rules
from bot.declarations import desks
from bot.opening import zone_named
from bot.pages import Heading, Part, Row, Words
from bot.routing import Case
from bot.routing_offers import Agent, Waiting, choose, here, loads
from bot.routing_rules import RoutingRule, robin
from bot.routing_settings import RoutingRefused, settings, shown
from bot.routing_words import policy
from bot.store import sql

SHOWN = 20
"""Rules of a page."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule held against a case. ``why``: why it does not fire; empty for the one that does, and for those behind it."""

    rule: RoutingRule
    fires: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What would happen."""

    tried: tuple[Tried, ...]
    rule: RoutingRule | None
    places: tuple[tuple[str, str], ...]
    """``(desk, place)``."""
    mention: str
    robin: bool
    offered: str
    """Who would be asked now; empty: nobody."""
    others: tuple[tuple[str, str], ...]
    """Agents who would not, with the reason."""


def conditions(rule: RoutingRule) -> str:
    """When a rule fits, in words."""
    parts = [
        f"site {rule.site or 'that is gone'}" if rule.site_id else "",
        f"channel {', '.join(rule.channels)}" if rule.channels else "",
        f"words {', '.join(rule.words)}" if rule.words else "",
        f"language {', '.join(rule.languages)}" if rule.languages else "",
        f"priority {', '.join(rule.priorities)}" if rule.priorities else "",
        f"hours {rule.hours}" if rule.hours else "",
    ]
    return " · ".join(filter(None, parts)) or "always"


def effects(rule: RoutingRule) -> str:
    """What follows, in words."""
    parts = [
        f"{rule.desk} {rule.place}" if rule.place else "the desk's own place",
        f"agents {', '.join(rule.agents)}" if rule.agents else "",
        f"assign {rule.assign}" if rule.assign else "",
        f"mention {rule.mention}" if rule.mention else "",
    ]
    return " · ".join(filter(None, parts))


def parts() -> tuple[Part, ...]:
    """The rules and the settings as a page shows them: to be read, not changed. Inside a read."""
    made: list[Part] = [Heading("Routing")]
    rules = routing_rules.rules()
    for rule in rules[:SHOWN]:
        quiet = "off" if not rule.enabled else f"Its place cannot be used: {rule.problem}" if rule.problem else ""
        made.append(
            Row(title=f"{rule.position}. {rule.name}", text=f"{conditions(rule)} → {effects(rule)}", quiet=quiet)
        )
    if len(rules) > SHOWN:
        made.append(Words(f"… and {len(rules) - SHOWN} more: deskhand routing list", "quiet"))
    if not rules:
        made.append(Words("There are no rules: every thread is opened in the desk's own place."))
    made.append(Heading("Without a rule"))
    now = shown(settings())
    made.append(Words("\n".join(f"{name}: {value} ({about})" for name, (value, about) in now.items())))
    return tuple(made)


def dry_run(
    *, site: str, channel: str, language: str, text: str, priority: str = "normal", at: float | None = None
) -> Outcome:
    """What would become of a conversation like this. Inside a read. Raises :class:`RoutingRefused`."""
    row = sql("SELECT id FROM site WHERE key = ?", (site,)).fetchone()
    if row is None:
        raise RoutingRefused("site", f"There is no site {site[:40]!r}. See: deskhand site list")
    case = Case(
        site_id=row[0], site=site, channel=channel, language=language, priority=priority, texts=lambda: (text,),
        at=clock.now() if at is None else at,
    )  # fmt: skip
    tried: list[Tried] = []
    fired: RoutingRule | None = None
    for rule in routing_rules.rules():
        why = "" if fired else routing.why_not(rule, case)
        tried.append(Tried(rule, not fired and not why, f"{fired.name} comes first" if fired else why))
        fired = fired or (rule if not why else None)
    now = settings()
    known = desks()
    there = here(now)
    offered = choose(fired, Waiting("", 0, "", frozenset(name for name, _ in known)), there.values())
    asks = robin(fired, now)
    return Outcome(
        tried=tuple(tried),
        rule=fired,
        places=tuple((desk, routing.place_for(fired, desk, own)) for desk, own in known),
        mention=policy(fired, now),
        robin=asks,
        offered=offered.name if offered and asks else "",
        others=tuple(_others(fired, there, offered)) if asks else (),
    )


def _others(rule: RoutingRule | None, there: dict[str, Agent], chosen: Agent | None) -> Sequence[tuple[str, str]]:
    found = []
    for name, active, available, linked in sql(
        "SELECT a.name, a.active, a.available, (SELECT count(*) FROM agent_identity i WHERE i.agent_id = a.id) FROM agent a"
        " WHERE a.role <> 'viewer' ORDER BY a.name"
    ).fetchall():
        one = there.get(name)
        if chosen is not None and name == chosen.name:
            continue
        if rule and rule.agents and name not in rule.agents:
            why = "not one of the rule's agents"
        elif not active:
            why = "switched off"
        elif not linked:
            why = "not linked at a desk"
        elif not available:
            why = "away"
        elif one is None:
            why = "not seen at the desk"
        elif not one.room:
            why = f"has {one.load} of {one.capacity}"
        else:
            why = "had their turn later" if chosen and one.turn_at > chosen.turn_at else "comes next"
        found.append((name, why))
    return found


def capacities() -> dict[str, tuple[int, int]]:
    """How many conversations each agent has or is offered, and how many they take (0: no limit), by name. Inside a read."""
    usual, counts = settings().capacity, loads()
    rows = sql(
        "SELECT a.name, t.capacity FROM agent a LEFT JOIN agent_turn t ON t.agent_id = a.id ORDER BY a.name"
    ).fetchall()
    return {row[0]: (counts.get(row[0], 0), usual if row[1] is None else row[1]) for row in rows}


def moment(text: str, zone: str) -> float:
    """Read ``2026-11-21 22:00`` on the clocks of ``zone``; Unix seconds. Raises :class:`RoutingRefused`."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M").replace(tzinfo=zone_named(zone) or UTC).timestamp()
    except ValueError:
        raise RoutingRefused("at", f"{text[:40]!r} is no time. Write it as 2026-11-21 22:00.") from None
