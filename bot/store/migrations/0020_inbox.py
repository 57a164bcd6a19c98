"""Agents' inboxes: what each person looks at, tags of tickets, since when somebody is here or away, and addresses of threads."""

from peewee import *


def up(migrator, db):
    class Ticket(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "ticket"

    class TicketTag(Model):
        id = TextField(primary_key=True)
        ticket = ForeignKeyField(Ticket, on_delete="CASCADE")
        tag = TextField()
        by = TextField(default="")
        at = DoubleField()

        class Meta:
            database = db
            table_name = "ticket_tag"
            indexes = ((("ticket", "tag"), True), (("tag", "ticket"), False))

    class InboxView(Model):
        id = TextField(primary_key=True)
        desk = TextField()
        person = TextField()
        tab = TextField(default="mine")
        tag = TextField(default="")
        page = IntegerField(default=1)
        zone = TextField(default="")
        seen_at = DoubleField(default=0)

        class Meta:
            database = db
            table_name = "inbox_view"
            indexes = ((("desk", "person"), True), (("desk", "seen_at"), False))

    migrator.migrate(
        migrator.add_column("agent", "available_since", DoubleField(null=True)),
        migrator.add_column("desk_thread", "link", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_index("ticket", ("assignee", "state"), False),
        migrator.add_index("ticket", ("state", "resolved_at"), False),
    )
    db.create_tables([TicketTag, InboxView])
