"""What an agent says of a ticket in a form: what it is about, and the day by which it should be done."""

from peewee import *


def up(migrator, db):
    migrator.migrate(
        migrator.add_column("ticket", "subject", TextField(default="", constraints=[SQL("DEFAULT ''")])),
        migrator.add_column("ticket", "due_day", TextField(default="", constraints=[SQL("DEFAULT ''")])),
    )
