"""Addresses that customers left: a mail with a link proves that they are theirs. Only then a conversation's texts go there."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from bot import clock, mail
from bot.addresses import one_line
from bot.commit import commit
from bot.config import config
from bot.letter import quote
from bot.store import read, sql

DAYS = 3.0
DAY = 86_400.0
MAX_TO_ADDRESS, MAX_OF_CONTACT = 3, 5
"""Mails a day: nobody's mailbox is filled by a stranger who types its address."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a code stands for."""

    address: str
    site: str
    confirmed: bool


def ask(conversation_id: str, ticket: int, address: str) -> str:
    """See to it that the address is confirmed: ``confirmed`` already, ``asked`` by a mail, or ``limited``. Inside a write."""
    contact_id, site = sql(
        "SELECT c.contact_id, s.name FROM conversation c JOIN site s ON s.id = c.site_id WHERE c.id = ?",
        (conversation_id,),
    ).fetchone()
    if is_confirmed(contact_id, address):
        return "confirmed"
    if _too_many(contact_id, address):
        return "limited"
    code = secrets.token_urlsafe(24)
    now = clock.now()
    sql(
        "INSERT INTO mail_address (id, contact_id, address, code_hash, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (contact_id, address) DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at",
        (clock.new_id(), contact_id, _fold(address), _hash(code), now + DAYS * DAY, now),
    )
    name = quote(one_line(site, 80))
    mail.put(
        "confirm", conversation_id, _hash(code)[:16], address, f"Please confirm your address for ticket #{ticket}",
        f"Hello,\n\nsomebody left this address for ticket \\#{ticket} at **{name}**. If it was you, confirm it, and we will send what is"
        f" said about it here:\n\n[{config().base_url}/w/confirm/{code}]({config().base_url}/w/confirm/{code})",
        f"The link works for {DAYS:.0f} days. If it was not you, do nothing: no texts will be sent to this address.",
    )  # fmt: skip
    return "asked"


def _fold(address: str) -> str:
    user, _, domain = address.rpartition("@")
    return f"{user}@{domain.lower()}"


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()


def _too_many(contact_id: str, address: str) -> bool:
    since = clock.now() - DAY
    to_it = sql(
        "SELECT count(*) FROM mail WHERE kind = 'confirm' AND lower(to_address) = lower(?) AND created_at > ?",
        (address, since),
    ).fetchone()[0]
    of_them = sql(
        "SELECT count(*) FROM mail m JOIN conversation c ON c.id = m.ref WHERE m.kind = 'confirm' AND c.contact_id = ?"
        " AND m.created_at > ?",
        (contact_id, since),
    ).fetchone()[0]
    return bool(to_it >= MAX_TO_ADDRESS or of_them >= MAX_OF_CONTACT)


def is_confirmed(contact_id: str, address: str) -> bool:
    """Whether this contact proved that the address is theirs. Inside a read or a write."""
    row = sql(
        "SELECT confirmed_at FROM mail_address WHERE contact_id = ? AND address = ?", (contact_id, _fold(address))
    ).fetchone()
    return bool(row and row[0] is not None)


_ASKED = (
    "SELECT a.id, a.address, s.name, a.confirmed_at, a.contact_id FROM mail_address a JOIN contact c ON c.id = a.contact_id"
    " JOIN site s ON s.id = c.site_id WHERE a.code_hash = ? AND a.expires_at > ?"
)


def asked_by(code: str) -> Asked | None:
    """What a code from a mail stands for; ``None``: it is unknown or too old. Blocks; changes nothing."""
    row = read(lambda: sql(_ASKED, (_hash(code), clock.now())).fetchone()) if code else None
    return Asked(row[1], row[2], row[3] is not None) if row else None


def confirm(code: str) -> Asked | None:
    """Confirm the address that a code was sent to; once or again. ``None``: the code is unknown or too old.

    In web call it in a greenlet, without ``offload``.
    """
    from bot import follow_up

    def work() -> Asked | None:
        row = sql(_ASKED, (_hash(code), clock.now())).fetchone()
        if row is None:
            return None
        if row[3] is None:
            sql("UPDATE mail_address SET confirmed_at = ? WHERE id = ?", (clock.now(), row[0]))
            follow_up.address_confirmed(row[4], row[1])
        return Asked(row[1], row[2], True)

    return commit(work) if code else None
