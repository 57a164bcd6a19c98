"""What must still happen: deliveries to platforms and background jobs."""

from __future__ import annotations

from peewee import AutoField, BooleanField, DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base


class Delivery(Base):
    """One operation on its way to one place. ``ord`` is its order there; only the head is in flight."""

    ord = AutoField()
    key = TextField(unique=True)
    conversation = ForeignKeyField(Conversation, backref="deliveries", null=True, on_delete="CASCADE")
    """Empty: it outlives its conversation, to take away what a desk still shows of it."""
    message = TextField(default="", index=True)
    channel = TextField()
    place = TextField()
    op = TextField(default="send")
    version = IntegerField(default=0)
    part = IntegerField(default=0)
    parts = IntegerField(default=1)
    state = TextField(default="pending")
    """pending, sending, uncertain, held, sent, dead, superseded"""
    attempts = IntegerField(default=0)
    crashes = IntegerField(default=0)
    next_at = DoubleField(default=0)
    first_sent_at = DoubleField(null=True)
    sent_at = DoubleField(null=True)
    platform_id = TextField(null=True)
    owner = TextField(default="")
    error = TextField(default="")
    created_at = DoubleField()

    class Meta:
        indexes = (
            (("message", "channel", "place", "op", "version", "part"), True),
            (("channel", "place", "platform_id", "op", "version"), True),
            (("state", "next_at"), False),
            (("channel", "platform_id"), False),
        )


class EarlyReaction(Base):
    """An emoji on a post whose ``platform_id`` is not known yet, as long as one is under way in the place. ``id`` is the order in which
    they came. Nothing in it tells of a customer."""

    id = AutoField()
    key = TextField(unique=True)
    """Of the event, as in the ledger."""
    channel = TextField()
    place = TextField()
    """The platform's, not the delivery's."""
    message = TextField()
    """The platform's id of what the emoji is on."""
    who = TextField()
    emoji = TextField()
    gone = BooleanField(default=False)
    at = DoubleField(index=True)

    class Meta:
        indexes = ((("channel", "place", "message"), False),)


class Cursor(Base):
    """A named position in a platform's stream."""

    name = TextField(primary_key=True)
    value = TextField()


class Job(Base):
    """Background work as a row with a lease: RQ only wakes it."""

    id = TextField(primary_key=True)
    kind = TextField()
    ref = TextField(default="")
    occasion = TextField(default="")
    state = TextField(default="queued")
    """queued, running, done, dead"""
    queue = TextField(default="quick")
    attempts = IntegerField(default=0)
    next_at = DoubleField(default=0)
    lease_owner = TextField(default="")
    lease_until = DoubleField(default=0)
    fence = IntegerField(default=0)
    error = TextField(default="")
    created_at = DoubleField()
    ended_at = DoubleField(null=True)

    class Meta:
        indexes = ((("kind", "ref", "occasion"), True), (("state", "next_at"), False))
