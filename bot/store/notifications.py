"""What agents are told of, how they were told, and how they want to be told."""

from __future__ import annotations

from peewee import DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base
from bot.store.desks import Agent


class Notification(Base):
    """One thing that one agent should know of one conversation. Gone with the conversation. No words of a customer, nor their name."""

    id = TextField(primary_key=True)
    agent = ForeignKeyField(Agent, backref="notifications", on_delete="CASCADE")
    kind = TextField()
    """assignment, request, breach or mention"""
    conversation = ForeignKeyField(Conversation, backref="notifications", on_delete="CASCADE")
    occasion = TextField()
    words = TextField()
    """What happened, in a sentence of ours."""
    state = TextField()
    """silent (only in the list), waiting (until ``due_at``), posted (see ``told_in``), folded (another row tells it), moot, failed"""
    due_at = DoubleField(default=0)
    folded = TextField(default="")
    """The row that tells it as well."""
    told_in = TextField(default="", index=True)
    problem = TextField(default="")
    """Why a way did not work, in words."""
    created_at = DoubleField(index=True)
    changed_at = DoubleField()
    read_at = DoubleField(null=True)
    direct_at = DoubleField(null=True)
    """When it was told by a message to the agent alone."""
    mail_at = DoubleField(null=True)

    class Meta:
        indexes = ((("agent", "occasion"), True), (("agent", "read_at"), False), (("state", "due_at"), False))


class NotificationPost(Base):
    """One message to one agent, with one notification or several."""

    id = TextField(primary_key=True)
    agent = ForeignKeyField(Agent, backref="notification_posts", on_delete="CASCADE")
    kind = TextField()
    """told or digest"""
    occasion = TextField()
    """Of a digest: the day."""
    way = TextField()
    """direct or mail"""
    state = TextField()
    """out, sent, moot (nothing was left to say), unknown (perhaps sent), failed"""
    tried = TextField(default="")
    """The way that failed before this one."""
    problem = TextField(default="")
    place = TextField(default="")
    """Of a direct one: the desk, and the id of the person there."""
    created_at = DoubleField(index=True)
    sent_at = DoubleField(null=True)

    class Meta:
        indexes = ((("agent", "kind", "occasion"), True),)


class NotificationPreference(Base):
    """How one agent wants to be told. Without a row: as usual."""

    agent = ForeignKeyField(Agent, primary_key=True, on_delete="CASCADE")
    assignment = TextField()
    """direct, mail or none; so do the next three."""
    request = TextField()
    breach = TextField()
    mention = TextField()
    zone = TextField(default="UTC")
    quiet_from = IntegerField(null=True)
    """Minutes after midnight, in ``zone``."""
    quiet_to = IntegerField(null=True)
    digest_at = IntegerField(null=True)
    digest_way = TextField(default="direct")
    changed_at = DoubleField()
