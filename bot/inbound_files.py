"""The files of an event from a channel: on disk before its transaction, with its message in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot import files
from bot.files import Kept
from bot.messages import Inbound
from bot.refusal import Refusal
from bot.store import read, sql


def bring(event: Inbound) -> tuple[Kept, ...]:
    """Bring the event's files to disk, unless it is here already. Before the transaction: nobody waits for a picture in it."""
    if not event.files:
        return ()
    here = any(file.content for file in event.files)
    if here and read(lambda: sql("SELECT 1 FROM ledger WHERE key = ?", (event.key,)).fetchone()):
        return ()
    return files.keep(event.files)


def attach(kept: Sequence[Kept], conversation_id: str, message_id: str) -> list[dict[str, Any]]:
    """Give the files to their message; returns what it remembers of them. Inside a write. Raises :class:`Refusal`."""
    contact = sql("SELECT contact_id FROM conversation WHERE id = ?", (conversation_id,)).fetchone()[0]
    try:
        return files.attach(kept, conversation_id, message=message_id, contact=contact)
    except files.NotYours:
        gone = "One of the files is not here any more. Nothing was sent: attach it again."
        raise Refusal("bad_file", gone, "files") from None
