"""One file with everything, made while Deskhand runs. ``bot.restore`` brings it back.

The file is a tar of a manifest (versions, time, checksum of each member), the database and the uploaded files. Not in it:
the knowledge index, which is derived, and the master key unless asked for: who has both can read the sealed values.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bot import __version__, master_key, store
from bot.config import Config
from bot.store.migrating import MIGRATIONS

FORMAT = 1
MANIFEST = "manifest.json"
SQLITE, DUMP, KEY, FILES = "database.sqlite3", "database.dump", "master.key", "files"
PAGES, REST = 200, 0.005
"""Pages copied at once, and the pause in seconds in which writers go on."""


class BackupError(Exception):
    """The backup or the restore did not happen. The text says why, what is safe and what to do next."""


@dataclass(slots=True)
class Manifest:
    """What a backup holds. ``members`` maps names to SHA-256."""

    format: int = FORMAT
    version: str = __version__
    made_at: str = ""
    kind: str = "sqlite"
    migrations: list[str] = field(default_factory=list)
    with_key: bool = False
    key_fingerprint: str = ""
    members: dict[str, str] = field(default_factory=dict)


def make(settings: Config, target: Path, *, with_key: bool = False) -> Manifest:
    """Write a backup to ``target``, whole or not at all. The database must be open. Raises :class:`BackupError`."""
    if target.exists():
        raise BackupError(f"{target} is there already. Nothing was written: name another file.")
    keys = master_key.load(may_make=False)
    manifest = Manifest(
        made_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        kind="sqlite" if store.is_sqlite() else "postgresql",
        migrations=_migrations(),
        with_key=with_key,
        key_fingerprint=keys[0].fingerprint if keys else "",
    )
    if with_key and not keys:
        raise BackupError("There is no master key to put in. Leave out --with-key.")
    with private_room(target.parent) as room:
        members: dict[str, Path] = {}
        if store.is_sqlite():
            members[SQLITE] = room / SQLITE
            _copy_sqlite(members[SQLITE])
        else:
            members[DUMP] = room / DUMP
            _dump_postgres(settings.database, members[DUMP])
        if with_key:
            members[KEY] = room / KEY
            members[KEY].write_text(master_key.text_of(keys[0]))
        uploaded = settings.data / FILES
        for path in sorted(uploaded.rglob("*")) if uploaded.is_dir() else ():
            if path.is_file() and (held := _hold(path, room / FILES / path.relative_to(uploaded))):
                members[f"{FILES}/{path.relative_to(uploaded).as_posix()}"] = held
        _pack(room / "backup", members, manifest)
        os.replace(room / "backup", target)
    return manifest


def _hold(path: Path, place: Path) -> Path | None:
    """A second name for a file's bytes (a copy on another disk): a customer may delete the file while the backup is made. They are
    never changed, so the second name is as good as the first. ``None``: it is gone."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            os.link(path, place)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(path, place)
    except FileNotFoundError:
        return None
    return place


def _migrations() -> list[str]:
    from playhouse.migrations import Runner

    return store.read(lambda: [str(one.name) for one in Runner(store.db, str(MIGRATIONS)).status() if one.applied])


@contextlib.contextmanager
def private_room(beside: Path) -> Iterator[Path]:
    """A private folder on the file system of the result, so that it can be put in place in one step."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".deskhand-", dir=beside))
    except OSError as error:
        raise BackupError(
            f"{beside} cannot be written ({error.strerror}). Nothing was changed: name another place."
        ) from None
    try:
        yield folder
    except OSError as error:
        raise BackupError(
            f"{error.strerror or error} while writing to {beside}. Nothing was changed: make room and start again."
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sqlite_path() -> Path:
    return Path(str(store.db.database))


def _copy_sqlite(target: Path) -> None:
    """SQLite's own online backup: consistent, and writers wait for a few pages at most."""
    source = sqlite3.connect(f"file:{sqlite_path()}?mode=ro", uri=True, timeout=30)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy, pages=PAGES, sleep=REST)
        copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"The database could not be copied ({error}). Nothing was written; try again.") from error
    finally:
        copy.close()
        source.close()


def libpq(url: str) -> str:
    """The address as PostgreSQL's own programs take it: without the pool's settings."""
    parts = urlsplit(url)
    query = "&".join(part for part in parts.query.split("&") if part and not part.startswith("max_connections="))
    return urlunsplit(parts._replace(query=query))


def run_postgres(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupError(
            f"{program} is not on the PATH. Nothing was changed: install PostgreSQL's client programs and start again."
        )
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BackupError(f"{program} failed: {last}")


def _dump_postgres(url: str, target: Path) -> None:
    run_postgres(
        "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", f"--dbname={libpq(url)}"
    )


def _pack(target: Path, members: dict[str, Path], manifest: Manifest) -> None:
    manifest.members = {name: checksum(path) for name, path in members.items()}
    with target.open("xb") as raw:
        os.fchmod(raw.fileno(), 0o600)
        with (
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            text = json.dumps(asdict(manifest), indent=1).encode()
            head = tarfile.TarInfo(MANIFEST)
            head.size, head.mtime = len(text), int(time.time())
            tar.addfile(head, io.BytesIO(text))
            for name, path in members.items():
                tar.add(path, arcname=name, recursive=False)
        raw.flush()
        os.fsync(raw.fileno())


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
