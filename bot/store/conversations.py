"""Conversations, their messages, turns and tickets, and the ledger of everything that came in.

Three partial indexes live in the first migration only: conversations that need a turn, one current conversation per route,
one AI message per turn. A fourth, the turns that run, is in 0027.
"""

from __future__ import annotations

from peewee import BigIntegerField, BooleanField, DoubleField, ForeignKeyField, IntegerField, JSONField, TextField

from bot.store.database import Base
from bot.store.people import Contact, Site


class Conversation(Base):
    """One thread of messages with one contact. ``fence`` grows with every lease: an old owner's write finds no row."""

    id = TextField(primary_key=True)
    site = ForeignKeyField(Site, backref="conversations", on_delete="CASCADE")
    contact = ForeignKeyField(Contact, backref="conversations", on_delete="CASCADE")
    channel = TextField()
    state = TextField(default="ai")
    seq = IntegerField(default=0)
    """``seq`` of the newest message."""
    rev = IntegerField(default=0)
    """Newest change."""
    answered = IntegerField(default=0)
    """Everything up to this ``seq`` has had its turn."""
    state_rev = IntegerField(default=0)
    """The change in which ``state`` last moved."""
    needs = BooleanField(default=False)
    """A turn is wanted."""
    due_at = DoubleField(default=0)
    """No turn before this time."""
    lease_owner = TextField(default="")
    lease_until = DoubleField(default=0)
    fence = IntegerField(default=0)
    assignee = TextField(default="")
    language = TextField(default="")
    title = TextField(default="")
    """First words of the customer, for lists. Sealed like the messages."""
    created_at = DoubleField()
    active_at = DoubleField()
    """Last message of either side."""
    resolved_at = DoubleField(null=True)
    had_people = BooleanField(default=False)
    turns_from = DoubleField(default=0)
    """Since when the AI has it (again): limits count from here."""
    page_url = TextField(default="")
    """The page the customer wrote from last. Sealed like the messages."""
    origin = TextField(default="", index=True)
    """A keyed hash of the address it was written from last: limits count by it. Empty where the channel knows none."""

    class Meta:
        indexes = ((("contact", "active_at"), False), (("state", "active_at"), False))


class Route(Base):
    """Where a conversation happens. One open conversation per route."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="routes", on_delete="CASCADE")
    channel = TextField()
    place = TextField()
    current = BooleanField(default=True)
    """The open conversation of this place: new messages go there."""
    created_at = DoubleField()


class Ledger(Base):
    """The key of every event that came in: the one thing that makes a redelivery harmless. Kept 35 days."""

    key = TextField(primary_key=True)
    channel = TextField()
    kind = TextField()
    conversation = TextField(default="", index=True)
    message = TextField(default="")
    seq = IntegerField(default=0)
    rev = IntegerField(default=0)
    body_hash = TextField()
    received_at = DoubleField(index=True)
    error = TextField(default="")
    """Not empty: an event that could not be used (a dead letter), with the reason."""
    payload = TextField(default="")
    """Only for dead letters, sealed."""


class Turn(Base):
    """One AI answer to everything that is unanswered up to ``upto_seq``."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="turns", on_delete="CASCADE")
    upto_seq = IntegerField()
    state = TextField(default="running")
    """running, done, stopped, failed (ended in a person), superseded (a person took over first)"""
    attempt = IntegerField(default=1)
    """Grows with every restart, failover or crash: a higher one empties the draft."""
    crashes = IntegerField(default=0)
    stop = BooleanField(default=False)
    provider = TextField(default="")
    model = TextField(default="")
    input_tokens = IntegerField(default=0)
    output_tokens = IntegerField(default=0)
    confidence = DoubleField(null=True)
    first_delta_ms = IntegerField(null=True)
    total_ms = IntegerField(null=True)
    reserved = IntegerField(default=0)
    """Tokens set aside of the site's cap of the day until the turn ends."""
    held_tokens = BigIntegerField(default=0)
    """The same of the budgets, and in money (millionths of a US dollar)."""
    held_cost = BigIntegerField(default=0)
    held_steps = TextField(default="")
    """What the budgets said when it was set aside."""
    put_off = IntegerField(default=0)
    """Seconds for which it was answered later than it could have been."""
    draft = TextField(default="")
    """What a late answer said that nobody was shown. Sealed."""
    error = TextField(default="")
    started_at = DoubleField()
    ended_at = DoubleField(null=True)

    class Meta:
        indexes = ((("conversation", "upto_seq"), True),)


