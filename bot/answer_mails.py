"""Agents' answers by mail to customers who left an address and are not there: one mail for all that they have not seen.

An answer puts a job down. When its time has come and the customer neither wrote nor looked since, the mail is written; otherwise
nothing is. It goes to the address on the ticket, proved or not: the customer typed it for exactly this. So it holds the agents' new
words and nothing else: no words of the customer, no name, nothing from before (docs/decisions.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from bot import clock, confirmations, desk_messages, desk_posts, jobs, mail, profiles, tickets
from bot.accounts import SELF, site_by_id
from bot.addresses import one_line
from bot.bus import bus
from bot.commit import commit
from bot.config import config
from bot.declarations import declaration
from bot.file_words import with_files
from bot.letter import quote, said
from bot.messages import MessageView
from bot.store import db, is_sqlite, read, sql, write
from bot.store.statements import COLUMNS, view
from bot.threads import offload

JOB = "ticket.answer"
KIND = mail.ANSWER
SOON, LATER = 120.0, 600.0
"""Seconds after an answer: when the customer was away before it, and when they had just been there and may be reading."""
RECENT = 300.0
QUEUED = 60.0
"""Seconds until it is looked at again whether a chat platform took the answer."""
MOST = 50
"""Answers in one mail."""
ANSWERED_BY_MAIL = "mail"
"""What a channel says it can whose customers see their conversations nowhere but in these mails."""


def replied(conversation_id: str, message_id: str) -> None:
    """An agent answered. Inside a write."""
    if _left_address(conversation_id):
        jobs.enqueue(JOB, conversation_id, message_id, at=clock.now() + SOON)


def closed(conversation_id: str) -> None:
    """The conversation was resolved. Inside a write."""
    if _left_address(conversation_id):
        jobs.enqueue(JOB, conversation_id, f"closed-{clock.now():.6f}", at=clock.now() + SOON)


def seen(conversation_id: str) -> None:
    """The customer looks at the conversation, or does something there. Call it in a thread or a greenlet, without ``offload``."""
    if offload(read, lambda: _left_address(conversation_id)):
        commit(lambda: note_seen(conversation_id))


def note_seen(conversation_id: str) -> None:
    """The same inside a write."""
    sql("UPDATE ticket SET seen_at = ? WHERE conversation_id = ?", (clock.now(), conversation_id))


def _left_address(conversation_id: str) -> bool:
    row = sql("SELECT 1 FROM ticket WHERE conversation_id = ? AND email <> ''", (conversation_id,)).fetchone()
    return row is not None


# The job -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A ticket with an address."""

    conversation_id: str
    number: int
    email: str
    state: str
    resolved_at: float | None
    mailed_seq: int
    seen_at: float
    contact_id: str
    site_id: str
    site: str
    channel: str


_CASE = (
    "SELECT t.number, t.email, t.state, t.resolved_at, t.mailed_seq, t.seen_at, v.contact_id, v.site_id, s.name, v.channel"
    " FROM ticket t JOIN conversation v ON v.id = t.conversation_id JOIN site s ON s.id = v.site_id"
    " JOIN contact k ON k.id = v.contact_id WHERE t.conversation_id = ? AND t.email <> '' AND NOT k.blocked"
)


def send(conversation_id: str) -> None:
    """Write the mail if it is needed. The job of kind ``ticket.answer``. Raises :class:`bot.jobs.Again` when it is too soon."""
    again = write(lambda: _work(conversation_id))
    if again:
        raise jobs.Again(again, "the customer may still be reading")


def _work(conversation_id: str) -> float:
    """When to look again; 0: it is done."""
    if not is_sqlite():  # two of these jobs at once would write two mails of one answer
        sql("SELECT 1 FROM ticket WHERE conversation_id = ? FOR UPDATE", (conversation_id,))
    case = _find(conversation_id)
    if case is None:
        return 0.0
    fresh = _unseen(case)
    closing = _was_closed(case)
    if not declaration(case.channel).pull:  # the platform tells its users; the mail is for what it did not take
        closing = False
        states = {one.id: desk_messages.mark_state(one.id) for one in fresh}
        if "queued" in states.values():
            return clock.now() + QUEUED
        fresh = [one for one in fresh if states[one.id] == "failed"]
    if not fresh and not closing:
        return 0.0
    begun = fresh[0].created_at if fresh else case.resolved_at or 0.0
    due = begun + (LATER if begun - case.seen_at < RECENT else SOON)
    if due > clock.now():
        return due
    if case.state != "resolved" or not confirmations.is_confirmed(case.contact_id, case.email):
        _put(case, fresh, closing)  # else the transcript has it all
    if fresh:
        sql("UPDATE ticket SET mailed_seq = ? WHERE conversation_id = ?", (fresh[-1].seq, conversation_id))
    return 0.0


