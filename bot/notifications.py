"""What an agent should know: a conversation was given to them, one waits, a time has passed, a colleague named them.

A notification is a row, made in the transaction of what it tells of, once for its occasion. How and when it is told is decided in
:mod:`bot.notifications_told`. Nobody is told of what they did themselves. All functions run inside a write unless said otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from bot import clock, notifications_shown, notifications_told
from bot.agents import AgentView
from bot.events import Reason
from bot.notifications_shown import MOOT, Told
from bot.store import sql

Kind = Literal["assignment", "request", "breach", "mention"]
FOLD = 600.0
"""Seconds in which the same of the same conversation is one notification, while it is unread."""
MOST_WORDS = 300
DAYS = 90
LISTED = 14
"""Days of the list that an agent sees."""
_NAMED = re.compile(r"(?<![\w.@])@([\w.\-]{1,40})")


def notify(agent_id: str, kind: Kind, conversation_id: str, occasion: str, words: str, *, by: str = "") -> bool:
    """Let an agent know, once for each ``occasion``; whether it is a notification of its own.

    ``words`` say in one sentence of ours what happened; ticket and customer are named beside it, so no word of the customer belongs
    in it. ``by``: the agent (or ``cli:NAME``) who did it; to them nothing is told. Who may not act any more is told nothing.
    """
    row = sql("SELECT name FROM agent WHERE id = ? AND active AND role <> 'viewer'", (agent_id,)).fetchone()
    if row is None or row[0] == by:
        return False
    at, notification_id = clock.now(), clock.new_id()
    # Only the same folds: a late solution is not known by a late first reply, nor an offer by what was given once.
    sort = (occasion.rpartition("/")[0] if kind == "breach" else occasion.partition("/")[0]) + "/"
    first = sql(
        "SELECT id FROM notification WHERE agent_id = ? AND conversation_id = ? AND kind = ? AND folded = '' AND read_at IS NULL"  # noqa: S608  fixed text
        f" AND created_at > ? AND substr(occasion, 1, ?) = ? AND state <> 'moot' AND NOT {MOOT} ORDER BY id DESC LIMIT 1",
        (agent_id, conversation_id, kind, at - FOLD, len(sort), sort),
    ).fetchone()
    made = sql(
        "INSERT INTO notification (id, agent_id, kind, conversation_id, occasion, words, state, folded, created_at, changed_at, due_at,"
        " told_in, problem) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '') ON CONFLICT (agent_id, occasion) DO NOTHING",
        (
            notification_id, agent_id, kind, conversation_id, occasion, words[:MOST_WORDS], "folded" if first else "silent",
            first[0] if first else "", at, at,
        ),
    ).rowcount  # fmt: skip
    if not made:
        return False
    if first is not None:
        sql("UPDATE notification SET words = ?, changed_at = ? WHERE id = ?", (words[:MOST_WORDS], at, first[0]))
        return False
    notifications_told.plan(notification_id, agent_id, kind)
    return True


def assigned(agent: AgentView, conversation_id: str, *, by: str) -> bool:
    """A conversation was given to an agent, just now. ``by``: who gave it; nobody: a rule did."""
    giver = sql("SELECT public_name FROM agent WHERE name = ?", (by,)).fetchone()
    who = giver[0] if giver else "An admin" if by.startswith("cli:") else ""
    words = f"{who} gave this to you." if who else "This was given to you."
    return notify(agent.id, "assignment", conversation_id, f"given/{_step(conversation_id)}", words, by=by)


def requested(conversation_id: str, *, by: str = "") -> int:
    """A conversation waits and nobody has it: tell the agents who are there and asked for it; how many they are."""
    row = sql(
        "SELECT t.reason_code FROM ticket t JOIN conversation v ON v.id = t.conversation_id WHERE v.id = ? AND v.state = 'waiting'",
        (conversation_id,),
    ).fetchone()
    if row is None:
        return 0
    reason = Reason(row[0]).words if row[0] in set(Reason) else ""
    words = f"This waits for somebody{f': {reason[:1].lower()}{reason[1:]}' if reason else ''}."
    occasion = f"request/{_step(conversation_id)}"
    wanting = sql(
        "SELECT a.id FROM agent a JOIN notification_preference p ON p.agent_id = a.id WHERE a.active AND a.available"
        " AND a.role <> 'viewer' AND p.request <> 'none' ORDER BY a.id"
    ).fetchall()
    return sum(notify(agent_id, "request", conversation_id, occasion, words, by=by) for (agent_id,) in wanting)


def mentioned(
    conversation_id: str, agent: AgentView, desk: str, message: str, *, text: str = "", people: Collection[str] = ()
) -> int:
    """An agent named colleagues in ``message`` (its id, so that each is told once): as ``@ana`` in ``text``, or as ``people``, ids of
    the desk. How many were told."""
    found = {name.lower().rstrip(".-") for name in _NAMED.findall(text)} if "@" in text else set()
    ids: set[str] = set()
    for name in sorted(found)[:20]:
        ids |= {row[0] for row in sql("SELECT id FROM agent WHERE lower(name) = ?", (name,)).fetchall()}
    for person in sorted(people)[:20]:
        query = "SELECT agent_id FROM agent_identity WHERE desk = ? AND external_id = ?"
        ids |= {row[0] for row in sql(query, (desk, person)).fetchall()}
    words = f"{agent.public_name} mentioned you."
    return sum(
        notify(one, "mention", conversation_id, f"mention/{message}", words, by=agent.name) for one in sorted(ids)
    )


def _step(conversation_id: str) -> str:
    """What the state is after the newest step: no two steps have the same."""
    rev = sql("SELECT state_rev FROM conversation WHERE id = ?", (conversation_id,)).fetchone()[0]
    return f"{conversation_id}/{rev}"


# Read -------------------------------------------------------------------------------------------------------------------


def seen(agent_id: str, conversation_id: str) -> int:
    """The agent did something in the conversation: they know."""
    return _read("conversation_id = ?", agent_id, conversation_id)


def read_post(agent_id: str, post_id: str) -> int:
    """The agent has read one message; returns of how many notifications."""
    return _read("told_in = ? AND told_in <> ''", agent_id, post_id)


def read_one(agent_id: str, notification_id: str) -> int:
    """The agent has read one notification."""
    return _read("id = ?", agent_id, notification_id)


def read_all(agent_id: str, until: float) -> int:
    """The agent has read everything that was there at ``until``."""
    return _read("changed_at <= ?", agent_id, until)


def _read(which: str, agent_id: str, value: str | float) -> int:
    return int(
        sql(
            f"UPDATE notification SET read_at = ? WHERE agent_id = ? AND {which} AND read_at IS NULL",  # noqa: S608
            (clock.now(), agent_id, value),
        ).rowcount
    )


def unread(agent_id: str) -> int:
    """How many notifications an agent has not read that still matter. Inside a read or write."""
    return int(
        sql(
            "SELECT count(*) FROM notification WHERE agent_id = ? AND read_at IS NULL AND folded = '' AND state <> 'moot'"  # noqa: S608
            f" AND NOT {MOOT}",
            (agent_id,),
        ).fetchone()[0]
    )


def listed(agent_id: str, limit: int = 30) -> list[Told]:
    """An agent's notifications of two weeks, the newest first. Inside a read or write."""
    since = clock.now() - LISTED * 86_400
    return notifications_shown.find("agent_id = ? AND changed_at > ?", (agent_id, since), limit)[::-1]


def forget(conversation_id: str) -> None:
    """The conversation is being deleted: mails that name its customer go with it, and what they told besides is told anew."""
    notifications_told.forget(conversation_id)


__all__ = [
    "DAYS", "Kind", "assigned", "forget", "listed", "mentioned", "notify", "read_all", "read_one",
    "read_post", "requested", "seen", "unread",
]  # fmt: skip
