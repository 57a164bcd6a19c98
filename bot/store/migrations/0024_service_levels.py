"""Targets for replies and solutions, what became of them, who is really there, and how a wait stood when it began."""

import time

from peewee import *


def up(migrator, db):
    class AgentPresence(Model):
        id = TextField(primary_key=True)
        desk = TextField()
        external_id = TextField()
        state = TextField()
        told_at = DoubleField()

        class Meta:
            database = db
            table_name = "agent_presence"
            indexes = ((("desk", "external_id"), True),)

    class ServiceTarget(Model):
        id = TextField(primary_key=True)
        site_id = TextField(default="")
        priority = TextField()
        kind = TextField()
        seconds = DoubleField()
        changed_at = DoubleField()

        class Meta:
            database = db
            table_name = "service_target"
            indexes = ((("site_id", "priority", "kind"), True),)

    migrator.migrate(
        migrator.add_column("ticket", "opened_at", DoubleField(null=True)),
        migrator.add_column("ticket", "first_reply_target", DoubleField(null=True)),
        migrator.add_column("ticket", "resolve_target", DoubleField(null=True)),
        migrator.add_column("ticket", "resolve_left", DoubleField(null=True)),
        migrator.add_column("ticket", "first_reply_reminded", DoubleField(null=True)),
        migrator.add_column("ticket", "resolve_reminded", DoubleField(null=True)),
        migrator.add_column("ticket", "first_reply_breached_at", DoubleField(null=True)),
        migrator.add_column("ticket", "resolve_breached_at", DoubleField(null=True)),
        migrator.add_column("ticket", "wait_ahead", IntegerField(null=True)),
        migrator.add_column("ticket", "wait_busy", IntegerField(null=True)),
        migrator.add_column("ticket", "wait_there", IntegerField(null=True)),
        migrator.add_column("waited", "ahead", IntegerField(null=True)),
        migrator.add_column("waited", "busy", IntegerField(null=True)),
        migrator.add_column("waited", "there", IntegerField(null=True)),
    )
    db.create_tables([AgentPresence, ServiceTarget])
    # What was overdue before anybody counted is a fact, and nobody is alerted of it now.
    db.execute_sql("UPDATE ticket SET opened_at = created_at")
    for kind in ("first_reply", "resolve"):
        db.execute_sql(
            f"UPDATE ticket SET {kind}_breached_at = {kind}_due WHERE {kind}_due <= {time.time():f} AND state <> 'resolved'"  # noqa: S608
        )
