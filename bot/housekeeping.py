"""Work that the core itself is due to do: quiet conversations end, and what has served its time goes."""

from __future__ import annotations

import time

import structlog

from bot import (
    accounts,
    canned,
    clock,
    desk_posts,
    draft_writing,
    early_reactions,
    file_keeping,
    fleet_probes,
    follow_up,
    handoff,
    hours,
    key_rotation,
    notifications,
    notifications_told,
    routing_offers,
    service_levels,
    states,
    tickets,
    waiting,
)
from bot.bus import bus
from bot.config import config
from bot.events import JobSpec
from bot.jobs import PERIODIC
from bot.store import sql, write

log = structlog.get_logger("housekeeping")

DAY = 86_400.0
LEDGER_DAYS = 35
"""Far beyond the longest time in which a platform delivers again (Telegram: 24 hours)."""
DONE_DAYS = 7
DEAD_DAYS = 30
"""Dead letters are kept at least so long."""
DRAFT_DAYS = 7
MAIL_DAYS = 30
KEPT_DAYS = 90
"""Of mails that were not sent."""
SPEND_DAYS = 400
PEOPLE_DAYS = 40
"""Of what single visitors and conversations have spent."""
BATCH = 200


def core_jobs() -> dict[str, JobSpec]:
    """The kinds that need no plugin."""
    specs = [
        JobSpec(kind="core.expire", run=expire, every=60.0, timeout=120.0),
        JobSpec(kind="core.retention", run=retention, every=3_600.0, timeout=600.0),
        JobSpec(kind=waiting.KIND, run=ask_address),
        JobSpec(kind=tickets.AWAKE, run=awake),
        hours.spec(),
        *follow_up.specs(),
        *service_levels.specs(),
        *file_keeping.specs(),
        *draft_writing.specs(),
        fleet_probes.spec(),
        *routing_offers.specs(),
        *notifications_told.specs(),
    ]
    return {spec.kind: spec for spec in specs}


def ask_address(conversation_id: str) -> None:
    """Nobody has claimed it in time: ask the customer for an address."""

    def work() -> str:
        if not handoff.ask_address(conversation_id).message_id:
            return ""
        return str(sql("SELECT channel FROM conversation WHERE id = ?", (conversation_id,)).fetchone()[0])

    channel = write(work)
    if channel:
        bus().publish([("changed", conversation_id.encode()), ("out", channel.encode()), ("out", b"")])


def awake(conversation_id: str) -> None:
    """A snooze is over: the card says so."""

    def work() -> bool:
        woken = tickets.wake(conversation_id)
        if woken:
            desk_posts.refresh_card(conversation_id)
        return woken

    if write(work):
        bus().publish([("out", b"")])


def expire(_ref: str = "") -> None:
    """Resolve, without a word, the conversations that the AI has and that were silent for ``DESKHAND_SESSION_MINUTES``."""
    before = clock.now() - config().session_minutes * 60
    total = 0
    while True:
        gone = write(lambda: _expire_some(before))
        bus().publish([("changed", conversation_id.encode()) for conversation_id in gone])
        total += len(gone)
        if len(gone) < BATCH:
            break
    if total:
        log.info("conversations_expired", count=total)


_SILENT = "state = 'ai' AND active_at < ? AND NOT needs AND lease_owner = ''"
_FIND = f"SELECT id FROM conversation WHERE {_SILENT} LIMIT {BATCH}"  # noqa: S608
# Locks the row on PostgreSQL, and looks again: the customer may have written just now.
_STILL = f"UPDATE conversation SET active_at = active_at WHERE id = ? AND {_SILENT}"  # noqa: S608


def _expire_some(before: float) -> list[str]:
    gone = []
    for (conversation_id,) in sql(_FIND, (before,)).fetchall():
        if sql(_STILL, (conversation_id, before)).rowcount:
            states.take(conversation_id, "expire")
            gone.append(conversation_id)
    return gone


def retention(_ref: str = "") -> None:
    """Delete what has served its time, a little at a time, so that no writer waits."""
    now = clock.now()
    counts = {
        "ledger": _delete("ledger", "key", "received_at < ?", (now - LEDGER_DAYS * DAY,)),
        "jobs": _delete(
            "job", "id", "state = 'done' AND ended_at < ? AND occasion <> ?", (now - DONE_DAYS * DAY, PERIODIC)
        ),
        "dead_jobs": _delete(
            "job", "id", "state = 'dead' AND ended_at < ? AND occasion <> ?", (now - DEAD_DAYS * DAY, PERIODIC)
        ),
        "budgets": _delete("spend", "id", "day < ?", (_day(now - SPEND_DAYS * DAY),))
        + _delete("spend", "id", "day < ? AND scope IN ('visitor', 'conversation')", (_day(now - PEOPLE_DAYS * DAY),)),
        "mails": _delete("mail", "id", "state = 'sent' AND sent_at < ?", (now - MAIL_DAYS * DAY,)),
        "mails_not_sent": _delete(
            "mail", "id", "state IN ('kept', 'dead') AND created_at < ?", (now - KEPT_DAYS * DAY,)
        ),
        "notifications": _delete("notification", "id", "created_at < ?", (now - notifications.DAYS * DAY,))
        + _delete("notification_post", "id", "created_at < ?", (now - notifications.DAYS * DAY,)),
        "canned_uses": _delete("canned_use", "reply", "at < ?", (canned.counted_since(),)),
        "early_reactions": _delete("early_reaction", "id", "at < ?", (now - early_reactions.KEPT,)),
        "visitors": accounts.drop_expired(),
        "drafts": write(
            lambda: (
                sql("UPDATE turn SET draft = '' WHERE draft <> '' AND ended_at < ?", (now - DRAFT_DAYS * DAY,)).rowcount
            )
        ),
        "retired_keys": key_rotation.forget_retired(),
    }
    if any(counts.values()):
        log.info("retention", **{name: count for name, count in counts.items() if count})


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def _delete(table: str, key: str, condition: str, values: tuple[object, ...]) -> int:
    statement = f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {condition} LIMIT {BATCH})"  # noqa: S608
    total = 0
    while True:
        count = int(write(lambda: sql(statement, values).rowcount))
        total += count
        if count < BATCH:
            return total
