"""Codes that carry a conversation to another channel, and the merges of contacts that come of it."""

from __future__ import annotations

from peewee import DoubleField, ForeignKeyField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base
from bot.store.people import Contact


class CarryCode(Base):
    """A code for one conversation: used once, good for minutes. Only its SHA-256 is stored."""

    code_hash = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="codes", on_delete="CASCADE")
    expires_at = DoubleField(index=True)
    used_at = DoubleField(null=True)
    created_at = DoubleField()


class ContactMerge(Base):
    """Two contacts turned out to be one person: ``gone``'s identities and conversations are ``kept``'s. Enough is noted to undo it."""

    id = TextField(primary_key=True)
    kept = ForeignKeyField(Contact, backref="merges", on_delete="CASCADE")
    gone = TextField(index=True)
    conversation = TextField()
    """The conversation that was carried over."""
    from_channel = TextField()
    from_place = TextField()
    to_channel = TextField()
    to_place = TextField()
    detail = TextField(default="{}")
    """JSON: ids of the identities, conversations and addresses that moved, the conversation that was put aside at the new place."""
    made_at = DoubleField(index=True)
    undone_at = DoubleField(null=True)