def _find(conversation_id: str) -> _Case | None:
    row = sql(_CASE, (conversation_id,)).fetchone()
    if row is None:
        return None
    number, email, state, resolved_at, mailed_seq, seen_at, contact_id, site_id, site, channel = row
    wrote = sql(
        "SELECT max(created_at) FROM message WHERE conversation_id = ? AND author = 'customer'", (conversation_id,)
    ).fetchone()[0]
    return _Case(
        conversation_id=conversation_id, number=number, email=email, state=state, resolved_at=resolved_at, mailed_seq=mailed_seq,
        seen_at=max(seen_at or 0.0, wrote or 0.0), contact_id=contact_id, site_id=site_id, site=site, channel=channel,
    )  # fmt: skip


def _unseen(case: _Case) -> list[MessageView]:
    """Agents' messages that are new to the customer, oldest first."""
    rows = sql(
        f"SELECT {COLUMNS} FROM message WHERE conversation_id = ? AND author = 'agent' AND seq > ? AND created_at > ? AND NOT deleted"  # noqa: S608
        " ORDER BY seq LIMIT ?",
        (case.conversation_id, case.mailed_seq, case.seen_at, MOST),
    ).fetchall()
    return [view(row) for row in rows]


def _was_closed(case: _Case) -> bool:
    """Whether an agent closed it and the customer has not heard of it."""
    if case.state != "resolved" or (case.resolved_at or 0.0) <= case.seen_at:
        return False
    last = sql(
        "SELECT e.actor FROM ticket_event e JOIN ticket t ON t.id = e.ticket_id WHERE t.conversation_id = ? AND e.event = 'resolved'"
        " ORDER BY e.at DESC, e.id DESC LIMIT 1",
        (case.conversation_id,),
    ).fetchone()
    told = sql(
        "SELECT 1 FROM mail WHERE kind = ? AND ref = ? AND occasion LIKE ?",
        (KIND, case.conversation_id, f"%/{case.resolved_at}"),
    ).fetchone()
    return last is not None and last[0] != "customer" and told is None


def _put(case: _Case, fresh: list[MessageView], closing: bool) -> None:
    site = quote(one_line(case.site, 80))
    about = f"your ticket \\#{case.number} at **{site}**"
    begin = f"Hello,\n\nthere is an answer to {about}:" if fresh else f"Hello,\n\n{about} is closed."
    link = chat_link(case)
    ours = ANSWERED_BY_MAIL in declaration(case.channel).can  # we wrote the ticket: there is no chat that they know
    go_on = (
        f"To go on, open our chat and name ticket \\#{case.number}"
        if ours
        else "To go on, open the chat where you wrote to us"
    )
    go_on += f": [{link}]({link})"
    why = (
        "You get this mail because our team opened this ticket for you. If that was not meant for you, do nothing."
        if ours
        else "You get this mail because this address was left in a chat there. If that was not you, do nothing."
    )
    mail_id = mail.put(
        KIND, case.conversation_id, f"{fresh[-1].seq if fresh else ''}/{case.resolved_at if closing else ''}", case.email,
        one_line(f"Your ticket #{case.number} at {case.site}", 120),
        begin,
        *[part for message in map(with_files, fresh) for part in said(message)],
        "Your ticket is closed with this." if closing and fresh else "",
        f"{go_on}\n\nAnswers to this mail are not read.",
        why,
    )  # fmt: skip
    if mail_id:
        tickets.note(case.conversation_id, "", "answered by mail")
        desk_posts.tell_mailed(case.conversation_id, mail_id)
        db.after_commit(lambda: bus().wake("out", ""))


def chat_link(case: _Case) -> str:
    """Where the customer goes on: the page they wrote from, if it is one of the site's own (anybody can claim to write from any
    page, and this is a mail of ours), else the site, else our own page with its chat. Never with a query: it may hold secrets."""
    site = site_by_id(case.site_id)
    base = config().base_url
    known = [one for one in site.origins if one not in {"*", SELF}] if site else []
    page = urlsplit(profiles.page_of(case.conversation_id))
    if page.hostname and f"{page.scheme}://{page.netloc}".lower() in {*known, base.lower()}:
        return page._replace(query="", fragment="").geturl()
    return known[0] if known else f"{base}/chat/{site.key}" if site else base
