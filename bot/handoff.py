"""From the AI to people and back: tickets, and what the customer is told. All functions run inside a write."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot import clock, deliver, desk_posts, follow_up, handoff_words, notifications, states, tickets, waiting
from bot.addresses import Address, address_problem
from bot.customer_words import in_language
from bot.events import Priority, Reason
from bot.handoff_words import Situation, Words
from bot.opening import zone_named
from bot.store import sql
from bot.store.statements import Place, insert_message

_EMAIL = re.compile(r"[^@\s<>\"'(),:;\[\]\\]{1,64}@[^@\s<>\"'(),:;\[\]\\]+\.[^@\s<>\"'(),:;\[\]\\.]{2,}")


CONFIRM = "Please confirm it by the link in the mail that is on its way."


@dataclass(frozen=True, slots=True)
class Said:
    """The system message that tells the customer; empty when nothing had to be said."""

    message_id: str = ""
    seq: int = 0
    rev: int = 0


def email_problem(address: str) -> str:
    """What is wrong with an e-mail address, as a sentence; empty when nothing is."""
    if not address:
        return "Leave an e-mail address, so that we can answer you."
    if not _EMAIL.fullmatch(address) or address_problem(Address(address)):
        return "This does not look like an e-mail address. It should be like anna@example.com."
    return ""


def hand_over(
    conversation_id: str,
    reason: Reason | str,
    *,
    detail: str = "",
    summary: str = "",
    asked: bool = False,
    priority: Priority | None = None,
    code: Reason = Reason.POLICY,
    confidence: float | None = None,
    address: tuple[str, str] | None = None,
    reopened: bool = False,
) -> Said:
    """Pass the conversation to people: waiting, an open ticket, and honest words about what happens next.

    ``reason`` is one of the typed ones, or words of somebody's own, and then ``code`` says what kind they are. ``asked``: the
    customer wanted it. ``address``: name and e-mail that came with it. ``reopened``: the same event has just opened the
    conversation again, so that people have it already.
    Safe to call twice: a conversation that people have already stays as it is and nothing is said again.
    """
    if isinstance(reason, Reason):
        code, reason = reason, reason.words
    words = f"{reason}: {detail[: tickets.MAX_DETAIL]}" if detail else str(reason)
    try:
        moved = states.take(conversation_id, "handoff", message=True)
    except states.NotAllowed:
        return welcome_back(conversation_id) if reopened else Said()
    number = tickets.open_ticket(
        conversation_id, code, words, summary=summary, priority=priority, actor="customer" if asked else ""
    )
    sql("UPDATE ticket SET confidence = ? WHERE conversation_id = ?", (confidence, conversation_id))
    follow_up.ticket_opened(conversation_id, summarised=bool(summary))
    if address is not None:
        _note_address(conversation_id, *address)
    heard = _wait(conversation_id, lambda about: handoff_words.waiting(about, asked=asked))
    desk_posts.open_threads(conversation_id)
    desk_posts.refresh_card(conversation_id)
    notifications.requested(conversation_id)
    return say(conversation_id, moved, heard.kind, heard.text, {"ticket": number})


def _wait(conversation_id: str, choose: Callable[[Situation], Words]) -> Words:
    """Begin a wait in the situation as it is, and choose the words for it."""
    site_id = sql("SELECT site_id FROM conversation WHERE id = ?", (conversation_id,)).fetchone()[0]
    staff = waiting.staffing(site_id)
    waiting.begin(conversation_id, staff.people)
    heard = choose(situation(conversation_id, staff))
    if heard.asks:
        waiting.begin(conversation_id, staff.people, ask_now=True)
    return heard


def situation(conversation_id: str, staff: waiting.Staffing | None = None) -> Situation:
    """What there is to say about a conversation's wait."""
    number, email, site_id, zone, language = sql(
        "SELECT t.number, t.email, v.site_id, k.zone, v.language FROM ticket t JOIN conversation v ON v.id = t.conversation_id"
        " JOIN contact k ON k.id = v.contact_id WHERE v.id = ?",
        (conversation_id,),
    ).fetchone()
    staff = staff or waiting.staffing(site_id)
    here = staff.people == "here"
    place = waiting.place_in_line(conversation_id) if here else 0
    return Situation(
        number=number,
        people=staff.people,
        opening=staff.opening,
        now=clock.now(),
        position=place,
        expected=waiting.usual(site_id, place - 1) if place else None,
        reply=None if here else waiting.usual_reply(site_id),
        email=email,
        visitor_zone=zone,
        language=language,
    )


