"""The one way in. What comes back from :func:`receive` is on disk, once, whatever the platform sends again.

One transaction per event: the conversation gives the message its ``seq`` and ``rev``, and the ledger takes the event's
key. If the key is there already, everything of the attempt is rolled back and the first receipt is given again: there is
no moment between looking and inserting in which a second delivery could slip through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog
from peewee import IntegrityError

from bot import (
    amendments,
    buttons,
    carry_over,
    clock,
    desk_posts,
    files,
    handoff,
    inbound_files,
    marks,
    profiles,
    ratings,
    states,
)
from bot.bus import bus
from bot.config import config
from bot.events import Reason
from bot.failpoints import failpoint
from bot.files import Kept
from bot.messages import Inbound, Receipt, Refused
from bot.refusal import Refusal
from bot.store import StoreUnavailable, is_sqlite, read, sql, submit, write, write_together
from bot.store.statements import Place, insert_message

log = structlog.get_logger("receive")

Outcome = Receipt | Refused

# Control characters but tab and newline, and lone surrogates, which no database takes.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
TRIES = 3
TOGETHER = 25
"""Events of one transaction: some 40 ms, for which other writers wait."""
BLOCKED = "You cannot write here any more. Nothing was stored."


class _Known(Exception):
    """The key is in the ledger already."""


@dataclass(frozen=True, slots=True)
class _Place:
    conversation_id: str
    state: str
    resolved_at: float | None
    had_people: bool
    reopened: bool = False
    """By this very event, and people had it."""


def receive(events: Sequence[Inbound]) -> list[Outcome]:
    """Commit customers' events, then wake who must act; answers in the same order. Blocks: in web call it by ``offload``.

    Many share a transaction, each in a savepoint of its own, so one bad event takes nobody with it.
    Raises :class:`StoreUnavailable` when something could not be stored: do not acknowledge, the platform sends again.
    """
    outcomes: list[Outcome] = []
    for first in range(0, len(events), TOGETHER):
        outcomes += _receive_some(events[first : first + TOGETHER])
    _wake(outcomes)
    return outcomes


def _receive_some(events: Sequence[Inbound]) -> list[Outcome]:
    early = [_refused_early(event) for event in events]
    if len(events) > 1:
        kept = [() if refused else inbound_files.bring(event) for event, refused in zip(events, early, strict=True)]
        wanted = [(event, mine) for event, mine, refused in zip(events, kept, early, strict=True) if not refused]
        try:
            stored = write_together([partial(_store, *one) for one in wanted], _Known, Refusal)
            failpoint("receive.after_commit")
            settled = iter([_settled(event, one) for (event, _), one in zip(wanted, stored, strict=True)])
            return [refused or next(settled) for refused in early]
        except IntegrityError:
            pass  # a race over a key or a place: nothing was stored, so one by one
        finally:
            for mine in kept:
                files.settle(mine)
    return [refused or _receive_one(event) for event, refused in zip(events, early, strict=True)]


def _settled(event: Inbound, stored: Receipt | Exception) -> Outcome:
    outcome = stored if isinstance(stored, Receipt) else _after(event, stored, last=True)
    return outcome or _receive_one(event)


def _receive_one(event: Inbound) -> Outcome:
    kept = inbound_files.bring(event)
    tries = 0
    try:
        while True:
            tries += 1
            try:
                outcome: Outcome | None = write(lambda: _store(event, kept))
                failpoint("receive.after_commit")
            except (_Known, Refusal, IntegrityError) as error:
                outcome = _after(event, error, last=tries == TRIES)
            if outcome is not None:
                return outcome
    finally:
        files.settle(kept)


def receive_soon(event: Inbound, done: Callable[[Outcome | None, BaseException | None], None]) -> None:
    """As :func:`receive` for one event, without waiting: ``done(outcome, error)`` is called in another thread after the
    commit. Commits of the same moment share one fsync. Files with their bytes are judged here, in the calling thread.
    """
    refused = _refused_early(event)
    if refused is not None:
        done(refused, None)
        return
    kept = inbound_files.bring(event)

    def after(outcome: Outcome | None, error: BaseException | None) -> None:
        files.settle(kept)
        if isinstance(error, (_Known, Refusal, IntegrityError)):
            # Rare and needs a read: not in the committing thread's way for long (one indexed row).
            try:
                settled = _after(event, error, last=True)
                done(settled, None if settled else StoreUnavailable("The message could not be stored. Send it again."))
            except Exception as failure:
                done(None, failure)
            return
        if outcome is not None:
            failpoint("receive.after_commit")
            _wake([outcome])
        done(outcome, error)

    submit(lambda: _store(event, kept), after)


def _wake(outcomes: Sequence[Outcome]) -> None:
    fresh = [o for o in outcomes if isinstance(o, Receipt) and not o.duplicate]
    if fresh:
        failpoint("wake.before_publish")
        topics = [(topic, ref.encode()) for ref in {o.conversation_id for o in fresh} for topic in ("turns", "changed")]
        if any(o.elsewhere for o in fresh):
            topics.append(("out", b""))
        bus().publish(topics)


def _refused_early(event: Inbound) -> Refused | None:
    limit = config().max_text
    if len(event.text) > limit:
        reason = (
            f"The message has {len(event.text):,} characters; {limit:,} are possible. Shorten it or send it in parts."
        )
        return Refused(key=event.key, code="too_long", message=reason, field="text")
    if event.kind == "message" and not clean(event.text) and not event.files:
        return Refused(
            key=event.key, code="empty", message="The message is empty. Write something first.", field="text"
        )
    return carry_over.refused_early(event) if event.kind == "continue" else None


def clean(text: str) -> str:
    """The text as it is stored: unprintable characters out, line ends equal, no blank edges."""
    return _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _after(event: Inbound, error: Exception, *, last: bool) -> Outcome | None:
    """Settle an attempt that was rolled back: a redelivery, a refusal, or a race worth another try (``None``)."""
    if isinstance(error, Refusal):
        return Refused(key=event.key, code=error.code, message=error.message, field=error.field)  # type: ignore[arg-type]
    row = read(
        lambda: sql(
            "SELECT conversation, message, seq, rev, body_hash FROM ledger WHERE key = ?", (event.key,)
        ).fetchone()
    )
    if row is None:
        if last:
            raise StoreUnavailable("The message could not be stored. Send it again.") from error
        return None
    if row[4] != event.body_hash:
        reason = "Another message was sent with this id before. Send the new text as a new message."
        return Refused(key=event.key, code="key_reused", message=reason, field="cid")
    return Receipt(
        key=event.key, conversation_id=row[0], message_id=row[1], seq=row[2], rev=row[3], duplicate=True, stays=buttons.stays(event)
    )  # fmt: skip


def _store(event: Inbound, kept: Sequence[Kept] = ()) -> Receipt:
    at = clock.now()
    if sql("SELECT 1 FROM ledger WHERE key = ?", (event.key,)).fetchone():
        raise _Known  # the usual redelivery, seen before any work; the UNIQUE key below decides the races
    receipt = amendments.amend(event, clean(event.text)) if event.kind in amendments.KINDS else _stored(event, kept, at)
    inserted = sql(
        "INSERT INTO ledger (key, channel, kind, conversation, message, seq, rev, body_hash, received_at, error, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '', '') ON CONFLICT (key) DO NOTHING",
        (event.key, event.channel, event.kind, receipt.conversation_id, receipt.message_id, receipt.seq, receipt.rev,
         event.body_hash, at),
    ).rowcount  # fmt: skip
    if not inserted:
        raise _Known
    failpoint("receive.before_commit")
    return receipt


def _stored(event: Inbound, kept: Sequence[Kept], at: float) -> Receipt:
    if event.kind == "button":
        event = buttons.meant(event)
        if event.kind in amendments.KINDS:
            return replace(amendments.amend(event, ""), aside=marks.THANKS[event.mark], stays=True)
    if event.kind == "continue":
        return carry_over.redeem(event, lambda: _contact(event, at)) if event.text.strip() else carry_over.ask(event)
    place = _place(event, at)
    return _message(event, place, kept, at) if event.kind == "message" else _request(event, place)


def _message(event: Inbound, place: _Place, kept: Sequence[Kept], at: float) -> Receipt:
    row = sql(
        "UPDATE conversation SET seq = seq + 1, rev = rev + 1, active_at = ?, needs = (CASE WHEN state = 'ai' THEN ? ELSE needs END),"
        " origin = (CASE WHEN ? = '' THEN origin ELSE ? END) WHERE id = ? RETURNING seq, rev",
        (at, True, event.origin, event.origin, place.conversation_id),
    ).fetchone()
    if row[0] == 1 and event.profile.zone:
        handoff.note_zone(place.conversation_id, event.profile.zone)
    if event.profile.page_url or event.profile.picture:
        profiles.note(place.conversation_id, event.profile)
    message_id = clock.new_id()
    attached = inbound_files.attach(kept, place.conversation_id, message_id) if kept else []
    insert_message(
        message_id,
        place.conversation_id,
        Place(*row),
        author="customer",
        author_name=clean(event.profile.name)[:100],
        body=clean(event.text),
        created_at=at,
        client_key=event.client_key or None,
        extra={"files": attached} if attached else None,
    )
    if place.had_people:
        desk_posts.show(place.conversation_id, message_id)
        handoff.wake(place.conversation_id)
    if place.reopened:
        handoff.welcome_back(place.conversation_id)
    elif place.state == "waiting":
        handoff.address_in(place.conversation_id, event.text)
    return Receipt(
        key=event.key,
        conversation_id=place.conversation_id,
        message_id=message_id,
        seq=row[0],
        rev=row[1],
        elsewhere=place.had_people,
        aside=" ".join(file["problem"] for file in attached if file.get("problem")),
    )


def _request(event: Inbound, place: _Place) -> Receipt:
    aside = ""
    if event.profile.zone:
        handoff.note_zone(place.conversation_id, event.profile.zone)
    profiles.note(place.conversation_id, event.profile)
    if event.kind == "handoff":
        said = handoff.hand_over(place.conversation_id, Reason.ASKED, asked=True, reopened=place.reopened)
    elif event.kind == "cancel":
        said = handoff.cancel(place.conversation_id)
    elif event.kind == "ticket":
        name, email = _name_and_address(event, needed=False)
        said = handoff.make_ticket(place.conversation_id, by="customer", name=name, email=email, text=clean(event.text))
    elif event.kind == "contact":
        name, email = _name_and_address(event)
        said = handoff.leave_address(place.conversation_id, name, email, clean(event.text))
    elif event.kind == "rating":
        problem = ratings.problem(place.conversation_id, event.rating)
        if problem:
            raise Refusal("bad_field", problem, "rating")
        said = handoff.Said(rev=ratings.rate(place.conversation_id, event.rating, clean(event.text)))
        desk_posts.refresh_card(place.conversation_id)
        aside = "Thank you for your rating."
    elif event.kind == "new":
        said = handoff.resolve(place.conversation_id, by="customer", words=handoff.LEFT)
        sql("UPDATE route SET current = ? WHERE conversation_id = ?", (False, place.conversation_id))
        aside = "" if said.message_id else handoff.LEFT  # it was closed before, and heard so
    else:
        said = handoff.resolve(place.conversation_id, by="customer")
    return Receipt(
        key=event.key,
        conversation_id=place.conversation_id,
        message_id=said.message_id,
        seq=said.seq,
        rev=said.rev,
        elsewhere=True,
        aside=aside,
    )


def _name_and_address(event: Inbound, *, needed: bool = True) -> tuple[str, str]:
    name, email = clean(event.profile.name)[:100], clean(event.profile.email)
    problem = handoff.email_problem(email) if email or needed else ""
    if problem:
        raise Refusal("bad_field", problem, "email")
    return name, email


def _place(event: Inbound, at: float) -> _Place:
    """Find or make the conversation, its contact and its route; open it again when it was resolved."""
    rated = ratings.rated_by(event)
    which = "c.id = ?" if rated else "r.current"
    row = sql(
        "SELECT c.id, c.state, c.resolved_at, c.had_people, i.external_id, k.blocked, r.id FROM route r"  # noqa: S608
        " JOIN conversation c ON c.id = r.conversation_id JOIN contact k ON k.id = c.contact_id"
        " LEFT JOIN identity i ON i.contact_id = c.contact_id AND i.channel = r.channel AND i.external_id = ?"
        # Whoever changes the conversation right now (a handoff, a resolve, another message) comes first, and this sees it.
        f" WHERE r.channel = ? AND r.place = ? AND {which}{'' if is_sqlite() else ' FOR NO KEY UPDATE OF c'}",
        (event.external_id, event.channel, event.place, *([rated] if rated else [])),
    ).fetchone()
    if row is not None and row[1] == "resolved" and not rated and not _is_current(row[6]):
        return _place(event, at)  # it was left for another one while this waited
    if row is None and not rated and carry_over.just_moved(event):
        return _place(event, at)
    if row is not None:
        place = _Place(row[0], row[1], row[2], bool(row[3]))
        if row[4] is None:
            raise Refusal("not_yours", "This conversation belongs to somebody else. Start a new one.", "conv")
        if row[5]:
            raise Refusal("blocked", BLOCKED)
        if place.state == "gone":
            raise Refusal("unknown_conversation", "This conversation was deleted. Start a new one.", "conv")
        if place.state != "resolved" or event.kind in {"resolve", "rating", "cancel", "new"}:
            return place
        if at - (place.resolved_at or at) <= config().reopen_days * 86_400:
            states.take(place.conversation_id, "reopen_for_people" if place.had_people else "reopen_for_ai")
            if place.had_people:
                handoff.reopen_ticket(place.conversation_id)
                return replace(place, state="waiting", reopened=True)
            return replace(place, state="ai")
        sql("UPDATE route SET current = ? WHERE conversation_id = ?", (False, place.conversation_id))
    if event.kind not in {"message", "handoff", "ticket"}:
        raise Refusal("unknown_conversation", "There is no such conversation. Send a message first.", "conv")
    if row is None and (there := carry_over.elsewhere(event.place)):
        raise Refusal("not_here", there, "conv")
    contact_id, site_id = carry_over.settled(lambda: _contact(event, at))
    conversation_id = event.conversation_id if row is None and event.conversation_id else clock.new_id()
    sql(
        "INSERT INTO conversation (id, site_id, contact_id, channel, state, seq, rev, state_rev, answered, needs, due_at, lease_owner,"
        " lease_until, fence, assignee, language, title, created_at, active_at, had_people)"
        " VALUES (?, ?, ?, ?, 'ai', 0, 0, 0, 0, ?, 0, '', 0, 0, '', ?, '', ?, ?, ?)",
        (conversation_id, site_id, contact_id, event.channel, False, event.profile.language[:35], at, at, False),
    )
    sql(
        "INSERT INTO route (id, conversation_id, channel, place, current, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (clock.new_id(), conversation_id, event.channel, event.place, True, at),
    )
    return _Place(conversation_id, "ai", None, False)


def _is_current(route_id: str) -> bool:
    row = sql("SELECT current FROM route WHERE id = ?", (route_id,)).fetchone()
    return row is not None and bool(row[0])


def _contact(event: Inbound, at: float) -> tuple[str, str]:
    row = sql(
        "SELECT c.id, c.site_id, c.blocked FROM identity i JOIN contact c ON c.id = i.contact_id"
        " WHERE i.channel = ? AND i.external_id = ?",
        (event.channel, event.external_id),
    ).fetchone()
    if row is not None:
        if row[2]:
            raise Refusal("blocked", BLOCKED)
        return row[0], row[1]
    if event.site:
        site = sql("SELECT id FROM site WHERE key = ?", (event.site,)).fetchone()
    else:
        site = sql("SELECT id FROM site ORDER BY created_at LIMIT 1").fetchone()
    if site is None:
        raise Refusal("unknown_site", f"No site has the key {event.site!r}. Make one with: deskhand site add", "site")
    contact_id = clock.new_id()
    sql(
        "INSERT INTO contact (id, site_id, name, email, language, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (contact_id, site[0], clean(event.profile.name)[:100], "", event.profile.language[:35], at),
    )
    sql(
        "INSERT INTO identity (id, contact_id, channel, external_id, created_at) VALUES (?, ?, ?, ?, ?)",
        (clock.new_id(), contact_id, event.channel, event.external_id, at),
    )
    return contact_id, site[0]
