"""What people think of an answer: the customer's thumb with a reason, and the verdict of an agent. Every change is kept.

A thumb is also a reaction on the message, so every client shows it; which of the two it is stands in the answer's row.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot import audit, clock
from bot.crypto import keep
from bot.refusal import Refusal
from bot.store import sql

UP, DOWN = "\N{THUMBS UP SIGN}", "\N{THUMBS DOWN SIGN}"
THUMBS = {"up": UP, "down": DOWN}
REASONS = {
    "wrong": "it is wrong",
    "outdated": "it is out of date",
    "not_asked": "not what was asked",
    "too_long": "too long or hard to read",
    "other": "something else",
}
THANKS = {
    "up": "Thank you, that is good to know.",
    "down": "Thank you for telling. Ask again in other words, or ask for a person, if this did not help.",
}
VERDICTS = {"right": "right", "wrong": "wrong", "needs_work": "needs work"}
MAX_WORDS = 1_000
CUSTOMER = "customer"


def thumb(emoji: str) -> str:
    """``up``, ``down`` or empty; the colour of the skin does not matter."""
    return next((value for value, sign in THUMBS.items() if emoji.startswith(sign)), "")


def problem(value: str, reason: str) -> str:
    """Why a mark cannot be taken, as a sentence; empty when it can."""
    if value not in {"", *THUMBS}:
        return "A mark is up or down, or empty to take it back. Nothing was changed."
    if reason and (value != "down" or reason not in REASONS):
        return f"A reason goes with a mark down, and is one of: {', '.join(REASONS)}. Nothing was changed."
    return ""


def check(value: str, reason: str) -> None:
    """Raises :class:`Refusal`."""
    if why := problem(value, reason):
        raise Refusal("bad_field", why, "reason" if reason else "mark")


def replaced(emoji: Sequence[str], value: str) -> list[str]:
    """Somebody's reactions with this thumb as the only one; the others stay."""
    return [*(one for one in emoji if not thumb(one)), *([THUMBS[value]] if value else [])]


def newest(emoji: Sequence[str]) -> str:
    """Which thumb counts of somebody's reactions: the last."""
    return next((value for one in reversed(emoji) if (value := thumb(one))), "")


def by_customer(message_id: str, value: str, reason: str = "", words: str = "") -> bool:
    """The customer's mark of the answer that this message is; False: it is as it was, or the message is none that is marked.
    A thumb without a reason keeps the one that was given to the same thumb. Inside a write that holds the conversation."""
    row = sql("SELECT id, mark, reason, words FROM answer_log WHERE message = ?", (message_id,)).fetchone()
    if row is None:
        return False
    answer_id, was, had, said = row
    if value == was and not reason and not words:
        return False
    if value == was and not reason:
        reason = had
    words = words.strip()[:MAX_WORDS]
    kept = keep("answer_log", "words", answer_id, words) if words else said if value == was and reason == had else ""
    if (value, reason, kept) == (was, had, said):
        return False
    sql(
        "UPDATE answer_log SET mark = ?, reason = ?, words = ?, marked_at = ? WHERE id = ?",
        (value, reason, kept, clock.now(), answer_id),
    )
    _remember(answer_id, CUSTOMER, "mark", value, reason, words)
    return True


def by_person(answer_id: str, verdict: str, note: str, who: str) -> bool:
    """The verdict of somebody who works here; an empty one is taken back. False: it is as it was. Inside a write."""
    if verdict not in {"", *VERDICTS}:
        raise ValueError(f"A verdict is one of: {', '.join(VERDICTS)}.")
    row = sql("SELECT verdict, note FROM answer_log WHERE id = ?", (answer_id,)).fetchone()
    if row is None:
        raise LookupError(answer_id)
    was, had = row
    note = note.strip()[:MAX_WORDS]
    if verdict == was and not note:
        return False
    sql(
        "UPDATE answer_log SET verdict = ?, note = ?, judged_by = ?, judged_at = ? WHERE id = ?",
        (verdict, keep("answer_log", "note", answer_id, note) if note else had if verdict == was else "", who, clock.now(), answer_id),
    )  # fmt: skip
    _remember(answer_id, who, "verdict", verdict, "", note)
    audit.record(who, "answer.mark", f"answer:{answer_id}", {"before": was, "after": verdict})
    return True


def last_answer(conversation_id: str) -> str:
    """Id of the row of the assistant's newest answer in a conversation; empty if it gave none. Inside a read or a write."""
    row = sql(
        "SELECT id FROM answer_log WHERE conversation_id = ? AND type <> 'person' ORDER BY at DESC, id DESC LIMIT 1",
        (conversation_id,),
    ).fetchone()
    return str(row[0]) if row else ""


def _remember(answer_id: str, by: str, kind: str, value: str, reason: str, words: str) -> None:
    row_id = clock.new_id()
    sql(
        "INSERT INTO answer_mark (id, answer_id, by, kind, value, reason, words, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (row_id, answer_id, by, kind, value, reason, keep("answer_mark", "words", row_id, words) if words else "", clock.now()),
    )  # fmt: skip
