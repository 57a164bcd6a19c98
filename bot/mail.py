"""Mails as rows: written once for an occasion, sent by one job each, with a Message-ID that is stored before the first attempt.

pending → sending (committed before the first byte of the mail) → sent · back to pending (certainly not sent) · uncertain (perhaps
sent: after ten minutes again, with the same Message-ID, which mailboxes show once) · dead (the server refused it for good, or
days passed). Without ``SMTP_URL`` a mail is ``kept`` and shown as not sent: ``deskhand mails``.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from bot import clock, jobs, letter, smtp
from bot.addresses import Address, Server, address_problem, is_one_line, parse_address, parse_server
from bot.config import config
from bot.crypto import keep, reveal
from bot.store import read, sql, write

log = structlog.get_logger("mail")

KIND = "mail"
"""The kind of job that sends one."""
PAUSES = (60.0, 300.0, 900.0, 1800.0)
HOUR = 3600.0
MAX_ATTEMPTS = 72
"""About three days: then it is given up and is a dead letter."""
UNSURE = 600.0
"""Seconds before a mail that was perhaps sent is sent again."""
AWAY = 30.0
"""Seconds in which this process does not knock again at a server that did not let it in."""
COLUMNS = (
    "id, kind, ref, to_address, subject, text, html, message_id, state, attempts, next_at, error, created_at, sent_at"
)
ANSWER = "answer"
"""The kind of mail that is one of a thread: all answers to one ticket."""
THREAD = 10
"""Mails of a thread that the next one names."""
NOTIFICATION = "notification"
"""The kind of mail that tells an agent something: it is not sent when there is nothing left to tell."""
EMPTIED_KINDS = ("confirm", NOTIFICATION)
"""Their text is emptied once it was sent: it holds a code, or names of customers of several conversations."""


class MailRefused(ValueError):
    """This cannot become a mail. One sentence: what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailView:
    """A mail as it is stored, readable."""

    id: str
    kind: str
    ref: str
    to: str
    subject: str
    text: str
    html: str
    message_id: str
    state: str
    attempts: int
    next_at: float
    error: str
    created_at: float
    sent_at: float | None


def sender() -> Address:
    """Who all mails come from."""
    if config().mail_from:
        return parse_address(config().mail_from)
    host = urlsplit(config().base_url).hostname or "localhost"
    return Address(f"deskhand@{host if ':' not in host else 'localhost'}", "Deskhand")


def server() -> Server | None:
    """The mail server, if there is one."""
    url = config().smtp_url.get_secret_value()
    return parse_server(url) if url else None


def put(kind: str, ref: str, occasion: str, to: str, subject: str, *sections: str) -> str:
    """Write a mail and the job that sends it; returns its id, empty when there is one for this occasion already. Inside a write.

    ``sections`` are small Markdown, one below the other (see :func:`bot.letter.parts`). Raises :class:`MailRefused` for an
    address or a subject that could break out of its header.
    """
    problem = address_problem(Address(to))
    if problem:
        raise MailRefused(f"This mail cannot be written: {problem}.")
    if not is_one_line(subject):
        raise MailRefused("This mail cannot be written: its subject holds a line end or another control character.")
    text, html = letter.parts(*sections)
    mail_id = clock.new_id()
    sealed = [
        keep("mail", column, mail_id, value) for column, value in (("subject", subject), ("text", text), ("html", html))
    ]
    made = sql(
        "INSERT INTO mail (id, kind, ref, occasion, to_address, subject, text, html, message_id, state, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?) ON CONFLICT DO NOTHING",
        (mail_id, kind, ref, occasion, to, *sealed, _message_id(kind, ref, occasion), clock.now()),
    ).rowcount
    if not made:
        return ""
    jobs.enqueue(KIND, mail_id)
    return mail_id


def _message_id(kind: str, ref: str, occasion: str) -> str:
    """The key of the delivery: made of what the mail is about, so that the same occasion never has two."""
    digest = hashlib.sha256("|".join((kind, ref, occasion)).encode()).digest()
    domain = sender().domain
    return f"<{base64.b32encode(digest).decode()[:24].lower()}@{domain.encode('idna').decode() if not domain.isascii() else domain}>"


