"""Files of people: judged, made harmless, written to disk, and only then told to the database.

The bytes are on disk (fsynced, under a random name, outside every web root) before the transaction that names them, so a row
never lacks its bytes. What a rolled back attempt left is removed at once, and what a killed process left after a day
(:mod:`bot.file_keeping`). A file that is not taken never loses its message: the message says what was wrong.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from bot import clock, crypto, file_types, pictures
from bot.config import config
from bot.messages import Attachment, FileView
from bot.store import StoreUnavailable, read, sql

log = structlog.get_logger("files")

FOLDER = "files"
"""Below the data folder. Several hosts must share it."""
DAY = 86_400.0
LOW_SHARE, LOW_BYTES = 0.05, 5_000_000_000
"""No files are taken while less than both is free on the disk: messages need the rest."""
NO_ROOM = "there is no room for files on our side right now. Send it again later."


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file that was judged. With ``path`` its bytes are on disk; else ``problem`` says why not."""

    id: str
    name: str
    type: str = ""
    size: int = 0
    sha256: str = ""
    width: int = 0
    height: int = 0
    path: str = ""
    key: bytes = b""
    """What its bytes are encrypted with, if they are."""
    problem: str = ""
    uploaded: bool = False
    """It was brought before, by itself: there is a row that waits for its message."""
    no_room: bool = False

    @property
    def view(self) -> FileView:
        return FileView(
            id=self.id, name=self.name, type=self.type, size=self.size, width=self.width, height=self.height, problem=self.problem,
        )  # fmt: skip


class Gone(Exception):
    """The bytes are not there any more, or cannot be read. The text is a sentence for people."""


class NotYours(Exception):
    """An uploaded file that is not known, was used already, is too old or somebody else's."""


def folder() -> Path:
    """Where the bytes are."""
    return config().data / FOLDER


def size_text(size: int) -> str:
    """``412 KB``, ``2.1 MB``, ``40 MB``."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1_000))} KB"
    return f"{size / 1_000_000:.1f} MB".replace(".0 ", " ") if size < 10_000_000 else f"{size / 1_000_000:.0f} MB"


def not_taken(name: str, why: str) -> str:
    """The sentence of a file that was refused."""
    return f"{name} was not taken: {why}"


def room_left() -> bool:
    """Whether the disk has room for files."""
    try:
        usage = shutil.disk_usage(config().data)
    except OSError:
        return False
    return usage.free >= min(usage.total * LOW_SHARE, LOW_BYTES)


# Outside a transaction ---------------------------------------------------------------------------------------------------


def keep(attachments: Sequence[Attachment]) -> tuple[Kept, ...]:
    """Judge files and write the good ones to disk; call :func:`attach` in the transaction of their message, and :func:`settle` after it.

    Blocks, up to some seconds for large pictures: in web call it by ``offload``. Never raises for a file: a disk that is full or
    cannot be written is a ``problem``, too. An attachment with an ``id`` and no bytes was uploaded before.
    """
    kept: list[Kept] = []
    for number, attachment in enumerate(attachments):
        if attachment.id and not attachment.content:
            kept.append(Kept(id=attachment.id, name=attachment.name, uploaded=True))
        elif number >= config().file_count:
            most = config().file_count
            kept.append(_refused(attachment, f"{most} file{'s are' if most > 1 else ' is'} possible in one message."))
        else:
            kept.append(_keep_one(attachment))
    return tuple(kept)


def _refused(attachment: Attachment, why: str, name: str = "") -> Kept:
    name = name or file_types.safe_name(attachment.name)
    return Kept(id=new_id(), name=name, type=attachment.type[:100], size=attachment.bytes, problem=not_taken(name, why))


def new_id() -> str:
    return secrets.token_urlsafe(24)


def _keep_one(attachment: Attachment) -> Kept:
    settings = config()
    most = int(settings.file_mb * 1_000_000)
    if not settings.files:
        return _refused(attachment, "files cannot be sent here.")
    if attachment.problem == "too_large" or attachment.bytes > most:
        size = f"{size_text(attachment.bytes)}, and " if attachment.bytes else ""
        return _refused(attachment, f"{size}{size_text(most)} are possible here.")
    if attachment.problem or not attachment.content:
        empty = not attachment.problem and not attachment.bytes
        return _refused(
            attachment, "it is empty." if empty else "it could not be fetched from where it was sent. Send it again."
        )
    judged = file_types.judge(attachment.name, attachment.content, tuple(settings.file_types.split()))
    if judged.kind is None:
        return _refused(attachment, judged.problem, judged.name)
    content, width, height = attachment.content, 0, 0
    if judged.kind.picture:
        try:
            picture = pictures.renew(content, judged.kind.picture)
        except pictures.BadPicture as error:
            return _refused(attachment, str(error), judged.name)
        content, width, height = picture.content, picture.width, picture.height
    one = Kept(
        id=new_id(), name=judged.name, type=judged.kind.type, size=len(content), sha256=hashlib.sha256(content).hexdigest(),
        width=width, height=height,
    )  # fmt: skip
    if not room_left():
        log.warning("no_room_for_files", folder=str(folder()))
        return replace(_refused(attachment, NO_ROOM, judged.name), no_room=True)
    try:
        return _written(one, content)
    except OSError as error:
        log.error("file_not_written", folder=str(folder()), reason=error.strerror or type(error).__name__)
        return replace(_refused(attachment, NO_ROOM, judged.name), no_room=True)


def _written(one: Kept, content: bytes) -> Kept:
    """Bytes and both folders' entries are on disk when this returns."""
    if config().encrypt_messages:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key, nonce = os.urandom(32), os.urandom(crypto.NONCE)
        one = replace(one, key=key)
        content = nonce + AESGCM(key).encrypt(nonce, content, one.id.encode())
    name = secrets.token_hex(16)
    path = f"{name[:2]}/{name[2:4]}/{name[4:]}"
    target = folder() / path
    fresh = [parent for parent in (target.parent, target.parent.parent, folder()) if not parent.is_dir()]
    descriptor = _create(target)
    try:
        with open(descriptor, "wb", closefd=False) as out:
            out.write(content)
        os.fsync(descriptor)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    for parent in {target.parent, *(made.parent for made in fresh)}:
        _sync(parent)
    return replace(one, path=path)