def note_zone(conversation_id: str, zone: str) -> None:
    """Remember the customer's time zone, if there is one of this name."""
    if zone_named(zone) is not None:
        sql(
            "UPDATE contact SET zone = ? WHERE id = (SELECT contact_id FROM conversation WHERE id = ?) AND zone <> ?",
            (zone, conversation_id, zone),
        )


def ensure_ticket(conversation_id: str, reason: Reason) -> None:
    """See to it that there is a ticket; one that exists stays as it is."""
    if sql("SELECT 1 FROM ticket WHERE conversation_id = ?", (conversation_id,)).fetchone() is None:
        tickets.open_ticket(conversation_id, reason, reason.words)


def leave_address(conversation_id: str, name: str, email: str, text: str) -> Said:
    """Note name and e-mail on the ticket (made if there is none) and confirm it. ``text`` is added as a customer's message."""
    if hand_over(conversation_id, Reason.ADDRESS, asked=True, address=(name, email)).message_id:
        number = situation(conversation_id).number
    else:
        ensure_ticket(conversation_id, Reason.ADDRESS)
        number = _note_address(conversation_id, name, email)
    if text:
        _add_text(conversation_id, name, text)
    desk_posts.refresh_card(conversation_id)
    return _confirm_address(conversation_id, number, email)


def address_in(conversation_id: str, text: str) -> None:
    """Where there is no form (a chat platform, a terminal) people answer with their address alone: take it for what it is.
    Nothing happens unless one was asked for and is not there yet."""
    email = text.strip()
    if email_problem(email):
        return
    asked = sql(
        "SELECT 1 FROM ticket WHERE conversation_id = ? AND form_at IS NOT NULL AND email = ''", (conversation_id,)
    ).fetchone()
    if asked is not None:
        number = _note_address(conversation_id, "", email)
        desk_posts.refresh_card(conversation_id)
        _confirm_address(conversation_id, number, email)


def _add_text(conversation_id: str, name: str, text: str) -> None:
    place, message_id, at = _next(conversation_id), clock.new_id(), clock.now()
    insert_message(message_id, conversation_id, place, author="customer", author_name=name, body=text, created_at=at)
    desk_posts.show(conversation_id, message_id)
    wake(conversation_id)


def wake(conversation_id: str) -> None:
    """The customer wrote: nothing is hidden any longer."""
    if tickets.wake(conversation_id, actor="customer"):
        desk_posts.refresh_card(conversation_id)


def _note_address(conversation_id: str, name: str, email: str) -> int:
    number = sql(
        "UPDATE ticket SET name = CASE WHEN ? = '' THEN name ELSE ? END, email = ?, changed_at = ? WHERE conversation_id = ?"
        " RETURNING number",
        (name, name, email, clock.now(), conversation_id),
    ).fetchone()[0]
    sql(
        "UPDATE contact SET name = CASE WHEN name = '' THEN ? ELSE name END, email = ?"
        " WHERE id = (SELECT contact_id FROM conversation WHERE id = ?)",
        (name, email, conversation_id),
    )
    tickets.note(conversation_id, "customer", "address left")
    return int(number)


