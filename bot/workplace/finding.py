"""Looking for tickets and conversations. What is known of people and tickets is searched in all of them; texts may lie sealed, so
only those of the newest tickets are opened and read, and the answer says how many that were. Inside a read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from bot.claims import Done
from bot.crypto import CryptoError, reveal
from bot.events import Reason
from bot.pages import Part, Words
from bot.store import sql
from bot.store.statements import last_messages
from bot.workplace import entries
from bot.workplace.saying import aside, counted

SHORTEST, LONGEST, MOST_WORDS = 2, 300, 6
"""Characters at least and at most (more are not looked at), and words."""
FOUND = 20
"""Results at most."""
SCANNED = 300
"""Newest tickets whose texts are opened, and not for longer than ``PATIENCE`` seconds."""
PATIENCE = 1.5
MESSAGES = 60
AROUND = 60
"""Characters of a text on each side of what was found in it."""
_NUMBER = re.compile(r"#?(\d{1,15})")
_NEWEST = "v.active_at DESC, v.id"


def answer(desk: str, words: str) -> Done:
    """What was found, and honestly where it was looked for."""
    terms = list(dict.fromkeys(words.casefold().split()))[:MOST_WORDS]
    found: dict[str, Part] = {}
    number = _NUMBER.fullmatch(words)
    if number:
        _add(found, entries.entries(desk, "t.number = ?", (int(number[1]),), limit=1), "")
    where, values = _known(terms)
    _add(found, entries.entries(desk, where, values, order=_NEWEST, limit=FOUND), "")
    enough = len(found) >= FOUND
    scanned, total = (0, 0) if enough else _texts(desk, terms, found)
    rows = list(found.values())[:FOUND]
    title = f"{counted(len(rows), 'result')} for “{words[:80]}”" if rows else f"Nothing found for “{words[:80]}”"
    parts: list[Part] = [*rows]
    if len(rows) == FOUND:
        parts.append(
            Words(f"These are the newest {FOUND}; there may be more. Say one word more to find less.", "quiet")
        )
    parts.append(Words(_looked(scanned, total, enough=enough), "quiet"))
    return aside("desk_words.search", title, *parts)


def _looked(scanned: int, total: int, *, enough: bool) -> str:
    known = "Looked at all numbers, names, addresses, reasons and tags"
    if enough:
        return f"{known}; texts were not looked at, because this was enough."
    if scanned >= total:
        return f"{known}, and at the texts of {counted(total, 'ticket')}."
    return f"{known}, and at the texts of the newest {scanned:,} of {total:,} tickets: older texts are not searched."


def _add(found: dict[str, Part], some: Sequence[entries.Entry], why: str) -> None:
    for one in some:
        found.setdefault(one.conversation_id, entries.row(one, why=why))


def _known(terms: Sequence[str]) -> tuple[str, list[Any]]:
    """Every word stands somewhere in what is known of the customer or the ticket."""
    clauses, values = [], []
    for term in terms:
        codes = [one.value for one in Reason if term in one.words.casefold() or term == one.value]
        # SQLite folds only the letters of ASCII: the others are looked for as they were typed, and with a capital.
        shapes = list(dict.fromkeys((term, term.capitalize(), term.upper())))
        likes = [
            f"{column} LIKE ? ESCAPE '!'"
            for column in ("lower(k.name)", "lower(t.name)", "k.name", "t.name", "lower(k.email)", "lower(t.email)")
            for _ in shapes
        ]
        values += [_pattern(shape) for _ in range(6) for shape in shapes]
        marks = f" OR t.reason_code IN ({','.join('?' * len(codes))})" if codes else ""
        values += codes
        tagged = " OR EXISTS (SELECT 1 FROM ticket_tag g WHERE g.ticket_id = t.id AND g.tag = ?)"
        values.append(term.removeprefix("#"))
        clauses.append(f"({' OR '.join(likes)}{marks}{tagged})")
    return " AND ".join(clauses), values


def _pattern(term: str) -> str:
    return "%" + re.sub(r"([!%_])", r"!\1", term) + "%"


def _texts(desk: str, terms: Sequence[str], found: dict[str, Part]) -> tuple[int, int]:
    """Add those whose texts hold every word; returns how many tickets were read, and how many there are."""
    total = int(sql("SELECT count(*) FROM ticket").fetchone()[0])
    rows = sql(
        "SELECT id, conversation_id, subject, summary, reason FROM ticket ORDER BY changed_at DESC, id LIMIT ?",
        (SCANNED,),
    ).fetchall()
    until, scanned = time.monotonic() + PATIENCE, 0
    for row in rows:
        if time.monotonic() >= until or len(found) >= FOUND:
            break
        scanned += 1
        if row[1] in found:
            continue
        why = _in_texts(row, terms)
        if why:
            _add(found, entries.entries(desk, "v.id = ?", (row[1],), limit=1), why)
    return scanned, total


def _in_texts(row: Any, terms: Sequence[str]) -> str:
    """Where and how the words stand in the texts of a ticket; empty if they do not. What does not open is passed over."""
    ticket_id, conversation_id, *stored = row
    try:
        texts = [
            reveal("ticket", name, ticket_id, text)
            for name, text in zip(("subject", "summary", "reason"), stored, strict=True)
        ]
        texts += [one.text for one in last_messages(conversation_id, 2**31 - 1, MESSAGES, bare=True) if not one.deleted]
    except CryptoError:
        return ""
    folded = "\n".join(texts).casefold()
    if not all(term in folded for term in terms):
        return ""
    return next((f"… {_around(text, terms[0])} …" for text in texts if terms[0] in text.casefold()), "in its texts")


def _around(text: str, term: str) -> str:
    line = " ".join(text.split())
    at = max(0, line.casefold().find(term))
    return line[max(0, at - AROUND) : at + len(term) + AROUND]