# Sending ---------------------------------------------------------------------------------------------------------------


class _Door:
    """Remembers for a moment that the server let nobody in, so that a hundred mails do not each wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.shut_until = 0.0
        self.reason = ""

    def check(self) -> None:
        with self.lock:
            left = self.shut_until - time.monotonic()
        if left > 0:
            raise jobs.Again(clock.now() + left + 1, self.reason)

    def shut(self, reason: str) -> None:
        with self.lock:
            self.shut_until, self.reason = time.monotonic() + AWAY, reason

    def open(self) -> None:
        self.shut_until = 0.0


_door = _Door()


def forget_server() -> None:
    """Knock again at once (the settings changed; tests)."""
    _door.open()


def send(mail_id: str) -> None:
    """Make one attempt, if one is due. The job of kind ``mail``. Raises :class:`bot.jobs.Again` when it must come back."""
    found = write(lambda: _due(mail_id))
    if found is None:
        return
    if found.next_at > clock.now():
        raise jobs.Again(found.next_at, found.error)
    target = server()
    if target is None:
        write(lambda: _keep(found))
        log.info("mail_kept", mail=mail_id, kind=found.kind, next="set SMTP_URL, then: deskhand mails send")
        return
    _door.check()
    try:
        _attempt(found, target)
    except smtp.Never as never:
        _dead(found, str(never))
    except smtp.HeaderRefused as refused:
        _dead(found, str(refused))
    except smtp.Unsure as unsure:
        at = clock.now() + UNSURE
        reason = str(unsure)
        write(lambda: _move(mail_id, "uncertain", reason, at))
        log.warning(
            "mail_uncertain", mail=mail_id, kind=found.kind, reason=reason, next="again in 10 minutes, same Message-ID"
        )
        raise jobs.Again(at, reason) from None
    except smtp.Later as later:
        if later.ours:
            _door.shut(str(later))
        _later(found, str(later))


def _due(mail_id: str) -> MailView | None:
    """The mail if it is its turn. One that was being sent when its process died is uncertain now."""
    found = find(mail_id)
    if found is None or found.state not in {"pending", "sending", "uncertain"}:
        return None
    if found.state == "sending":
        _move(mail_id, "uncertain", "the process that sent it died", found.next_at)
    elif found.kind == NOTIFICATION and not _still_wanted(mail_id):
        sql("DELETE FROM mail WHERE id = ?", (mail_id,))
        return None
    return found


def _still_wanted(mail_id: str) -> bool:
    from bot import notifications_told

    return notifications_told.wanted(_occasion(mail_id))


def _tell_ended(found: MailView, outcome: str, reason: str = "") -> None:
    """Whoever must know what became of it. Inside a write."""
    if found.kind == NOTIFICATION:
        from bot import notifications_told

        notifications_told.ended(_occasion(found.id), outcome, reason)


def _occasion(mail_id: str) -> str:
    return str(sql("SELECT occasion FROM mail WHERE id = ?", (mail_id,)).fetchone()[0])


def _attempt(found: MailView, target: Server) -> None:
    me, to = sender(), Address(found.to)
    message = smtp.compose(
        sender=me, to=to, subject=found.subject, message_id=found.message_id, at=found.created_at, text=found.text, html=found.html,
        before=read(lambda: _thread(found)),
    )  # fmt: skip
    with smtp.Connection(target) as connection:
        _door.open()
        # From here on a death leaves an uncertain mail: looked at again when ten minutes are over.
        if not write(lambda: _begin(found)):
            return
        said = connection.send(message, me, to)
        write(lambda: _sent(found))
    log.info("mail_sent", mail=found.id, kind=found.kind, attempt=found.attempts + 1, answer=said)


def _thread(found: MailView) -> list[str]:
    """The Message-IDs that a mail program keeps together: one of the ticket, which no mail has, and those of the answers before."""
    if found.kind != ANSWER:
        return []
    rows = sql(
        "SELECT message_id FROM mail WHERE kind = ? AND ref = ? AND created_at < ? ORDER BY created_at DESC LIMIT ?",
        (ANSWER, found.ref, found.created_at, THREAD),
    ).fetchall()
    return [_message_id(ANSWER, found.ref, "thread"), *(row[0] for row in reversed(rows))]


def _begin(found: MailView) -> bool:
    return bool(
        sql(
            "UPDATE mail SET state = 'sending', attempts = attempts + 1, next_at = ? WHERE id = ? AND attempts = ?"
            " AND state IN ('pending', 'sending', 'uncertain')",
            (clock.now() + UNSURE, found.id, found.attempts),
        ).rowcount
    )


def _sent(found: MailView) -> None:
    """The server has it: true whoever else has doubts by now."""
    emptied = ", text = '', html = ''" if found.kind in EMPTIED_KINDS else ""
    sql(
        f"UPDATE mail SET state = 'sent', error = '', sent_at = ?{emptied} WHERE id = ?",  # noqa: S608
        (clock.now(), found.id),
    )
    _tell_ended(found, "sent")


def _later(found: MailView, reason: str) -> None:
    """It was not sent this time. What an earlier attempt left uncertain stays so, and that changes nothing: it is sent again."""
    attempts = found.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        _dead(found, f"given up after {attempts} attempts: {reason}")
        return
    at = clock.now() + (PAUSES[attempts - 1] if attempts <= len(PAUSES) else HOUR)
    write(
        lambda: sql(
            "UPDATE mail SET state = 'pending', attempts = ?, next_at = ?, error = ? WHERE id = ? AND state <> 'sent'",
            (attempts, at, reason, found.id),
        )
    )
    log.warning("mail_not_sent", mail=found.id, kind=found.kind, attempt=attempts, reason=reason)
    raise jobs.Again(at, reason)


def _keep(found: MailView) -> None:
    _move(found.id, "kept", "there is no SMTP_URL", found.next_at)
    _tell_ended(found, "dead", "there is no mail server (SMTP_URL)")


def _dead(found: MailView, reason: str) -> None:
    def work() -> None:
        _move(found.id, "dead", reason, 0.0)
        _tell_ended(found, "dead", reason)

    write(work)
    log.error("mail_dead", mail=found.id, kind=found.kind, reason=reason, next="deskhand deadletters list")


def _move(mail_id: str, state: str, reason: str, at: float) -> None:
    sql(
        "UPDATE mail SET state = ?, error = ?, next_at = ? WHERE id = ? AND state <> 'sent'",
        (state, reason[:500], at, mail_id),
    )


# Looking ---------------------------------------------------------------------------------------------------------------


def find(mail_id: str) -> MailView | None:
    """One mail. Inside a read or a write."""
    row = sql(f"SELECT {COLUMNS} FROM mail WHERE id = ?", (mail_id,)).fetchone()  # noqa: S608
    return _view(row) if row else None


def newest(state: str = "", limit: int = 200) -> list[MailView]:
    """The newest mails, of one state or of all. Inside a read."""
    rows = sql(
        f"SELECT {COLUMNS} FROM mail WHERE ? = '' OR state = ? ORDER BY created_at DESC, id DESC LIMIT ?",  # noqa: S608
        (state, state, limit),
    ).fetchall()
    return [_view(row) for row in rows]


def count(*states: str) -> int:
    """How many mails are in one of these states. Inside a read."""
    marks = ",".join("?" * len(states))
    return int(sql(f"SELECT count(*) FROM mail WHERE state IN ({marks})", states).fetchone()[0])  # noqa: S608


def _view(row: tuple[object, ...]) -> MailView:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    mail_id = str(values["id"])
    for column in ("subject", "text", "html"):
        values[column] = reveal("mail", column, mail_id, str(values[column]))
    values["to"] = values.pop("to_address")
    return MailView(**values)  # type: ignore[arg-type]


def send_again(mail_id: str) -> bool:
    """Send now what is kept, dead or waits; False: it was sent, or there is none. Inside a write."""
    moved = sql(
        "UPDATE mail SET state = 'pending', attempts = 0, next_at = 0 WHERE id = ? AND state IN ('kept', 'dead', 'pending')",
        (mail_id,),
    ).rowcount
    if moved:
        jobs.enqueue_again(KIND, mail_id)
    return bool(moved)
