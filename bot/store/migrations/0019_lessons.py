"""Accepted results of answer tests; topics of questions without a good answer; what is learned of conversations with people."""

from peewee import *


def up(migrator, db):
    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    class AcceptedAnswer(Model):
        id = TextField(primary_key=True)
        passed = BooleanField()
        why = TextField(default="")
        by = TextField(default="")
        at = DoubleField()

        class Meta:
            database = db
            table_name = "accepted_answer"

    class Topic(Model):
        id = TextField(primary_key=True)
        site_id = TextField(default="", index=True)
        language = TextField(default="")
        label = TextField()
        words = JSONField(default=list)
        state = TextField(default="open")
        count = IntegerField(default=0)
        first_at = DoubleField()
        last_at = DoubleField()
        changed_by = TextField(default="")
        changed_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "topic"

    class TopicQuestion(Model):
        turn = TextField(primary_key=True)
        topic = ForeignKeyField(Topic, on_delete="CASCADE")
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        text = TextField()
        why = TextField()
        at = DoubleField(index=True)

        class Meta:
            database = db
            table_name = "topic_question"

    class Lesson(Model):
        conversation = ForeignKeyField(Conversation, primary_key=True, on_delete="CASCADE")
        ticket = IntegerField()
        resolved_at = DoubleField()
        state = TextField()
        why = TextField(default="")
        draft = TextField(default="", index=True)
        article = TextField(default="")
        topic = TextField(default="")
        by = TextField(default="")
        at = DoubleField()

        class Meta:
            database = db
            table_name = "lesson"

    db.create_tables([AcceptedAnswer, Topic, TopicQuestion, Lesson])
