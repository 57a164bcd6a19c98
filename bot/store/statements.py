"""The hot statements, fixed: insert a message, the last N, the next place. Call them inside ``read`` or ``write``.

The models beside define the same columns; peewee's query builder would be two thirds of a turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson

from bot.config import config
from bot.messages import FileView, MessageView, Reaction, Source
from bot.store.database import is_sqlite, sql

_INSERT = (
    "INSERT INTO message (id, conversation_id, seq, rev, author, author_name, body, sealed, client_key, turn, kind, extra,"
    " created_at, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
COLUMNS = "id, seq, rev, author, author_name, body, sealed, client_key, turn, kind, extra, created_at, edited_at, deleted, conversation_id"
_LAST = f"SELECT {COLUMNS} FROM message WHERE conversation_id = ? AND seq <= ? ORDER BY seq DESC LIMIT ?"  # noqa: S608
# sqlite3 gives the interpreter away for every row it steps to, and with many answers at work each time to another thread: as one
# row twenty messages cost what one does. JSON would round the time.
_LAST_AS_ONE = (
    "SELECT json_group_array(json_array(id, seq, rev, author, author_name, body, sealed, client_key, turn, kind, extra,"
    " printf('%!.17g', created_at), edited_at, deleted))"
    " FROM (SELECT * FROM message WHERE conversation_id = ? AND seq <= ? ORDER BY seq DESC LIMIT ?)"
)
_BARE = " CASE WHEN author = 'ai' THEN '' ELSE extra END,"
_LAST_BARE, _LAST_AS_ONE_BARE = _LAST.replace(" extra,", _BARE), _LAST_AS_ONE.replace(" extra,", _BARE)
_AFTER = f"SELECT {COLUMNS} FROM message WHERE conversation_id = ? AND rev > ? ORDER BY rev LIMIT ?"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Place:
    """The place a new message takes."""

    seq: int
    rev: int


def seal_text(text: str, row_id: str, column: str) -> str:
    from bot.crypto import seal

    return str(seal("message", text, f"message|{column}|{row_id}"))


def insert_message(
    message_id: str,
    conversation_id: str,
    place: Place,
    *,
    author: str,
    body: str,
    created_at: float,
    author_name: str = "",
    client_key: str | None = None,
    turn: str | None = None,
    kind: str = "",
    extra: dict[str, Any] | None = None,
) -> None:
    """Store one message at its place, sealed when the setting says so."""
    packed = orjson.dumps(extra).decode() if extra else ""
    sealed = config().encrypt_messages
    if sealed:
        body = seal_text(body, message_id, "body")
        packed = seal_text(packed, message_id, "extra") if packed else ""
    sql(
        _INSERT,
        (message_id, conversation_id, place.seq, place.rev, author, author_name, body, sealed, client_key, turn, kind, packed,
         created_at, False),
    )  # fmt: skip


def last_messages(conversation_id: str, upto_seq: int, limit: int, *, bare: bool = False) -> list[MessageView]:
    """The last ``limit`` messages up to ``upto_seq``, oldest first. ``bare``: answers without their sources and choices."""
    which = (conversation_id, upto_seq, limit)
    if not is_sqlite():
        return [view(row) for row in reversed(sql(_LAST_BARE if bare else _LAST, which).fetchall())]
    rows = orjson.loads(sql(_LAST_AS_ONE_BARE if bare else _LAST_AS_ONE, which).fetchone()[0])
    for row in rows:
        row[11] = float(row[11])
    return [view(row) for row in sorted(rows, key=itemgetter(1))]


def changed_messages(conversation_id: str, after_rev: int, limit: int) -> list[MessageView]:
    """Messages with a greater ``rev``, by ``rev``."""
    return [view(row) for row in sql(_AFTER, (conversation_id, after_rev, limit)).fetchall()]


def view(row: Sequence[Any]) -> MessageView:
    """A row of :data:`COLUMNS` as the frozen view, unsealed."""
    body, packed = row[5], row[10]
    if row[6]:
        from bot.crypto import unseal

        body = unseal("message", body, f"message|body|{row[0]}")
        packed = unseal("message", packed, f"message|extra|{row[0]}") if packed else ""
    extra: dict[str, Any] = orjson.loads(packed) if packed else {}
    files, deleted = extra.pop("files", ()), bool(row[13])
    return MessageView(
        id=row[0],
        seq=row[1],
        rev=row[2],
        author=row[3],
        author_name=row[4],
        text="" if deleted else body,
        client_key=row[7] or "",
        turn_id=row[8] or "",
        type=row[9],
        sources=tuple(Source(**source) for source in extra.pop("sources", ())),
        choices=tuple(extra.pop("choices", ())),
        created_at=row[11],
        edited_at=row[12],
        deleted=deleted,
        files=tuple(_file(one) for one in files) if files and not deleted else (),
        reactions=tuple(Reaction(**one) for one in extra.pop("reactions", ())),
        extra=extra,
    )


def _file(told: dict[str, Any]) -> FileView:
    """What a message remembers of a file, with a link that works now."""
    known = {"id": "", "name": "", "type": "", "size": 0, **told}
    if known.get("problem"):
        return FileView(**known)
    from bot.file_links import path_of

    return FileView(**known, url=path_of(known["id"], known["name"]))


def change_extra(message_id: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a message remembers beside its text. Inside a write; who calls it takes a new ``rev`` for it."""
    row = sql("SELECT extra, sealed FROM message WHERE id = ?", (message_id,)).fetchone()
    if row is None:
        return
    packed, sealed = row
    if packed and sealed:
        from bot.crypto import unseal

        packed = unseal("message", packed, f"message|extra|{message_id}")
    extra: dict[str, Any] = orjson.loads(packed) if packed else {}
    change(extra)
    packed = orjson.dumps(extra).decode() if extra else ""
    if packed and sealed:
        packed = seal_text(packed, message_id, "extra")
    sql("UPDATE message SET extra = ? WHERE id = ?", (packed, message_id))
