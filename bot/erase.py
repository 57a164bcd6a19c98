"""Really delete a conversation: rows, not marks. Only the ledger's keys stay, so that a late redelivery makes nothing anew."""

from __future__ import annotations

import hashlib

from bot import (
    audit,
    desk_posts,
    drafting,
    early_reactions,
    farewells,
    file_keeping,
    files,
    lessons,
    notifications,
    routing_calls,
    spending,
    tags,
    topics,
)
from bot.bus import bus
from bot.commit import commit
from bot.store import Conversation, is_sqlite, sql
from bot.threads import offload


def tombstone(conversation_id: str) -> str:
    """What the audit trail calls a conversation that is gone: who knows its id can find it, and nobody else."""
    return f"conversation:{hashlib.sha256(conversation_id.encode()).hexdigest()[:16]}"


def _remove(paths: list[str]) -> None:
    for path in paths:
        files.remove(path)


def erase_conversation(conversation_id: str, *, actor: str = "visitor") -> bool:
    """Delete a conversation with its messages, files, turns, deliveries, mails, ticket and route, and what the ledger kept of
    contents. The audit trail says that it was done, by whom, and a hash of which it was.

    With the contact's last conversation the name and the address that were left go, too. A turn that is running finds
    nothing to commit to. Watchers are told that it is gone. False: there was none. In web call it in a greenlet, without ``offload``.
    """
    drafts: list[tuple[str, int]] = []
    paths: list[str] = []

    def work() -> bool:
        # Locked: whatever is learned of it at this moment is either seen below or finds no conversation any more.
        lock = "" if is_sqlite() else " FOR UPDATE"
        row = sql(f"SELECT contact_id, site_id FROM conversation WHERE id = ?{lock}", (conversation_id,)).fetchone()  # noqa: S608
        if row is None:
            return False
        # A turn that is running finds nothing to give back to.
        spending.give_back(conversation_id)
        drafts.extend(sql("SELECT id, attempt FROM turn WHERE conversation_id = ?", (conversation_id,)).fetchall())
        sql("UPDATE ledger SET payload = '', error = '', body_hash = '' WHERE conversation = ?", (conversation_id,))
        paths.extend(file_keeping.forget("conversation_id", conversation_id))
        desk_posts.remember_erased(conversation_id)
        farewells.plan(conversation_id)
        lessons.forget(conversation_id)
        drafting.forget(conversation_id)
        topics.forget(conversation_id)
        notifications.forget(conversation_id)
        tags.forget(conversation_id)
        routing_calls.look_if_assigning()  # whoever had it has room
        # The cascade would do it, too; said table by table it holds whatever the connection was told.
        sql(
            "DELETE FROM answer_mark WHERE answer_id IN (SELECT id FROM answer_log WHERE conversation_id = ?)",
            (conversation_id,),
        )
        sql("DELETE FROM spend WHERE scope = 'conversation' AND key = ?", (conversation_id,))
        for table in ("answer_log", "placeholder", "message", "turn", "delivery", "ticket", "route"):
            sql(f"DELETE FROM {table} WHERE conversation_id = ?", (conversation_id,))  # noqa: S608  fixed names
        early_reactions.forget(conversation_id)
        sql("DELETE FROM mail WHERE ref = ?", (conversation_id,))
        Conversation.delete().where(Conversation.id == conversation_id).execute()
        sql(
            "UPDATE contact SET name = '', email = '', zone = '', picture = '' WHERE id = ? AND NOT EXISTS"
            " (SELECT 1 FROM conversation WHERE contact_id = ?)",
            (row[0], row[0]),
        )
        if sql("SELECT 1 FROM conversation WHERE contact_id = ?", (row[0],)).fetchone() is None:
            paths.extend(file_keeping.forget_unsent(row[0]))
        sql(
            "DELETE FROM spend WHERE scope = 'visitor' AND key = ? AND NOT EXISTS (SELECT 1 FROM conversation WHERE contact_id = ?)",
            (row[0], row[0]),
        )
        sql(
            "DELETE FROM mail_address WHERE contact_id = ? AND NOT EXISTS (SELECT 1 FROM conversation WHERE contact_id = ?)",
            (row[0], row[0]),
        )
        audit.record(actor, "conversation.erase", tombstone(conversation_id), {"files": len(paths)})
        return True

    done = commit(work)
    if done:
        # At once; should this process end here, the job of each does it.
        offload(_remove, paths)
        for turn_id, attempts in drafts:
            bus().drop_draft(turn_id, attempts)
        bus().wake("changed", conversation_id)
        bus().wake("turns", conversation_id)
        bus().wake("out")
    return done
