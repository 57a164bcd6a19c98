"""Two contacts turn out to be one person, or not after all: merge, and undo. Everything here runs inside a write.

What is known of a person stays as sure as it was: a name that somebody typed is still only that, and an address is
confirmed only for whoever confirmed it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from bot import audit, clock
from bot.store import is_sqlite, sql


class MergeError(Exception):
    """It cannot be undone. The text is one sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A conversation that went from one place to another. ``aside``: the conversation that was at the new place before."""

    conversation_id: str
    from_channel: str
    from_place: str
    to_channel: str
    to_place: str
    aside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One merge as it is listed."""

    id: str
    kept: str
    gone: str
    move: Move
    made_at: float
    undone_at: float | None
    detail: dict[str, Any] = field(default_factory=dict)


def hold(read: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    """Read two contacts and let nobody change what is theirs until the end of this write: first their conversations are locked,
    as everybody locks a conversation before a contact, and then they themselves. Read again afterwards, as an earlier merge may
    have been waited for. SQLite has one writer anyway."""
    held = read()
    while not is_sqlite():
        _lock("conversation", "contact_id", held, "NO KEY UPDATE")
        _lock("contact", "id", held, "UPDATE")
        before, held = held, read()
        if held == before:
            break
    return held


def _lock(table: str, column: str, contacts: tuple[str, str], strength: str) -> None:
    # Always in the same order: of two who want the same, one waits for the other, and never each for the other.
    sql(f"SELECT id FROM {table} WHERE {column} IN (?, ?) ORDER BY id FOR {strength}", contacts).fetchall()  # noqa: S608


def merge(kept: str, gone: str, move: Move) -> str:
    """Make ``gone``'s identities, conversations, files and addresses ``kept``'s; returns the merge's id. The same contact twice
    is noted as well, so that the move can be undone."""
    detail: dict[str, Any] = {"aside": move.aside}
    if kept != gone:
        detail["identities"] = _take("identity", kept, gone)
        detail["conversations"] = _take("conversation", kept, gone)
        detail["addresses"] = _take(
            "mail_address",
            kept,
            gone,
            " AND address NOT IN (SELECT address FROM mail_address WHERE contact_id = ?)",
            kept,
        )
        detail["files"] = _take("stored_file", kept, gone)
        detail["filled"] = _fill(kept, gone)
    merge_id = clock.new_id()
    sql(
        "INSERT INTO contact_merge (id, kept_id, gone, conversation, from_channel, from_place, to_channel, to_place, detail, made_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (merge_id, kept, gone, move.conversation_id, move.from_channel, move.from_place, move.to_channel, move.to_place,
         orjson.dumps(detail).decode(), clock.now()),
    )  # fmt: skip
    audit.record(f"customer:{move.to_channel}", "contact.merge", f"merge:{merge_id}", {"kept": kept, "gone": gone})
    return merge_id


def _take(table: str, kept: str, gone: str, more: str = "", *values: object) -> list[str]:
    rows = sql(f"UPDATE {table} SET contact_id = ? WHERE contact_id = ?{more} RETURNING id", (kept, gone, *values))  # noqa: S608
    return [row[0] for row in rows.fetchall()]


def _fill(kept: str, gone: str) -> list[str]:
    """Names and the like that only the other one had."""
    filled = []
    row = sql("SELECT name, email, language FROM contact WHERE id = ?", (gone,)).fetchone() or ("", "", "")
    for column, value in zip(("name", "email", "language"), row, strict=True):
        if value and sql(f"UPDATE contact SET {column} = ? WHERE id = ? AND {column} = ''", (value, kept)).rowcount:  # noqa: S608
            filled.append(column)
    return filled


def merges(limit: int = 200) -> list[Merge]:
    """The newest first."""
    rows = sql(f"{_SELECT} ORDER BY made_at DESC, id DESC LIMIT ?", (limit,)).fetchall()
    return [_merge(row) for row in rows]


_SELECT = (
    "SELECT id, kept_id, gone, conversation, from_channel, from_place, to_channel, to_place, made_at, undone_at, detail"
    " FROM contact_merge"
)


def _merge(row: Any) -> Merge:
    detail = orjson.loads(row[10])
    move = Move(
        conversation_id=row[3], from_channel=row[4], from_place=row[5], to_channel=row[6], to_place=row[7],
        aside=detail.get("aside", ""),
    )  # fmt: skip
    return Merge(id=row[0], kept=row[1], gone=row[2], move=move, made_at=row[8], undone_at=row[9], detail=detail)


