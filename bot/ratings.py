"""What customers think of the help: asked when a conversation is closed, from 1 to 5, with a word if they like."""

from __future__ import annotations

from bot import clock
from bot.crypto import keep, reveal
from bot.messages import Inbound
from bot.store import sql

BEST = 5
MAX_COMMENT = 1_000


def ask(conversation_id: str) -> None:
    """Note that the customer may rate now. Inside the write that closes the conversation; a rating from before stays."""
    sql(
        "INSERT INTO rating (id, conversation_id, asked_at) VALUES (?, ?, ?)"
        " ON CONFLICT (conversation_id) DO UPDATE SET asked_at = excluded.asked_at",
        (clock.new_id(), conversation_id, clock.now()),
    )


def problem(conversation_id: str, score: int) -> str:
    """Why this cannot be taken, as a sentence; empty when it can. Inside a write."""
    if not 1 <= score <= BEST:
        return "A rating is a whole number from 1 to 5."
    if sql("SELECT 1 FROM rating WHERE conversation_id = ?", (conversation_id,)).fetchone() is None:
        return "This conversation is not closed yet. Rate it when it is."
    return ""


def rate(conversation_id: str, score: int, comment: str) -> int:
    """Take a rating; a second one replaces the first. Returns the conversation's new ``rev``. Inside a write."""
    row_id = sql("SELECT id FROM rating WHERE conversation_id = ?", (conversation_id,)).fetchone()[0]
    sql(
        "UPDATE rating SET score = ?, comment = ?, rated_at = ? WHERE id = ?",
        (score, keep("rating", "comment", row_id, comment[:MAX_COMMENT]), clock.now(), row_id),
    )
    sql("UPDATE ticket SET rating = ? WHERE conversation_id = ?", (score, conversation_id))
    return int(
        sql("UPDATE conversation SET rev = rev + 1 WHERE id = ? RETURNING rev", (conversation_id,)).fetchone()[0]
    )


def asked(conversation_id: str) -> int | None:
    """``None``: not asked; 0: asked; else the rating. Inside a read."""
    row = sql("SELECT score FROM rating WHERE conversation_id = ?", (conversation_id,)).fetchone()
    return None if row is None else int(row[0] or 0)


def comment(conversation_id: str) -> str:
    """The customer's word. Inside a read."""
    row = sql("SELECT id, comment FROM rating WHERE conversation_id = ?", (conversation_id,)).fetchone()
    return reveal("rating", "comment", row[0], row[1]) if row else ""


def rated_by(event: Inbound) -> str:
    """The conversation that closed with the message whose button was pressed; perhaps another one is at this place by now."""
    if event.kind != "rating" or not event.subject:
        return ""
    row = sql(
        "SELECT conversation_id FROM delivery WHERE channel = ? AND place = ? AND platform_id = ? AND op = 'send'",
        (event.channel, event.place, event.subject),
    ).fetchone()
    return str(row[0]) if row else ""
