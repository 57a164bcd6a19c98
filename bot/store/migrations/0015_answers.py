"""A row for each answer, and every change of its marks."""

from peewee import *


def up(migrator, db):
    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    # The defaults stand in the database, too: fixed statements name only what they set.
    def text():
        return TextField(default="", constraints=[SQL("DEFAULT ''")])

    class AnswerLog(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        turn = TextField(null=True, unique=True)
        message = TextField(unique=True)
        site = text()
        channel = text()
        type = text()
        provider = text()
        model = text()
        agent = text()
        input_tokens = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        output_tokens = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        cost = BigIntegerField(null=True)
        first_ms = IntegerField(null=True)
        total_ms = IntegerField(null=True)
        sources = TextField(default="[]", constraints=[SQL("DEFAULT '[]'")])
        knowledge = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        prompt = text()
        question = text()
        answerable = BooleanField(default=True, constraints=[SQL("DEFAULT true")])
        certainty = DoubleField(null=True)
        grounded = DoubleField(null=True)
        stated = DoubleField(null=True)
        confidence = DoubleField(null=True)
        handoff = text()
        steps = text()
        mark = text()
        reason = text()
        words = text()
        marked_at = DoubleField(null=True)
        verdict = text()
        note = text()
        judged_by = text()
        judged_at = DoubleField(null=True)
        at = DoubleField(index=True)

        class Meta:
            database = db
            table_name = "answer_log"
            indexes = ((("conversation", "at"), False), (("site", "at"), False))

    class AnswerMark(Model):
        id = TextField(primary_key=True)
        answer = ForeignKeyField(AnswerLog, on_delete="CASCADE")
        by = TextField()
        kind = TextField()
        value = text()
        reason = text()
        words = text()
        at = DoubleField()

        class Meta:
            database = db
            table_name = "answer_mark"

    db.create_tables([AnswerLog, AnswerMark])
