"""What stands for the personal data of a conversation when its texts go to a provider."""

from __future__ import annotations

from peewee import DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base


class Placeholder(Base):
    """One value of one customer, and its name in this conversation: ``⟦EMAIL_1⟧``."""

    id = TextField(primary_key=True)
    conversation = ForeignKeyField(Conversation, backref="placeholders", on_delete="CASCADE")
    kind = TextField()
    number = IntegerField()
    digest = TextField()
    """Keyed by the master key and bound to the conversation: who has the database cannot try values, or see that two are the same."""
    value = TextField()
    """Sealed, always."""
    created_at = DoubleField()

    class Meta:
        indexes = ((("conversation", "digest"), True), (("conversation", "kind", "number"), True))
