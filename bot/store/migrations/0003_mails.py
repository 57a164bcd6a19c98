"""Mails, confirmed addresses and ratings."""

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
    class Mail(Model):
        id = TextField(primary_key=True)
        kind = TextField()
        ref = TextField(default="", index=True, constraints=[SQL("DEFAULT ''")])
        occasion = TextField(default="", constraints=[SQL("DEFAULT ''")])
        to_address = TextField(index=True)
        subject = TextField()
        text = TextField()
        html = TextField(default="", constraints=[SQL("DEFAULT ''")])
        message_id = TextField(unique=True)
        state = TextField(default="pending", constraints=[SQL("DEFAULT 'pending'")])
        attempts = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        next_at = DoubleField(default=0, constraints=[SQL("DEFAULT 0")])
        error = TextField(default="", constraints=[SQL("DEFAULT ''")])
        created_at = DoubleField()
        sent_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "mail"
            indexes = ((("kind", "ref", "occasion"), True), (("state", "next_at"), False))

    class MailAddress(Model):
        id = TextField(primary_key=True)
        contact = ForeignKeyField(Contact, on_delete="CASCADE")
        address = TextField()
        code_hash = TextField(default="", index=True, constraints=[SQL("DEFAULT ''")])
        expires_at = DoubleField(default=0, constraints=[SQL("DEFAULT 0")])
        confirmed_at = DoubleField(null=True)
        created_at = DoubleField()

        class Meta:
            database = db
            table_name = "mail_address"
            indexes = ((("contact", "address"), True),)

    class Rating(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, unique=True, on_delete="CASCADE")
        score = IntegerField(null=True)
        comment = TextField(default="", constraints=[SQL("DEFAULT ''")])
        asked_at = DoubleField()
        rated_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "rating"

    db.create_tables([Mail, MailAddress, Rating])
