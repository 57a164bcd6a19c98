"""Sites, contacts, and how channels know them."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, ForeignKeyField, IntegerField, JSONField, TextField

from bot.store.database import Base


class Site(Base):
    """One website: its public key, allowed origins, look, and the knowledge it may see."""

    id = TextField(primary_key=True)
    key = TextField(unique=True)
    name = TextField()
    origins = JSONField(default=list)
    """Exact origins such as ``https://shop.example``; ``*`` allows every one (only for trying out)."""
    look = JSONField(default=dict)
    settings = JSONField(default=dict)
    """title, welcome, starters, locale, system_prompt …"""
    daily_tokens = IntegerField(null=True)
    created_at = DoubleField()


class Contact(Base):
    """A person."""

    id = TextField(primary_key=True)
    site = ForeignKeyField(Site, backref="contacts", on_delete="CASCADE")
    name = TextField(default="")
    email = TextField(default="")
    language = TextField(default="")
    zone = TextField(default="")
    """IANA name of the time zone, if it is known."""
    picture = TextField(default="")
    """An https:// address; nobody vouches for it."""
    blocked = BooleanField(default=False)
    """May not write any more."""
    created_at = DoubleField()


class Identity(Base):
    """How one channel knows a contact."""

    id = TextField(primary_key=True)
    contact = ForeignKeyField(Contact, backref="identities", on_delete="CASCADE")
    channel = TextField()
    external_id = TextField()
    created_at = DoubleField()

    class Meta:
        indexes = ((("channel", "external_id"), True),)


class Visitor(Base):
    """A widget visitor's token. Only its SHA-256 is stored; 30 days sliding."""

    token_hash = TextField(primary_key=True)
    site = ForeignKeyField(Site, on_delete="CASCADE")
    identity = ForeignKeyField(Identity, backref="visitors", on_delete="CASCADE")
    created_at = DoubleField()
    expires_at = DoubleField(index=True)
    revoked = BooleanField(default=False)
