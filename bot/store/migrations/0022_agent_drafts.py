"""Drafts that the AI writes for agents."""

from peewee import *


def up(migrator, db):
    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    class Agent(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "agent"

    class AgentDraft(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, null=True, on_delete="SET NULL")
        agent = ForeignKeyField(Agent, on_delete="CASCADE")
        desk = TextField()
        person = TextField()
        way = TextField(default="new")
        language = TextField(default="")
        parent = TextField(default="")
        state = TextField(default="writing")
        instruction = TextField(default="")
        text = TextField(default="")
        sources = TextField(default="")
        why = TextField(default="")
        kind = TextField(default="")
        grounded = DoubleField(null=True)
        answerable = BooleanField(default=True)
        seq = IntegerField(default=0)
        provider = TextField(default="")
        model = TextField(default="")
        input_tokens = IntegerField(default=0)
        output_tokens = IntegerField(default=0)
        cost = BigIntegerField(null=True)
        held_tokens = IntegerField(default=0)
        held_cost = BigIntegerField(default=0)
        edited = BooleanField(default=False)
        similarity = DoubleField(null=True)
        reply = TextField(default="")
        started_at = DoubleField(index=True)
        ready_at = DoubleField(null=True)
        ended_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "agent_draft"
            indexes = ((("agent", "state"), False), (("conversation", "agent"), False))

    db.create_tables([AgentDraft])
