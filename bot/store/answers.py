"""What became of each answer: who gave it, what it cost, how sure it was, and what people thought of it. Never its text."""

from __future__ import annotations

from peewee import BigIntegerField, BooleanField, DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base


class AnswerLog(Base):
    """One answer that a customer got, written in the transaction of the answer itself. Gone with its conversation."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="answers", on_delete="CASCADE")
    turn = TextField(null=True, unique=True)
    """Empty for an agent's reply."""
    message = TextField(unique=True)
    site = TextField(default="")
    channel = TextField(default="")
    type = TextField(default="")
    """ai, auto, cache, offline, fallback, stopped, person"""
    provider = TextField(default="")
    model = TextField(default="")
    agent = TextField(default="")
    """Who answered, for the type ``person``."""
    input_tokens = IntegerField(default=0)
    output_tokens = IntegerField(default=0)
    cost = BigIntegerField(null=True)
    """Millionths of a US dollar; empty: the price is not known."""
    first_ms = IntegerField(null=True)
    """From the beginning of the turn until the first words were shown."""
    total_ms = IntegerField(null=True)
    """The same until the answer was stored; for a person, since the customer's last message before it."""
    sources = TextField(default="[]")
    """JSON: pairs of passage id and article id, as cited."""
    knowledge = IntegerField(default=0)
    """Version of the knowledge index that was searched."""
    prompt = TextField(default="")
    """Version of the prompt."""
    question = TextField(default="")
    """A keyed hash of what was asked, to tell a question that comes again."""
    answerable = BooleanField(default=True)
    certainty = DoubleField(null=True)
    """Of the search, 0 to 1; empty: nothing was searched."""
    grounded = DoubleField(null=True)
    stated = DoubleField(null=True)
    """What the model said of its own sureness."""
    confidence = DoubleField(null=True)
    """The three together."""
    handoff = TextField(default="")
    """A value of ``bot.events.Reason`` when it brought a person."""
    steps = TextField(default="")
    """What held it back, one word each: ``cheap``, ``quotes``, ``repeat``, ``slowed`` …"""
    mark = TextField(default="")
    """The customer's: up or down."""
    reason = TextField(default="")
    """Of a thumb down: wrong, outdated, not_asked, too_long, other"""
    words = TextField(default="")
    """The customer's words to it. Sealed when message texts are."""
    marked_at = DoubleField(null=True)
    verdict = TextField(default="")
    """An agent's: right, wrong or needs_work."""
    note = TextField(default="")
    """Sealed when message texts are."""
    judged_by = TextField(default="")
    judged_at = DoubleField(null=True)
    at = DoubleField(index=True)

    class Meta:
        indexes = ((("conversation", "at"), False), (("site", "at"), False))


class AnswerMark(Base):
    """Every change of a mark, oldest first: what it became, by whom. Never taken back."""

    id = TextField(primary_key=True)
    answer = ForeignKeyField(AnswerLog, backref="marks", on_delete="CASCADE")
    by = TextField()
    """``customer``, or the agent or account who judged."""
    kind = TextField()
    """mark or verdict"""
    value = TextField(default="")
    """Empty: taken back."""
    reason = TextField(default="")
    words = TextField(default="")
    """Sealed when message texts are."""
    at = DoubleField()


class Spend(Base):
    """What one scope has spent on one UTC day, and what is set aside for its turns that run."""

    id = TextField(primary_key=True)
    """``YYYY-MM-DD/scope/key``"""
    day = TextField(index=True)
    scope = TextField()
    """all, site, channel, visitor or conversation; embeddings: a part of all; cap: what counts against the hard daily cap of a site"""
    key = TextField(index=True)
    tokens = BigIntegerField(default=0)
    cost = BigIntegerField(default=0)
    """Millionths of a US dollar."""
    turns = IntegerField(default=0)
    held_tokens = BigIntegerField(default=0)
    held_cost = BigIntegerField(default=0)
    told = TextField(default="")
    """The highest step that admins were told of."""
