"""Take a conversation along to another channel: a code is asked for here and shown there.

The conversation keeps its history, its ticket and its threads at the desks; only its route moves, and the two contacts
turn out to be one (``bot.merging``). A code is 50 random bits, good for ten minutes and used once; only its hash is stored, and
guesses are counted. Who shows the code proves both ends; what is known of the person stays as sure as it was.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from peewee import IntegrityError

from bot import clock, deliver, desk_posts, merging, states, whereabouts
from bot.commit import commit
from bot.merging import Move
from bot.messages import Inbound, Receipt, Refused
from bot.refusal import Refusal
from bot.store import is_sqlite, sql
from bot.store.statements import Place, insert_message
from bot.throttle import Throttle
from bot.whereabouts import StartLink

MINUTES = 10
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O and U, so that nothing is mistaken when it is typed."""
LENGTH = 10
_ALIKE = str.maketrans("ILO", "110")
_SEPARATORS = re.compile(r"[\s\-‐-―_.]+")

ASKS = (5, 3600)
"""Codes of one place in so many seconds."""
GUESSES = (10, 600)
"""Tries of one person in so many seconds."""
ALL_GUESSES = (600, 600)
"""Tries of everybody together, should somebody be many."""

GROUP = "Others read along here, so no conversation is carried from or to this place. Write to me alone, and ask there."
UNKNOWN = "This code is not known. Look at it again, or ask for a new one where the conversation is now."
USED = "This code was used before. Ask for a new one where the conversation is now."
EXPIRED = f"This code is older than {MINUTES} minutes. Ask for a new one where the conversation is now."

