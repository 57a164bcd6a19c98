"""What agents are told of, how they were told, and how they want to be told."""

from peewee import *


def up(migrator, db):
    class Agent(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "agent"

    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    class Notification(Model):
        id = TextField(primary_key=True)
        agent = ForeignKeyField(Agent, on_delete="CASCADE")
        kind = TextField()
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        occasion = TextField()
        words = TextField()
        state = TextField()
        due_at = DoubleField(default=0)
        folded = TextField(default="")
        told_in = TextField(default="", index=True)
        problem = TextField(default="")
        created_at = DoubleField(index=True)
        changed_at = DoubleField()
        read_at = DoubleField(null=True)
        direct_at = DoubleField(null=True)
        mail_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "notification"
            indexes = ((("agent", "occasion"), True), (("agent", "read_at"), False), (("state", "due_at"), False))

    class NotificationPost(Model):
        id = TextField(primary_key=True)
        agent = ForeignKeyField(Agent, on_delete="CASCADE")
        kind = TextField()
        occasion = TextField()
        way = TextField()
        state = TextField()
        tried = TextField(default="")
        problem = TextField(default="")
        place = TextField(default="")
        created_at = DoubleField(index=True)
        sent_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "notification_post"
            indexes = ((("agent", "kind", "occasion"), True),)

    class NotificationPreference(Model):
        agent = ForeignKeyField(Agent, primary_key=True, on_delete="CASCADE")
        assignment = TextField()
        request = TextField()
        breach = TextField()
        mention = TextField()
        zone = TextField(default="UTC")
        quiet_from = IntegerField(null=True)
        quiet_to = IntegerField(null=True)
        digest_at = IntegerField(null=True)
        digest_way = TextField(default="direct")
        changed_at = DoubleField()

        class Meta:
            database = db
            table_name = "notification_preference"

    db.create_tables([Notification, NotificationPost, NotificationPreference])
