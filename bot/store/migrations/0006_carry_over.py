"""Codes that carry a conversation to another channel, and the merges of contacts that come of it."""

from peewee import *


def up(migrator, db):
    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    class Contact(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "contact"

    # The defaults stand in the database, too: fixed statements name only what they set.
    class CarryCode(Model):
        code_hash = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        expires_at = DoubleField(index=True)
        used_at = DoubleField(null=True)
        created_at = DoubleField()

        class Meta:
            database = db
            table_name = "carry_code"

    class ContactMerge(Model):
        id = TextField(primary_key=True)
        kept = ForeignKeyField(Contact, on_delete="CASCADE")
        gone = TextField(index=True)
        conversation = TextField()
        from_channel = TextField()
        from_place = TextField()
        to_channel = TextField()
        to_place = TextField()
        detail = TextField(default="{}", constraints=[SQL("DEFAULT '{}'")])
        made_at = DoubleField(index=True)
        undone_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "contact_merge"

    db.create_tables([CarryCode, ContactMerge])
