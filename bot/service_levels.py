"""Before a due time somebody is reminded, after it somebody is alerted: each once, whatever is delivered again or restarted.

A job wakes at the time that a ticket's clocks have armed, and looks: rows say what is due and what was told, so a job that comes
twice, late, or for a time that has moved finds nothing to do. The breach is a fact on the ticket, taken by one conditional UPDATE
together with its alert; no ticket has more than one alert for its reply and one for its solution until it is opened again.
"""

from __future__ import annotations

from dataclasses import replace

import orjson
import structlog

from bot import (
    amendments,
    changed_hours,
    clock,
    desk_posts,
    jobs,
    notifications,
    personal_posts,
    presence,
    service_clocks,
    service_posts,
    tickets,
)
from bot.agents import AgentView, agent_named
from bot.bus import bus
from bot.declarations import desk_declaration
from bot.events import JobSpec
from bot.logs import redact
from bot.notification_preferences import of as preferences_of
from bot.service_clocks import LOOK, Clock, Clocks
from bot.service_targets import MOVE, PRIORITIES, Policy, policy
from bot.store import StoreUnavailable, read, sql, write

log = structlog.get_logger("service_levels")

SWEEP = "core.targets"
EVERY = 300.0
BATCH = 200
REMINDER = "targets.reminder"
"""The kind of personal post that reminds an assignee."""


def specs() -> list[JobSpec]:
    """The kinds of job of this file."""
    return [
        JobSpec(kind=LOOK, run=look),
        JobSpec(kind=MOVE, run=move, timeout=600.0),
        JobSpec(kind=changed_hours.FOLLOW, run=follow, timeout=600.0),
        JobSpec(kind=SWEEP, run=sweep, every=EVERY, timeout=120.0),
    ]


def look(conversation_id: str) -> None:
    """Do what is due for a ticket now, and see to it that somebody looks again. Blocks."""
    if read(lambda: service_clocks.moves_soon(conversation_id)):  # nobody is alerted of a moment that has moved
        raise jobs.Again(clock.now() + changed_hours.SETTLED, "due times are being moved")
    if write(lambda: _look(conversation_id)):
        bus().publish([("out", b"")])


def move(_ref: str = "") -> None:
    """Targets have changed: open tickets follow, each in a write of its own. Blocks."""
    last, moved = "", 0
    error: Exception | None = None
    while True:
        rows = read(lambda after=last: _open_after(after))  # type: ignore[misc]
        for (conversation_id,) in rows:
            try:
                moved += write(lambda one=conversation_id: _move(one))  # type: ignore[misc]
            except StoreUnavailable:
                raise
            except Exception as failure:  # the others follow all the same; what failed is tried again, and seen
                error = error or failure
        if len(rows) < BATCH:
            break
        last = rows[-1][0]
    if moved:
        log.info("due_times_moved", count=moved)
        bus().publish([("out", b"")])
    if error is not None:
        raise error


def _open_after(last: str) -> list[tuple[str]]:
    return sql(  # type: ignore[no-any-return]
        f"SELECT conversation_id FROM ticket WHERE state <> 'resolved' AND conversation_id > ? ORDER BY conversation_id LIMIT {BATCH}",  # noqa: S608
        (last,),
    ).fetchall()


def _move(conversation_id: str) -> bool:
    amendments.hold(conversation_id)
    moved = service_clocks.retarget(conversation_id)
    if moved:
        _say_moved(conversation_id, "targets")
    return moved


def _say_moved(conversation_id: str, why: str) -> None:
    """Whoever looks at the ticket finds other due times than before: its history says why."""
    tickets.note(conversation_id, "", tickets.MOVED, why)
    desk_posts.refresh_card(conversation_id)


def follow(site_id: str) -> None:
    """A site's opening hours have changed: its open tickets follow, each in a write of its own, change by change. Blocks."""
    moved = 0
    for change in read(lambda: changed_hours.waiting(site_id)):
        last = ""
        while rows := read(lambda one=change, place=last: _opened_before(site_id, one.at, place)):  # type: ignore[misc]
            for (conversation_id,) in rows:
                moved += write(lambda one=conversation_id, by=change: _follow(one, by))  # type: ignore[misc]
            last = rows[-1][0]
        write(change.over)
    if moved:
        log.info("due_times_moved", count=moved)
        bus().publish([("out", b"")])


def _opened_before(site_id: str, at: float, last: str) -> list[tuple[str]]:
    return sql(  # type: ignore[no-any-return]
        "SELECT t.conversation_id FROM ticket t JOIN conversation v ON v.id = t.conversation_id WHERE v.site_id = ?"  # noqa: S608
        " AND t.state <> 'resolved' AND coalesce(t.opened_at, t.created_at) < ? AND t.conversation_id > ?"
        f" ORDER BY t.conversation_id LIMIT {BATCH}",
        (site_id, at, last),
    ).fetchall()


def _follow(conversation_id: str, change: changed_hours.Change) -> bool:
    amendments.hold(conversation_id)
    moved = service_clocks.follow(conversation_id, change)
    if moved:
        _say_moved(conversation_id, "opening hours")
    return moved


def sweep(_ref: str = "") -> None:
    """Look at what is overdue and was never looked at: its job was given up, or it is older than this. Blocks."""
    at = clock.now()
    rows = read(
        lambda: sql(
            "SELECT conversation_id FROM ticket WHERE state <> 'resolved' AND ((first_reply_due < ? AND first_reply_breached_at IS NULL)"  # noqa: S608
            f" OR (resolve_due < ? AND resolve_breached_at IS NULL)) ORDER BY conversation_id LIMIT {BATCH}",
            (at - jobs.FIRST_PAUSE, at - jobs.FIRST_PAUSE),
        ).fetchall()
    )
    for (conversation_id,) in rows:
        try:
            look(conversation_id)
        except StoreUnavailable:
            raise
        except jobs.Again:  # at the next sweep, if its job does not
            continue
        except Exception as failure:  # its own job is among the dead letters; those behind it must not wait for it
            reason = redact(f"{type(failure).__name__}: {failure}")[:500]
            log.warning("ticket_not_looked_at", conversation=conversation_id, reason=reason, next="again in 5 minutes")