OPEN_REQUEST = (
    "You have an open request with our team here. Finish that first, or show the code somewhere else; "
    "the code is still good."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A code as it is told, once. ``expires_at`` in Unix seconds."""

    code: str
    expires_at: float
    links: tuple[StartLink, ...] = ()

    @property
    def shown(self) -> str:
        """In two groups, as people read it."""
        return f"{self.code[: LENGTH // 2]}-{self.code[LENGTH // 2 :]}"


def normal(text: str) -> str:
    """What somebody typed as a code: capitals, without separators, look-alikes put right."""
    return _SEPARATORS.sub("", text.strip()).upper().translate(_ALIKE)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()


def refused_early(event: Inbound) -> Refused | None:
    """Too many codes asked for, or too many tries; groups. Before any transaction; may wait for Redis."""
    if event.shared:
        return Refused(key=event.key, code="not_here", message=GROUP)
    if not event.text.strip():
        wait = Throttle("carry-ask", *ASKS).hit(f"{event.channel}:{event.place}")
        what = "You have asked for several codes in a short time."
    else:
        wait = Throttle("carry-guess", *GUESSES).hit(f"{event.channel}:{event.external_id}")
        wait = wait or Throttle("carry-guess-all", *ALL_GUESSES).hit("all")
        what = "That were too many codes in a short time."
    if not wait:
        return None
    minutes = max(1, round(wait / 60))
    text = f"{what} Nothing was changed; try again in {minutes} minute{'s' if minutes > 1 else ''}."
    return Refused(key=event.key, code="too_many", message=text)


# Asking ----------------------------------------------------------------------------------------------------------------


def offer(conversation_id: str) -> Offer | None:
    """Make a code for a conversation; an earlier one that was not used is void. ``None``: there is no such conversation. Whoever
    calls this has checked that it is theirs, and :func:`too_many`. In web call it in a greenlet, without ``offload``."""
    return commit(lambda: _offer(conversation_id))


def too_many(place: str) -> int:
    """Count one asking for a code at a place of clients that pull; the seconds to wait, 0: none. May wait for Redis."""
    return Throttle("carry-ask", *ASKS).hit(place)


def _offer(conversation_id: str) -> Offer | None:
    at = clock.now()
    row = sql("SELECT state, channel FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is None or row[0] == "gone":
        return None
    code = "".join(secrets.choice(_LETTERS) for _ in range(LENGTH))
    sql("DELETE FROM carry_code WHERE expires_at < ?", (at - 86_400,))
    # Not deleted: who shows an earlier one is told that it is void, not that it never was.
    sql("UPDATE carry_code SET expires_at = ? WHERE conversation_id = ? AND expires_at > ? AND used_at IS NULL", (at, conversation_id, at))  # fmt: skip  # noqa: E501
    expires = at + MINUTES * 60
    sql(
        "INSERT INTO carry_code (code_hash, conversation_id, expires_at, created_at) VALUES (?, ?, ?, ?)",
        (_hash(code), conversation_id, expires, at),
    )
    return Offer(code=code, expires_at=expires, links=tuple(whereabouts.links(code, besides=row[1])))


def ask(event: Inbound) -> Receipt:
    """Give a code for the conversation at the event's place. Inside the write of the event. Raises :class:`Refusal`."""
    row = sql(
        "SELECT c.id, c.rev, k.blocked, i.id FROM route r JOIN conversation c ON c.id = r.conversation_id"
        " JOIN contact k ON k.id = c.contact_id"
        " LEFT JOIN identity i ON i.contact_id = c.contact_id AND i.channel = r.channel AND i.external_id = ?"
        " WHERE r.channel = ? AND r.place = ? AND r.current",
        (event.external_id, event.channel, event.place),
    ).fetchone()
    made = _offer(row[0]) if row is not None and row[3] is not None and not row[2] else None
    if made is None:
        text = "There is no conversation here that could go on elsewhere. Write something first."
        raise Refusal("unknown_conversation", text)
    links = "".join(f"\n{link.name}: {link.url}" for link in made.links)
    aside = (
        f"Your code is {made.shown}. Give it where you want to go on, within {MINUTES} minutes; it works once. "
        f"Show it to nobody else: whoever has it gets this conversation.{links}"
    )
    return Receipt(key=event.key, conversation_id=row[0], rev=row[1], aside=aside)


# Redeeming -------------------------------------------------------------------------------------------------------------


def redeem(event: Inbound, contact_of: Callable[[], tuple[str, str]]) -> Receipt:
    """Bring the conversation of a code to the event's place. ``contact_of`` finds or makes the contact of who shows it. Inside the
    write of the event. Raises :class:`Refusal`, and then nothing happened, the code included."""
    at = clock.now()
    code = _hash(normal(event.text))
    row = sql("SELECT conversation_id, expires_at, used_at FROM carry_code WHERE code_hash = ?", (code,)).fetchone()
    if row is None:
        raise Refusal("bad_code", UNKNOWN, "code")
    conversation_id = row[0]
    place = event.place or conversation_id
    taken = sql(
        "UPDATE carry_code SET used_at = ? WHERE code_hash = ? AND used_at IS NULL AND expires_at > ?", (at, code, at)
    ).rowcount
    if not taken:
        raise Refusal("bad_code", EXPIRED if row[2] is None and row[1] <= at else USED, "code")
    # From here on nothing begins for either of the two and nothing of theirs changes: what is read now is still so at the end.
    kept, gone = merging.hold(lambda: (_contact(conversation_id), contact_of()[0]))
    move = _move(event, conversation_id, place)
    if move.aside:
        _put_aside(move.aside)
    seq, rev, message_id = _tell(conversation_id, move)
    merging.merge(kept, gone, move)
    return Receipt(
        key=event.key, conversation_id=conversation_id, message_id=message_id, seq=seq, rev=rev, elsewhere=True
    )


def _contact(conversation_id: str) -> str:
    row = sql(
        "SELECT k.id, k.blocked, c.state FROM conversation c JOIN contact k ON k.id = c.contact_id WHERE c.id = ?",
        (conversation_id,),
    ).fetchone()
    if row is None or row[2] == "gone":
        raise Refusal("bad_code", UNKNOWN, "code")
    if row[1]:
        raise Refusal("blocked", "You cannot write here any more. Nothing was stored.")
    return str(row[0])


def _move(event: Inbound, conversation_id: str, place: str) -> Move:
    """From where to where, if that is possible."""
    old = sql(
        "SELECT channel, place FROM route WHERE conversation_id = ? ORDER BY current DESC, created_at DESC LIMIT 1",
        (conversation_id,),
    ).fetchone()
    if old is None:
        raise Refusal("bad_code", UNKNOWN, "code")
    if tuple(old) == (event.channel, place):
        # A place that is the conversation itself, such as a page's: somebody comes to it with another device.
        if _theirs(event, conversation_id):
            raise Refusal("not_here", "This conversation is here already: just go on writing.", "code")
        return Move(
            conversation_id=conversation_id, from_channel=old[0], from_place=old[1], to_channel=old[0], to_place=old[1]
        )
    there = sql(
        "SELECT c.id, c.state, i.id FROM route r JOIN conversation c ON c.id = r.conversation_id"
        " LEFT JOIN identity i ON i.contact_id = c.contact_id AND i.channel = r.channel AND i.external_id = ?"
        " WHERE r.channel = ? AND r.place = ? AND r.current",
        (event.external_id, event.channel, place),
    ).fetchone()
    if there is not None and there[2] is None:
        raise Refusal("not_yours", "This place belongs to somebody else. Show the code in a chat of your own.", "code")
    if there is not None and there[1] in {"waiting", "human"}:
        raise Refusal("not_here", OPEN_REQUEST, "code")
    return Move(
        conversation_id=conversation_id,
        from_channel=old[0],
        from_place=old[1],
        to_channel=event.channel,
        to_place=place,
        aside=there[0] if there is not None else "",
    )


def _theirs(event: Inbound, conversation_id: str) -> bool:
    row = sql(
        "SELECT 1 FROM identity i JOIN conversation c ON c.contact_id = i.contact_id WHERE c.id = ? AND i.channel = ?"
        " AND i.external_id = ?",
        (conversation_id, event.channel, event.external_id),
    ).fetchone()
    return row is not None


def _put_aside(conversation_id: str) -> None:
    """What the AI talked about here before is closed quietly and stays to be read."""
    try:
        states.take(conversation_id, "expire")
    except states.NotAllowed:
        state = sql("SELECT state FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
        if state is not None and state[0] in states.OPEN:
            raise Refusal("not_here", OPEN_REQUEST, "code") from None  # people have it since a moment ago
    sql("UPDATE route SET current = ? WHERE conversation_id = ? AND current", (False, conversation_id))


def _tell(conversation_id: str, move: Move) -> tuple[int, int, str]:
    """Move the route, and say so at both places and at the desks."""
    old, new = whereabouts.where(move.from_channel), whereabouts.where(move.to_channel)
    text = f"This conversation goes on {new} from here on; it began {old}. Everything said so far is part of it."
    moves = (move.from_channel, move.from_place) != (move.to_channel, move.to_place)
    if not moves:
        text = f"This conversation is open {new} on another device, too."
    elif old == new:
        text = f"This conversation goes on at another place {new} from here on. Everything said so far is part of it."
    row = sql(
        "UPDATE conversation SET seq = seq + 1, rev = rev + 1, active_at = ? WHERE id = ? RETURNING seq, rev",
        (clock.now(), conversation_id),
    ).fetchone()
    message_id = clock.new_id()
    insert_message(
        message_id, conversation_id, Place(*row), author="system", body=text, created_at=clock.now(), kind="carried_over",
        extra={"to": move.to_channel},
    )  # fmt: skip
    deliver.plan(conversation_id, message_id, text)  # to the old place
    if moves:
        if not merging.route(conversation_id, move.to_channel, move.to_place):
            raise IntegrityError("another conversation has just begun at the new place")  # a race: all of it once more
        deliver.plan(conversation_id, message_id, text)  # to the new one
    desk_posts.show(conversation_id, message_id)
    desk_posts.refresh_card(conversation_id)
    return row[0], row[1], message_id


def settled(contact: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    """The contact (and its site) that something is about to begin for, in this write. A merge that runs just now is waited for,
    and the next one waits for this: what begins belongs to whoever the identity belongs to."""
    found = contact()
    while not is_sqlite():
        sql("SELECT id FROM contact WHERE id = ? FOR KEY SHARE", (found[0],)).fetchall()
        before, found = found, contact()
        if found == before:
            break
    return found


def just_moved(event: Inbound) -> bool:
    """Whether there is a conversation at the event's place all the same: the lock on it waited for a merge, and then the row did
    not fit any more to what had been read with it before. Look once more."""
    if is_sqlite():
        return False
    there = sql(
        "SELECT 1 FROM route WHERE channel = ? AND place = ? AND current", (event.channel, event.place)
    ).fetchone()
    return there is not None


def elsewhere(place: str) -> str:
    """A sentence if the conversation whose own place this is went on somewhere else; else empty. Inside a read or write."""
    row = sql(
        "SELECT channel FROM route WHERE conversation_id = ? AND current AND place <> ?", (place, place)
    ).fetchone()
    if row is None:
        return ""
    where = whereabouts.where(row[0])
    return f"This conversation goes on {where} now. Write there, or ask there for a code to bring it back; nothing was sent."