def _confirm_address(conversation_id: str, number: int, email: str) -> Said:
    place = _next(conversation_id)
    language = _language(conversation_id)
    confirmation = in_language(
        language, "Thank you. Your ticket is #{number}; we will answer to the address you left.", number=number
    )
    if follow_up.address_left(conversation_id, number, email):
        confirmation += " " + in_language(language, CONFIRM)
    return _insert(conversation_id, place, "contact_saved", confirmation, {"ticket": number})


def make_ticket(conversation_id: str, *, by: str, name: str = "", email: str = "", text: str = "") -> Said:
    """Turn the running chat into a ticket that is answered later and carries everything that was said. ``by``: ``customer`` or an
    agent's name. With the AI it goes to people and stands in no queue; an agent who has it keeps it. Once: a second wish without
    an address says nothing. ``text`` is added as a customer's message."""
    try:
        moved: states.Moved | None = states.take(conversation_id, "handoff", message=True)
        tickets.open_ticket(conversation_id, Reason.TICKET, Reason.TICKET.words, actor=by, deferred=True)
        follow_up.ticket_opened(conversation_id)
        desk_posts.open_threads(conversation_id)
    except states.NotAllowed:
        moved = None
        changed = sql(
            "UPDATE ticket SET deferred = ? WHERE conversation_id = ? AND NOT deferred AND state <> 'resolved'",
            (True, conversation_id),
        ).rowcount
        if changed:
            tickets.note(conversation_id, by, "ticket made")
        elif not email:
            return Said()
    if email:
        _note_address(conversation_id, name, email)
    if text:
        _add_text(conversation_id, name, text)
    heard = handoff_words.ticket(about := situation(conversation_id))
    said = heard.text
    if email and follow_up.address_left(conversation_id, about.number, email):
        said += " " + about.say(CONFIRM)
    sql(
        "UPDATE ticket SET form_due = NULL, form_at = ?, waiting_since = coalesce(waiting_since, ?) WHERE conversation_id = ?",
        (clock.now() if heard.asks else None, clock.now() if moved else None, conversation_id),
    )
    desk_posts.refresh_card(conversation_id)
    extra = {"ticket": about.number}
    if moved is not None:
        notifications.requested(conversation_id, by=by)
        return say(conversation_id, moved, heard.kind, said, extra)
    return _insert(conversation_id, _next(conversation_id), heard.kind, said, extra)


def cancel(conversation_id: str) -> Said:
    """The customer does not want to wait any longer: the AI has the conversation again. Nothing happens when nobody waits, or a
    person has come by now."""
    try:
        moved = states.take(conversation_id, "handoff_cancelled", message=True)
    except states.NotAllowed:
        return Said()
    _leave_to_ai(conversation_id)
    waiting.end(conversation_id)
    tickets.close(conversation_id, "withdrawn by the customer", actor="customer", event="cancelled")
    said = say(
        conversation_id,
        moved,
        "handoff_cancelled",
        "You are back with the AI assistant. Your request to my colleagues is withdrawn; you can ask for a person at any time.",
        {},
    )
    desk_posts.refresh_card(conversation_id)
    return said


def _leave_to_ai(conversation_id: str) -> None:
    """What the customer wrote while nobody came is a question to the AI now."""
    row = sql(
        "SELECT max(CASE WHEN m.author = 'customer' THEN m.seq ELSE 0 END), max(CASE WHEN m.author = 'agent' THEN m.seq ELSE 0 END),"
        " max(v.answered) FROM message m JOIN conversation v ON v.id = m.conversation_id WHERE v.id = ? AND NOT m.deleted",
        (conversation_id,),
    ).fetchone()
    asked, helped, answered = (value or 0 for value in row)
    if asked > max(helped, answered):
        sql("UPDATE conversation SET needs = ? WHERE id = ?", (True, conversation_id))


