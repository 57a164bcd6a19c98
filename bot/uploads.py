"""Files that a customer brings before the message they belong to. Within a day a message may name them, once."""

from __future__ import annotations

from bot import file_links, files
from bot.commit import commit
from bot.config import config
from bot.files import Kept
from bot.messages import Attachment, FileView
from bot.store import sql
from bot.threads import offload

OVERHEAD = 64 * 1024
"""What a form may add to a file's bytes."""


def largest_upload() -> int:
    """Bytes that a request with one file may have."""
    return int(config().file_mb * 1_000_000) + OVERHEAD


def upload_limits() -> dict[str, object]:
    """What a client may know before it sends: ``bytes`` of a file, ``count`` in a message, ``types``; no files: all empty."""
    settings = config()
    if not settings.files:
        return {"bytes": 0, "count": 0, "types": []}
    return {
        "bytes": int(settings.file_mb * 1_000_000), "count": settings.file_count, "types": settings.file_types.split(),
    }  # fmt: skip


def room_for_uploads() -> bool:
    """Whether the disk has room for files now."""
    return files.room_left()


def take_upload(contact_id: str, name: str, type: str, content: bytes) -> FileView:
    """Keep one file; with a ``problem`` nothing was kept. In web call it in a greenlet, without ``offload``."""
    kept: tuple[Kept, ...] = offload(files.keep, [Attachment(name=name, type=type, content=content)])
    (one,) = kept
    if one.problem:
        return one.view

    def store() -> str:
        row = sql("SELECT blocked FROM contact WHERE id = ?", (contact_id,)).fetchone()
        why = "you cannot write here any more." if row is None or row[0] else files.over_the_day(contact_id, one.size)
        if not why:
            files.insert(one, None, contact=contact_id)
        return why

    why = ""
    try:
        why = commit(store)
    finally:
        offload(files.settle, kept)
    if why:
        return FileView(id=one.id, name=one.name, type=one.type, size=one.size, problem=files.not_taken(one.name, why))
    return FileView(
        id=one.id, name=one.name, type=one.type, size=one.size, width=one.width, height=one.height,
        url=file_links.path_of(one.id, one.name),
    )  # fmt: skip
