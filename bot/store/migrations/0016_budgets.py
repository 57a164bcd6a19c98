"""What each scope has spent on a day, what is set aside for running turns, where questions come from, and how long a turn was put off."""

from peewee import *


def up(migrator, db):
    def count():
        return BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])

    class Spend(Model):
        id = TextField(primary_key=True)
        day = TextField(index=True)
        scope = TextField()
        key = TextField(index=True)
        tokens = count()
        cost = count()
        turns = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
        held_tokens = count()
        held_cost = count()
        told = TextField(default="", constraints=[SQL("DEFAULT ''")])

        class Meta:
            database = db
            table_name = "spend"

    db.create_tables([Spend])
    migrator.migrate(
        migrator.add_column("conversation", "origin", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_index("conversation", ("origin",)),
        migrator.add_column("turn", "held_tokens", BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])),
        migrator.add_column("turn", "held_cost", BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])),
        migrator.add_column("turn", "held_steps", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("turn", "put_off", IntegerField(default=0, constraints=[SQL("DEFAULT 0")])),
    )
