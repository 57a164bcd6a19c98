"""Agents, the threads they work in, and their replies on the way out."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Conversation, Ticket
from bot.store.database import Base
from bot.store.people import Site


class Agent(Base):
    """A person who answers. ``public_name`` and ``picture`` are what customers see."""

    id = TextField(primary_key=True)
    name = TextField(unique=True)
    public_name = TextField()
    picture = TextField(default="")
    email = TextField(default="")
    role = TextField(default="agent")
    """owner, admin, agent, viewer"""
    active = BooleanField(default=True)
    available = BooleanField(default=True)
    """False: away. Everybody away is not closed; customers are told how long an answer usually takes."""
    available_since = DoubleField(null=True)
    """When that last changed; ``None``: never."""
    created_at = DoubleField()


class AgentIdentity(Base):
    """How a desk knows an agent: ``T1:U1`` in Slack."""

    id = TextField(primary_key=True)
    agent = ForeignKeyField(Agent, backref="identities", on_delete="CASCADE")
    desk = TextField()
    external_id = TextField()
    created_at = DoubleField()

    class Meta:
        indexes = ((("desk", "external_id"), True),)


class LinkCode(Base):
    """A code that a stranger at a desk shows an admin, who links them: single use, short-lived."""

    code_hash = TextField(primary_key=True)
    desk = TextField()
    external_id = TextField()
    shown_name = TextField(default="")
    expires_at = DoubleField()


class DeskThread(Base):
    """One thread per conversation and desk, kept when the conversation is opened again. ``thread`` empty: not open yet."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="threads", on_delete="CASCADE")
    desk = TextField()
    place = TextField()
    thread = TextField(null=True)
    link = TextField(default="")
    """Address that opens the thread in the desk's own app; empty: not known (yet)."""
    unread = BooleanField(default=False)
    """Somebody wrote at the desk while ``thread`` was not known, perhaps there: to be read once it is. Two indexes are in 0028."""
    created_at = DoubleField()

    class Meta:
        indexes = ((("conversation", "desk"), True), (("desk", "place", "thread"), True))


class Reply(Base):
    """What an agent wrote at a desk: held for undo, then sent as a message. ``origin`` is the desk's id of it."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="replies", on_delete="CASCADE")
    agent = ForeignKeyField(Agent, backref="replies", on_delete="CASCADE")
    desk = TextField()
    origin = TextField()
    """The desk's id of the agent's message, with its place."""
    body = TextField()
    sealed = BooleanField(default=False)
    state = TextField(default="held")
    """held, sent, undone, note"""
    due_at = DoubleField(default=0, index=True)
    message = TextField(default="", index=True)
    claim_rev = IntegerField(default=0)
    """The conversation's ``state_rev`` after the claim that came with this reply; 0: it claimed nothing."""
    canned = TextField(default="")
    """Id of the canned reply it was made of."""
    resolve_before = IntegerField(default=0)
    """When it is sent the conversation is resolved, unless the customer has written at this ``seq`` or later; 0: it stays open."""
    created_at = DoubleField()

    class Meta:
        indexes = ((("desk", "origin"), True),)


class Waited(Base):
    """How long somebody waited for an agent who could have come at once. Nothing in it tells who."""

    id = TextField(primary_key=True)
    site = ForeignKeyField(Site, on_delete="CASCADE")
    hour = IntegerField()
    """0 to 23, UTC, of the claim."""
    seconds = DoubleField()
    at = DoubleField()
    ahead = IntegerField(null=True)
    """How it stood when the wait began: customers before this one, conversations in hand, agents who were there."""
    busy = IntegerField(null=True)
    there = IntegerField(null=True)

    class Meta:
        indexes = ((("site", "hour", "at"), False),)


class TicketEvent(Base):
    """What happened to a ticket, and who did it."""

    id = TextField(primary_key=True)
    ticket = ForeignKeyField(Ticket, backref="events", on_delete="CASCADE")
    at = DoubleField()
    actor = TextField()
    event = TextField()
    detail = TextField(default="")
