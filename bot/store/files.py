"""Files that people sent. The bytes are in the folder of files; a message knows its files by itself, so that reading a
conversation needs no look here."""

from __future__ import annotations

from peewee import BigIntegerField, DoubleField, ForeignKeyField, IntegerField, TextField

from bot.store.conversations import Conversation
from bot.store.database import Base


class StoredFile(Base):
    """One file with bytes on disk. It belongs to a message, or to an agent's reply that is still held, or (uploaded, and not
    sent yet) to nobody but the contact who brought it."""

    id = TextField(primary_key=True)
    """192 random bits: who does not know it cannot guess it."""
    conversation = ForeignKeyField(Conversation, null=True, backref="files", on_delete="CASCADE")
    message = TextField(default="", index=True)
    reply = TextField(default="", index=True)
    contact_id = TextField(default="")
    """The customer whose day it counts for; empty for agents' files."""
    place = IntegerField(default=0)
    """Its place among the files of its message."""
    name = TextField()
    """Made safe, sealed like the messages."""
    type = TextField()
    size = BigIntegerField()
    sha256 = TextField()
    """Of the bytes as they are given out."""
    width = IntegerField(default=0)
    height = IntegerField(default=0)
    path = TextField(unique=True)
    """Below the folder of files."""
    key = TextField(default="")
    """The file's own key, sealed, when its bytes are encrypted. Without the row nobody can read them any more."""
    created_at = DoubleField(index=True)

    class Meta:
        table_name = "stored_file"
        indexes = ((("contact_id", "created_at"), False),)
