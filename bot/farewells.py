"""The last that desks are told of a conversation that its customer deletes: its card says so, and what was shown of it goes.

Planned in the transaction that deletes, as deliveries without a conversation. They hold ids of the desk's posts and the ticket's
number, and no word of anybody.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from bot import deliver
from bot.declarations import desk_declaration
from bot.deliver import Head
from bot.desk import Card, DeskPost
from bot.store import sql

GONE = "gone:"
"""Before what such a delivery is about."""
PREFIX = "desk:"


def plan(conversation_id: str) -> bool:
    """Plan the last card of each thread and the deletion of our posts in it; whether there is anything to do. Inside the write that
    deletes the conversation, and before its rows go."""
    rows = sql(
        "SELECT d.desk, d.place, d.thread, t.number FROM desk_thread d JOIN ticket t ON t.conversation_id = d.conversation_id"
        " WHERE d.conversation_id = ? AND d.thread IS NOT NULL",
        (conversation_id,),
    ).fetchall()
    for desk, place, thread, number in rows:
        about = {"place": place, "thread": thread, "ticket": number}
        _put(desk, "card", {**about, "post": thread})
        if "delete" not in desk_declaration(desk).follows:
            continue
        posts = sql(
            "SELECT DISTINCT platform_id FROM delivery WHERE conversation_id = ? AND channel = ? AND op IN ('send', 'event')"
            " AND platform_id IS NOT NULL ORDER BY platform_id",
            (conversation_id, PREFIX + desk),
        ).fetchall()
        for (post,) in posts:
            _put(desk, "delete", {**about, "post": post})
    return bool(rows)


def unsay(desk: str, person: str, post: str) -> None:
    """Plan that a message to one agent alone is deleted, where the desk can. Inside a write."""
    if "delete" in desk_declaration(desk).follows:
        _put(desk, "delete", {"place": person, "thread": f"to {person}", "post": post, "person": person})


def _put(desk: str, op: str, about: dict[str, Any]) -> None:
    channel, message = PREFIX + desk, GONE + orjson.dumps(about).decode()
    where = f"{GONE}{hashlib.sha256(about['thread'].encode()).hexdigest()[:16]}"
    deliver.put(channel, where, op, message)


def compose(head: Head) -> DeskPost:
    """The post of such a delivery."""
    about = orjson.loads(head.message.removeprefix(GONE))
    common: dict[str, Any] = {
        "key": head.key, "place": about["place"], "thread": about["thread"], "subject": about["post"], "attempt": head.attempt,
        "first_sent_at": head.first_sent_at,
    }  # fmt: skip
    if head.op == "delete":
        if about.get("person"):
            common |= {"thread": "", "person": about["person"]}
        return DeskPost(op="delete", **common)
    card = Card(conversation_id="", ticket=about["ticket"], version=2**31 - 1, state="gone", customer="Visitor")
    return DeskPost(op="card", card=card, **common)
