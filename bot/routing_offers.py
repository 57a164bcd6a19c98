"""Offers: a conversation that waits is shown to one agent after the other, and the customer is told nothing before one takes it.

One pass looks at everything and does one thing per transaction, one pass at a time: so nobody gets more than they take at once,
and a pass that dies half-way has done what it has done. An offer, its line in the thread and its notification are one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot import (
    agents,
    amendments,
    claims,
    clock,
    desk_posts,
    jobs,
    notifications,
    presence,
    routing_rules,
    routing_words,
    tickets,
)
from bot.bus import bus
from bot.desk_actions import Action
from bot.events import JobSpec
from bot.failpoints import failpoint
from bot.routing_calls import AWAY, LOOK, took_turn
from bot.routing_rules import RoutingRule, robin
from bot.routing_settings import RoutingSettings, assigning, settings
from bot.store import is_sqlite, read, sql, write

LOCK = 716_205
EVERY = 60.0
"""Seconds after which everything is looked at, whatever was called: opening hours, presence and snoozes move by themselves."""
MOST = 2_000
"""Conversations that one look takes into account: the first in line of those that are offered to nobody."""
STEPS = 1_000
"""Things that one job does at most; the next one goes on."""


def specs() -> list[JobSpec]:
    """The kinds of job of this file."""
    return [
        JobSpec(kind=LOOK, run=run, timeout=120.0),
        JobSpec(kind="core.routing", run=run, every=EVERY, timeout=120.0),
        JobSpec(kind=AWAY, run=give_back),
    ]


@dataclass(slots=True, kw_only=True)
class Agent:
    """An agent who could be asked. ``load``: what they have and are offered."""

    id: str
    name: str
    public_name: str
    desks: frozenset[str]
    capacity: int
    turn_at: float
    load: int = 0

    @property
    def room(self) -> bool:
        """Whether they take one more."""
        return not self.capacity or self.load < self.capacity


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer that stands."""

    id: str
    conversation_id: str
    agent: str
    """Name."""
    until: float
    at: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A conversation in line. ``wait`` is the ``state_rev`` of its wait, ``asked`` who let it pass in this one."""

    id: str
    wait: int
    rule: str
    """Id; empty: none."""
    desks: frozenset[str]
    asked: frozenset[str] = frozenset()


def run(_ref: str = "") -> None:
    """End what is over, and offer what can be offered. Blocks; not inside a write."""
    if not read(assigning):
        return
    for _ in range(STEPS):
        if not write(_step):
            return
        bus().publish([("out", b"")])
        failpoint("desk.after_offer_commit")


def _step() -> bool:
    """Do the first thing that is to be done; False: there is nothing."""
    if not is_sqlite():
        sql("SELECT pg_advisory_xact_lock(?)", (LOCK,))
    now = settings()
    there = here(now)
    rules = {rule.id: rule for rule in routing_rules.rules() if rule.enabled}
    offers = _offers()
    over = _over(there, offers)
    offered = {one.id: one for one in _line(_OFFERED, 10**9)} if offers else {}
    for offer in offers:
        why = _ended(offer, offered.get(offer.conversation_id), rules, now, there, over)
        if why:
            return _next(offer, why, offered.get(offer.conversation_id), rules, now, there)
    if not any(one.room for one in there.values()):
        return False
    for waiting in line():
        rule = rules.get(waiting.rule)
        chosen = choose(rule, waiting, there.values()) if robin(rule, now) else None
        if chosen is not None:
            return _do(waiting, None, "", chosen, rule, now)
    return False


def _next(
    offer: Offer, why: str, waiting: Waiting | None, rules: Mapping[str, RoutingRule], now: RoutingSettings, there: Mapping[str, Agent]
) -> bool:  # fmt: skip
    """An offer ends, and the next one is asked if there is one."""
    if waiting is None:
        sql(
            "UPDATE agent_offer SET state = 'withdrawn', ended_at = ? WHERE id = ? AND state = 'open'",
            (clock.now(), offer.id),
        )
        return True
    rule = rules.get(waiting.rule)
    if why == "lapsed":
        waiting = replace(waiting, asked=waiting.asked | {offer.agent})
    chosen = choose(rule, waiting, there.values()) if robin(rule, now) else None
    return _do(waiting, offer, why, chosen, rule, now)


def here(now: RoutingSettings) -> dict[str, Agent]:
    """Agents who could be asked now, by name: they may act, are there and are linked somewhere. Inside a read or write."""
    there = presence.staff().there
    found: dict[str, Agent] = {}
    linked: dict[str, set[str]] = {}
    for agent_id, desk in sql("SELECT agent_id, desk FROM agent_identity").fetchall():
        linked.setdefault(agent_id, set()).add(desk)
    for agent_id, name, public_name, capacity, turn_at in sql(
        "SELECT a.id, a.name, a.public_name, t.capacity, coalesce(t.turn_at, 0) FROM agent a LEFT JOIN agent_turn t ON t.agent_id = a.id"
        " WHERE a.active AND a.role <> 'viewer' ORDER BY a.name"
    ).fetchall():
        if name in there and agent_id in linked:
            found[name] = Agent(
                id=agent_id, name=name, public_name=public_name, desks=frozenset(linked[agent_id]), turn_at=turn_at,
                capacity=now.capacity if capacity is None else capacity,
            )  # fmt: skip
    for name, load in loads().items():
        if name in found:
            found[name].load = load
    return found


def loads() -> dict[str, int]:
    """How many conversations each agent has or is offered, without those that are snoozed. Inside a read or write."""
    counts: dict[str, int] = {}
    for query in (
        "SELECT v.assignee, count(*) FROM conversation v JOIN ticket t ON t.conversation_id = v.id WHERE v.state = 'human'"
        " AND (t.snoozed_until IS NULL OR t.snoozed_until <= ?) GROUP BY v.assignee",
        "SELECT a.name, count(*) FROM agent_offer o JOIN agent a ON a.id = o.agent_id JOIN ticket t ON t.conversation_id ="
        " o.conversation_id WHERE o.state = 'open' AND (t.snoozed_until IS NULL OR t.snoozed_until <= ?) GROUP BY a.name",
    ):
        for name, count in sql(query, (clock.now(),)).fetchall():
            counts[name] = counts.get(name, 0) + int(count)
    return counts


def _offers() -> list[Offer]:
    rows = sql(
        "SELECT o.id, o.conversation_id, a.name, o.until, o.at FROM agent_offer o JOIN agent a ON a.id = o.agent_id"
        " WHERE o.state = 'open' ORDER BY o.at, o.id"
    ).fetchall()
    return [Offer(*row) for row in rows]


def _over(there: Mapping[str, Agent], offers: Sequence[Offer]) -> frozenset[str]:
    """Offers of agents who have more than they take, because they took others meanwhile: the newest ones."""
    over: set[str] = set()
    for agent in there.values():
        many = agent.load - agent.capacity if agent.capacity else 0
        if many > 0:
            theirs = sorted((one for one in offers if one.agent == agent.name), key=lambda one: (one.at, one.id))
            over.update(one.id for one in theirs[-many:])
    return frozenset(over)


_LINE = (
    "SELECT v.id, v.state_rev, coalesce(r.rule_id, '') FROM conversation v JOIN ticket t ON t.conversation_id = v.id"
    " LEFT JOIN routed r ON r.conversation_id = v.id WHERE v.state = 'waiting' AND (t.snoozed_until IS NULL OR t.snoozed_until <= ?) {}"
    " ORDER BY CASE t.priority WHEN 'urgent' THEN 0 WHEN 'high' THEN 1 WHEN 'normal' THEN 2 ELSE 3 END,"
    " CASE WHEN t.deferred THEN 1 ELSE 0 END, coalesce(t.waiting_since, t.created_at), v.id LIMIT ?"
)
_OFFERED = "AND EXISTS (SELECT 1 FROM agent_offer o WHERE o.conversation_id = v.id AND o.state = 'open')"
_UNOFFERED = "AND NOT EXISTS (SELECT 1 FROM agent_offer o WHERE o.conversation_id = v.id AND o.state = 'open')"


def line() -> list[Waiting]:
    """What waits for somebody and is offered to nobody: what presses first, then who waits longest. Inside a read or write."""
    return _line(_UNOFFERED, MOST)


def _line(which: str, most: int) -> list[Waiting]:
    rows = sql(_LINE.format(which), (clock.now(), most)).fetchall()
    desks: dict[str, set[str]] = {}
    for conversation_id, desk in sql(
        "SELECT d.conversation_id, d.desk FROM desk_thread d JOIN conversation v ON v.id = d.conversation_id WHERE v.state = 'waiting'"
    ).fetchall():
        desks.setdefault(conversation_id, set()).add(desk)
    asked: dict[str, set[str]] = {}
    for conversation_id, name in sql(
        "SELECT o.conversation_id, a.name FROM agent_offer o JOIN agent a ON a.id = o.agent_id JOIN conversation v"
        " ON v.id = o.conversation_id WHERE v.state = 'waiting' AND o.wait = v.state_rev AND o.state = 'lapsed'"
    ).fetchall():
        asked.setdefault(conversation_id, set()).add(name)
    return [
        Waiting(row[0], row[1], row[2], frozenset(desks.get(row[0], ())), frozenset(asked.get(row[0], ())))
        for row in rows
    ]


def _ended(
    offer: Offer,
    waiting: Waiting | None,
    rules: Mapping[str, RoutingRule],
    now: RoutingSettings,
    there: Mapping[str, Agent],
    over: frozenset[str],
) -> str:
    """The state in which an offer ends now; empty: it stands."""
    if waiting is None or offer.id in over or not robin(rules.get(waiting.rule), now):
        return "withdrawn"
    agent = there.get(offer.agent)
    if agent is None or not agent.desks & waiting.desks:
        return "away"
    return "lapsed" if offer.until <= clock.now() else ""


def choose(rule: RoutingRule | None, waiting: Waiting, there: Iterable[Agent]) -> Agent | None:
    """Whose turn it is: of those who may be asked and have room, the one whose last turn is longest ago; then by name."""
    group = frozenset(rule.agents) if rule else frozenset()
    may = [
        one
        for one in there
        if one.room and one.name not in waiting.asked and one.desks & waiting.desks and (not group or one.name in group)
    ]
    return min(may, key=lambda one: (one.turn_at, one.name), default=None)


def _do(
    waiting: Waiting, offer: Offer | None, why: str, chosen: Agent | None, rule: RoutingRule | None, now: RoutingSettings
) -> bool:  # fmt: skip
    amendments.hold(waiting.id)
    at = clock.now()
    # Somebody may have claimed it before it could be held: then there is nothing to offer, and the next look sees it.
    row = sql("SELECT state, state_rev FROM conversation WHERE id = ?", (waiting.id,)).fetchone()
    if row is None or (row[0], row[1]) != ("waiting", waiting.wait):
        return True
    if offer is not None:
        sql(
            "UPDATE agent_offer SET state = ?, ended_at = ? WHERE id = ? AND state = 'open'",
            (why, at, offer.id),
        )
        tickets.note(waiting.id, "", f"offer {why}", offer.agent)
    alerts = routing_words.policy(rule, now) != "none"
    if chosen is None:
        if alerts and offer is not None:
            desk_posts.tell(waiting.id, f"{routing_words.UNTAKEN}{offer.id}")
    else:
        offer_id = clock.new_id()
        sql(
            "INSERT INTO agent_offer (id, conversation_id, agent_id, wait, state, at, until) VALUES (?, ?, ?, ?, 'open', ?, ?)",
            (offer_id, waiting.id, chosen.id, waiting.wait, at, at + now.lapse * 60),
        )
        took_turn(chosen.name)
        jobs.enqueue(LOOK, "", f"lapse-{offer_id}", at=at + now.lapse * 60)
        tickets.note(waiting.id, "", "offered", chosen.name)
        if alerts:
            desk_posts.tell(waiting.id, f"{routing_words.OFFER}{offer_id}")
        words = (
            f"This was offered to you: claim it within {routing_words.minutes(now.lapse)}, or it goes to the next one."
        )
        notifications.notify(chosen.id, "assignment", waiting.id, f"offer/{offer_id}", words)
    desk_posts.refresh_card(waiting.id)
    failpoint("desk.before_offer_commit")
    return True


def give_back(name: str) -> None:
    """What an agent has who stays away, and has not answered for the set minutes, waits for somebody again. Blocks."""
    patience = read(settings).away * 60
    if not patience:
        return
    later: list[float] = []
    for conversation_id, channel in read(lambda: _has(name)):
        since = write(lambda one=conversation_id: _give_back(one, name, patience))  # type: ignore[misc]
        if since is None:
            bus().publish([
                ("changed", conversation_id.encode()), ("turns", conversation_id.encode()), ("out", channel.encode()), ("out", b""),
            ])  # fmt: skip
        elif since:
            later.append(since + patience)
    if later:
        raise jobs.Again(min(later), "they answered a moment ago")


def _has(name: str) -> list[tuple[str, str]]:
    if not _stays_away(name):
        return []
    rows = sql("SELECT id, channel FROM conversation WHERE state = 'human' AND assignee = ? ORDER BY id", (name,))
    return [(row[0], row[1]) for row in rows.fetchall()]


def _stays_away(name: str) -> bool:
    """What they said themselves, or an admin of them: that a desk sees nobody at the keyboard takes nothing from anybody."""
    row = sql("SELECT 1 FROM agent WHERE name = ? AND (NOT available OR NOT active)", (name,)).fetchone()
    return row is not None


def _give_back(conversation_id: str, name: str, patience: float) -> float | None:
    """``None``: it was given back. Else since when it is theirs, was answered, or they are away; 0: it is none of theirs, or they are
    there again."""
    amendments.hold(conversation_id)
    agent = agents.agent_named(name)
    if agent is None or not _stays_away(name):
        return 0.0
    row = sql(
        "SELECT v.state_rev, coalesce(t.snoozed_until, 0), (SELECT max(r.created_at) FROM reply r WHERE r.conversation_id = v.id"
        " AND r.agent_id = ? AND r.state IN ('held', 'sent')), (SELECT max(e.at) FROM ticket_event e WHERE e.ticket_id = t.id"
        " AND e.event IN ('claimed', 'transferred', 'assigned')) FROM conversation v JOIN ticket t ON t.conversation_id = v.id"
        " WHERE v.id = ? AND v.state = 'human' AND v.assignee = ?",
        (agent.id, conversation_id, name),
    ).fetchone()
    if row is None:
        return 0.0
    since = max(row[2] or 0.0, row[3] or 0.0, row[1], 0.0 if agent.available else agent.available_since or 0.0)
    if since > clock.now() - patience:
        return float(since)
    if claims.act(conversation_id, agent, "", Action.RELEASE, "").code != "done":
        return 0.0
    tickets.note(conversation_id, "", "given back", name)
    desk_posts.tell(conversation_id, f"{routing_words.AWAY}{row[0]}/{name}/{round(patience / 60)}")
    return None
