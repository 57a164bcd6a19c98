"""Work that could not be done: one list of it, and what a person may do with each entry.

Deliveries that are ``dead`` or ``held``, jobs and mails that are ``dead``, turns that ``failed`` and events that could not be used.
Nothing disappears from here by itself within 30 days. All functions run inside a read or a write.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot import audit, clock, jobs, mail
from bot.store import sql

KINDS = ("delivery", "job", "turn", "event", "mail")


class NotPossible(Exception):
    """This cannot be done with this entry. The text says why and what can be."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One entry. ``id`` is ``kind:key``, ``at`` Unix seconds, ``where`` a place or a job's kind."""

    id: str
    kind: str
    state: str
    where: str
    at: float
    reason: str
    conversation: str = ""


_QUERIES = {
    "delivery": "SELECT CAST(ord AS TEXT), state, channel || ' ' || place, created_at, error, COALESCE(conversation_id, '') FROM delivery"
    " WHERE state IN ('dead', 'held')",
    "job": "SELECT id, state, kind || ' ' || ref, COALESCE(ended_at, created_at), error, '' FROM job WHERE state = 'dead'",
    "turn": "SELECT id, state, 'turn', COALESCE(ended_at, started_at), error, conversation_id FROM turn"
    " WHERE state = 'failed' AND error <> ''",
    "mail": "SELECT id, state, 'mail ' || kind, created_at, error, ref FROM mail WHERE state = 'dead'",
    "event": "SELECT key, 'dead', channel || ' ' || kind, received_at, error, conversation FROM ledger WHERE error <> ''",
}


def found() -> list[DeadLetter]:
    """All entries, oldest first."""
    letters = [
        DeadLetter(f"{kind}:{row[0]}", kind, row[1], row[2].strip(), row[3], row[4], row[5])
        for kind, query in _QUERIES.items()
        for row in sql(query).fetchall()
    ]
    return sorted(letters, key=lambda letter: letter.at)


def find(text: str) -> DeadLetter:
    """The one entry whose id is, or begins with, ``text``. Raises :class:`NotPossible`."""
    letters = [letter for letter in found() if letter.id == text] or [
        letter for letter in found() if letter.id.startswith(text)
    ]
    if len(letters) == 1:
        return letters[0]
    if letters:
        raise NotPossible(f"{text} fits {len(letters)} entries: write more of the id.")
    raise NotPossible(f"There is no dead letter {text}. Look at: deskhand deadletters list")


def retry(letter: DeadLetter, actor: str) -> None:
    """Do it again. A delivery keeps its key, so a platform that knows keys shows it once; a held one is sent again anyway."""
    key = _key(letter)
    if letter.kind == "delivery":
        sql(
            "UPDATE delivery SET state = 'pending', owner = '', attempts = 0, crashes = 0, next_at = 0, created_at = ? WHERE ord = ?"
            " AND state IN ('dead', 'held')",
            (clock.now(), int(key)),
        )
    elif letter.kind == "job":
        jobs.retry(key)
    elif letter.kind == "mail":
        mail.send_again(key)
    elif letter.kind == "turn":
        raise NotPossible(
            "Its conversation went to people when it failed: answer it there (deskhand tickets list), then drop it."
        )
    else:
        raise NotPossible(
            "An event that could not be used comes again only if its platform sends it again. Drop it when you have seen it."
        )
    _note(letter, actor, "retry")


def delivered(letter: DeadLetter, actor: str) -> None:
    """A person saw that it arrived."""
    if letter.kind != "delivery":
        raise NotPossible("Only a delivery can have arrived. What can be done with this one: retry or drop.")
    sql(
        "UPDATE delivery SET state = 'sent', sent_at = ? WHERE ord = ? AND state IN ('dead', 'held')",
        (clock.now(), int(_key(letter))),
    )
    _note(letter, actor, "delivered")


def drop(letter: DeadLetter, actor: str) -> None:
    """Give it up for good. The audit trail keeps that it was, and why."""
    key = _key(letter)
    if letter.kind == "delivery":
        sql("UPDATE delivery SET state = 'superseded' WHERE ord = ? AND state IN ('dead', 'held')", (int(key),))
    elif letter.kind == "job":
        sql("DELETE FROM job WHERE id = ? AND state = 'dead'", (key,))
    elif letter.kind == "mail":
        sql("DELETE FROM mail WHERE id = ? AND state = 'dead'", (key,))
    elif letter.kind == "turn":
        sql("UPDATE turn SET error = '' WHERE id = ?", (key,))
    else:
        sql("UPDATE ledger SET error = '', payload = '' WHERE key = ?", (key,))
    _note(letter, actor, "drop")


def _key(letter: DeadLetter) -> str:
    return letter.id.partition(":")[2]


def _note(letter: DeadLetter, actor: str, action: str) -> None:
    audit.record(
        actor, f"deadletter.{action}", letter.id, {"where": letter.where, "reason": letter.reason, "was": letter.state}
    )