def ask_address(conversation_id: str) -> Said:
    """The countdown is over and nobody has come: ask for an address, once in a wait. The ticket stays open."""
    if sql(_WAITS, (conversation_id,)).fetchone() is None:
        return Said()
    at = clock.now()
    asked = sql(
        "UPDATE ticket SET form_at = ? WHERE conversation_id = ? AND form_at IS NULL AND form_due <= ?",
        (at, conversation_id, at),
    ).rowcount
    if not asked:
        return Said()
    heard = handoff_words.countdown_over(situation(conversation_id))
    tickets.note(conversation_id, "", "not claimed in time")
    place = _next(conversation_id)
    return _insert(conversation_id, place, heard.kind, heard.text, {})


_WAITS = "SELECT 1 FROM conversation WHERE id = ? AND state = 'waiting'"


CLOSED = "This conversation is closed. Write again to open it."
LEFT = "This conversation is closed. Your next message begins a new one."


def resolve(conversation_id: str, *, by: str, words: str = CLOSED) -> Said:
    """Close the conversation and its ticket. Nothing happens when it is closed already."""
    send_held(conversation_id)
    try:
        moved = states.take(conversation_id, "resolve", message=True)
    except states.NotAllowed:
        return Said()
    waiting.end(conversation_id)
    tickets.close(conversation_id, f"resolved by {by}", actor=by, event="resolved")
    follow_up.conversation_resolved(conversation_id)
    said = say(conversation_id, moved, "resolved", words, {})
    desk_posts.refresh_card(conversation_id)
    return said


def send_held(conversation_id: str) -> None:
    """Before people leave a conversation: what an agent has written and is still held goes out first. "Done!" and a click on
    Resolve, or the customer who closes meanwhile: the words come before the close, and never after it."""
    from bot import amendments, replies

    amendments.hold(conversation_id)
    row = sql("SELECT state FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is not None and row[0] in {"waiting", "human"}:
        replies.send_held(conversation_id)


def reopen_ticket(conversation_id: str, *, by: str = "customer") -> None:
    """It is open again: the same ticket, and its last agent stays named."""
    tickets.reopen(conversation_id, actor=by)
    follow_up.ticket_opened(conversation_id, summarised=True)
    site_id = sql("SELECT site_id FROM conversation WHERE id = ?", (conversation_id,)).fetchone()[0]
    waiting.begin(conversation_id, waiting.staffing(site_id).people)
    desk_posts.refresh_card(conversation_id)
    notifications.requested(conversation_id, by=by)


def welcome_back(conversation_id: str) -> Said:
    """What a customer hears whose word has just opened a conversation again that people had."""
    if sql(_WAITS, (conversation_id,)).fetchone() is None:
        return Said()
    heard = _wait(conversation_id, handoff_words.back_again)
    place = _next(conversation_id)
    return _insert(conversation_id, place, heard.kind, heard.text, {})


def _next(conversation_id: str) -> Place:
    row = sql(
        "UPDATE conversation SET seq = seq + 1, rev = rev + 1, answered = seq + 1, active_at = ? WHERE id = ? RETURNING seq, rev",
        (clock.now(), conversation_id),
    ).fetchone()
    return Place(*row)


def say(
    conversation_id: str, moved: states.Moved, kind: str, text: str, extra: dict[str, Any], **values: object
) -> Said:
    """Tell the customer what a step means, at the place the step kept. An English sentence of ours is said in the customer's language,
    with ``values`` in the places of their names."""
    words = in_language(_language(conversation_id), text, **values)
    return _insert(conversation_id, Place(moved.seq, moved.rev), kind, words, extra)


def _language(conversation_id: str) -> str:
    return str(sql("SELECT language FROM conversation WHERE id = ?", (conversation_id,)).fetchone()[0])


def _insert(conversation_id: str, place: Place, kind: str, text: str, extra: dict[str, Any]) -> Said:
    message_id = clock.new_id()
    insert_message(
        message_id, conversation_id, place, author="system", body=text, created_at=clock.now(), kind=kind, extra=extra
    )
    deliver.plan(conversation_id, message_id, text)
    return Said(message_id, place.seq, place.rev)
