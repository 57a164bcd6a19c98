"""Replies that are written once and sent often, and how often each was."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, TextField

from bot.store.database import Base


class CannedReply(Base):
    """One canned reply. Nothing of a customer is in it."""

    id = TextField(primary_key=True)
    shortcut = TextField(unique=True)
    """What an agent types: 1 to 40 of a-z, 0-9, - and _."""
    title = TextField()
    text = TextField()
    """A small Markdown, with variables in double braces."""
    category = TextField(default="")
    language = TextField(default="")
    """A tag such as de or pt-BR; empty: every one."""
    site_id = TextField(default="")
    """Empty: every site."""
    enabled = BooleanField(default=True)
    created_by = TextField()
    created_at = DoubleField()
    changed_by = TextField()
    changed_at = DoubleField()


class CannedUse(Base):
    """One canned reply was sent. A row for each and no counter: replies that are sent side by side never wait for one row, and one
    reply counts once. Neither says who sent it nor to whom."""

    reply = TextField(primary_key=True)
    canned = TextField(index=True)
    at = DoubleField()
