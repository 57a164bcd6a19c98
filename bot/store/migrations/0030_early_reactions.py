"""Agents' emoji on posts whose id at the desk is not known yet."""

from peewee import *


def up(migrator, db):
    class EarlyReaction(Model):
        id = AutoField()
        key = TextField(unique=True)
        channel = TextField()
        place = TextField()
        message = TextField()
        who = TextField()
        emoji = TextField()
        gone = BooleanField(default=False)
        at = DoubleField(index=True)

        class Meta:
            database = db
            table_name = "early_reaction"
            indexes = ((("channel", "place", "message"), False),)

    db.create_tables([EarlyReaction])