class Message(Base):
    """One message. ``body`` is plain text, or sealed when ``sealed`` is set."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="messages", on_delete="CASCADE")
    seq = IntegerField()
    rev = IntegerField()
    author = TextField()
    author_name = TextField(default="")
    body = TextField()
    sealed = BooleanField(default=False)
    client_key = TextField(null=True)
    turn = TextField(null=True)
    kind = TextField(default="")
    extra = TextField(default="")
    """JSON: sources, choices and such. Sealed with the body."""
    created_at = DoubleField()
    edited_at = DoubleField(null=True)
    deleted = BooleanField(default=False)

    class Meta:
        indexes = (
            (("conversation", "seq"), True),
            (("conversation", "rev"), True),
            (("conversation", "client_key"), True),
        )


class Ticket(Base):
    """A request that needs a person. One per conversation, kept when it is opened again."""

    id = TextField(primary_key=True)
    number = BigIntegerField(unique=True)
    conversation = ForeignKeyField(Conversation, backref="tickets", unique=True, on_delete="CASCADE")
    state = TextField(default="open", index=True)
    """open, in_progress, resolved"""
    reason = TextField(default="")
    reason_code = TextField(default="")
    """A value of ``bot.events.Reason``."""
    summary = TextField(default="")
    name = TextField(default="")
    email = TextField(default="")
    assignee = TextField(default="")
    outcome = TextField(default="")
    version = IntegerField(default=1)
    """Moves with everything that a desk's card shows."""
    priority = TextField(default="normal")
    last_agent = TextField(default="")
    summary_by = TextField(default="")
    """ai, extract, or agent"""
    subject = TextField(default="")
    """What an agent calls it. Sealed like the messages."""
    due_day = TextField(default="")
    """``2026-11-21``: the day by which an agent wants it done, which counts before the target. Empty: nobody said."""
    confidence = DoubleField(null=True)
    first_reply_at = DoubleField(null=True)
    snoozed_until = DoubleField(null=True)
    waiting_since = DoubleField(null=True)
    """Since when somebody waits for an agent; empty while nobody does."""
    form_due = DoubleField(null=True)
    """When the customer is asked for an address if nobody has claimed it. Empty: nobody could have claimed it at once."""
    form_at = DoubleField(null=True)
    """When they were asked, in this wait."""
    deferred = BooleanField(default=False)
    """The customer does not wait in the chat: it is a ticket by their or an agent's wish."""
    opened_at = DoubleField(null=True)
    """When it was opened last: the clocks below count from here."""
    first_reply_due = DoubleField(null=True)
    resolve_due = DoubleField(null=True)
    first_reply_target = DoubleField(null=True)
    """Open seconds that the due time was made of; empty: there is no target."""
    resolve_target = DoubleField(null=True)
    resolve_left = DoubleField(null=True)
    """Open seconds that are left while the clock stands still (snoozed), and then there is no due time."""
    first_reply_reminded = DoubleField(null=True)
    """The due time of which somebody was reminded."""
    resolve_reminded = DoubleField(null=True)
    first_reply_breached_at = DoubleField(null=True)
    """The due time that passed without a reply."""
    resolve_breached_at = DoubleField(null=True)
    wait_ahead = IntegerField(null=True)
    """How it stood when the wait began: customers before this one, conversations in hand, agents who were there."""
    wait_busy = IntegerField(null=True)
    wait_there = IntegerField(null=True)
    rating = IntegerField(null=True)
    seen_at = DoubleField(null=True)
    """When the customer was last seen to look, as far as somebody needs to know: they left an address."""
    mailed_seq = IntegerField(default=0)
    """Answers up to this ``seq`` went by mail."""
    history = JSONField(default=list)
    created_at = DoubleField()
    changed_at = DoubleField()
    resolved_at = DoubleField(null=True)

    class Meta:
        indexes = ((("assignee", "state"), False), (("state", "resolved_at"), False))