def unmerge(merge_id: str, *, actor: str) -> Merge:
    """Part the two again and give the conversation back to where it came from. ``merge_id`` may be its beginning, if that is
    unmistakable. Raises :class:`MergeError`.

    What was said meanwhile stays in the conversation it was said in; conversations begun at the new place since go with it.
    """
    rows = sql(f"{_SELECT} WHERE id LIKE ? LIMIT 2", (merge_id.replace("%", "").replace("_", "") + "%",)).fetchall()
    if len(rows) != 1 or not merge_id:
        found = "No merge has this id." if not rows else "Several merges begin like this: give more of the id."
        raise MergeError(f"{found} Look at: deskhand contacts merges")
    one = _merge(rows[0])
    hold(lambda: (one.kept, one.gone))
    undone = sql("UPDATE contact_merge SET undone_at = ? WHERE id = ? AND undone_at IS NULL", (clock.now(), one.id))
    if not undone.rowcount:
        raise MergeError("This merge was undone before. Nothing was changed.")
    later = sql(
        "SELECT id FROM contact_merge WHERE undone_at IS NULL AND made_at > ? AND (kept_id IN (?, ?) OR gone IN (?, ?)) LIMIT 1",
        (one.made_at, one.kept, one.gone, one.kept, one.gone),
    ).fetchone()
    if later is not None:
        raise MergeError(f"A later merge builds on this one. Undo that first: deskhand contacts unmerge {later[0]}")
    if one.kept != one.gone:
        _part(one)
    _give_back(one)
    audit.record(actor, "contact.unmerge", f"merge:{one.id}", {"kept": one.kept, "gone": one.gone})
    return one


def _part(one: Merge) -> None:
    for table, name in (("identity", "identities"), ("conversation", "conversations"), ("stored_file", "files"),
                        ("mail_address", "addresses")):  # fmt: skip
        for row_id in one.detail.get(name, ()):
            sql(f"UPDATE {table} SET contact_id = ? WHERE id = ? AND contact_id = ?", (one.gone, row_id, one.kept))  # noqa: S608
    for column in one.detail.get("filled", ()):
        sql(
            f"UPDATE contact SET {column} = '' WHERE id = ? AND {column} = (SELECT {column} FROM contact WHERE id = ?)",  # noqa: S608
            (one.kept, one.gone),
        )
    # Begun since at the place whose person is somebody else now.
    begun = sql(
        "SELECT r.conversation_id FROM route r JOIN conversation c ON c.id = r.conversation_id"
        " WHERE r.channel = ? AND r.place = ? AND c.contact_id = ? AND c.created_at > ?",
        (one.move.to_channel, one.move.to_place, one.kept, one.made_at),
    ).fetchall()
    for (conversation_id,) in begun:
        if conversation_id != one.move.conversation_id:
            sql("UPDATE conversation SET contact_id = ? WHERE id = ?", (one.gone, conversation_id))


def _give_back(one: Merge) -> None:
    """The conversation goes on at its old place, unless another has begun there; the one put aside comes back."""
    move = one.move
    here = sql(
        "UPDATE route SET current = ? WHERE conversation_id = ? AND channel = ? AND place = ? AND current",
        (False, move.conversation_id, move.to_channel, move.to_place),
    ).rowcount
    if not here:
        return  # it went on elsewhere, or has ended
    if move.aside:
        route(move.aside, move.to_channel, move.to_place)
    route(move.conversation_id, move.from_channel, move.from_place)


def route(conversation_id: str, channel: str, place: str) -> bool:
    """Have ``conversation_id`` happen at a place from now on; False: another conversation is there. Nothing else is current then."""
    taken = sql(
        "SELECT conversation_id FROM route WHERE channel = ? AND place = ? AND current", (channel, place)
    ).fetchone()
    if taken is not None or not sql("SELECT 1 FROM conversation WHERE id = ?", (conversation_id,)).fetchone():
        return False
    sql("UPDATE route SET current = ? WHERE conversation_id = ? AND current", (False, conversation_id))
    known = sql(
        "UPDATE route SET current = ?, created_at = ? WHERE id = (SELECT id FROM route WHERE conversation_id = ? AND channel = ?"
        " AND place = ? LIMIT 1)",
        (True, clock.now(), conversation_id, channel, place),
    ).rowcount
    if not known:
        sql(
            "INSERT INTO route (id, conversation_id, channel, place, current, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (clock.new_id(), conversation_id, channel, place, True, clock.now()),
        )
    sql(
        "UPDATE conversation SET channel = ?, rev = rev + 1, state_rev = rev + 1 WHERE id = ?",
        (channel, conversation_id),
    )
    return True
