"""What a client may read of a conversation: everything after its cursor, its list of conversations, and whose they are.

Reads block; in web call them by ``bot.threads.offload``. Notes between colleagues are skipped and never leave, but the
cursor moves past them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot import clock, ratings
from bot.accounts import WIDGET, epoch
from bot.commit import commit
from bot.config import config
from bot.messages import MessageView, State
from bot.store import read, sql
from bot.store.statements import COLUMNS, changed_messages, view

PAGE_BYTES = 128 * 1024
"""Texts of one page together: a page must fit what a socket may have waiting."""
PREVIEW = 120


@dataclass(frozen=True, slots=True)
class RunningTurn:
    """An answer in progress. What was shown of it so far is read from the bus (``bus().draft``)."""

    id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """One page of a conversation: the messages with ``rev`` > ``after``, and the cursor to go on from."""

    conversation_id: str
    epoch: str
    after: int
    cursor: int
    more: bool
    state: State
    """``gone`` if there is no such conversation (any more)."""
    messages: tuple[MessageView, ...] = ()
    turn: RunningTurn | None = None
    rating: int | None = None
    """Of a closed conversation: 0 when the customer is asked for one, else what they gave (1 to 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationView:
    """A line of a list of conversations. ``preview``, ``author``, ``seq`` and ``at`` are those of the last visible message."""

    id: str
    state: State
    preview: str = ""
    author: str = ""
    seq: int = 0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose a conversation is, and the place of its channel that leads to it."""

    contact_id: str
    place: str


_HEAD = "SELECT rev, state FROM conversation WHERE id = ?"
_TURN = "SELECT id, attempt FROM turn WHERE conversation_id = ? AND state = 'running' ORDER BY upto_seq DESC LIMIT 1"
_OWNER = (
    "SELECT c.contact_id, r.place FROM conversation c JOIN route r ON r.conversation_id = c.id WHERE c.id = ?"
    " AND r.channel = ? ORDER BY r.current DESC, r.created_at DESC LIMIT 1"
)
_LATEST = f"SELECT {COLUMNS} FROM message WHERE conversation_id = ? AND author <> 'note' ORDER BY seq DESC LIMIT 1"  # noqa: S608


def changes(conversation_id: str, after: int, limit: int = 200) -> Changes:
    """Read what changed in one conversation after the cursor ``after``; at most ``limit`` messages and about 128 KB."""
    return changes_of([(conversation_id, after)], limit)[0]


def changes_of(wanted: Sequence[tuple[str, int]], limit: int = 200) -> list[Changes]:
    """As :func:`changes` for several conversations, with one trip to the database's thread."""
    current = epoch()
    return read(lambda: [_changes(current, conversation_id, after, limit) for conversation_id, after in wanted])


def _changes(current: str, conversation_id: str, after: int, limit: int) -> Changes:
    # The head first: whatever has a rev up to it is visible to the statements that follow. What comes in meanwhile is left
    # for the next page, or the cursor would move past a change of the state that this page does not know of.
    head = sql(_HEAD, (conversation_id,)).fetchone()
    if head is None:
        return Changes(
            conversation_id=conversation_id, epoch=current, after=after, cursor=after, more=False, state="gone"
        )
    rev, state = head
    rows = changed_messages(conversation_id, after, limit) if rev > after else []
    rows = [row for row in rows if row.rev <= rev]
    more = len(rows) == limit
    size = 0
    for index, row in enumerate(rows):
        size += len(row.text) * 2 + 400 + 600 * len(row.files)
        if size > PAGE_BYTES and index:
            rows, more = rows[:index], True
            break
    cursor = rows[-1].rev if more else max(after, rev)
    turn = sql(_TURN, (conversation_id,)).fetchone() if state == "ai" else None
    return Changes(
        conversation_id=conversation_id,
        epoch=current,
        after=after,
        cursor=cursor,
        more=more,
        state=state,
        messages=tuple(row for row in rows if row.author != "note"),
        turn=RunningTurn(*turn) if turn else None,
        rating=ratings.asked(conversation_id) if state == "resolved" else None,
    )


def heads(conversation_ids: Iterable[str]) -> dict[str, int]:
    """The newest ``rev`` of each of these conversations; those that are gone are missing."""
    ids = list(conversation_ids)

    def work() -> dict[str, int]:
        found: dict[str, int] = {}
        for start in range(0, len(ids), 200):
            part = ids[start : start + 200]
            marks = ",".join("?" * len(part))
            found.update(sql(f"SELECT id, rev FROM conversation WHERE id IN ({marks})", part).fetchall())  # noqa: S608
        return found

    return read(work)


def ownership(conversation_id: str, channel: str = WIDGET) -> Ownership | None:
    """Whose ``conversation_id`` is; ``None`` if there is none that ever happened in ``channel``."""
    row = read(lambda: sql(_OWNER, (conversation_id, channel)).fetchone())
    return Ownership(*row) if row else None


def owns(contact_id: str, conversation_id: str) -> bool:
    """Whether the conversation exists and is this contact's."""
    found = ownership(conversation_id)
    return found is not None and found.contact_id == contact_id


_HERE = " AND EXISTS (SELECT 1 FROM route r WHERE r.conversation_id = conversation.id AND r.channel = ?)"
"""What one person said elsewhere is not shown here, also after both turned out to be one."""


def conversations(contact_id: str, channel: str = WIDGET, limit: int = 50) -> list[ConversationView]:
    """This contact's conversations that happen or happened in ``channel``, newest first."""

    def work() -> list[ConversationView]:
        rows = sql(
            f"SELECT id, state, active_at FROM conversation WHERE contact_id = ? AND state <> 'gone'{_HERE}"  # noqa: S608
            " ORDER BY active_at DESC, id DESC LIMIT ?",
            (contact_id, channel, limit),
        ).fetchall()
        return [_line(*row) for row in rows]

    return read(work)


def _line(conversation_id: str, state: State, active_at: float) -> ConversationView:
    row = sql(_LATEST, (conversation_id,)).fetchone()
    if row is None:
        return ConversationView(id=conversation_id, state=state, at=active_at)
    last = view(row)
    return ConversationView(
        id=conversation_id,
        state=state,
        preview=" ".join((last.text or ", ".join(file.name for file in last.files)).split())[:PREVIEW],
        author=last.author,
        seq=last.seq,
        at=last.created_at,
    )


def last_conversation(contact_id: str, channel: str = WIDGET) -> str:
    """The conversation to show at first: the newest that is open, or was closed within the time it may be opened again."""
    since = clock.now() - config().reopen_days * 86_400
    row = read(
        lambda: sql(
            "SELECT id FROM conversation WHERE contact_id = ? AND state <> 'gone' AND (state <> 'resolved' OR resolved_at > ?)"  # noqa: S608
            f"{_HERE} ORDER BY active_at DESC, id DESC LIMIT 1",
            (contact_id, since, channel),
        ).fetchone()
    )
    return str(row[0]) if row else ""


def unread(conversation_id: str, seen: int) -> int:
    """How many visible messages of others have a ``seq`` above ``seen``."""
    row = read(
        lambda: sql(
            "SELECT COUNT(*) FROM message WHERE conversation_id = ? AND seq > ? AND author IN ('ai', 'agent', 'system') AND deleted = ?",
            (conversation_id, seen, False),
        ).fetchone()
    )
    return int(row[0])


def start_conversation(*, contact_id: str, site_id: str, channel: str, conversation_id: str, language: str = "") -> str:
    """Make an empty conversation for a client that wants its id before the first message. Safe to call twice.

    In web call it in a greenlet, without ``offload``.
    """
    at = clock.now()

    def work() -> None:
        made = sql(
            "INSERT INTO conversation (id, site_id, contact_id, channel, state, seq, rev, state_rev, answered, needs, due_at,"
            " lease_owner, lease_until, fence, assignee, language, title, created_at, active_at, had_people)"
            " VALUES (?, ?, ?, ?, 'ai', 0, 0, 0, 0, ?, 0, '', 0, 0, '', ?, '', ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            (conversation_id, site_id, contact_id, channel, False, language[:35], at, at, False),
        ).rowcount
        if made:
            sql(
                "INSERT INTO route (id, conversation_id, channel, place, current, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                (clock.new_id(), conversation_id, channel, conversation_id, True, at),
            )

    commit(work)
    return conversation_id
