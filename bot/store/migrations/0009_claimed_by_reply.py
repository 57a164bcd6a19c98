"""Which reply claimed its conversation, so that taking it back gives the conversation back."""

from peewee import *


def up(migrator, db):
    migrator.migrate(migrator.add_column("reply", "claim_rev", IntegerField(default=0, constraints=[SQL("DEFAULT 0")])))
