"""Canned replies, their uses, and which reply was made of one and resolves."""

from peewee import *


def up(migrator, db):
    class CannedReply(Model):
        id = TextField(primary_key=True)
        shortcut = TextField(unique=True)
        title = TextField()
        text = TextField()
        category = TextField(default="")
        language = TextField(default="")
        site_id = TextField(default="")
        enabled = BooleanField(default=True)
        created_by = TextField()
        created_at = DoubleField()
        changed_by = TextField()
        changed_at = DoubleField()

        class Meta:
            database = db
            table_name = "canned_reply"

    class CannedUse(Model):
        reply = TextField(primary_key=True)
        canned = TextField(index=True)
        at = DoubleField()

        class Meta:
            database = db
            table_name = "canned_use"

    db.create_tables([CannedReply, CannedUse])
    migrator.migrate(
        migrator.add_column("reply", "canned", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("reply", "resolve_before", IntegerField(default=0, constraints=[SQL("DEFAULT 0")])),
    )
