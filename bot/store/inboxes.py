"""What agents see in their inbox: the part they look at, and the tags they put on tickets."""

from __future__ import annotations

from peewee import DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Ticket
from bot.store.database import Base


class TicketTag(Base):
    """A word that agents put on a ticket, to find it again."""

    id = TextField(primary_key=True)
    ticket = ForeignKeyField(Ticket, backref="tags", on_delete="CASCADE")
    tag = TextField()
    by = TextField(default="")
    """Who put it there: an agent's name, or ``cli:NAME``."""
    at = DoubleField()

    class Meta:
        indexes = ((("ticket", "tag"), True), (("tag", "ticket"), False))


class InboxView(Base):
    """Where somebody is in their inbox at a desk, so that a reload shows the same, whichever process makes it."""

    id = TextField(primary_key=True)
    desk = TextField()
    person = TextField()
    """The desk's id of the person; they need not be linked."""
    tab = TextField(default="mine")
    tag = TextField(default="")
    """Only tickets with this tag; empty: all."""
    page = IntegerField(default=1)
    zone = TextField(default="")
    """The person's time zone, if the desk knows it."""
    seen_at = DoubleField(default=0)
    """When they last opened it or pressed something in it, to a minute."""

    class Meta:
        indexes = ((("desk", "person"), True), (("desk", "seen_at"), False))
