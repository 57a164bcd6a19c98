"""Envelope encryption at rest: AES-256-GCM with a data key per purpose; the master key wraps the data keys.

A sealed text is ``sealed:1:KEY:DATA``: the id of its data key, then nonce (96 random bits), text and tag in base64url. It is
bound to its place (``table|column|row id`` and the key's id), so a sealed value that was copied elsewhere does not open.

Purposes: ``secret`` (plugin settings) and ``message`` (texts of people, when ``DESKHAND_ENCRYPT_MESSAGES`` is on). A purpose
may have parts: ``message:CONVERSATION`` has a key of its own, and erasing that key erases the texts.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot import master_key, store
from bot.clock import now
from bot.config import ConfigError, config
from bot.master_key import MasterKey
from bot.store import DataKey
from bot.threads import native_lock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12
PREFIX = "sealed:1:"
_FORM = re.compile(r"sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]+)")
TRUST_SECONDS = 30.0
"""How long a process goes on sealing with the key it knows without looking whether it was retired. A retired key is
deleted no earlier than :data:`bot.key_rotation.REST_SECONDS` later."""
FRESH_SECONDS = 10.0
KEEP = 10_000
"""Unwrapped keys kept in memory."""


class CryptoError(Exception):
    """Something cannot be sealed or opened. One sentence: what, and what to do. Never a key or a text in it."""


class WrongMasterKey(CryptoError, ConfigError):
    """The master key is missing or another one than the database was sealed with. Nothing is lost."""


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    purpose: str
    cipher: AESGCM
    retired: bool


def _aes(raw: bytes) -> AESGCM:
    # Imported here: most processes seal nothing, and the library costs 4 MB and 30 ms.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(raw)


def _decrypt(cipher: AESGCM, raw: bytes, aad: str) -> bytes | None:
    """``None`` when it was sealed with another key, for another place, or was changed."""
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(raw[:NONCE], raw[NONCE:], aad.encode())
    except (InvalidTag, ValueError):
        return None


_keys: dict[str, _Key] = {}
_active: dict[str, tuple[str, float]] = {}
_fresh: dict[str, float] = {}
_lock = native_lock()


def forget_keys() -> None:
    """Drop what is cached: after a rotation in this process, and in tests."""
    with _lock:
        _keys.clear()
        _active.clear()
        _fresh.clear()


def is_sealed(text: str) -> bool:
    return text.startswith(PREFIX) and _FORM.fullmatch(text) is not None


def key_id(sealed: str) -> str:
    """The id of the data key that a sealed text names; empty if it is none."""
    found = _FORM.fullmatch(sealed)
    return found[1] if found else ""


def key_state(identity: str) -> tuple[str, bool]:
    """Purpose of a data key, and whether it is retired. Raises :class:`CryptoError` when it does not exist."""
    key = _by_id(identity, "?")
    return key.purpose, key.retired


def seal(purpose: str, text: str, aad: str) -> str:
    """Seal ``text`` for the place ``aad`` (``table|column|row id``). Makes the purpose's data key at its first use.

    Raises :class:`CryptoError`, :class:`bot.ConfigError` (master key) or :class:`bot.StoreUnavailable`.
    """
    key = _current(purpose)
    nonce = os.urandom(NONCE)
    data = key.cipher.encrypt(nonce, text.encode("utf-8", "surrogatepass"), f"{aad}|{key.id}".encode())
    return f"{PREFIX}{key.id}:{base64.urlsafe_b64encode(nonce + data).rstrip(b'=').decode()}"


def unseal(purpose: str, sealed: str, aad: str) -> str:
    """Open what :func:`seal` made for the same purpose and place. Raises :class:`CryptoError`."""
    found = _FORM.fullmatch(sealed)
    if found is None:
        raise CryptoError(f"This is not a sealed value ({aad}); it was changed or cut off.")
    key = _by_id(found[1], aad)
    if key.purpose != purpose and not key.purpose.startswith(f"{purpose}:"):
        raise CryptoError(f"The value at {aad} was sealed for another purpose; it was put there from elsewhere.")
    raw = base64.urlsafe_b64decode(found[2] + "=" * (-len(found[2]) % 4))
    data = _decrypt(key.cipher, raw, f"{aad}|{key.id}")
    if data is None:
        raise CryptoError(f"The sealed value at {aad} was changed or put there from elsewhere; it cannot be opened.")
    return data.decode("utf-8", "surrogatepass")


def prepare(*purposes: str) -> None:
    """Have the data keys of these purposes ready, so that the first seal inside a transaction need not make one."""
    for purpose in purposes:
        _current(purpose)


def keep(table: str, column: str, row_id: str, text: str) -> str:
    """What to store of a person's text in a column without a flag: sealed if the setting says so. Open it by :func:`reveal`.

    A text that only looks sealed is sealed in any case, so that nobody can pass one off as ours.
    """
    if text and (config().encrypt_messages or text.startswith(PREFIX)):
        return seal("message", text, f"{table}|{column}|{row_id}")
    return text


def reveal(table: str, column: str, row_id: str, stored: str) -> str:
    """The text that :func:`keep` was given. Raises :class:`CryptoError`."""
    return unseal("message", stored, f"{table}|{column}|{row_id}") if stored.startswith(PREFIX) else stored


def _current(purpose: str) -> _Key:
    """The key to seal with."""
    known = _active.get(purpose)
    if known is not None and time.monotonic() < known[1] and (key := _keys.get(known[0])):
        return key
    key = store.read(lambda: _newest(purpose)) or _make(purpose)
    _remember(key)
    return key


def _newest(purpose: str) -> _Key | None:
    row = (
        DataKey.select()
        .where((DataKey.purpose == purpose) & DataKey.retired_at.is_null())
        .order_by(DataKey.created_at.desc(), DataKey.id)
        .first()
    )
    return None if row is None else _unwrap(row)


def _make(purpose: str) -> _Key:
    """Make a data key, once per purpose even when two processes want it at once."""
    master = _masters(may_make=True)[0]

    def fn() -> _Key:
        if not store.is_sqlite():
            store.db.execute_sql("SELECT pg_advisory_xact_lock(716205)")
        return _newest(purpose) or insert_key(purpose, master)

    if store.db.in_transaction():
        key = fn()
        _fresh[key.id] = time.monotonic()
        return key
    return store.write(fn)


def insert_key(purpose: str, master: MasterKey) -> _Key:
    """Inside a transaction: make a data key and store it wrapped. The caller remembers it after the commit."""
    identity, raw = secrets.token_hex(8), os.urandom(32)
    DataKey.insert(
        id=identity,
        purpose=purpose,
        wrapped=wrap(raw, identity, purpose, master),
        master=master.fingerprint,
        created_at=now(),
    ).execute()
    return _Key(identity, purpose, _aes(raw), retired=False)


def wrap(raw: bytes, identity: str, purpose: str, master: MasterKey) -> str:
    """A data key under a master key, bound to its id and purpose."""
    nonce = os.urandom(NONCE)
    data = _aes(master.raw).encrypt(nonce, raw, f"data_key|wrapped|{identity}|{purpose}|{master.fingerprint}".encode())
    return base64.urlsafe_b64encode(nonce + data).decode()


def unwrap(row: DataKey) -> bytes:
    """The data key of a row. Raises :class:`CryptoError` with one sentence when no master key of this process opens it."""
    master = next((key for key in _masters(may_make=False) if key.fingerprint == row.master), None)
    if master is None:
        raise WrongMasterKey(_wrong_key(str(row.master)))
    raw = base64.urlsafe_b64decode(str(row.wrapped))
    key = _decrypt(_aes(master.raw), raw, f"data_key|wrapped|{row.id}|{row.purpose}|{master.fingerprint}")
    if key is None:
        raise CryptoError(
            f"The data key {row.id} was changed in the database; restore it from a backup. What it sealed stays sealed."
        )
    return key


def _wrong_key(wanted: str) -> str:
    given = master_key.load(may_make=False)
    where = "DESKHAND_KEY" if master_key.from_environment() else str(master_key.key_file())
    have = f"{where} is master key {given[0].fingerprint}" if given else f"{where} is missing"
    return (
        f"The database is sealed with master key {wanted}, but {have}; nothing is lost:"
        " put the right key back and start again."
    )


def masters() -> list[MasterKey]:
    """The master keys of this process: the first wraps; made when there is none and nothing is sealed yet.

    Raises :class:`WrongMasterKey` or :class:`bot.ConfigError`.
    """
    return _masters(may_make=True)


def _masters(*, may_make: bool) -> list[MasterKey]:
    """The master keys. A new one is made only for a database that holds no data key yet: else a lost key would be papered over."""
    keys = master_key.load(may_make=False)
    if keys or not may_make:
        return keys
    row = store.read(lambda: DataKey.select().first())
    if row is not None:
        # Somebody else may have made both since we looked for the first.
        if keys := master_key.load(may_make=False):
            return keys
        raise WrongMasterKey(_wrong_key(str(row.master)))
    return master_key.load(may_make=True)


def _by_id(identity: str, aad: str) -> _Key:
    key = _keys.get(identity)
    if key is None:
        row = store.read(lambda: DataKey.get_or_none(DataKey.id == identity))
        if row is None:
            raise CryptoError(f"The value at {aad} names a data key that no longer exists ({identity}): it was erased.")
        key = _unwrap(row)
        _remember(key)
    return key


def _unwrap(row: DataKey) -> _Key:
    return _Key(str(row.id), str(row.purpose), _aes(unwrap(row)), row.retired_at is not None)


def _remember(key: _Key) -> None:
    # A key that was made inside somebody's transaction may still be rolled back. Ten seconds later it cannot: whoever
    # finds its row then sees a committed one.
    if time.monotonic() < _fresh.get(key.id, -FRESH_SECONDS) + FRESH_SECONDS:
        return
    _fresh.pop(key.id, None)
    with _lock:
        if len(_keys) >= KEEP:
            _keys.clear()
            _active.clear()
        _keys[key.id] = key
        if not key.retired:
            _active[key.purpose] = (key.id, time.monotonic() + TRUST_SECONDS)


def erase_keys(purpose: str) -> int:
    """Inside a transaction: delete the data keys of exactly this purpose, and with them all it sealed. Returns how many."""
    gone = {str(row.id) for row in DataKey.select(DataKey.id).where(DataKey.purpose == purpose)}
    DataKey.delete().where(DataKey.purpose == purpose).execute()
    with _lock:
        _active.pop(purpose, None)
        for identity in gone:
            _keys.pop(identity, None)
    return len(gone)
