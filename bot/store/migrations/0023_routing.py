"""Rules that say where conversations go, and offers to single agents."""

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

    class RoutingRule(Model):
        id = TextField(primary_key=True)
        name = TextField(unique=True)
        position = IntegerField()
        enabled = BooleanField(default=True)
        site_id = TextField(default="")
        channels = JSONField(default=list)
        words = JSONField(default=list)
        languages = JSONField(default=list)
        priorities = JSONField(default=list)
        hours = TextField(default="")
        desk = TextField(default="")
        place = TextField(default="")
        mention = TextField(default="")
        assign = TextField(default="")
        agents = JSONField(default=list)
        problem = TextField(default="")
        problem_at = DoubleField(null=True)
        created_at = DoubleField()
        changed_at = DoubleField()

        class Meta:
            database = db
            table_name = "routing_rule"

    class Routed(Model):
        conversation = ForeignKeyField(Conversation, primary_key=True, on_delete="CASCADE")
        rule_id = TextField(default="")
        at = DoubleField()

        class Meta:
            database = db
            table_name = "routed"

    class AgentOffer(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        agent = ForeignKeyField(Agent, on_delete="CASCADE")
        wait = IntegerField()
        state = TextField()
        at = DoubleField()
        until = DoubleField()
        ended_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "agent_offer"
            indexes = ((("agent", "state"), False), (("conversation", "wait"), False))

    # The default stands in the database, too: the fixed statement names only what it sets.
    class AgentTurn(Model):
        agent = ForeignKeyField(Agent, primary_key=True, on_delete="CASCADE")
        capacity = IntegerField(null=True)
        turn_at = DoubleField(default=0, constraints=[SQL("DEFAULT 0")])

        class Meta:
            database = db
            table_name = "agent_turn"

    db.create_tables([RoutingRule, Routed, AgentOffer, AgentTurn])
    # Exactly one agent has it offered, whoever else tries at the same moment.
    db.execute_sql("CREATE UNIQUE INDEX agent_offer_open ON agent_offer (conversation_id) WHERE state = 'open'")
