"""Changing keys while everything runs: the master key in one transaction, data keys and message texts in small batches.

Every step may be interrupted and run again. Old keys stay until nothing is sealed with them and no process can still use them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from bot import audit, crypto, master_key, store
from bot.clock import now
from bot.config import ConfigError, config
from bot.sealed_rows import CLOSE, OPEN, RENEW, Progress, Walk, renew_settings, rows_by_key, walk_messages
from bot.store import DataKey

REST_SECONDS = 3_600.0
"""A retired key is deleted no earlier: processes go on sealing with the key they know for ``crypto.TRUST_SECONDS``."""

PURPOSES = ("secret", "message")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """One data key as it may be shown."""

    id: str
    purpose: str
    created_at: float
    retired: bool
    master: str
    rows: int
    """How many texts name it. 2**32 is the limit of AES-GCM with random nonces; change the key long before."""

    @property
    def base(self) -> str:
        """The purpose without its part."""
        return self.purpose.partition(":")[0]


# The master key


def rotate_master(actor: str, new: master_key.MasterKey | None = None) -> int:
    """Wrap all data keys with another master key; returns how many there are. Takes milliseconds; nothing is sealed again.

    With a key file: makes a new key (or takes ``new``), and the old file stays beside it for the next hour's stragglers.
    With ``DESKHAND_KEY=NEW,OLD``: wraps with the first. Raises :class:`bot.ConfigError` or :class:`CryptoError`.
    """
    if master_key.from_environment():
        keys = master_key.load(may_make=False)
        rows = store.read(lambda: list(DataKey.select(DataKey.master).distinct()))
        if len(keys) == 1 and all(row.master == keys[0].fingerprint for row in rows):
            raise ConfigError(
                "The setting DESKHAND_KEY holds one key, and it is in use. To change it, put a new one in front"
                " (DESKHAND_KEY=NEW,OLD), restart all processes, and run this again. Then remove OLD."
            )
        return _wrap_all(keys[0], actor)
    settle_master()
    path = master_key.key_file()
    old = master_key.load(may_make=True)[0]
    new = new or master_key.named(os.urandom(master_key.SIZE))
    master_key.write_file(path.with_name(master_key.NEXT), new)
    count = _wrap_all(new, actor)
    master_key.write_file(path.with_name(master_key.OLD), old)
    master_key.replace_file()
    # A process that made a data key in between wrapped it with the key it knew.
    _wrap_all(new, actor, told=False)
    return count


def settle_master() -> None:
    """Finish or undo a change of the key file that was interrupted."""
    path = master_key.key_file()
    waiting = path.with_name(master_key.NEXT)
    if master_key.from_environment() or not waiting.exists():
        return
    new = master_key.parse(waiting.read_text("ascii"), str(waiting))
    rows = store.read(lambda: list(DataKey.select(DataKey.master).distinct()))
    if any(row.master == new.fingerprint for row in rows):
        _wrap_all(new, "deskhand", told=False)
        if path.exists():
            master_key.write_file(path.with_name(master_key.OLD), master_key.parse(path.read_text("ascii"), str(path)))
        master_key.replace_file()
    else:
        waiting.unlink()


def _wrap_all(new: master_key.MasterKey, actor: str, *, told: bool = True) -> int:
    def fn() -> int:
        query = DataKey.select()
        rows = list(query if store.is_sqlite() else query.for_update())
        for row in rows:
            if row.master != new.fingerprint:
                wrapped = crypto.wrap(crypto.unwrap(row), row.id, row.purpose, new)
                DataKey.update(wrapped=wrapped, master=new.fingerprint).where(DataKey.id == row.id).execute()
        if told:
            audit.record(actor, "keys.master", f"master:{new.fingerprint}", {"data_keys": len(rows)})
        return len(rows)

    return store.write(fn)


# Data keys


def rotate_data_keys(purpose: str, actor: str, progress: Progress = lambda table, rows: None) -> Walk:
    """Make a new data key for ``purpose`` (``secret`` or ``message``) and seal again what the old ones sealed.

    Run again after an interruption it goes on where it is needed, with the key that was made then.
    """
    settle_master()
    if not any(key.retired and key.rows and key.base == purpose for key in key_views()):
        _retire(purpose, actor)
    crypto.forget_keys()
    done = renew_settings(progress) if purpose == "secret" else walk_messages(RENEW, progress)
    forget_retired()
    return done


def _retire(purpose: str, actor: str) -> None:
    def fn() -> None:
        where = (DataKey.purpose == purpose) | DataKey.purpose.startswith(f"{purpose}:")
        active = list(DataKey.select().where(where & DataKey.retired_at.is_null()))
        if active:
            DataKey.update(retired_at=now()).where(DataKey.id.in_([row.id for row in active])).execute()
            audit.record(actor, "keys.data", f"keys:{purpose}", {"retired": len(active)})

    store.write(fn)


def follow_message_setting(actor: str, progress: Progress = lambda table, rows: None) -> Walk:
    """Seal the plain texts when ``DESKHAND_ENCRYPT_MESSAGES`` is on, open the sealed ones when it is off.

    The processes must already run with that setting, else they go on storing texts the other way.
    """
    sealed = config().encrypt_messages
    if sealed:
        crypto.prepare("message")
    done = walk_messages(CLOSE if sealed else OPEN, progress)
    detail = {"sealed": sealed, "rows": done.changed}
    store.write(lambda: audit.record(actor, "keys.messages", "messages", detail))
    return done


# What there is


def key_views() -> list[KeyView]:
    """All data keys, oldest first, with the number of texts each has sealed. Reads every row."""
    keys = store.read(lambda: list(DataKey.select().order_by(DataKey.created_at)))
    counts = rows_by_key() if keys else {}
    return [
        KeyView(
            id=key.id,
            purpose=key.purpose,
            created_at=key.created_at,
            retired=key.retired_at is not None,
            master=key.master,
            rows=counts.get(key.id, 0),
        )
        for key in keys
    ]


def forget_retired(rest: float = REST_SECONDS) -> int:
    """Delete retired keys that nothing is sealed with any more and that rested for ``rest`` seconds; returns how many.

    Cheap while no key is retired, so that housekeeping may call it daily.
    """
    rested = DataKey.retired_at <= now() - rest
    if not store.read(lambda: DataKey.select().where(rested).exists()):
        return 0
    idle = [key.id for key in key_views() if key.retired and not key.rows]
    where = DataKey.id.in_(idle) & rested
    return int(store.write(lambda: DataKey.delete().where(where).execute())) if idle else 0
