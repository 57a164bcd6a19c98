"""What follows when people get a conversation and when it is closed: jobs put down in the same transaction, and what they do.

The functions above the line run inside a write and only enqueue; those below are the jobs. Each looks at the database first and
may run twice: a mail is UNIQUE by kind, conversation and occasion.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot import answer_mails, clock, confirmations, desk_posts, jobs, mail, ratings
from bot.addresses import one_line, parse_addresses
from bot.bus import bus
from bot.config import config
from bot.crypto import reveal
from bot.events import JobSpec
from bot.file_words import with_files
from bot.letter import moment, quote, said
from bot.store import db, read, sql, write
from bot.store.statements import last_messages

TRANSCRIPT = 500
"""Messages of a transcript at most: the last ones."""
SHOWN = 5
DAY = 86_400.0
REMINDERS = 3
"""At most so many for one wait: after the set hours, then a day and two days later."""
REOPENED_DAYS = 7


def ticket_opened(conversation_id: str, *, summarised: bool = False) -> None:
    """A ticket was made or opened again: the team is told, and a summary is written unless there is one that fits."""
    occasion = _occasion()
    jobs.enqueue("ticket.notify", conversation_id, occasion)
    if not summarised:
        jobs.enqueue("ticket.summary", conversation_id, f"open-{occasion}")


def conversation_resolved(conversation_id: str) -> None:
    """It is closed: a last summary, the transcript for the customer, and a question how it was."""
    occasion = _occasion()
    jobs.enqueue("ticket.summary", conversation_id, f"end-{occasion}")
    jobs.enqueue("ticket.transcript", conversation_id, occasion)
    answer_mails.closed(conversation_id)
    ratings.ask(conversation_id)


def address_left(conversation_id: str, ticket: int, address: str) -> bool:
    """The customer left an address: ask for its proof. Whether a mail with a link is on its way."""
    answer_mails.note_seen(conversation_id)
    return confirmations.ask(conversation_id, ticket, address) == "asked" and mail.server() is not None


def address_confirmed(contact_id: str, address: str) -> None:
    """Transcripts that waited for the proof may go, and cards say that it is proved."""
    rows = sql(
        "SELECT t.conversation_id FROM ticket t JOIN conversation c ON c.id = t.conversation_id WHERE c.contact_id = ?"
        " AND t.state = 'resolved' AND t.resolved_at > ? AND lower(t.email) = lower(?)",
        (contact_id, clock.now() - REOPENED_DAYS * DAY, address),
    ).fetchall()
    for (conversation_id,) in rows:
        jobs.enqueue("ticket.transcript", conversation_id, f"confirmed-{_occasion()}")
    shown = sql(
        "SELECT t.conversation_id FROM ticket t JOIN conversation c ON c.id = t.conversation_id WHERE c.contact_id = ?"
        " AND lower(t.email) = lower(?)",
        (contact_id, address),
    ).fetchall()
    for (conversation_id,) in shown:
        desk_posts.refresh_card(conversation_id)
    db.after_commit(lambda: bus().wake("out", ""))


def summary_wanted(conversation_id: str) -> None:
    """An agent wants the summary anew, also in place of a description of theirs."""
    sql("UPDATE ticket SET summary_by = '' WHERE conversation_id = ? AND summary_by = 'agent'", (conversation_id,))
    jobs.enqueue("ticket.summary", conversation_id, f"asked-{_occasion()}")


def _occasion() -> str:
    return f"{clock.now():.6f}"


# Jobs --------------------------------------------------------------------------------------------------------------------


def specs() -> list[JobSpec]:
    """The kinds of job of this file and of what it uses."""
    from bot import summaries

    return [
        JobSpec(kind=mail.KIND, run=mail.send, timeout=150.0),
        JobSpec(kind="ticket.notify", run=notify),
        JobSpec(kind=answer_mails.JOB, run=answer_mails.send),
        JobSpec(kind="ticket.transcript", run=transcript),
        JobSpec(kind="ticket.summary", run=summaries.summarise, timeout=90.0),
        JobSpec(kind="core.remind", run=remind, every=300.0),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ticket:
    id: str
    number: int
    conversation_id: str
    contact_id: str
    site: str
    state: str
    reason: str
    name: str
    email: str
    changed_at: float
    resolved_at: float | None
    created_at: float
    seq: int


_TICKET = (
    "SELECT t.id, t.number, t.conversation_id, c.contact_id, s.name, t.state, t.reason, t.name, t.email, t.changed_at, t.resolved_at,"
    " t.created_at, c.seq FROM ticket t JOIN conversation c ON c.id = t.conversation_id JOIN site s ON s.id = c.site_id"
)
_FIELDS = ("id", "number", "conversation_id", "contact_id", "site", "state", "reason", "name", "email", "changed_at", "resolved_at",
           "created_at", "seq")  # fmt: skip


def _find(conversation_id: str) -> _Ticket | None:
    row = sql(f"{_TICKET} WHERE t.conversation_id = ?", (conversation_id,)).fetchone()
    return _ticket(row) if row else None


def _ticket(row: tuple[object, ...]) -> _Ticket:
    values = dict(zip(_FIELDS, row, strict=True))
    values["reason"] = reveal("ticket", "reason", str(values["id"]), str(values["reason"]))
    return _Ticket(**values)  # type: ignore[arg-type]


def notify(conversation_id: str) -> None:
    """Mail the team about a ticket that was just opened, if it still is."""
    to = parse_addresses(config().team_mail)

    def work() -> None:
        ticket = _find(conversation_id)
        if ticket is None or ticket.state == "resolved":
            return
        # Two openings before this ran are one mail: the newest names it.
        newest = sql(
            "SELECT max(occasion) FROM job WHERE kind = 'ticket.notify' AND ref = ?", (conversation_id,)
        ).fetchone()[0]
        opened = float(newest or 0)
        word = "Open again: ticket" if opened > ticket.created_at + 1 else "New ticket"
        for address in to:
            mail.put("team.ticket", conversation_id, f"{opened:.6f}/{address.address}", address.address,
                     _subject(word, ticket), *_about(ticket))  # fmt: skip

    if to:
        write(work)


def _subject(word: str, ticket: _Ticket) -> str:
    return one_line(f"{word} #{ticket.number}: {ticket.reason or 'needs a person'}", 120)


def _about(ticket: _Ticket) -> list[str]:
    rows = [("Site", ticket.site), ("Reason", ticket.reason), ("Customer", ticket.name), ("E-mail", ticket.email),
            ("Since", moment(ticket.created_at))]  # fmt: skip
    facts = "\n".join(f"- {name}: {quote(one_line(value, 300))}" for name, value in rows if value)
    words = [
        m
        for m in map(with_files, last_messages(ticket.conversation_id, ticket.seq, SHOWN))
        if m.text and m.author != "note"
    ]
    lines = [part for message in words for part in said(message)]
    return [f"## Ticket \\#{ticket.number}", facts, *lines, f"In a terminal: `deskhand tickets show {ticket.number}`"]


def transcript(conversation_id: str) -> None:
    """Mail the closed conversation to its customer, if the address on the ticket is proved to be theirs."""

    def work() -> None:
        ticket = _find(conversation_id)
        if ticket is None or ticket.state != "resolved" or not ticket.email:
            return
        if not confirmations.is_confirmed(ticket.contact_id, ticket.email):
            return
        words = [
            message
            for message in map(with_files, last_messages(conversation_id, ticket.seq, TRANSCRIPT))
            if message.text and message.author not in {"note", "system"}
        ]
        greeting = f"Hello{' ' + quote(one_line(ticket.name, 80)) if ticket.name else ''},"
        mail.put(
            "transcript", conversation_id, f"{ticket.resolved_at}", ticket.email,
            one_line(f"Your conversation with {ticket.site}: ticket #{ticket.number}", 120),
            f"{greeting}\n\nyour ticket \\#{ticket.number} at {quote(one_line(ticket.site, 80))} is closed. This is what was said:",
            *[part for message in words for part in said(message)],
            "Is something still open? Write again in the same chat, and the same people will see it.",
        )  # fmt: skip

    write(work)


def remind(_ref: str = "") -> None:
    """Remind the team of tickets that nobody took or touched for the set time. Looks at what is, so that nothing piles up."""
    to, hours = parse_addresses(config().team_mail), config().remind_hours
    if not to or not hours:
        return
    now = clock.now()

    def work() -> None:
        for ticket in waiting:
            times = min(REMINDERS, 1 + int((now - ticket.changed_at - hours * 3600) / DAY))
            for address in to:
                mail.put("team.reminder", ticket.conversation_id, f"{ticket.changed_at:.0f}/{times}/{address.address}",
                         address.address, _subject("Still open: ticket", ticket), *_about(ticket))  # fmt: skip

    waiting = read(
        lambda: [
            _ticket(row)
            for row in sql(
                f"{_TICKET} WHERE t.state = 'open' AND t.changed_at <= ? AND (t.snoozed_until IS NULL OR t.snoozed_until <= ?)"
                " ORDER BY t.changed_at LIMIT 500",
                (now - hours * 3600, now),
            ).fetchall()
        ]
    )
    if waiting:
        write(work)
