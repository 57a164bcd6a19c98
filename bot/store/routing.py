"""Where conversations go when people get them, and to whom they are offered."""

from __future__ import annotations

from peewee import BooleanField, DoubleField, ForeignKeyField, IntegerField, JSONField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base
from bot.store.desks import Agent


class RoutingRule(Base):
    """Conditions that must all hold (an empty one always does), and what follows. The first rule that fits counts."""

    id = TextField(primary_key=True)
    name = TextField(unique=True)
    position = IntegerField()
    enabled = BooleanField(default=True)
    site_id = TextField(default="")
    channels = JSONField(default=list)
    words = JSONField(default=list)
    languages = JSONField(default=list)
    priorities = JSONField(default=list)
    hours = TextField(default="")
    """``open``, ``closed``, or windows of the week in the site's time zone."""
    desk = TextField(default="")
    place = TextField(default="")
    """Where that desk opens the thread; empty: its own place."""
    mention = TextField(default="")
    assign = TextField(default="")
    agents = JSONField(default=list)
    """Names; empty: everybody."""
    problem = TextField(default="")
    """Why its place could not be used the last time."""
    problem_at = DoubleField(null=True)
    created_at = DoubleField()
    changed_at = DoubleField()


class Routed(Base):
    """Which rule a conversation's thread was opened by. Kept as long as the conversation."""

    conversation = ForeignKeyField(Conversation, primary_key=True, on_delete="CASCADE")
    rule_id = TextField(default="")
    """Empty: no rule fitted."""
    at = DoubleField()


class AgentOffer(Base):
    """A conversation that waits was offered to an agent. One open offer per conversation (a partial unique index)."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
    agent = ForeignKeyField(Agent, on_delete="CASCADE")
    wait = IntegerField()
    """The conversation's ``state_rev`` of the wait: who let it lapse is not asked again in the same one."""
    state = TextField()
    """open, taken, lapsed, away (the agent went), withdrawn (also a lapsed one whose agent has come back: they may be asked again)"""
    at = DoubleField()
    until = DoubleField()
    ended_at = DoubleField(null=True)

    class Meta:
        indexes = ((("agent", "state"), False), (("conversation", "wait"), False))


class AgentTurn(Base):
    """How much an agent takes at once, and when it was their turn the last time."""

    agent = ForeignKeyField(Agent, primary_key=True, on_delete="CASCADE")
    capacity = IntegerField(null=True)
    """``None``: what the settings say; 0: no limit."""
    turn_at = DoubleField(default=0)
