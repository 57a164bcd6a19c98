"""Walk over all rows that hold sealed texts, in small batches, and change how they are stored.

A batch replaces a row only if it still holds what was read, so a change that somebody made meanwhile is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from peewee import Model

from bot import crypto, store
from bot.crypto import PREFIX, CryptoError, is_sealed, seal, unseal
from bot.plugin_settings import secret_place
from bot.store import (
    AgentDraft,
    AnswerLog,
    AnswerMark,
    CachedAnswer,
    Conversation,
    Ledger,
    Mail,
    Message,
    Placeholder,
    PluginState,
    Provider,
    Rating,
    StoredFile,
    Ticket,
    Turn,
)

BATCH = 200

Progress = Callable[[str, int], None]
"""``progress(table, rows looked at)`` after every batch."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Columns of a table that hold texts of people. ``flag`` names the column that says whether they are sealed, if there
    is one; without it the text's form says it."""

    model: type[Model]
    columns: tuple[str, ...]
    flag: str = ""

    @property
    def table(self) -> str:
        return str(self.model._meta.table_name)

    @property
    def key(self) -> str:
        return str(getattr(self.model._meta.primary_key, "column_name", "id"))


MESSAGES = (
    Sealed(Message, ("body", "extra"), "sealed"),
    Sealed(Conversation, ("title", "page_url")),
    Sealed(Turn, ("draft",)),
    Sealed(Ticket, ("reason", "summary", "subject")),
    Sealed(Ledger, ("payload",)),
    Sealed(Mail, ("subject", "text", "html")),
    Sealed(Rating, ("comment",)),
    Sealed(CachedAnswer, ("question", "answer")),
    Sealed(Placeholder, ("value",)),
    Sealed(AnswerLog, ("words", "note")),
    Sealed(AnswerMark, ("words",)),
    Sealed(AgentDraft, ("instruction", "text", "sources")),
    # The key of a file, not its bytes: those stay as they are.
    Sealed(StoredFile, ("name", "key")),
)


WITH_SETTINGS: tuple[type[Model], ...] = (PluginState, Provider)
"""Tables whose ``settings`` hold secrets, by ``name``."""


@dataclass(slots=True)
class Walk:
    """What one walk did. ``unreadable`` names places whose text does not open; they are left as they are."""

    changed: int = 0
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """``text(stored, place, sealed)`` is what to store instead; ``flag`` what the row's flag says afterwards (``None``: as before)."""

    text: Callable[[str, str, bool], str]
    flag: bool | None = None


def _renew(text: str, place: str, sealed: bool) -> str:
    if not sealed:
        return text
    purpose, retired = crypto.key_state(crypto.key_id(text))
    return seal(purpose, unseal("message", text, place), place) if retired else text


RENEW = Change(_renew)
"""What a retired key sealed is sealed with the new one."""
CLOSE = Change(lambda text, place, sealed: text if sealed else seal("message", text, place), flag=True)
"""Plain texts are sealed."""
OPEN = Change(lambda text, place, sealed: unseal("message", text, place) if sealed else text, flag=False)
"""Sealed texts are opened."""


