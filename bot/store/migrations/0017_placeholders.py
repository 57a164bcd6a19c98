"""What stands for the personal data of a conversation when its texts go to a provider."""

from peewee import *


def up(migrator, db):
    class Conversation(Model):
        id = TextField(primary_key=True)

        class Meta:
            database = db
            table_name = "conversation"

    class Placeholder(Model):
        id = TextField(primary_key=True)
        conversation = ForeignKeyField(Conversation, on_delete="CASCADE")
        kind = TextField()
        number = IntegerField()
        digest = TextField()
        value = TextField()
        created_at = DoubleField()

        class Meta:
            database = db
            table_name = "placeholder"
            indexes = ((("conversation", "digest"), True), (("conversation", "kind", "number"), True))

    db.create_tables([Placeholder])
