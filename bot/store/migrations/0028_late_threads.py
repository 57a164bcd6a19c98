"""Threads in which agents wrote before it was known whose they are: they are read once that is known."""

from peewee import *


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("desk_thread", "unread", BooleanField(default=False, constraints=[SQL("DEFAULT false")]))
    )
    db.execute_sql("CREATE INDEX desk_thread_unread ON desk_thread (desk) WHERE unread")
    db.execute_sql("CREATE INDEX desk_thread_unknown ON desk_thread (desk) WHERE thread IS NULL")
