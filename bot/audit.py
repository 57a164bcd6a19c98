"""Who did what: rows chained by hash, so that a changed, removed or inserted row is noticed. Never a message text.

The newest hash is kept beside the chain (setting ``audit.head``), so that a cut-off end is noticed, too. Somebody who can
write to the whole database can make a new chain: note the head that ``deskhand audit verify`` prints where they cannot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot import store
from bot.clock import now
from bot.store import Audit, Setting

HEAD_KEY = "audit.head"
GENESIS = "0" * 64
BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the trail. ``at`` in Unix seconds."""

    id: int
    at: float
    actor: str
    action: str
    object: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What :func:`verify` found. ``problem`` is empty when the chain is whole, else a sentence that names the row."""

    entries: int
    head: str
    problem: str = ""


def record(actor: str, action: str, object: str, detail: Mapping[str, Any] | None = None) -> None:
    """Add a row. Call it inside the transaction of what it tells about: both are stored or neither.

    ``actor`` is who (``cli:NAME``, ``deskhand`` for the machine), ``action`` a dotted verb, ``object`` what it was done to
    (``plugin:openai``). ``detail`` is small JSON without secrets and without message texts. Raises RuntimeError outside a
    transaction.
    """
    if not store.db.in_transaction():
        raise RuntimeError("audit.record belongs inside the transaction of what it records")
    # The head's row is locked until the commit: on PostgreSQL two writers would else chain to the same predecessor.
    Setting.insert(key=HEAD_KEY, value=_head(0, GENESIS), changed_at=now()).on_conflict_ignore().execute()
    query = Setting.select().where(Setting.key == HEAD_KEY)
    head = (query if store.is_sqlite() else query.for_update()).get().value
    at, packed = round(now(), 3), json.dumps(dict(detail or {}), sort_keys=True, ensure_ascii=False, default=str)
    digest = _digest(head["hash"], at, actor, action, object, packed)
    Audit.insert(
        at=at, actor=actor, action=action, object=object, detail=packed, prev_hash=head["hash"], hash=digest
    ).execute()
    Setting.update(value=_head(int(head["entries"]) + 1, digest), changed_at=now()).where(
        Setting.key == HEAD_KEY
    ).execute()


def _head(entries: int, digest: str) -> dict[str, Any]:
    return {"entries": entries, "hash": digest}


def _digest(previous: str, at: float, *words: str) -> str:
    # JSON keeps the borders of the fields: "a" + "bc" and "ab" + "c" have different hashes.
    return hashlib.sha256(json.dumps([previous, f"{at:.3f}", *words], ensure_ascii=False).encode()).hexdigest()


def verify() -> Verdict:
    """Compute the whole chain again, oldest first, in batches. Raises :class:`bot.StoreUnavailable`."""
    # The head first: rows that are added while we read come after it.
    row = store.read(lambda: Setting.get_or_none(Setting.key == HEAD_KEY))
    head = row.value if row else _head(0, GENESIS)
    previous, count, last_id, seen = GENESIS, 0, 0, head["hash"] == GENESIS
    while rows := _batch(last_id):
        for row in rows:
            problem = ""
            if row.prev_hash != previous:
                problem = f"A row is missing or was inserted before row {row.id} ({row.action})."
            elif row.hash != _digest(previous, row.at, row.actor, row.action, row.object, row.detail):
                problem = f"Row {row.id} ({row.action}) was changed."
            if problem:
                return Verdict(entries=count, head=previous, problem=problem)
            previous, count, last_id = row.hash, count + 1, row.id
            seen = seen or previous == head["hash"]
    problem = "" if seen else f"The end is missing: {count} rows are there, {head['entries']} were written."
    return Verdict(entries=count, head=previous, problem=problem)


def _batch(after: int) -> list[Any]:
    return store.read(lambda: list(Audit.select().where(Audit.id > after).order_by(Audit.id).limit(BATCH)))


def entries(limit: int = 50, *, object: str = "", action: str = "") -> list[Entry]:
    """The newest rows, newest first."""

    def fn() -> list[Entry]:
        query = Audit.select().order_by(Audit.id.desc()).limit(limit)
        if object:
            query = query.where(Audit.object == object)
        if action:
            query = query.where(Audit.action == action)
        return [
            Entry(
                id=row.id,
                at=row.at,
                actor=row.actor,
                action=row.action,
                object=row.object,
                detail=json.loads(row.detail),
            )
            for row in query
        ]

    return store.read(fn)
