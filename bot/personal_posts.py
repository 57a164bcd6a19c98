"""Posts that are for one agent: an aside in a thread, or a message to them alone. A row says which; what it says is worked out when its
turn comes. Inside writes.
"""

from __future__ import annotations

from typing import Any, Literal

import orjson

from bot import deliver
from bot.deliver import Head
from bot.desk import DeskPost
from bot.store import db, sql

PERSONAL = "personal:"
"""Before what such a delivery is about."""


def put(
    desk: str, person: str, kind: str, ref: str, *, op: Literal["aside", "direct"], conversation_id: str = "", version: int = 0
) -> None:  # fmt: skip
    """Show ``person`` (an id of the desk) once for each ``version`` what the room of ``kind`` says of ``ref``: in the conversation's
    thread (``aside``), or to them alone (``direct``)."""
    channel = f"desk:{desk}"
    about = name(person, kind, ref)
    where = conversation_id if op == "aside" else f"{PERSONAL}{person}"
    deliver.put(channel, where, op, about, conversation_id=conversation_id, version=version)
    db.after_commit(_wake)


def name(person: str, kind: str, ref: str) -> str:
    """What such a delivery is about."""
    return PERSONAL + orjson.dumps({"who": person, "kind": kind, "ref": ref}).decode()


def shown(desk: str, person: str, kind: str, ref: str) -> list[str]:
    """The desk's ids of what it showed of this."""
    query = "SELECT platform_id FROM delivery WHERE message = ? AND channel = ? AND platform_id IS NOT NULL"
    return [str(row[0]) for row in sql(query, (name(person, kind, ref), f"desk:{desk}")).fetchall()]


def under_way(desk: str, person: str, kind: str, ref: str) -> bool:
    """Whether it is with the desk at this moment, or perhaps was: what it said cannot be changed any more."""
    query = "SELECT 1 FROM delivery WHERE message = ? AND channel = ? AND state IN ('sending', 'uncertain')"
    return sql(query, (name(person, kind, ref), f"desk:{desk}")).fetchone() is not None


def _wake() -> None:
    from bot.bus import bus

    bus().wake("out", "")


def compose(head: Head) -> DeskPost | None:
    """The post as it should be now; ``None``: there is nothing to say any more, or no thread to say it in."""
    from bot.workplace import rooms

    about: dict[str, Any] = orjson.loads(head.message.removeprefix(PERSONAL))
    said = rooms.said(about["kind"], about["ref"])
    if said is None:
        return None
    place, thread = about["who"], ""
    if head.op == "aside":
        row = sql(
            "SELECT place, thread FROM desk_thread WHERE conversation_id = ? AND desk = ?",
            (head.conversation_id, head.channel.removeprefix("desk:")),
        ).fetchone()
        if row is None or not row[1]:
            return None
        place, thread = row
    return DeskPost(
        key=head.key, op=head.op, place=place, thread=thread, person=about["who"], text=said.text, page=said.page, author="system",  # type: ignore[arg-type]
        attempt=head.attempt, first_sent_at=head.first_sent_at,
    )  # fmt: skip


def ended(message: str, outcome: Literal["sent", "dead", "held"], reason: str = "") -> None:
    """Tell the room what became of a post of this kind, if it wants to know. Inside the write that says so of the delivery."""
    from bot.workplace import rooms

    if message.startswith(PERSONAL):
        about: dict[str, Any] = orjson.loads(message.removeprefix(PERSONAL))
        rooms.ended(about["kind"], about["ref"], outcome, reason)