def walk_messages(change: Change, progress: Progress) -> Walk:
    """Change all texts of people."""
    done = Walk()
    for what in MESSAGES:
        looked = 0
        for rows in batches(what):
            looked += len(rows)
            steps = [step for row in rows if (step := _step(what, row, change, done))]
            if steps:
                done.changed += _store_batch(what, steps)
            progress(what.table, looked)
    if store.is_sqlite() and done.changed:
        # The write-ahead log still holds the old texts: bring its pages into the file and empty it.
        store.read(lambda: store.db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    return done


def batches(what: Sealed) -> Iterator[list[tuple[Any, ...]]]:
    """Rows by primary key: the key, the columns, and the flag if there is one."""
    columns = ", ".join((what.key, *what.columns, *((what.flag,) if what.flag else ())))
    statement = f"SELECT {columns} FROM {what.table} WHERE {what.key} > ? ORDER BY {what.key} LIMIT {BATCH}"  # noqa: S608  our own names
    last = ""
    while rows := _read(statement, last):
        yield rows
        last = rows[-1][0]


def _read(statement: str, after: str) -> list[tuple[Any, ...]]:
    return store.read(lambda: list(store.sql(statement, (after,)).fetchall()))


Step = tuple[str, dict[str, Any], dict[str, Any]]
"""A row's key, what it holds, and what it should hold."""


def _step(what: Sealed, row: tuple[Any, ...], change: Change, done: Walk) -> Step | None:
    before: dict[str, Any] = dict(zip(what.columns, row[1:], strict=False))
    after: dict[str, Any] = {}
    for column, text in before.items():
        place = f"{what.table}|{column}|{row[0]}"
        sealed = bool(row[-1]) if what.flag else is_sealed(text)
        try:
            after[column] = change.text(text, place, sealed) if text else text
        except CryptoError:
            done.unreadable.append(place)
            return None
        if change is OPEN and not what.flag and after[column].startswith(PREFIX):
            after[column] = text  # a plain text that only looks sealed stays sealed: without a flag the form decides
    if what.flag:
        before[what.flag] = bool(row[-1])
        after[what.flag] = before[what.flag] if change.flag is None else change.flag
    return None if after == before else (row[0], before, after)


def _store_batch(what: Sealed, steps: list[Step]) -> int:
    def fn() -> int:
        if store.is_sqlite():
            store.db.execute_sql("PRAGMA secure_delete = ON")  # overwrite in the file what a plain text leaves behind
        return sum(_apply(what, *step) for step in steps)

    return store.write(fn)


def _apply(what: Sealed, key: str, before: dict[str, Any], after: dict[str, Any]) -> int:
    sets = ", ".join(f"{column} = ?" for column in after)
    same = " AND ".join(f"{column} = ?" for column in before)
    statement = f"UPDATE {what.table} SET {sets} WHERE {what.key} = ? AND {same}"  # noqa: S608  our own names
    return int(store.sql(statement, (*after.values(), key, *before.values())).rowcount)


def renew_settings(progress: Progress) -> Walk:
    """Seal the secrets of plugins and added providers with the new key, where a retired one sealed them."""
    done = Walk()
    for model in WITH_SETTINGS:
        _renew_settings(model, done, progress)
    return done


def _renew_settings(model: type[Model], done: Walk, progress: Progress) -> None:
    table = str(model._meta.table_name)
    rows = _settings_of(model)
    for name, stored in rows:
        values = json.loads(stored)
        for setting, value in values.items():
            place = secret_place(name, setting, table)
            try:
                if isinstance(value, str) and is_sealed(value) and crypto.key_state(crypto.key_id(value))[1]:
                    values[setting] = seal("secret", unseal("secret", value, place), place)
            except CryptoError:
                done.unreadable.append(place)
        if values != json.loads(stored):
            done.changed += _store_settings(table, name, stored, json.dumps(values, sort_keys=True))
    progress(table, len(rows))


def _store_settings(table: str, name: str, before: str, after: str) -> int:
    statement = f"UPDATE {table} SET settings = ? WHERE name = ? AND settings = ?"  # noqa: S608  our own names
    return store.write(lambda: int(store.sql(statement, (after, name, before)).rowcount))


def _settings_of(model: type[Model]) -> list[tuple[str, str]]:
    """Name and stored settings of every plugin, or of every added provider."""
    statement = f"SELECT name, settings FROM {model._meta.table_name} ORDER BY name"  # noqa: S608  our own names
    return store.read(lambda: [(row[0], row[1]) for row in store.sql(statement).fetchall()])


def rows_by_key() -> dict[str, int]:
    """How many sealed texts name each data key. Reads every row: for a command, not for a request."""
    counts: dict[str, int] = {}

    def count(text: object) -> None:
        identity = crypto.key_id(text) if isinstance(text, str) and text.startswith(PREFIX) else ""
        if identity:
            counts[identity] = counts.get(identity, 0) + 1

    for what in MESSAGES:
        for rows in batches(what):
            for row in rows:
                for text in row[1 : 1 + len(what.columns)]:
                    count(text)
    for model in WITH_SETTINGS:
        for _, stored in _settings_of(model):
            for value in json.loads(stored).values():
                count(value)
    return counts
