"""What is ready before an AI is asked: rules, answers that were given a moment ago, and prompts with versions."""

from peewee import *


def up(migrator, db):
    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    class ReplyRule(Model):
        id = TextField(primary_key=True)
        name = TextField(unique=True)
        match = TextField()
        phrases = JSONField(default=list)
        action = TextField(default="answer")
        answer = TextField(default="")
        choices = JSONField(default=list)
        sources = JSONField(default=list)
        language = TextField(default="")
        site_id = TextField(default="")
        priority = IntegerField(default=0)
        enabled = BooleanField(default=True)
        uses = IntegerField(default=0)
        used_at = DoubleField(null=True)
        created_at = DoubleField()
        changed_at = DoubleField()

        class Meta:
            database = db
            table_name = "reply_rule"

    # The default stands in the database, too: the fixed statement names only what it sets.
    class CachedAnswer(Model):
        id = TextField(primary_key=True)
        site_id = TextField(index=True)
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        question = TextField()
        answer = TextField()
        hits = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        hit_at = DoubleField(null=True)
        created_at = DoubleField()
        expires_at = DoubleField(index=True)

        class Meta:
            database = db
            table_name = "cached_answer"

    class PromptVersion(Model):
        id = TextField(primary_key=True)
        site_id = TextField(default="")
        number = IntegerField()
        state = TextField()
        content = JSONField(default=dict)
        author = TextField()
        note = TextField(default="")
        created_at = DoubleField()
        changed_at = DoubleField()
        published_at = DoubleField(null=True)

        class Meta:
            database = db
            table_name = "prompt_version"
            indexes = ((("site_id", "number"), True),)

    db.create_tables([ReplyRule, CachedAnswer, PromptVersion])