def _look(conversation_id: str) -> bool:
    amendments.hold(conversation_id)
    now = service_clocks.of(conversation_id)
    if now is None or now.state == "resolved":
        return False
    told = False
    for one in (now.first_reply, now.resolve):
        if one.due is not None and one.due <= clock.now():
            told = _after(conversation_id, now, one) or told
        else:
            told = _before(conversation_id, now, one) or told
    service_clocks.arm(conversation_id)
    return told


def _mark_told(conversation_id: str, one: Clock) -> bool:
    """Remember that this due time was told of; False: it was already."""
    return bool(
        sql(
            f"UPDATE ticket SET {one.kind}_reminded = ? WHERE conversation_id = ?"  # noqa: S608  of two names
            f" AND ({one.kind}_reminded IS NULL OR {one.kind}_reminded <> ?)",
            (one.due, conversation_id, one.due),
        ).rowcount
    )


def _before(conversation_id: str, now: Clocks, one: Clock) -> bool:
    """Remind who has it, or in the thread where nobody has, once for each due time."""
    at = service_clocks.remind_at(one, now.site_id)
    if at is None or at > clock.now() or one.due is None or not _mark_told(conversation_id, one):
        return False
    if not _remind_alone(conversation_id, now, one):
        desk_posts.tell_due(conversation_id, service_posts.about(one.kind, "before", one.due))
    return True


def _remind_alone(conversation_id: str, now: Clocks, one: Clock) -> bool:
    """A message to the assignee alone, if a desk knows them and they want such messages now; else the thread has it."""
    agent = agent_named(now.assignee) if now.assignee else None
    if agent is None or not agent.may_act:
        return False
    wishes = preferences_of(agent.id)
    if wishes.ways["breach"] != "direct" or wishes.quiet_until(clock.now()) is not None:
        return False
    rows = sql(
        "SELECT i.desk, i.external_id FROM agent_identity i JOIN desk_thread t ON t.desk = i.desk"
        " WHERE i.agent_id = ? AND t.conversation_id = ? AND t.thread IS NOT NULL ORDER BY i.desk, i.external_id",
        (agent.id, conversation_id),
    ).fetchall()
    about = {"conversation": conversation_id, "kind": one.kind, "due": one.due, "agent": agent.id}
    ref = orjson.dumps(about).decode()
    for desk, person in rows:
        if "direct" in desk_declaration(desk).can:
            personal_posts.put(desk, person, REMINDER, ref, op="direct")
            return True
    return False


def _after(conversation_id: str, now: Clocks, one: Clock) -> bool:
    """The due time has passed. The first time since the ticket was opened somebody is alerted; later the card alone says it."""
    due = one.due or 0.0
    if not service_clocks.breached(conversation_id, one, clock.now()):
        later = one.breached_at is not None and one.breached_at < due and _mark_told(conversation_id, one)
        if later:
            desk_posts.refresh_card(conversation_id)
        return later
    rules = policy()
    alerted = _alerted(now, rules)
    tickets.note(conversation_id, "", tickets.OVERDUE[one.kind], now.assignee)
    desk_posts.tell_due(conversation_id, service_posts.about(one.kind, "after", due, [agent.id for agent in alerted]))
    occasion = f"breach/{conversation_id}/{one.kind}/{due:.6f}"
    words = service_posts.words(now, replace(one, breached_at=due), "after")
    for agent in alerted:
        notifications.notify(agent.id, "breach", conversation_id, occasion, words)
    if rules.raises and now.priority != PRIORITIES[-1]:
        tickets.set_priority(conversation_id, PRIORITIES[PRIORITIES.index(now.priority) + 1], actor="")
    desk_posts.refresh_card(conversation_id)
    log.info("ticket_overdue", ticket=now.number, what=one.kind, alerted=len(alerted))
    return True


def _alerted(now: Clocks, rules: Policy) -> list[AgentView]:
    """Who is alerted: by the setting, and the admins where the assignee would not hear it. Of the admins those who are there."""
    if rules.escalate == "nobody":
        return []
    there = presence.staff().there
    agent = agent_named(now.assignee) if now.assignee else None
    if agent is not None and not agent.may_act:
        agent = None
    found = [agent] if agent is not None and rules.escalate != "admins" else []
    hears = agent is not None and agent.name in there and _known(now.ticket_id, agent)
    if rules.escalate != "assignee" or not hears:
        rows = sql("SELECT name FROM agent WHERE active AND role IN ('owner', 'admin') ORDER BY name").fetchall()
        admins = [name for (name,) in rows if name in there] or [name for (name,) in rows]
        known = {one.name for one in found}
        found += [one for one in map(agent_named, admins) if one is not None and one.name not in known]
    return found


def _known(ticket_id: str, agent: AgentView) -> bool:
    """Whether a desk on which the conversation is knows the agent: nobody else can be named there."""
    query = (
        "SELECT 1 FROM agent_identity i JOIN desk_thread d ON d.desk = i.desk JOIN ticket t ON t.conversation_id = d.conversation_id"
        " WHERE i.agent_id = ? AND t.id = ? LIMIT 1"
    )
    return sql(query, (agent.id, ticket_id)).fetchone() is not None