def _create(target: Path) -> int:
    while True:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):  # the sweep took the empty folder away in this very moment
            return os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def settle(kept: Sequence[Kept]) -> None:
    """After the attempt to store them, whatever became of it: remove the bytes that no row names (it was rolled back, came
    twice, or was over the day's amount). While the database is away they stay, for the sweep of a later day. Not inside a write.
    """
    paths = [one.path for one in kept if one.path]
    if not paths:
        return
    with contextlib.suppress(StoreUnavailable):
        for path in set(paths) - read(lambda: named(paths)):
            remove(path)


def named(paths: Sequence[str]) -> set[str]:
    """Those of these paths that a row names. Inside a read."""
    marks = ",".join("?" * len(paths))
    return {row[0] for row in sql(f"SELECT path FROM stored_file WHERE path IN ({marks})", paths).fetchall()}  # noqa: S608


def remove(path: str) -> None:
    """Delete bytes; harmless when they are gone."""
    with contextlib.suppress(FileNotFoundError):
        (folder() / path).unlink()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A stored file, open for reading."""

    name: str
    type: str
    size: int
    sha256: str
    source: BinaryIO

    def close(self) -> None:
        self.source.close()


def open_file(file_id: str) -> Opened:
    """Open a stored file that a message has, or that waits for one. Inside a read; raises :class:`Gone`.

    Encrypted bytes are opened whole, in memory.
    """
    row = sql("SELECT name, type, size, path, key, sha256 FROM stored_file WHERE id = ?", (file_id,)).fetchone()
    if row is None:
        raise Gone("This file is not here any more.")
    name = crypto.reveal("stored_file", "name", file_id, row[0])
    if row[4]:
        source: BinaryIO = io.BytesIO(_bytes(file_id, row[3], row[4]))
    else:
        try:
            source = (folder() / row[3]).open("rb")
        except OSError as error:
            log.error("file_not_readable", file=row[3], reason=error.strerror or type(error).__name__)
            raise Gone("This file is not here any more.") from None
    return Opened(name=name, type=row[1], size=row[2], sha256=row[5], source=source)


def load(file_id: str) -> tuple[Attachment, str]:
    """A stored file with its bytes, and its SHA-256. Inside a read for the row; raises :class:`Gone`."""
    row = sql("SELECT name, type, size, path, key, sha256 FROM stored_file WHERE id = ?", (file_id,)).fetchone()
    if row is None:
        raise Gone("This file is not here any more.")
    name = crypto.reveal("stored_file", "name", file_id, row[0])
    return Attachment(id=file_id, name=name, type=row[1], size=row[2], content=_bytes(file_id, row[3], row[4])), row[5]


def _bytes(file_id: str, path: str, sealed_key: str) -> bytes:
    try:
        raw = (folder() / path).read_bytes()
    except OSError as error:
        log.error("file_not_readable", file=path, reason=error.strerror or type(error).__name__)
        raise Gone("This file is not here any more.") from None
    if not sealed_key:
        return raw
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = base64.b64decode(crypto.reveal("stored_file", "key", file_id, sealed_key))
    try:
        return AESGCM(key).decrypt(raw[: crypto.NONCE], raw[crypto.NONCE :], file_id.encode())
    except InvalidTag:
        log.error("file_was_changed", file=path)
        raise Gone("This file was changed on the disk and cannot be opened.") from None


# Inside a transaction ----------------------------------------------------------------------------------------------------


def attach(
    kept: Sequence[Kept], conversation_id: str, *, message: str = "", reply: str = "", contact: str = ""
) -> list[dict[str, Any]]:
    """Store the rows of kept files; returns what the message remembers of each (``extra["files"]``). Inside a write.

    ``contact``: the customer whose day it counts for. Raises :class:`NotYours` for an uploaded file that is not theirs to send.
    """
    told: list[dict[str, Any]] = []
    for place, one in enumerate(kept):
        if one.uploaded:
            told.append(_claim(one.id, conversation_id, message, contact, place))
            continue
        if one.path and contact and (why := over_the_day(contact, one.size)):
            # settle() removes its bytes: no row names them.
            told.append(remembered(replace(one.view, problem=not_taken(one.name, why))))
            continue
        if one.path:
            insert(one, conversation_id, message=message, reply=reply, contact=contact, place=place)
        told.append(remembered(one.view))
    return told


def insert(
    one: Kept, conversation_id: str | None, *, message: str = "", reply: str = "", contact: str = "", place: int = 0
) -> None:
    """Store one row. Inside a write."""
    key = base64.b64encode(one.key).decode() if one.key else ""
    sql(
        "INSERT INTO stored_file (id, conversation_id, message, reply, contact_id, place, name, type, size, sha256, width, height, path,"
        " key, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (one.id, conversation_id, message, reply, contact, place, crypto.keep("stored_file", "name", one.id, one.name), one.type,
         one.size, one.sha256, one.width, one.height, one.path, crypto.keep("stored_file", "key", one.id, key), clock.now()),
    )  # fmt: skip


def over_the_day(contact: str, size: int) -> str:
    """Why a customer may not send so much more today, as the end of a sentence; empty when they may. Inside a read or write."""
    most = int(config().file_mb_per_day * 1_000_000)
    row = sql(
        "SELECT COALESCE(SUM(size), 0) FROM stored_file WHERE contact_id = ? AND created_at > ?",
        (contact, clock.now() - DAY),
    ).fetchone()
    if int(row[0]) + size <= most:
        return ""
    return f"{size_text(most)} a day are possible here, and that is used up. Send it tomorrow."


def _claim(file_id: str, conversation_id: str, message: str, contact: str, place: int) -> dict[str, Any]:
    """Give an uploaded file to its message: once, and only to who brought it."""
    row = sql(
        "UPDATE stored_file SET conversation_id = ?, message = ?, place = ? WHERE id = ? AND contact_id = ? AND message = ''"
        " AND reply = '' AND created_at > ? RETURNING name, type, size, width, height",
        (conversation_id, message, place, file_id, contact, clock.now() - DAY),
    ).fetchone()
    if row is None:
        raise NotYours(file_id)
    name = crypto.reveal("stored_file", "name", file_id, row[0])
    return remembered(FileView(id=file_id, name=name, type=row[1], size=row[2], width=row[3], height=row[4]))


def remembered(view: FileView) -> dict[str, Any]:
    """What a message remembers of a file; the link is made whenever it is read."""
    return {name: value for name, value in asdict(view).items() if value and name != "url"}


def of_reply(reply_id: str) -> list[FileView]:
    """The files of an agent's reply that is held. Inside a read or write."""
    rows = sql(
        "SELECT id, name, type, size, width, height FROM stored_file WHERE reply = ? ORDER BY place", (reply_id,)
    ).fetchall()
    return [
        FileView(
            id=file_id,
            name=crypto.reveal("stored_file", "name", file_id, name),
            type=kind,
            size=size,
            width=width,
            height=height,
        )
        for file_id, name, kind, size, width, height in rows
    ]
