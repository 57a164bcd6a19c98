"""Mails on their way out, the addresses that people confirmed, and what they thought of the help."""

from __future__ import annotations

from peewee import DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base
from bot.store.people import Contact


class Mail(Base):
    """One mail to one address. ``message_id`` is stored before the first attempt and the same on every one."""

    id = TextField(primary_key=True)
    kind = TextField()
    ref = TextField(default="", index=True)
    """The conversation that it is about; erased with it."""
    occasion = TextField(default="")
    to_address = TextField(index=True)
    subject = TextField()
    text = TextField()
    """Plain part. Subject, text and html are sealed when message texts are."""
    html = TextField(default="")
    message_id = TextField(unique=True)
    state = TextField(default="pending")
    """kept (there is no SMTP_URL), pending, sending, uncertain, sent, dead"""
    attempts = IntegerField(default=0)
    next_at = DoubleField(default=0)
    error = TextField(default="")
    created_at = DoubleField()
    sent_at = DoubleField(null=True)

    class Meta:
        indexes = ((("kind", "ref", "occasion"), True), (("state", "next_at"), False))


class MailAddress(Base):
    """An address that a contact left. Only a confirmed one gets texts of a conversation."""

    id = TextField(primary_key=True)
    contact = ForeignKeyField(Contact, backref="addresses", on_delete="CASCADE")
    address = TextField()
    code_hash = TextField(default="", index=True)
    """SHA-256 of the code in the mail; empty when there is none that counts."""
    expires_at = DoubleField(default=0)
    confirmed_at = DoubleField(null=True)
    created_at = DoubleField()

    class Meta:
        indexes = ((("contact", "address"), True),)


class Rating(Base):
    """What a customer was asked after the end, and what they said. One per conversation; a later word replaces it."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="ratings", unique=True, on_delete="CASCADE")
    score = IntegerField(null=True)
    """1 to 5; ``None``: asked and not answered."""
    comment = TextField(default="")
    """Sealed when message texts are."""
    asked_at = DoubleField()
    rated_at = DoubleField(null=True)
