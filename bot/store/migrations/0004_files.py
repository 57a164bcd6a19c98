"""Files that people sent: where their bytes are, whose they are, and what is known of them."""

from peewee import *


def up(migrator, db):
    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    # The defaults stand in the database, too: fixed statements name only what they set.
    class StoredFile(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, null=True, on_delete="CASCADE")
        message = TextField(default="", index=True, constraints=[SQL("DEFAULT ''")])
        reply = TextField(default="", index=True, constraints=[SQL("DEFAULT ''")])
        contact_id = TextField(default="", constraints=[SQL("DEFAULT ''")])
        place = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        name = TextField()
        type = TextField()
        size = BigIntegerField()
        sha256 = TextField()
        width = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        height = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        path = TextField(unique=True)
        key = TextField(default="", constraints=[SQL("DEFAULT ''")])
        created_at = DoubleField(index=True)

        class Meta:
            database = db
            table_name = "stored_file"
            indexes = ((("contact_id", "created_at"), False),)

    db.create_tables([StoredFile])
