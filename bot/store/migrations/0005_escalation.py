"""Why and how long people are waited for: reasons, waits, due times, availability, zones, and tokens set aside for running turns."""

from peewee import *


def up(migrator, db):
    class Site(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "site"

    # The defaults stand in the database, too: fixed statements name only what they set.
    class Waited(Model):
        id = TextField(primary_key=True)
        site = ForeignKeyField(Site, on_delete="CASCADE")
        hour = IntegerField()
        seconds = DoubleField()
        at = DoubleField()

        class Meta:
            database = db
            table_name = "waited"
            indexes = ((("site", "hour", "at"), False),)

    migrator.migrate(
        migrator.add_column("ticket", "reason_code", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("ticket", "waiting_since", DoubleField(null=True)),
        migrator.add_column("ticket", "form_due", DoubleField(null=True)),
        migrator.add_column("ticket", "form_at", DoubleField(null=True)),
        migrator.add_column("ticket", "deferred", BooleanField(default=False, constraints=[SQL("DEFAULT false")])),
        migrator.add_column("ticket", "first_reply_due", DoubleField(null=True)),
        migrator.add_column("ticket", "resolve_due", DoubleField(null=True)),
        migrator.add_column("conversation", "turns_from", DoubleField(default=0, constraints=[SQL("DEFAULT 0")])),
        migrator.add_column("contact", "zone", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("agent", "available", BooleanField(default=True, constraints=[SQL("DEFAULT true")])),
        migrator.add_column("turn", "reserved", IntegerField(default=0, constraints=[SQL("DEFAULT 0")])),
    )

    db.create_tables([Waited])
    db.execute_sql("UPDATE ticket SET waiting_since = changed_at, form_at = changed_at WHERE state = 'open'")
