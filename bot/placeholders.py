"""Which name stands for which value: placeholders such as ``⟦EMAIL_1⟧`` as rows.

In one conversation the same value always has the same name, however far back it was written, so that a model can speak of
it. The names are rows of the conversation: gone with it, sealed, and never looked for in another one.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from bot import clock, crypto
from bot.config import ConfigError, config
from bot.personal_data import CARD, EMAIL, IBAN, PHONE
from bot.standins import CLOSING, OPENING
from bot.store import StoreUnavailable, is_sqlite, read, sql, submit

log = structlog.get_logger("shield")

PATIENCE = 1.0
"""Seconds that a new name is waited for. The hook that asks for it has two."""
_AGAIN = 5.0
"""Seconds between two looks at the master key: it may be changed while we run."""

Value = tuple[str, str]
"""A kind and what was written."""


def placeholders_for(conversation_id: str, values: Iterable[Value]) -> dict[Value, str]:
    """The placeholder of each value in this conversation; new ones are stored first. Blocks.

    Two ways to write one value (an address in capitals, a card with and without blanks) have one name. Without the
    conversation, or while the database is away, the names hold for this call only.
    """
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return {}
    try:
        keys = _keys()
        digests = {value: [_digest(key, conversation_id, value) for key in keys] for value in wanted}
        known = read(lambda: _known(conversation_id, digests))
        if len(known) < len(wanted):
            known = _written(lambda: _made(conversation_id, wanted, digests))
    except (StoreUnavailable, crypto.CryptoError, ConfigError) as error:
        # What goes out is as safe as ever: only the names may be others in the next turn.
        log.warning("placeholders_not_stored", conversation=conversation_id, reason=type(error).__name__)
        known = {}
    return known if len(known) == len(wanted) else _for_once(wanted)


def _written(work: Callable[[], dict[Value, str]]) -> dict[Value, str]:
    """Do ``work`` in a write that is not waited for longer than a second: a slow disk must not look like a shield that hangs."""
    told = threading.Event()
    ends: list[tuple[dict[Value, str] | None, BaseException | None]] = []

    def done(result: dict[Value, str] | None, error: BaseException | None) -> None:
        ends.append((result, error))
        told.set()

    submit(work, done)
    if not told.wait(PATIENCE):
        raise StoreUnavailable("The database takes its time.")
    result, error = ends[0]
    if error is not None:
        raise error
    return result or {}


def placeholders_of(conversation_id: str) -> dict[str, str]:
    """All names of a conversation with what they stand for, as it was written first. Blocks. Empty while the database is away."""

    def work() -> list[tuple[str, str, int, str]]:
        statement = "SELECT id, kind, number, value FROM placeholder WHERE conversation_id = ?"
        return list(sql(statement, (conversation_id,)).fetchall())

    found: dict[str, str] = {}
    try:
        rows = read(work)
    except StoreUnavailable:
        return found
    for row_id, kind, number, stored in rows:
        try:
            found[_name(kind, number)] = crypto.reveal("placeholder", "value", row_id, stored)
        except (crypto.CryptoError, ConfigError, StoreUnavailable):
            continue  # it stays words
    return found


def _known(conversation_id: str, digests: Mapping[Value, Sequence[str]]) -> dict[Value, str]:
    rows = sql("SELECT digest, kind, number FROM placeholder WHERE conversation_id = ?", (conversation_id,)).fetchall()
    by_digest = {digest: _name(kind, number) for digest, kind, number in rows}
    return {value: by_digest[one] for value, several in digests.items() for one in several if one in by_digest}


def _made(conversation_id: str, wanted: Sequence[Value], digests: Mapping[Value, Sequence[str]]) -> dict[Value, str]:
    """Inside a write. Nothing if there is no such conversation (any more)."""
    lock = "" if is_sqlite() else " FOR UPDATE"
    if sql(f"SELECT 1 FROM conversation WHERE id = ?{lock}", (conversation_id,)).fetchone() is None:  # noqa: S608
        return {}
    known = _known(conversation_id, digests)
    rows = sql("SELECT kind, max(number) FROM placeholder WHERE conversation_id = ? GROUP BY kind", (conversation_id,))
    last: dict[str, int] = dict(rows.fetchall())
    made: dict[str, str] = {}
    for value in wanted:
        digest = digests[value][0]
        if value in known or digest in made:
            known.setdefault(value, made.get(digest, ""))
            continue
        kind, written = value
        number = last[kind] = last.get(kind, 0) + 1
        row_id = clock.new_id()
        sealed = crypto.seal("message", written, f"placeholder|value|{row_id}")
        sql(
            "INSERT INTO placeholder (id, conversation_id, kind, number, digest, value, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row_id, conversation_id, kind, number, digest, sealed, clock.now()),
        )
        known[value] = made[digest] = _name(kind, number)
    return known


def _for_once(wanted: Sequence[Value]) -> dict[Value, str]:
    names: dict[Value, str] = {}
    same: dict[Value, str] = {}
    last: dict[str, int] = {}
    for value in wanted:
        kind = value[0]
        plain = (kind, _normal(*value))
        if plain not in same:
            last[kind] = last.get(kind, 0) + 1
            same[plain] = _name(kind, last[kind])
        names[value] = same[plain]
    return names


def _name(kind: str, number: int) -> str:
    return f"{OPENING}{kind}_{number}{CLOSING}"


def _normal(kind: str, written: str) -> str:
    """What two ways to write the same have in common."""
    if kind in {CARD, IBAN, PHONE}:
        return "".join(char for char in written.upper() if char.isalnum() or char == "+")
    return written.casefold() if kind == EMAIL else written


def _digest(key: bytes, conversation_id: str, value: Value) -> str:
    words = "\n".join((conversation_id, value[0], _normal(*value)))
    return hmac.digest(key, words.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:40]


_known_keys: tuple[str, float, list[bytes]] = ("", 0.0, [])


def _keys() -> list[bytes]:
    """Made from the master keys: the first is used, all are looked for."""
    global _known_keys
    home = f"{config().data}\n{config().key.get_secret_value()}"
    if _known_keys[0] != home or time.monotonic() >= _known_keys[1]:
        derived = [hmac.digest(key.raw, b"deskhand placeholders", hashlib.sha256) for key in crypto.masters()]
        _known_keys = (home, time.monotonic() + _AGAIN, derived)
    return _known_keys[2]
