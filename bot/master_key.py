"""The master key: it wraps the data keys and nothing else. From ``DESKHAND_KEY``, or a file in the data folder.

``DESKHAND_KEY`` may hold several keys separated by commas: the first wraps, all can unwrap, so that a key can be changed
while processes run (docs/keys.md).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.config import ConfigError, config

log = structlog.get_logger("keys")

SIZE = 32
FILE = "master.key"
NEXT = "master.key.next"
"""The new key while a change is under way: its rows may be committed before the file is in place."""
OLD = "master.key.old"
"""The key before the last change: for what was wrapped in that very moment, and for backups made before it."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """32 bytes and their name. ``fingerprint`` identifies the key and tells nothing about it."""

    raw: bytes
    fingerprint: str

    def __repr__(self) -> str:
        return f"<master key {self.fingerprint}>"


def named(raw: bytes) -> MasterKey:
    return MasterKey(raw, hashlib.sha256(b"deskhand master key\0" + raw).hexdigest()[:16])


def parse(text: str, name: str = "DESKHAND_KEY") -> MasterKey:
    """Read 32 bytes from base64 (either alphabet) or hex. Raises :class:`ConfigError` with one sentence that names ``name``."""
    text = text.strip()
    raw = b""
    with contextlib.suppress(ValueError):
        raw = bytes.fromhex(text)
    if len(raw) != SIZE:
        with contextlib.suppress(ValueError, binascii.Error):
            raw = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    if len(raw) != SIZE:
        raise ConfigError(
            f"The setting {name} is wrong: it must be {SIZE} bytes in base64 or hex, and this is something else. Make one with:"
            " python3 -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
        )
    return named(raw)


def text_of(key: MasterKey) -> str:
    return base64.b64encode(key.raw).decode()


def from_environment() -> bool:
    """Whether the key comes from ``DESKHAND_KEY`` and not from the file."""
    return bool(config().key.get_secret_value().strip())


def key_file() -> Path:
    return config().data / FILE


def load(*, may_make: bool) -> list[MasterKey]:
    """The keys that this process has: the first wraps, all unwrap. Empty when there is none and none may be made.

    Raises :class:`ConfigError` when a key cannot be read. A key that is made is told in the log, once.
    """
    value = config().key.get_secret_value().strip()
    if value:
        return [parse(part) for part in value.split(",") if part.strip()]
    path = key_file()
    keys = [key for key in (_read(path), _read(path.with_name(NEXT)), _read(path.with_name(OLD))) if key]
    if not keys and may_make:
        keys = [_make(path)]
    return keys


def _read(path: Path) -> MasterKey | None:
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The master key {path} cannot be read ({type(error).__name__}). Make it readable for this user and start again."
        ) from error
    if path.stat().st_mode & 0o077:
        log.warning("master_key_readable_by_others", file=str(path), next=f"chmod 600 {path}")
    return parse(text, str(path))


def _make(path: Path) -> MasterKey:
    key = named(os.urandom(SIZE))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = write_file(path.with_name(f"{FILE}.{os.getpid()}.{os.urandom(4).hex()}"), key)
        try:
            os.link(draft, path)  # fails if another process was faster: then its key is the key
        finally:
            draft.unlink()
    except FileExistsError:
        return _read(path) or _make(path)
    except OSError as error:
        raise ConfigError(
            f"The master key cannot be written to {path} ({error.strerror}). Set DESKHAND_DATA to a folder that can be written,"
            " or give the key as DESKHAND_KEY."
        ) from error
    _sync(path.parent)
    log.warning(
        "master_key_made",
        file=str(path),
        note="Secrets in the database are sealed with this key. Whoever loses it loses them: keep a copy apart from the database.",
    )
    return key


def write_file(path: Path, key: MasterKey) -> Path:
    """Write a key with mode 0600 and have it on disk when this returns."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, (text_of(key) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def replace_file() -> None:
    """Put the new key in the place of the old one."""
    path = key_file()
    path.with_name(NEXT).replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
