"""Everything back from the file that ``bot.backup`` made: checked first, then put in place, then told to all clients."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tarfile
import time
from pathlib import Path
from typing import Any

from bot import master_key, store
from bot.backup import (
    DUMP,
    FILES,
    FORMAT,
    KEY,
    MANIFEST,
    SQLITE,
    BackupError,
    Manifest,
    checksum,
    libpq,
    private_room,
    run_postgres,
    sqlite_path,
)  # fmt: skip
from bot.config import Config
from bot.leftovers import in_use
from bot.store.migrating import MIGRATIONS


def check(source: Path, room: Path) -> Manifest:
    """Unpack ``source`` into ``room`` and check every member. Raises :class:`BackupError`."""
    try:
        with tarfile.open(source, "r:gz") as tar:
            tar.extractall(room, filter="data")
        known: dict[str, Any] = json.loads((room / MANIFEST).read_text("utf-8"))
        manifest = Manifest(**known)
    except FileNotFoundError:
        raise BackupError(f"{source} is not there, or is no backup of Deskhand. Nothing was changed.") from None
    except (tarfile.TarError, EOFError, OSError, ValueError, TypeError) as error:
        raise BackupError(
            f"{source} is damaged or no backup of Deskhand ({type(error).__name__}). Nothing was changed."
        ) from None
    if manifest.format > FORMAT:
        raise BackupError(
            f"{source} was made by a newer Deskhand ({manifest.version}). Nothing was changed: install that version."
        )
    for name, wanted in manifest.members.items():
        path = room / name
        if not path.is_file() or checksum(path) != wanted:
            raise BackupError(
                f"{source} is damaged: {name} is not what it was. Nothing was changed: take another backup."
            )
    ours = {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}
    newer = sorted(set(manifest.migrations) - ours)
    if newer:
        raise BackupError(
            f"{source} has migrations that this version does not know ({newer[0]}). Nothing was changed: install {manifest.version}."
        )
    return manifest


def restore(settings: Config, source: Path) -> Manifest:
    """Replace database and files by those of ``source``. Nobody may be running. Raises :class:`BackupError`.

    The old SQLite file is kept beside the new one. A new epoch makes every client forget what it cached; leases are void.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    if in_use(settings.run_dir):
        raise BackupError("Deskhand is running on this data folder. Nothing was changed: stop it and start again.")
    with private_room(settings.data) as room:
        manifest = check(source, room)
        here = "sqlite" if settings.is_sqlite else "postgresql"
        if manifest.kind != here:
            raise BackupError(
                f"{source} is of {manifest.kind}, and this installation uses {here}. Nothing was changed: set DATABASE_URL to fit."
            )
        new_key = _needs_key(manifest)
        store.open_database(settings.database)
        if here == "sqlite":
            _put_sqlite(room / SQLITE)
        else:
            _nobody_else_is_connected()
            run_postgres(
                "pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", f"--dbname={libpq(settings.database)}",
                str(room / DUMP),
            )  # fmt: skip
        if new_key:
            _put_key(room)
        _put_files(settings, room)
    _start_afresh(settings)
    return manifest


def _nobody_else_is_connected() -> None:
    others = store.read(
        lambda: store.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        ).fetchone()[0]
    )
    store.close_database()
    if others:
        raise BackupError(
            f"{others} others are connected to the database. Nothing was changed: stop Deskhand on all hosts and start again."
        )


def _needs_key(manifest: Manifest) -> bool:
    """Whether the key of the backup must be put in place. Without its key a database would have values that nobody can open."""
    if not manifest.key_fingerprint or manifest.key_fingerprint in {
        key.fingerprint for key in master_key.load(may_make=False)
    }:
        return False
    if manifest.with_key and not master_key.from_environment():
        return True
    raise BackupError(
        f"The backup is sealed with the master key {manifest.key_fingerprint}, which is not here. Nothing was changed:"
        f" put it into {master_key.key_file()} or DESKHAND_KEY, and start again."
    )


def _put_key(room: Path) -> None:
    path = master_key.key_file()
    if path.exists():
        os.replace(path, path.with_name(f"{path.name}.before-{_stamp()}"))
    os.replace(master_key.write_file(room / "new.key", master_key.parse((room / KEY).read_text().strip(), KEY)), path)


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime())


def _put_sqlite(made: Path) -> None:
    target = sqlite_path()
    store.close_database()
    aside = target.with_name(f"{target.stem}.before-{_stamp()}{target.suffix}")
    for suffix in ("-shm", "-wal", ""):  # the write-ahead log belongs to its file
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{target}{suffix}", f"{aside}{suffix}")
    os.replace(made, target)


def _put_files(settings: Config, room: Path) -> None:
    target, made = settings.data / FILES, room / FILES
    if target.exists():
        os.replace(target, target.with_name(f"files.before-{_stamp()}"))
    if made.is_dir():
        os.replace(made, target)


def _start_afresh(settings: Config) -> None:
    from bot import accounts

    store.open_database(settings.database)
    store.migrate()

    def work() -> None:
        store.sql("UPDATE conversation SET lease_owner = '', lease_until = 0")
        store.sql(
            "UPDATE job SET lease_owner = '', lease_until = 0, state = CASE WHEN state = 'running' THEN 'queued' ELSE state END"
        )
        store.sql("UPDATE leader SET owner = '', until = 0")
        store.sql("DELETE FROM slot")
        # What was on its way when the backup was made may have arrived since: the outbox settles it.
        store.sql("UPDATE delivery SET owner = '', state = 'uncertain', next_at = 0 WHERE state = 'sending'")

    store.write(work)
    accounts.new_epoch()
    shutil.rmtree(settings.data / "index", ignore_errors=True)  # derived, of another database
