"""Desks: agents, their threads and replies, and what a ticket must remember of people."""

from peewee import *


def up(migrator, db):
    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    class Ticket(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "ticket"

    class Agent(Model):
        id = TextField(primary_key=True)
        name = TextField(unique=True)
        public_name = TextField()
        picture = TextField(default="")
        email = TextField(default="")
        role = TextField(default="agent")
        active = BooleanField(default=True)
        created_at = DoubleField()

        class Meta:
            database = db
            table_name = "agent"

    class AgentIdentity(Model):
        id = TextField(primary_key=True)
        agent = ForeignKeyField(Agent, on_delete="CASCADE")
        desk = TextField()
        external_id = TextField()
        created_at = DoubleField()

        class Meta:
            database = db
            table_name = "agent_identity"
            indexes = ((("desk", "external_id"), True),)

    class LinkCode(Model):
        code_hash = TextField(primary_key=True)
        desk = TextField()
        external_id = TextField()
        shown_name = TextField(default="")
        expires_at = DoubleField()

        class Meta:
            database = db
            table_name = "link_code"

    class DeskThread(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        desk = TextField()
        place = TextField()
        thread = TextField(null=True)
        created_at = DoubleField()

        class Meta:
            database = db
            table_name = "desk_thread"
            indexes = ((("conversation", "desk"), True), (("desk", "place", "thread"), True))

    class Reply(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        agent = ForeignKeyField(Agent, on_delete="CASCADE")
        desk = TextField()
        origin = TextField()
        body = TextField()
        sealed = BooleanField(default=False)
        state = TextField(default="held")
        due_at = DoubleField(default=0, index=True)
        message = TextField(default="", index=True)
        created_at = DoubleField()

        class Meta:
            database = db
            table_name = "reply"
            indexes = ((("desk", "origin"), True),)

    class TicketEvent(Model):
        id = TextField(primary_key=True)
        ticket = ForeignKeyField(Ticket, on_delete="CASCADE")
        at = DoubleField()
        actor = TextField()
        event = TextField()
        detail = TextField(default="")

        class Meta:
            database = db
            table_name = "ticket_event"

    # The defaults stand in the database, too: fixed statements name only what they set.
    migrator.migrate(
        migrator.add_column("ticket", "version", IntegerField(default=1, constraints=[SQL("DEFAULT 1")])),
        migrator.add_column("ticket", "priority", TextField(default="normal", constraints=[SQL("DEFAULT 'normal'")])),
        migrator.add_column("ticket", "last_agent", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("ticket", "summary_by", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("ticket", "confidence", DoubleField(null=True)),
        migrator.add_column("ticket", "first_reply_at", DoubleField(null=True)),
        migrator.add_column("ticket", "snoozed_until", DoubleField(null=True)),
        migrator.add_column("ticket", "rating", IntegerField(null=True)),
        migrator.add_column("contact", "blocked", BooleanField(default=False, constraints=[SQL("DEFAULT false")])),
    )

    db.create_tables([Agent, AgentIdentity, LinkCode, DeskThread, Reply, TicketEvent])
