"""Drafts that the AI writes for agents: what it wrote, for whom, and what became of it."""

from __future__ import annotations

from peewee import BigIntegerField, BooleanField, DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base
from bot.store.desks import Agent


class AgentDraft(Base):
    """One version of a draft. Its texts go after a month and with the conversation; what became of it stays, for the numbers."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="agent_drafts", null=True, on_delete="SET NULL")
    """Empty once that was erased."""
    agent = ForeignKeyField(Agent, backref="drafts", on_delete="CASCADE")
    desk = TextField()
    person = TextField()
    """The desk's id of the agent, who is shown it."""
    way = TextField(default="new")
    """new, shorter, friendlier, translate"""
    language = TextField(default="")
    """With ``translate``: into which one."""
    parent = TextField(default="")
    """The version that it was made of."""
    state = TextField(default="writing")
    """writing, ready, failed, sent, discarded, replaced (by a later version, or by a draft that was asked for after it)"""
    instruction = TextField(default="")
    """What the agent wants it to say. Sealed when message texts are."""
    text = TextField(default="")
    """Sealed when message texts are."""
    sources = TextField(default="")
    """JSON: the citations in it. Sealed when message texts are."""
    why = TextField(default="")
    """Why it failed, as a sentence of ours."""
    kind = TextField(default="")
    """ai, or quotes: sentences of articles, because no model was asked."""
    grounded = DoubleField(null=True)
    """How much of what it claims stands in the articles, from 0 to 1; empty: nobody checked."""
    answerable = BooleanField(default=True)
    """Whether an article answers what the customer asked."""
    seq = IntegerField(default=0)
    """The newest message that it was written after."""
    provider = TextField(default="")
    model = TextField(default="")
    input_tokens = IntegerField(default=0)
    output_tokens = IntegerField(default=0)
    cost = BigIntegerField(null=True)
    """Millionths of a US dollar; empty: the price is not known."""
    held_tokens = IntegerField(default=0)
    held_cost = BigIntegerField(default=0)
    """Set aside of the budgets while it is written."""
    edited = BooleanField(default=False)
    similarity = DoubleField(null=True)
    """How much of it is left in what was sent, from 0 to 1."""
    reply = TextField(default="")
    """The agent's reply that was made of it."""
    started_at = DoubleField(index=True)
    ready_at = DoubleField(null=True)
    ended_at = DoubleField(null=True)

    class Meta:
        indexes = ((("agent", "state"), False), (("conversation", "agent"), False))
