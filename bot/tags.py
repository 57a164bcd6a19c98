"""Tags: words that agents put on tickets, to find them again. They are the team's own words, never the customer's."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot import clock, tickets
from bot.store import sql

MOST = 10
"""Tags of one ticket."""
LONGEST = 30
_INSIDE = frozenset("_.:/&+-")
RULE = f"A tag is one word of 1 to {LONGEST} letters, digits, dots or dashes, such as: refund"


class TagError(Exception):
    """Why a tag cannot be put there: a sentence for people."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The tags of a ticket after a change, and what is new and what is gone."""

    tags: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]


def tag_of(word: str) -> str:
    """The tag that somebody means by ``word``. Raises :class:`TagError`."""
    # A Turkish İ becomes an i and a dot that nobody typed.
    tag = unicodedata.normalize("NFC", word.strip().removeprefix("#").lower().replace("i\u0307", "i"))
    if not 1 <= len(tag) <= LONGEST or not tag[0].isalnum() or not all(map(_fits, tag)):
        raise TagError(f"“{word[:40]}” cannot be a tag. {RULE}")
    return tag


def _fits(one: str) -> bool:
    """Letters and digits of any script, with the marks that belong to them."""
    return one.isalnum() or one in _INSIDE or unicodedata.category(one)[0] == "M"


def wishes(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """What ``vip other -gone`` asks for: tags to add, and tags to take off. Raises :class:`TagError`."""
    add: list[str] = []
    remove: list[str] = []
    for word in words:
        target = remove if word.startswith(("-", "\N{MINUS SIGN}")) else add
        target.append(tag_of(word.lstrip("-+\N{MINUS SIGN}")))
    return [tag for tag in dict.fromkeys(add) if tag not in remove], list(dict.fromkeys(remove))


def tags_of(conversation_id: str) -> tuple[str, ...]:
    """By name. Inside a read or write."""
    rows = sql(
        "SELECT g.tag FROM ticket_tag g JOIN ticket t ON t.id = g.ticket_id WHERE t.conversation_id = ? ORDER BY g.tag",
        (conversation_id,),
    ).fetchall()
    return tuple(row[0] for row in rows)


def of_tickets(ticket_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """By name, for those of these tickets that have any. Inside a read or write."""
    found: dict[str, tuple[str, ...]] = {}
    if ticket_ids:
        query = (
            f"SELECT ticket_id, tag FROM ticket_tag WHERE ticket_id IN ({','.join('?' * len(ticket_ids))}) ORDER BY tag"  # noqa: S608
        )
        for ticket_id, tag in sql(query, tuple(ticket_ids)).fetchall():
            found[ticket_id] = (*found.get(ticket_id, ()), tag)
    return found


def change(conversation_id: str, add: Sequence[str], remove: Sequence[str], *, actor: str) -> Changed:
    """Put tags on the conversation's ticket and take others off. Raises :class:`TagError`: no ticket, or too many. Inside a write."""
    from bot import amendments, desk_posts  # they show cards, and cards show tags

    amendments.hold(conversation_id)  # of two changes at once the second sees the first
    row = sql("SELECT id FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone()
    if row is None:
        raise TagError("There is no ticket yet: claim the conversation first. Nothing was changed.")
    known = set(tags_of(conversation_id))
    gone = tuple(tag for tag in dict.fromkeys(remove) if tag in known)
    added = tuple(tag for tag in dict.fromkeys(add) if tag not in known)
    if len(known) - len(gone) + len(added) > MOST:
        raise TagError(f"A ticket has {MOST} tags at most. Take some off first. Nothing was changed.")
    for tag in gone:
        sql("DELETE FROM ticket_tag WHERE ticket_id = ? AND tag = ?", (row[0], tag))
    for tag in added:
        sql(
            "INSERT INTO ticket_tag (id, ticket_id, tag, by, at) VALUES (?, ?, ?, ?, ?)",
            (clock.new_id(), row[0], tag, actor, clock.now()),
        )
    if added or gone:
        tickets.note(conversation_id, actor, "tagged", " ".join([*added, *(f"-{tag}" for tag in gone)]))
        desk_posts.refresh_card(conversation_id)
    return Changed(tags_of(conversation_id), added, gone)


def in_use(limit: int = 500) -> list[tuple[str, int]]:
    """Every tag with the number of its tickets, the most used first. Inside a read."""
    rows = sql(
        "SELECT tag, count(*) FROM ticket_tag GROUP BY tag ORDER BY count(*) DESC, tag LIMIT ?", (limit,)
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


def forget(conversation_id: str) -> None:
    """The conversation is being erased. Inside a write."""
    sql(
        "DELETE FROM ticket_tag WHERE ticket_id IN (SELECT id FROM ticket WHERE conversation_id = ?)",
        (conversation_id,),
    )
